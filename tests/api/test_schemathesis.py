"""The contract, held against a running server by schemathesis: all checks, every operation."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import databases
from tests.serving import clean_environ, running

_HERE = Path(__file__).parent
_SECONDS = 60


@pytest.mark.timeout(300)
def test_the_server_keeps_its_contract(cluster: str, tmp_path: Path) -> None:
    for name in ("schemathesis.toml", "schemathesis_hooks.py"):
        shutil.copy(_HERE / name, tmp_path)
    many = {
        "FRONTDESK_LOGIN_ATTEMPTS": "1000",
        "FRONTDESK_LOGIN_ATTEMPTS_PER_ADDRESS": "1000000",
        "FRONTDESK_REGISTRATIONS_PER_ADDRESS": "1000000",
        "FRONTDESK_SEARCHES_PER_MINUTE": "100000",
        "FRONTDESK_MAILS_PER_ADDRESS": "1000000",
        # Nobody is there: what is asked for by mail is written down, and waits.
        "FRONTDESK_SMTP_URL": "smtp://127.0.0.1:1",
        "FRONTDESK_MAIL_FROM": "accounts@example.org",
        "FRONTDESK_PUBLIC_URL": "http://accounts.example.test",
    }
    with (
        databases.migrated(cluster) as url,
        running(
            tmp_path,
            "serve",
            "--role",
            "api",
            FRONTDESK_DATABASE_URL=url,
            FRONTDESK_DRAIN_DELAY="0",
            FRONTDESK_HASH_DEADLINE="10",
            **many,
        ) as server,
    ):
        done = subprocess.run(
            [
                *(Path(sys.executable).parent / "st", "--no-color", "--config-file", "schemathesis.toml"),
                *("run", server.url + "/api/v1/openapi.json", "--max-time", str(_SECONDS)),
            ],
            cwd=tmp_path,
            env=clean_environ(
                SCHEMATHESIS_TARGET=server.url, COLUMNS="120", HOME=os.environ.get("HOME", "/")
            ),
            capture_output=True,
            text=True,
            check=False,
        )
        log = server.output()
    assert done.returncode == 0, done.stdout + done.stderr
    counted = re.search(r"Operations: +(\d+) selected / (\d+) total", done.stdout)
    assert counted, done.stdout
    assert counted[1] == counted[2]
    assert f"Tested: {counted[1]}" in done.stdout
    assert '"level":"error"' not in log
