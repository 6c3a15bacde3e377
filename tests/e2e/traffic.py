"""A steady load of mixed requests that counts every failure and looks for every acknowledged write afterwards.

`python -m tests.e2e.traffic https://localhost:8443 --seconds 60`; several URLs are ways to the same service, as the
addresses of one name are. Exit code 1 if anything failed that shouldn't have or anything acknowledged is lost.

Only what a client of today would do: a connection that the server closed while nothing was asked is made anew, and
nothing else is repeated. So each failure counted here is one that somebody would have seen.
"""

import argparse
import asyncio
import contextlib
import json
import random
import re
import secrets
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import urlencode, urlsplit

from tests.e2e.connection import Answer, Broken, Connection, Target, Unreachable, trusting
from tests.e2e.ledger import Ledger
from tests.e2e.report import Failure, Report

_PASSWORD = "eleven calm geese by the lake"
_READY_WITHIN = 60.0
# Below what the edge lets one address search.
_LOOK_UPS_PER_SECOND = 30
# Of a hundred requests, how many ask on a connection of their own.
_NEW_CONNECTIONS = 10


class _Failed(Exception):
    """A request of the mix didn't get what it should have got."""

    def __init__(self, what: str, answer: Answer | None = None, *, nothing_sent: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.nothing_sent = nothing_sent
        self.refused = answer is not None and 400 <= answer.status < 500
        self.request_id = answer.headers.get("x-request-id", "") if answer else ""


class Visitor:
    """Somebody with an account, a session and a connection, who does one thing after the other."""

    def __init__(self, traffic: "Traffic", number: int) -> None:
        self._traffic = traffic
        self._connection = traffic.connection()
        self._username = f"t{traffic.run}v{number}"
        self._name = f"Visitor {traffic.run} {number}"
        self._token = ""
        self._count = 0
        self._static = ["/"]
        # What people do most, most often. True: GET or HEAD, safe to repeat (RFC 9110, section 9.2.1).
        self._mix: list[tuple[int, str, bool, Callable[[], Awaitable[None]]]] = [
            (30, "session check", True, self._check),
            (14, "account", True, self._show_account),
            (10, "search", True, self._search),
            (8, "page", True, self._page),
            (6, "search page", True, self._search_page),
            (4, "HEAD of a page", True, self._head),
            (10, "static file", True, self._static_file),
            (6, "profile change", False, self._rename),
            (4, "profile form", False, self._rename_by_form),
            (4, "login", False, self._log_in),
            (2, "registration", False, self._register),
            (2, "registration form", False, self._register_by_form),
        ]
        self._weights = [weight for weight, *_ in self._mix]

    async def enter(self) -> None:
        """Register and log in, trying again until the service is there."""
        until = time.monotonic() + _READY_WITHIN
        while True:
            try:
                # Whoever has no answer to the first try may find the name taken by themselves.
                if self._username not in self._traffic.ledger.accounts:
                    await self._call(
                        "POST", "/api/v1/accounts", (201, 409), _account(self._username, self._name)
                    )
                    self._traffic.ledger.registered(self._username, self._name)
                await self._log_in()
                page = await self._page_of("/")
                self._static = re.findall(r"/static/[^\"' >]+", page.body.decode()) or self._static
                return
            except _Failed as failed:
                if self._traffic.stopping or time.monotonic() > until:
                    raise SystemExit(f"{self._traffic.public_url} isn't ready: {failed.what}") from failed
                await asyncio.sleep(1)

    async def visit(self, until: float, pause: float) -> None:
        """Ask, wait so that one request comes every `pause` seconds, and ask again."""
        while (now := time.monotonic()) < until and not self._traffic.stopping:
            _, kind, safe, act = random.choices(self._mix, self._weights)[0]
            try:
                await act()
            except _Failed as failed:
                self._traffic.note_failure(kind, safe or failed.nothing_sent, failed, now)
            else:
                self._traffic.note_success(kind, now)
            rest = random.uniform(0.5, 1.5) * pause - (time.monotonic() - now)
            await asyncio.sleep(max(rest, 0.001))
        self._connection.close()

    async def is_there(self, username: str, names: set[str], token: str) -> str:
        """Empty if that account is there and has one of `names`, else what is wrong. `token` is whoever asks."""
        self._token = token
        answer = await self._patiently("GET", f"/api/v1/people/{username}", (200, 404))
        if answer.status == 404:
            return f"account {username}"
        found = json.loads(answer.body)["name"]
        return "" if found in names else f"name of {username}: {found}, not {' or '.join(names)}"

    async def holds(self, token: str) -> bool:
        """Whether that session is still there."""
        self._token = token
        answer = await self._patiently("GET", "/api/v1/verify", (204, 401))
        return answer.status == 204

    def leave(self) -> None:
        self._connection.close()

    async def _patiently(self, method: str, path: str, expected: tuple[int, ...]) -> Answer:
        until = time.monotonic() + _READY_WITHIN
        while True:
            try:
                return await self._call(method, path, expected)
            except _Failed:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.5)

    # --- What they do ---

    async def _check(self) -> None:
        await self._call("GET", "/api/v1/verify", (204,))

    async def _show_account(self) -> None:
        answer = await self._call("GET", "/api/v1/account", (200,))
        allowed = self._traffic.ledger.accounts[self._username].allowed()
        # Whoever has just saved a name sees it, whichever replica answers.
        if json.loads(answer.body)["name"] not in allowed:
            raise _Failed("an older name than the one that was acknowledged", answer)

    async def _search(self) -> None:
        answer = await self._call("GET", f"/api/v1/people?{urlencode({'q': self._username})}", (200,))
        if self._username not in (person["username"] for person in json.loads(answer.body)["people"]):
            raise _Failed("somebody who is there isn't found", answer)

    async def _page(self) -> None:
        await self._page_of(
            random.choice(("/", "/account", "/account/sessions", f"/people/{self._username}"))
        )

    async def _search_page(self) -> None:
        await self._page_of(f"/people?{urlencode({'q': f'Visitor {self._traffic.run}'})}")

    async def _head(self) -> None:
        await self._ask("HEAD", "/", (200,))

    async def _static_file(self) -> None:
        await self._ask("GET", random.choice(self._static), (200,), {"Accept-Encoding": "gzip"})

    async def _rename(self) -> None:
        name = self._next_name()
        with self._maybe(name):
            await self._call("PATCH", "/api/v1/account", (200,), {"name": name})

    async def _rename_by_form(self) -> None:
        name = self._next_name()
        fields = {"name": name, "username": self._username, "language": "en", "discoverable": "yes"}
        with self._maybe(name):
            await self._form("/account", fields, self._cookie())

    async def _log_in(self) -> None:
        body = {"login": self._username, "password": _PASSWORD}
        answer = await self._call("POST", "/api/v1/sessions", (201,), body)
        self._token = json.loads(answer.body)["token"]
        self._traffic.ledger.logged_in(self._token)

    async def _register(self) -> None:
        username, name = self._newcomer()
        await self._call("POST", "/api/v1/accounts", (201,), _account(username, name))
        self._traffic.ledger.registered(username, name)

    async def _register_by_form(self) -> None:
        username, name = self._newcomer()
        await self._form("/register", {**_account(username, name), "next": "/"}, {})
        self._traffic.ledger.registered(username, name)

    # --- How they ask ---

    def _next_name(self) -> str:
        self._count += 1
        return f"{self._name} {self._count}"

    def _newcomer(self) -> tuple[str, str]:
        self._count += 1
        return f"{self._username}n{self._count}", f"Newcomer {self._traffic.run} {self._count}"

    @contextlib.contextmanager
    def _maybe(self, name: str) -> Iterator[None]:
        try:
            yield
        except _Failed as failed:
            if not failed.refused and not failed.nothing_sent:
                self._traffic.ledger.maybe_renamed(self._username, name)
            raise
        self._traffic.ledger.renamed(self._username, name)

    def _cookie(self) -> dict[str, str]:
        name = "__Host-session" if self._traffic.public_url.startswith("https") else "session"
        return {"Cookie": f"{name}={self._token}"}

    async def _page_of(self, path: str) -> Answer:
        return await self._ask("GET", path, (200,), self._cookie())

    async def _form(self, path: str, fields: dict[str, str], headers: dict[str, str]) -> None:
        kind = "application/x-www-form-urlencoded"
        headers = {**headers, "Origin": self._traffic.public_url, "Content-Type": kind}
        await self._ask("POST", path, (303,), headers, urlencode(fields).encode())

    async def _call(
        self, method: str, path: str, expected: tuple[int, ...], body: dict[str, str] | None = None
    ) -> Answer:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if body is None:
            return await self._ask(method, path, expected, headers)
        headers["Content-Type"] = "application/json"
        return await self._ask(method, path, expected, headers, json.dumps(body).encode())

    async def _ask(
        self,
        method: str,
        path: str,
        expected: tuple[int, ...],
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        if random.randrange(100) < _NEW_CONNECTIONS:
            self._connection.close()
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {self._traffic.authority}",
            "User-Agent: frontdesk-traffic",
        ]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        request = "\r\n".join([*lines, "", ""]).encode() + body
        try:
            answer = await self._connection.ask(request, to_head=method == "HEAD")
        except Unreachable as error:
            raise _Failed(f"no connection ({error})", nothing_sent=True) from error
        except Broken as error:
            raise _Failed("connection broken") from error
        except TimeoutError as error:
            raise _Failed("no answer within 10 s") from error
        if answer.status not in expected:
            raise _Failed(_what(answer), answer)
        return answer


