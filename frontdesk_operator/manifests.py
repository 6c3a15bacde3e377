"""The manifests of deploy/kubernetes, read as kustomize would, as far as they need it."""

import copy
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

_SOURCE = Path(__file__).parent.parent / "deploy"
# In the wheel they lie beside this file (pyproject.toml); in a checkout they're read where they are.
ROOT = _SOURCE if _SOURCE.is_dir() else Path(str(files("frontdesk_operator"))) / "deploy"

# Names and labels of the manifests; each is replaced as a whole word, so `frontdesk:dev`, an image, isn't.
_NAME = re.compile(
    r"^frontdesk(?=$|-(?:web|api|edge|db|migrate|backups?|settings|database|postgres|dashboard|"
    r"default-deny|names|passwords|rotation|to-db|external-database|mail|metrics|verify|tls)(?:$|[.-]))"
)


def load(*parts: str) -> list[Manifest]:
    """Base and these components, for an instance that is called frontdesk. Callers may change what they get."""
    found: list[Manifest] = []
    for folder in ("kubernetes/base", *(f"kubernetes/components/{part}" for part in parts)):
        found += copy.deepcopy(_folder((ROOT / folder).resolve()))
    return found


def renamed(manifests: list[Manifest], instance: str) -> list[Manifest]:
    """The same for an instance of another name: names, references to them, and labels."""
    return [_renamed(manifest, instance, "") for manifest in manifests]


def hashed(manifests: list[Manifest]) -> list[Manifest]:
    """ConfigMaps get a name that tells their content, wherever they're named: a change of it rolls the pods."""
    names = {}
    for manifest in manifests:
        if manifest["kind"] == "ConfigMap":
            content = json.dumps(manifest["data"], sort_keys=True).encode()
            name = manifest["metadata"]["name"]
            names[name] = f"{name}-{hashlib.sha256(content).hexdigest()[:10]}"
            manifest["metadata"]["name"] = names[name]
            manifest["immutable"] = True
    return [_with_names(manifest, names) for manifest in manifests]


@cache
def _folder(folder: Path) -> list[Manifest]:
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    unknown = kustomization.keys() - {
        "apiVersion", "kind", "resources", "components", "configMapGenerator", "generatorOptions"
    }  # fmt: skip
    # Otherwise the controller would silently make something else than kubectl.
    assert not unknown, f"{folder}: {unknown} is not understood here"
    found: list[Manifest] = []
    for other in kustomization.get("components", []):
        found += _folder((folder / other).resolve())
    for file in kustomization.get("resources", []):
        found += yaml.safe_load_all((folder / file).read_text(encoding="utf-8"))
    labels = kustomization.get("generatorOptions", {}).get("labels", {})
    for generator in kustomization.get("configMapGenerator", []):
        found.append(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": generator["name"],
                    "labels": dict(generator.get("options", {}).get("labels", labels)),
                },
                "data": dict(_data(folder, generator)),
            }
        )
    return found


def _data(folder: Path, generator: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for file in generator.get("files", []):
        yield file, (folder / file).read_text(encoding="utf-8")
    for file in generator.get("envs", []):
        for line in (folder / file).read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.partition("=")
                yield name, value


def _renamed(value: Any, instance: str, key: str) -> Any:
    if isinstance(value, dict):
        return {k: _renamed(v, instance, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_renamed(v, instance, key) for v in value]
    # These are what the software is called, not the instance.
    if isinstance(value, str) and key not in (
        "image",
        "app.kubernetes.io/name",
        "app.kubernetes.io/part-of",
        "command",
    ):
        return _NAME.sub(instance, value)
    return value


def _with_names(value: Any, names: Mapping[str, str], key: str = "") -> Any:
    if isinstance(value, dict):
        if key in ("configMap", "configMapRef", "configMapKeyRef") and value.get("name") in names:
            return {**value, "name": names[value["name"]]}
        return {k: _with_names(v, names, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_with_names(v, names) for v in value]
    return value
