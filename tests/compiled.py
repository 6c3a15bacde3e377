"""Which modules are compiled, as compile.sh says it."""

import re

from tests.stack import ROOT


def compiled() -> list[str]:
    """Their names."""
    script = (ROOT / "deploy/image/compile.sh").read_text(encoding="utf-8")
    found = re.search(r'^modules="([^"]+)"', script, re.MULTILINE)
    assert found
    return ["frontdesk." + name.replace("/", ".") for name in found[1].split()]
