"""Write docs/kubernetes-resource.md from the resource's schema: `make docs`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

_ROOT = Path(__file__).parent.parent
PAGE = _ROOT / "docs" / "kubernetes-resource.md"
_CRD = _ROOT / "deploy" / "kubernetes" / "operator" / "crd.yaml"

_HEAD = """\
# The resource `Frontdesk`

`apiVersion: frontdesk.dev/v1alpha1`, `kind: Frontdesk`, short `fd`. `make docs` writes this page from the schema in
`deploy/kubernetes/operator/crd.yaml`; a test fails if the two differ. `kubectl explain frontdesk.spec` says it too.
[kubernetes-controller.md](kubernetes-controller.md) says what becomes of it.

The API server refuses a field that isn't here, a value out of its range, and what a rule forbids, and says which.
"""


def page() -> str:
    """The whole text of docs/kubernetes-resource.md."""
    (version,) = yaml.safe_load(_CRD.read_text(encoding="utf-8"))["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    parts = [_HEAD]
    for name in ("spec", "status"):
        parts.append(f"\n## {name}\n\n| field | type | default | meaning |\n| --- | --- | --- | --- |\n")
        parts += _rows(name, schema["properties"][name])
        if rules := list(_rules(name, schema["properties"][name])):
            parts.append("\nRules:\n\n" + "".join(rules))
    parts.append("\nFor the name:\n\n" + "".join(_rules("metadata.name", schema, inner=False)))
    return "".join(parts)


def _rows(path: str, schema: Mapping[str, Any]) -> Iterator[str]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        inner = field.get("items", field)
        kind = f"list of {inner['type']}" if field["type"] == "array" else field["type"]
        if "enum" in field:
            kind = " \\| ".join(f"`{value}`" for value in field["enum"])
        elif "minimum" in field:
            kind += f", {field['minimum']} – {field.get('maximum', '…')}"
        default = field.get("default")
        if name in required:
            shown = "required"
        elif default is None or isinstance(default, dict):
            shown = ""
        else:
            shown = f"`{str(default).lower() if isinstance(default, bool) else default}`"
        where = f"{path}.{name}"
        short = where.partition(".")[2]
        yield f"| `{short}` | {kind} | {shown} | {field.get('description', inner.get('description', ''))} |\n"
        if inner.get("properties"):
            yield from _rows(where + ("[]" if field["type"] == "array" else ""), inner)


def _rules(path: str, schema: Mapping[str, Any], *, inner: bool = True) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        short = path.partition(".")[2] if inner else path
        yield f"- `{short or path}`: {rule['message']}.\n"
    if inner:
        for name, field in schema.get("properties", {}).items():
            yield from _rules(f"{path}.{name}", field)
            if "items" in field:
                yield from _rules(f"{path}.{name}[]", field["items"])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
