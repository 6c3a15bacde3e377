"""`make audit`: what can't be audited is no success."""

import json

import pytest

from scripts.audit import judge

_FINE: dict[str, object] = {"name": "h11", "version": "0.16.0", "vulns": []}
_SKIPPED = {"name": "uvicorn", "skip_reason": "Dependency not found on PyPI"}
_KNOWN = {"name": "jinja2", "version": "3.1.2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1.3"]}]}


def _report(*packages: dict[str, object]) -> str:
    return json.dumps({"dependencies": packages})


@pytest.mark.parametrize(
    ("report", "code", "accepted", "said"),
    [
        (_report(_FINE), 0, 0, "1 of 1 packages audited, 0 advisories."),
        (_report(_FINE, _KNOWN), 1, 1, "jinja2 3.1.2: PYSEC-1, fixed in 3.1.3"),
        (_report(_FINE, _SKIPPED), 1, 0, "NOT AUDITED, the first because of: Dependency not found on PyPI"),
        (_report(_KNOWN, _SKIPPED), 1, 1, "1 of 2 packages audited, 1 advisories."),
        (_report(), 1, 0, "NOT AUDITED, the first because of: no route to host"),
        ("", 1, 0, "NOT AUDITED, the first because of: no route to host"),
    ],
)
def test_only_what_was_audited_succeeds(
    capsys: pytest.CaptureFixture[str], report: str, code: int, accepted: int, said: str
) -> None:
    assert judge(report, "Traceback\nno route to host\n", accepted=False) == code
    assert said in capsys.readouterr().out
    assert judge(report, "Traceback\nno route to host\n", accepted=True) == accepted
