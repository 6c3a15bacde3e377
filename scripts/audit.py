"""`make audit`: what PyPI's advisories say of the pinned packages in the image (requirements.txt), by pip-audit.

Exit codes: 0 nothing is known against them, or no advisory database can be reached here, which is said; 1 an advisory,
or with --strict also that a package wasn't audited.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

_COMMAND = [
    "--progress-spinner",
    "off",
    "--disable-pip",
    "--require-hashes",
    "--format",
    "json",
    "-r",
    "requirements.txt",
]


def main() -> int:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("pip-audit")), *_COMMAND],
        cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        print(f"NOT AUDITED: no advisory database here: {lines[-1][:300]}")
        return 1 if "--strict" in sys.argv[1:] else 0
    reports = os.environ.get("REPORTS")
    if reports:
        Path(reports).mkdir(parents=True, exist_ok=True)
        (Path(reports) / "audit.json").write_text(done.stdout, encoding="utf-8")
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    known = [(one, advisory) for one in packages for advisory in one.get("vulns", [])]
    for one, advisory in known:
        fixed = ", ".join(advisory["fix_versions"]) or "none yet"
        print(f"{one['name']} {one['version']}: {advisory['id']}, fixed in {fixed}")
    if skipped:
        why = next(one["skip_reason"] for one in packages if "skip_reason" in one)
        print(f"NOT AUDITED: {len(skipped)} of {len(packages)} packages, the first because of: {why[:300]}")
    print(f"{len(packages) - len(skipped)} packages audited, {len(known)} advisories.")
    return 1 if known or (skipped and "--strict" in sys.argv[1:]) else 0


if __name__ == "__main__":
    sys.exit(main())
