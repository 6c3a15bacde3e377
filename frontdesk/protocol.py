"""HTTP/1.1 on one connection: uvicorn's, with bounds for what a client may do, and answers in one packet."""

import asyncio
import random
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import get_remote_addr

from frontdesk.border import Border

_HEAD_MAX = 32_768
_HEADERS_MAX = 100
_LINGER = 1.0
_BUSY_PAUSE = 0.025
_BUSY_PAUSE_MAX = 1.0
# What the head of an answer may hold: no control characters but tabs and the ends of its lines, which are counted.
_ALLOWED = b"\t\r\n" + bytes(n for n in range(32, 256) if n != 127)


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with a bound on how large a head may be and how long it may take, and the rest of a body
    that was answered before it was read."""

    head_timeout = 10.0
    body_timeout = 10.0

    # asyncio says BaseTransport, which can't be written to; of a TCP connection it's a Transport, as uvicorn says, too.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # As uvicorn does, but for a look at our own address, which nothing here asks for.
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.server = None
        self.client = get_remote_addr(transport)
        self.scheme = "http"
        self._border: Border = self.config.loaded_app
        self._unread = False
        self._rest_timer: asyncio.TimerHandle | None = None
        self._refusals = 0
        self._heads = 0
        # When it was answered last, if nothing has come since.
        self._idle_since: float | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._begin_head()
        self._expect_rest_of_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        self._forget_rest()
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        heads = self._heads
        super().data_received(data)
        if self._unread and self._rest_timer is None:
            self._rest_timer = self.loop.call_later(self.body_timeout, self.transport.close)
        if self._in_head and not self.transport.is_closing():
            # Only of a head that had begun before: else most of `data` may be the body in front of it.
            if self._heads == heads:
                self._head_size += len(data)
            if self._head_size > _HEAD_MAX:
                self._refuse(431, "head_too_large", "The request's head is too large")
            elif self._head_timer is None:
                # No timer for a head that comes whole, as nearly all do.
                self._expect_rest_of_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._idle_since = None
        if not self._in_head:
            self._begin_head()
        self._header_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._header_bytes += len(url)
        if self._header_bytes > _HEAD_MAX:
            self._too_large = True
            raise httptools.HttpParserError

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if len(self.headers) >= _HEADERS_MAX or self._header_bytes > _HEAD_MAX:
            self._too_large = True
            raise httptools.HttpParserError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        # Two names for where a request goes are two opinions, ours and the proxy's (RFC 9112, section 3.2).
        hosts = [name for name, _ in self.headers].count(b"host")
        version = self.parser.get_http_version()
        # HTTP/0.9 knows no headers, and so can't be answered with any.
        if version not in ("1.0", "1.1") or hosts > 1 or (hosts == 0 and version == "1.1"):
            raise httptools.HttpParserError
        self._in_head = False
        self._forget_head()
        if version == "1.1" and self.url in self._border.early_paths and self._refuse_early():
            return
        self._begin_request(version)

    def _begin_request(self, version: str) -> None:
        """Have it answered, or let it wait for the one before it: as uvicorn does, but in our own cycle."""
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope: Any = self.scope
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["path"] = unquote(path) if "%" in path else path
        scope["query_string"] = url.query or b""
        before = self.cycle
        self.cycle = _Cycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            # Who asks for another protocol: we go on in HTTP/1.1, which the parser, waiting for the other, can't.
            keep_alive=version == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade(),
            on_response=self.on_response_complete,
        )
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _refuse_early(self) -> bool:
        """Answer a login or registration for which there is no time, without a task or a cycle of uvicorn's."""
        plain = self.parser.get_method() == b"POST" and self.parser.should_keep_alive()
        waits = self.cycle is not None and not self.cycle.response_complete
        if not plain or waits or self.expect_100_continue or self._border.app.state.draining:
            return False
        scope: Any = self.scope
        scope |= {"method": "POST", "path": self.url.decode("ascii"), "query_string": b""}
        refusal = self._border.refuse_early(scope)
        if refusal is None:
            return False
        self._write(503, refusal.request_id, refusal.body, b"retry-after: %d" % refusal.retry_after)
        self.cycle = _ANSWERED
        # The body is read and dropped.
        self._unread = True
        self._pause_if_busy()
        return True

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._unread:
            self._forget_rest()
            self._wait_for_next()

    def _unsupported_upgrade_warning(self) -> None:
        # Anyone may ask for another protocol; that's no news for the log.
        return

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
            elif not self._in_head:
                self._wait_for_next()
        if self.cycle.response_complete and self.cycle.more_body and not self.transport.is_closing():
            # Refused before the body was read. To close now would lose the answer, as the kernel resets whoever
            # is still sending; so we read on, but not for longer than a body may take.
            self._unread = True
            self._rest_timer = self.loop.call_later(self.body_timeout, self.transport.close)
        self._pause_if_busy()

    def _pause_if_busy(self) -> None:
        # Whoever is told 503 and asks again at once would, a few hundred together, keep the event loop busy with
        # saying no. Nobody who waits as Retry-After asks them to will notice. Not so a proxy, whose connections
        # are everybody's.
        if not self.scope["state"].get("busy"):
            self._refusals = 0
        elif not self.transport.is_closing():
            # Not after the first: most ask once, and waking up to read on would be for nothing.
            if self._refusals:
                self.flow.pause_reading()
                pause = min(_BUSY_PAUSE * 2**self._refusals, _BUSY_PAUSE_MAX)
                # Spread, or those who came together would come back together.
                pause *= random.uniform(0.5, 1)  # noqa: S311 - no secret, only spread
                self.loop.call_later(pause, self.flow.resume_reading)
            self._refusals = min(self._refusals + 1, 10)

    def _wait_for_next(self) -> None:
        """Close in a while if no other request comes.

        By one timer for many requests: setting one for each, only to take it back, costs more than a look at the clock.
        """
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._end_idle)

    def _end_idle(self) -> None:
        self._idle_timer = None
        if self._idle_since is None:
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._idle_timer = self.loop.call_later(left, self._end_idle)
        else:
            self.transport.close()

    def shutdown(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            # Idle, as far as we know. But a request may be on its way, above all on a connection that was made
            # a moment ago, and to close now would lose it.
            self.loop.call_later(_LINGER, super().shutdown)
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        if self._too_large:
            self._refuse(431, "head_too_large", "The request's head is too large")
        else:
            self._refuse(400, "bad_request", "The request isn't valid HTTP")

    def _forget_rest(self) -> None:
        self._unread = False
        if self._rest_timer is not None:
            self._rest_timer.cancel()
            self._rest_timer = None

    def _begin_head(self) -> None:
        self._in_head = True
        self._heads += 1
        self._too_large = False
        self._head_size = 0

    def _expect_rest_of_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_timeout, self._head_too_slow)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_too_slow(self) -> None:
        self._refuse(408, "head_too_slow", "The request's head didn't arrive in time")

    def _refuse(self, status: int, code: str, title: str) -> None:
        self._forget_head()
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and (self._in_head or cycle.response_started):
            # It would be taken for the answer to the request before, which is still being worked on.
            cycle.keep_alive = False
            return
        request_id, body = self._border.answer_unread(self.client, status, code=code, title=title)
        self._write(status, request_id, body, b"connection: close")
        self.transport.close()

    def _write(self, status: int, request_id: str, body: bytes, header: bytes) -> None:
        """Send a problem (RFC 9457) that no handler has made."""
        date = b"".join(b"%b: %b\r\n" % pair for pair in self.server_state.default_headers)
        self.transport.write(
            b"%b%b%b\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n"
            b"x-content-type-options: nosniff\r\nx-request-id: %b\r\ncontent-length: %d\r\n\r\n%b"
            % (STATUS_LINE[status], date, header, request_id.encode(), len(body), body)
        )


