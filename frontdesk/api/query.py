"""Reading the query of a list: strictly, and naming all that is wrong at once."""

from starlette.requests import Request

from frontdesk.errors import FieldError, InvalidFields

LIMIT = 20
LIMIT_MAX = 50
TEXT_MAX = 1000


def page_of(request: Request) -> tuple[int, str | None]:
    """`limit` and `after`, and nothing else. Raises InvalidFields."""
    errors = unknown(request, ("limit", "after"))
    limit, after = paging(request, errors)
    if errors:
        raise InvalidFields(*errors[:50])
    return limit, after


def unknown(request: Request, known: tuple[str, ...]) -> list[FieldError]:
    """What is wrong with the names alone."""
    names = [name for name, _ in request.query_params.multi_items()]
    errors = [FieldError(name[:64], "unknown") for name in dict.fromkeys(names) if name not in known]
    return errors + [FieldError(name, "given_twice") for name in known if names.count(name) > 1]


def paging(request: Request, errors: list[FieldError]) -> tuple[int, str | None]:
    """How many are wanted, and after which; what is wrong with that is added to `errors`."""
    query = request.query_params
    limit, after = query.get("limit", str(LIMIT)), query.get("after")
    # Only a number of few digits becomes one: Python refuses to convert thousands of them.
    if not (limit.isascii() and limit.isdecimal() and len(limit) <= 4 and 1 <= int(limit) <= LIMIT_MAX):
        errors.append(FieldError("limit", "out_of_range"))
        limit = str(LIMIT)
    if after is not None and not 1 <= len(after) <= TEXT_MAX:
        errors.append(FieldError("after", "too_long" if after else "missing"))
    return int(limit), after