class Traffic:
    """`visitors` people, who together ask `rate` times a second."""

    def __init__(
        self,
        urls: list[str],
        *,
        rate: float = 80.0,
        visitors: int = 16,
        public_url: str = "",
        certificate: str | None = None,
    ) -> None:
        self.run = secrets.token_hex(3)
        self.ledger = Ledger()
        self.report = Report()
        self.public_url = (public_url or urls[0]).rstrip("/")
        self.authority = urlsplit(self.public_url).netloc
        self.stopping = False
        self._targets = [Target.of(url, self.public_url) for url in urls]
        self._tls = trusting(certificate)
        self._rate = rate
        self._visitors = visitors
        self._began = time.monotonic()
        self.started = threading.Event()

    def connection(self) -> Connection:
        # Spread over the ways to the service, as a resolver that gives its addresses in turn would.
        self._targets = self._targets[1:] + self._targets[:1]
        return Connection(list(self._targets), self._tls)

    def mark(self, name: str) -> None:
        """From here on, failures are those of `name`."""
        self.report.marks.append((time.monotonic() - self._began, name))

    def note_success(self, kind: str, asked: float) -> None:
        now = time.monotonic()
        self.report.answers[kind] += 1
        self.report.times.append((now - self._began, now - asked))

    def note_failure(self, kind: str, safe: bool, failed: _Failed, asked: float) -> None:
        now = time.monotonic()
        found = Failure(now - self._began, kind, failed.what, safe, now - asked, failed.request_id)
        self.report.failures.append(found)

    async def go(self, seconds: float) -> Report:
        """Ask for `seconds` or until `stopping`, then look for what was acknowledged."""
        visitors = [Visitor(self, number) for number in range(self._visitors)]
        for visitor in visitors:
            await visitor.enter()
        self._began = time.monotonic()
        self.mark("start")
        self.started.set()
        async with asyncio.TaskGroup() as group:
            for visitor in visitors:
                group.create_task(visitor.visit(self._began + seconds, self._visitors / self._rate))
        self.report.seconds = time.monotonic() - self._began
        self.report.written = self.ledger.summary()
        self.report.lost = await self.look_for(self.ledger)
        return self.report

    async def look_for(self, ledger: Ledger) -> list[str]:
        """What was acknowledged and isn't there."""
        visitor = Visitor(self, self._visitors)
        lost = []
        for index, (username, names) in enumerate(ledger.names()):
            began = time.monotonic()
            # An account may look up so many people a minute; so they take turns.
            if wrong := await visitor.is_there(username, names, ledger.tokens[index % len(ledger.tokens)]):
                lost.append(wrong)
            await asyncio.sleep(max(0.0, 1 / _LOOK_UPS_PER_SECOND - (time.monotonic() - began)))
        lost += [
            f"session {index}" for index, token in enumerate(ledger.tokens) if not await visitor.holds(token)
        ]
        visitor.leave()
        # asyncio ends a connection that was aborted in its next rounds.
        await asyncio.sleep(0.05)
        return lost


