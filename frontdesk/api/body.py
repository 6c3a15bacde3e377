"""Reading what a program sends: strictly, and naming all that is wrong at once."""

import json
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.errors import FieldError, InvalidFields, MalformedBody, UnsupportedMediaType
from frontdesk.requests import media_type, read_body

_UNSET: Final = object()


class Body(Struct, kw_only=True):
    """What a request's body has to be: subclasses name the fields."""


T = TypeVar("T", bound=Body)


async def read(request: Request, kind: type[T]) -> T:
    """The body as `kind`. Raises UnsupportedMediaType, MalformedBody, InvalidFields, BodyTooLarge, BodyTooSlow."""
    if media_type(request) != "application/json":
        raise UnsupportedMediaType
    return convert(decode(await read_body(request)), kind)


def decode(raw: bytes) -> dict[str, Any]:
    """A JSON object (RFC 8259) in UTF-8, no key twice. Raises MalformedBody.

    The standard library's parser, since msgspec's takes the last of two equal keys without a word, and what
    two parsers read differently is a way past a check (OWASP ASVS 1.5.3).
    """
    try:
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise MalformedBody(_why(error)) from error
    if not isinstance(found, dict):
        raise MalformedBody("The body must be a JSON object")
    return found


def convert(values: dict[str, Any], kind: type[T]) -> T:
    """`values` as `kind`. Raises InvalidFields with every field that is missing, unknown or of a wrong type."""
    errors = []
    taken: dict[str, Any] = {}
    fields = msgspec.structs.fields(kind)
    for field in fields:
        value = values.get(field.name, _UNSET)
        if value is _UNSET:
            if field.required:
                errors.append(FieldError(field.name, "missing"))
            continue
        try:
            taken[field.name] = msgspec.convert(value, field.type)
        except msgspec.ValidationError:
            errors.append(FieldError(field.name, "wrong_type"))
    known = {field.name for field in fields}
    # An unknown name is the sender's own text: cut, so that an answer can't be made large with it.
    errors += [FieldError(_shown(name), "unknown") for name in values if name not in known]
    if errors:
        raise InvalidFields(*errors[:50])
    return kind(**taken)


def answer(value: Any, status: int = 200) -> Response:
    """A JSON answer. Never kept by a cache: all of them are about somebody."""
    return _Json(msgspec.json.encode(value), status)


class _Json(Response):
    """An answer whose headers are known beforehand; Starlette's works them out."""

    def __init__(self, body: bytes, status: int) -> None:
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = [
            (b"cache-control", b"no-store"),
            (b"content-length", b"%d" % len(body)),
            (b"content-type", b"application/json"),
        ]


def accepted() -> Response:
    """What was asked for is under way; there's nothing to say about it, whoever asks."""
    return Response(None, 202, {"Cache-Control": "no-store"})


def no_content() -> Response:
    return Response(None, 204, {"Cache-Control": "no-store"})


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in an object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "The body isn't UTF-8"
    if isinstance(error, RecursionError):
        return "The body is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return "A key stands twice in an object" if "twice" in str(error) else "The body isn't valid JSON"


def _shown(name: str) -> str:
    return name[:64].encode("utf-8", "replace").decode()
