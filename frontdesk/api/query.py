"""Reading the query of a list: strictly, and naming all that is wrong at once."""

from urllib.parse import parse_qsl

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
    # Not request.query_params, which takes as long again to put what was read into dictionaries of its own.
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
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