class _Cycle(RequestResponseCycle):
    """A request and its answer: the head of that waits for the body, and if this is all of it they're sent as one.

    A packet less is a system call less, and wakes whoever reads it once instead of twice.
    """

    _start: Any = None

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start" and not self.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            if not (message.get("more_body") or self.flow.write_paused or self.disconnected):
                body = message.get("body", b"")
                head = self._head(start, body)
                if head is not None:
                    self._complete(head if self.scope["method"] == "HEAD" else head + body)
                    return
            await super().send(start)
        await super().send(message)

    def _head(self, start: Any, body: bytes) -> bytes | None:
        """The head of an answer that tells its length; None if it doesn't."""
        status = start["status"]
        lines = [STATUS_LINE[status].removesuffix(b"\r\n")]
        length = b"0" if status in (204, 304) else None
        for name, value in (*self.default_headers, *start["headers"]):
            if name == b"content-length":
                length = value
            elif name == b"connection":
                # Nobody says anything else there than that it's to be closed.
                self.keep_alive = False
                continue
            elif name == b"transfer-encoding":
                return None
            lines.append(b"%b: %b" % (name, value))
        if length != b"%d" % len(body):
            return None
        if not self.keep_alive:
            lines.append(b"connection: close")
        head = b"\r\n".join(lines)
        # What somebody typed must not begin another header, or another answer (CWE-113).
        if head.count(b"\r") + head.count(b"\n") > 2 * (len(lines) - 1) or head.translate(None, _ALLOWED):
            raise RuntimeError("a header holds a control character")
        return head + b"\r\n\r\n"

    def _complete(self, answer: bytes) -> None:
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(answer)
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


class _Answered(RequestResponseCycle):
    """A request that was answered before uvicorn had anything to do with it."""

    def __init__(self) -> None:
        self.response_complete = self.response_started = True
        self.disconnected = self.more_body = False
        self.keep_alive = True
        self.message_event = asyncio.Event()


# One for all: nothing more becomes of any of them.
_ANSWERED = _Answered()
