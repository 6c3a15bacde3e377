"""Reading the query of a list: strictly, and naming all that is wrong at once."""

from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from frontdesk.errors import FieldError, InvalidFields

LIMIT = 20
LIMIT_MAX = 50
TEXT_MAX = 1000


def page_of(request: Request) -> tuple[int, str | None]:
    """`limit` and `after`, and nothing else. Raises InvalidFields."""
    query, errors = read(request, "limit", "after")
    limit, after = paging(query, errors)
    if errors:
        raise InvalidFields(*errors[:50])
    return limit, after


def read(request: Request, *known: str) -> tuple[dict[str, str], list[FieldError]]:
    """The query, of which a list understands the names `known`; and what is wrong with the names."""
    fields = [field.partition(b"=") for field in request.scope["query_string"].split(b"&") if field]
    pairs = [(_text(name), _text(value)) for name, _, value in fields]
    query = dict(pairs)
    errors = [FieldError(name[:64], "unknown") for name in query if name not in known]
    if len(pairs) > len(query):
        names = [name for name, _ in pairs]
        errors += [FieldError(name, "given_twice") for name in known if names.count(name) > 1]
    return query, errors


def paging(query: dict[str, str], errors: list[FieldError]) -> tuple[int, str | None]:
    """How many are wanted, and after which; what is wrong with that is added to `errors`."""
    limit, after = query.get("limit", str(LIMIT)), query.get("after")
    # Only a number of few digits becomes one: Python refuses to convert thousands of them.
    if not (limit.isascii() and limit.isdecimal() and len(limit) <= 4 and 1 <= int(limit) <= LIMIT_MAX):
        errors.append(FieldError("limit", "out_of_range"))
        limit = str(LIMIT)
    if after is not None and not 1 <= len(after) <= TEXT_MAX:
        errors.append(FieldError("after", "too_long" if after else "missing"))
    return int(limit), after


def _text(raw: bytes) -> str:
    """A name or value of application/x-www-form-urlencoded (WHATWG URL, section 5.1). Any is accepted."""
    # urllib's parse_qsl does the same at three times the cost, and takes bytes that aren't escaped for Latin-1.
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    return (unquote_to_bytes(raw) if b"%" in raw else raw).decode("utf-8", "replace")
