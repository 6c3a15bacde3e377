"""deploy/goss/journey.sh, the heart of the checks of every stack, against a server: what it says and when it fails."""

import subprocess
from pathlib import Path

import pytest

from tests.serving import running

JOURNEY = Path(__file__).parent.parent / "deploy" / "goss" / "journey.sh"


def go(url: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["sh", JOURNEY, url], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("verification", "end"),
    [
        ("optional", ["logged in", "found", "left"]),
        (
            "required",
            ["asked to confirm the address; logging in, being found and leaving need a mailbox"],
        ),
    ],
)
def test_it_goes_as_far_as_somebody_without_a_mailbox_can(
    verification: str, end: list[str], served_url: str, tmp_path: Path
) -> None:
    variables = {
        "FRONTDESK_DATABASE_URL": served_url,
        "FRONTDESK_EMAIL_VERIFICATION": verification,
        # Nobody listens there: mail waits.
        "FRONTDESK_SMTP_URL": "smtp://127.0.0.1:1",
        "FRONTDESK_MAIL_FROM": "accounts@example.org",
        "FRONTDESK_PUBLIC_URL": "http://localhost:8000",
        "FRONTDESK_DRAIN_DELAY": "0",
    }
    with running(tmp_path, "serve", **variables) as server:
        done = go(server.url)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["registered", "refused a wrong password", *end]
    assert done.returncode == 0


def test_it_fails_where_nobody_can_register(unmigrated_url: str, tmp_path: Path) -> None:
    variables = {"FRONTDESK_DATABASE_URL": unmigrated_url, "FRONTDESK_DRAIN_DELAY": "0"}
    with running(tmp_path, "serve", until="/livez", **variables) as server:
        done = go(server.url)
    assert done.returncode == 1
    assert "POST /accounts: 503, not 201" in done.stderr
