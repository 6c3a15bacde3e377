"""GET /"""

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.model import Person
from frontdesk.web.pages import render
from frontdesk.web.visitors import visitor

# What somebody types, and whom they find: the picture on the landing page.
_EXAMPLES = (
    ("wangwei", Person(username="wangwei", name="王伟")),
    ("bjorn", Person(username="bjorn.l", name="Björn Lindqvist")),
    ("jenifer", Person(username="jen", name="Jennifer Ortiz")),
)


async def welcome(request: Request) -> Response:
    """What this is; for those who are logged in, the search."""
    if await visitor(request) is None:
        return render(request, "welcome.html", examples=_EXAMPLES)
    return render(request, "home.html")
