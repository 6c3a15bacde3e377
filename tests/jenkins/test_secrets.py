"""`make scan-secrets` finds what it is there for, and the exceptions for the tests' cast let nothing else through."""

import subprocess
from pathlib import Path

import pytest

from tests.jenkins.harness import ROOT

pytestmark = pytest.mark.pipeline

# In pieces, so that this file itself is clean.
_AWS_KEY = "AWS_SECRET_ACCESS_KEY = " + "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYzzzzzzzKEY"
_SECRETS = {
    "a password in a URL": "postgresql://frontdesk:" + "eiw9Aephoo7k@db:5432/frontdesk",
    "a key of a cloud": _AWS_KEY,
    "a private key": "-----BEGIN RSA PRIVATE KEY-----\n"
    + "MIIEpAIBAAKCAQEA" * 20
    + "\n-----END RSA PRIVATE KEY-----",
    "a token of a forge": "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
}


@pytest.mark.parametrize("what", list(_SECRETS))
def test_secret_is_found_and_not_repeated(tmp_path: Path, what: str) -> None:
    done = _scan(tmp_path, _SECRETS[what])
    assert done.returncode == 1, what
    assert _SECRETS[what].rpartition(" ")[2].splitlines()[0] not in done.stdout


def test_password_of_the_cast_is_none(tmp_path: Path) -> None:
    assert _scan(tmp_path, "postgresql://frontdesk:" + "heron-7431@db:5432/frontdesk").returncode == 0


def _scan(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    file = folder / "settings.py"
    file.write_text(text, encoding="utf-8")
    options = ["--no-glob", "--maskSecrets", "--secretlintrc", str(ROOT / ".secretlintrc.json")]
    return subprocess.run(
        [str(ROOT / "node_modules" / ".bin" / "secretlint"), *options, str(file)],
        cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
