"""deploy/goss/journey.sh, the heart of the checks of every stack, against a server: what it says and when it fails."""

import asyncio
import subprocess
from pathlib import Path

import asyncpg
import pytest

from tests.serving import running

JOURNEY = Path(__file__).parent.parent / "deploy" / "goss" / "journey.sh"


def go(url: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["sh", JOURNEY, url], capture_output=True, text=True, check=False)


MAIL = {
    # Nobody listens there: mail waits.
    "FRONTDESK_SMTP_URL": "smtp://127.0.0.1:1",
    "FRONTDESK_MAIL_FROM": "accounts@example.org",
    "FRONTDESK_PUBLIC_URL": "http://localhost:8000",
}
WHOLE = ["registered", "refused a wrong password", "logged in", "found", "left"]
ASKED = "asked for an address that can be confirmed; registering, logging in, being found and leaving need a mailbox"


async def _count(url: str, table: str) -> int:
    db = await asyncpg.connect(url)
    try:
        return int(await db.fetchval(f"SELECT count(*) FROM {table}"))
    finally:
        await db.close()


@pytest.mark.parametrize(
    ("variables", "steps"),
    [
        ({}, WHOLE),
        ({**MAIL, "FRONTDESK_EMAIL_VERIFICATION": "optional"}, WHOLE),
        ({**MAIL, "FRONTDESK_EMAIL_VERIFICATION": "required"}, [ASKED, "refused a wrong password"]),
    ],
    ids=["no mail", "optional", "required"],
)
def test_it_goes_as_far_as_it_leaves_nobody_behind_and_sends_no_mail(
    variables: dict[str, str], steps: list[str], served_url: str, tmp_path: Path
) -> None:
    variables = {"FRONTDESK_DATABASE_URL": served_url, "FRONTDESK_DRAIN_DELAY": "0", **variables}
    with running(tmp_path, "serve", **variables) as server:
        done = go(server.url)
        # A mail would wait: nobody takes it.
        assert asyncio.run(_count(served_url, "accounts")) == asyncio.run(_count(served_url, "mails")) == 0
    assert done.stderr == ""
    assert done.stdout.splitlines() == steps
    assert done.returncode == 0


def test_it_fails_where_nobody_can_register(unmigrated_url: str, tmp_path: Path) -> None:
    variables = {"FRONTDESK_DATABASE_URL": unmigrated_url, "FRONTDESK_DRAIN_DELAY": "0"}
    with running(tmp_path, "serve", until="/livez", **variables) as server:
        done = go(server.url)
    assert done.returncode == 1
    assert "POST /accounts: 503, not 201" in done.stderr