@contextlib.contextmanager
def running(url: str, *, rate: float = 80.0, visitors: int = 16, at_most: float = 600.0) -> Iterator[Traffic]:
    """Traffic at one address beside the block."""
    traffic = Traffic([url], rate=rate, visitors=visitors)
    with beside(traffic, at_most=at_most):
        yield traffic


@contextlib.contextmanager
def beside(traffic: Traffic, *, at_most: float) -> Iterator[None]:
    """`traffic` beside the block, which begins when everybody is in; afterwards its report is complete."""
    broke: list[BaseException] = []

    def go() -> None:
        try:
            asyncio.run(traffic.go(at_most))
        except BaseException as error:
            broke.append(error)
            traffic.started.set()

    thread = threading.Thread(target=go)
    thread.start()
    try:
        traffic.started.wait()
        if not broke:
            yield
    finally:
        traffic.stopping = True
        thread.join()
    if broke:
        raise broke[0]


def _account(username: str, name: str) -> dict[str, str]:
    return {"email": f"{username}@example.org", "username": username, "name": name, "password": _PASSWORD}


def _what(answer: Answer) -> str:
    code = ""
    if answer.headers.get("content-type") == "application/problem+json":
        with contextlib.suppress(ValueError):
            code = f" {json.loads(answer.body)['code']}"
    else:
        # A page has no code, but words.
        words = {b"logging in at once": " busy", b"short interruption": " unavailable"}
        code = next((name for said, name in words.items() if said in answer.body), "")
    silent = answer.status in (429, 503) and "retry-after" not in answer.headers
    return f"{answer.status}{code}{', no Retry-After' if silent else ''}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Ask steadily, count every failure, look for every write.")
    parser.add_argument("urls", nargs="+", metavar="URL", help="a way to the service's edge")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=80.0, help="requests a second, all visitors together")
    parser.add_argument("--visitors", type=int, default=16)
    parser.add_argument("--public-url", default="", help="FRONTDESK_PUBLIC_URL, if it isn't the first URL")
    parser.add_argument("--certificate", help="a file with the certificate to believe; any, if there's none")
    parser.add_argument("--json", action="store_true", help="print the report as one line of JSON")
    options = parser.parse_args()
    traffic = Traffic(
        options.urls,
        rate=options.rate,
        visitors=options.visitors,
        public_url=options.public_url,
        certificate=options.certificate,
    )

    def stop(*_: object) -> None:
        traffic.stopping = True

    # Whoever stops it wants to know what was found so far.
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    report = asyncio.run(traffic.go(options.seconds))
    print(report.as_json() if options.json else report.table())
    return 1 if report.failures or report.lost else 0


if __name__ == "__main__":
    sys.exit(main())
