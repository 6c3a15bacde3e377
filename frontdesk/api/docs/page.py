"""openapi.yaml as a page: every call with its fields and answers, in English and 简体中文.

The texts are those of openapi.yaml; chinese.yaml has each of them in Chinese, and a test finds what is missing.
"""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from msgspec import Struct

from frontdesk.accounts.identity import LANGUAGES

_METHODS = ("get", "post", "put", "patch", "delete")


class Field(Struct, frozen=True, kw_only=True):
    """A parameter, or a field of a body or an answer. `kind`: type, format and bounds in the words of JSON Schema."""

    name: str
    where: str
    kind: str
    required: bool
    meaning: str


class Answer(Struct, frozen=True, kw_only=True):
    """What a call may answer. `fields` with dots for what is inside of others."""

    status: str
    meaning: str
    headers: tuple[str, ...]
    fields: tuple[Field, ...]


class Call(Struct, frozen=True, kw_only=True):
    """One method of one path. `example`: a body as JSON, None if the call takes none."""

    name: str
    method: str
    path: str
    summary: str
    meaning: str
    open: bool
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    example: str | None
    answers: tuple[Answer, ...]


@cache
def contract() -> dict[str, Any]:
    """openapi.yaml, read once. Not to be changed."""
    found: dict[str, Any] = _read("frontdesk.api", "openapi.yaml")
    return found


@cache
def render(language: str) -> str:
    """The page in `language`, one of LANGUAGES."""
    chinese: dict[str, str] = _chinese() if language == "zh-Hans" else {}
    environment = Environment(
        loader=PackageLoader("frontdesk.api", "docs"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def translated(text: str) -> Markup:
        return _marked_up(chinese.get(text, text))

    environment.filters["t"] = translated
    return environment.get_template("page.html").render(
        language=language, languages=LANGUAGES, info=contract()["info"], groups=list(groups())
    )


def groups() -> Iterator[tuple[dict[str, str], list[Call]]]:
    """The tags, each with its calls."""
    for tag in contract()["tags"]:
        calls = [
            _call(path, method, operation)
            for path, item in contract()["paths"].items()
            for method, operation in item.items()
            if method in _METHODS and tag["name"] in operation["tags"]
        ]
        yield tag, calls


def _call(path: str, method: str, operation: dict[str, Any]) -> Call:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return Call(
        name=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        meaning=operation.get("description", ""),
        open=operation.get("security") == [],
        parameters=tuple(_parameter(parameter) for parameter in operation.get("parameters", ())),
        body=tuple(_fields(body.get("schema", {}))),
        example=json.dumps(body["example"], ensure_ascii=False, indent=2) if "example" in body else None,
        answers=tuple(_answer(status, found) for status, found in operation["responses"].items()),
    )


def _parameter(parameter: dict[str, Any]) -> Field:
    return Field(
        name=parameter["name"],
        where=parameter["in"],
        kind=_kind(parameter["schema"]),
        required=parameter.get("required", False),
        meaning=parameter.get("description", ""),
    )


def _answer(status: str, found: dict[str, Any]) -> Answer:
    found = _resolved(found)
    schema: dict[str, Any] = next((content["schema"] for content in found.get("content", {}).values()), {})
    return Answer(
        status=status,
        meaning=found["description"],
        headers=tuple(found.get("headers", ())),
        fields=tuple(_fields(schema)) if status.startswith("2") else (),
    )


def _fields(schema: dict[str, Any], inside: str = "") -> Iterator[Field]:
    schema = _resolved(schema)
    for name, described in schema.get("properties", {}).items():
        described = _resolved(described)
        yield Field(
            name=inside + name,
            where="",
            kind=_kind(described),
            required=name in schema.get("required", ()),
            meaning=described.get("description", ""),
        )
        if described.get("type") == "array":
            yield from _fields(described["items"], f"{inside}{name}[].")
        else:
            yield from _fields(described, f"{inside}{name}.")


def _kind(schema: dict[str, Any]) -> str:
    schema = _resolved(schema)
    if "oneOf" in schema:
        return " | ".join(_kind(one) for one in schema["oneOf"])
    if "enum" in schema:
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    kind = schema.get("type", "object")
    text = " | ".join(kind) if isinstance(kind, list) else str(kind)
    if "format" in schema:
        text += f" ({schema['format']})"
    lowest, highest = (schema.get(end + "Length", schema.get(end + "imum")) for end in ("min", "max"))
    if lowest is not None or highest is not None:
        text += f", {'' if lowest is None else lowest}–{'' if highest is None else highest}"
    if "default" in schema:
        text += f", = {schema['default']}"
    return text


def _resolved(found: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in found:
        place: dict[str, Any] = contract()
        for step in found["$ref"].removeprefix("#/").split("/"):
            place = place[step]
        found = place
    return found


def _marked_up(text: str) -> Markup:
    """`this` is code, everything else is text."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )


@cache
def _chinese() -> dict[str, str]:
    found: dict[str, str] = _read("frontdesk.api.docs", "chinese.yaml")
    return found


def _read(package: str, name: str) -> Any:
    # Imported here: a process that nobody asks for the contract needs neither its time nor its memory.
    import yaml

    # The one in C takes a tenth of the time, in which nobody else would be answered.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = (files(package) / name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=loader)  # noqa: S506 - either loader is a safe one
