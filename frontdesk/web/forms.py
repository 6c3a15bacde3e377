"""Reading what a form sends: strictly, since no browser sends anything else."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from frontdesk.errors import MalformedBody, UnsupportedMediaType
from frontdesk.requests import media_type, read_body, refuse_cross_origin


async def read_form(request: Request, *fields: str, by_token: bool = False) -> dict[str, str]:
    """The fields of a form that our own page sent; those it left out are empty.

    by_token: whether a token in the path allows this, and no cookie. Another site's page has none; and our own, which
    tells nobody its address, says to older browsers' Origin that it comes from nowhere.

    Raises CrossOrigin, UnsupportedMediaType, BodyTooLarge, BodyTooSlow, and MalformedBody for what isn't
    application/x-www-form-urlencoded in UTF-8, has NUL in it, a field twice, or one that isn't in `fields`.
    """
    if not by_token:
        refuse_cross_origin(request)
    if media_type(request) != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType
    found = parse(await read_body(request), fields)
    return {name: found.get(name, "") for name in fields}


def parse(body: bytes, fields: tuple[str, ...]) -> dict[str, str]:
    """The fields in `body`. Raises MalformedBody."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=len(fields) or 1,
        )
    except ValueError as error:
        raise MalformedBody from error
    found = dict(pairs)
    if len(found) != len(pairs) or not found.keys() <= set(fields):
        raise MalformedBody
    if any("\0" in value for value in found.values()):
        raise MalformedBody
    return found
