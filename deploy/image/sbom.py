"""sbom.py: the CycloneDX bill of materials, in two steps, because only the second is made for each change.

sbom.py dependencies PYTHON FILE: of what is installed in that environment, and of Debian's packages below it.
sbom.py whole FILE WHEEL TARGET: the same as that of the service, which comes as WHEEL.
"""

import email
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

_FIELDS = "${binary:Package}\t${Version}\t${Architecture}\t${db:Status-Status}\n"


def dependencies(python: str, target: Path) -> None:
    tool = Path(sys.executable).with_name("cyclonedx-py")
    made = subprocess.run(
        [tool, "environment", "--output-reproducible", "--of", "JSON", python],
        check=True,
        stdout=subprocess.PIPE,
    )
    bill = json.loads(made.stdout)
    bill["components"] += sorted(_debian(), key=lambda part: part["bom-ref"])
    _write(bill, target)


def whole(partial: Path, wheel: Path, target: Path) -> None:
    bill = json.loads(partial.read_text())
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        about = email.message_from_bytes(archive.read(name))
    reference = f"{about['Name']}=={about['Version']}"
    # What the bill is of: the service is no part of itself.
    bill["metadata"]["component"] = {
        "type": "application",
        "bom-ref": reference,
        "name": about["Name"],
        "version": about["Version"],
        "description": about["Summary"],
        "licenses": [{"license": {"id": about["License-Expression"]}}],
        "purl": f"pkg:pypi/{about['Name']}@{about['Version']}",
    }
    known = {_plain(part["name"]): part["bom-ref"] for part in bill["components"]}
    wanted = (_plain(re.split(r"[^\w.-]", line)[0]) for line in about.get_all("Requires-Dist", []))
    needed = sorted({known[name] for name in wanted if name in known})
    bill["dependencies"].append({"ref": reference, "dependsOn": needed})
    _write(bill, target)


def _plain(name: str) -> str:
    """A name as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _write(bill: dict[str, Any], target: Path) -> None:
    target.write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n")


def _debian() -> list[dict[str, str]]:
    listed = subprocess.run(
        ["dpkg-query", "--admindir", "/rootfs-dpkg", "-W", "-f", _FIELDS],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    parts = []
    for line in listed.stdout.splitlines():
        name, version, architecture, status = line.split("\t")
        if status == "installed":
            name = name.partition(":")[0]
            address = f"pkg:deb/debian/{name}@{quote(version)}?arch={architecture}"
            parts.append(
                {"type": "library", "name": name, "version": version, "purl": address, "bom-ref": address}
            )
    return parts


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["dependencies", python, target]:
            dependencies(python, Path(target))
        case ["whole", partial, wheel, target]:
            whole(Path(partial), Path(wheel), Path(target))
        case _:
            sys.exit(__doc__)
