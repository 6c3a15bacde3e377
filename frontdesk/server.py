"""Listening, and stopping without losing a request."""

import asyncio
import contextlib
import ctypes
import gc
import random
import socket
import struct
import sys
import time
from types import FrameType
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import get_remote_addr

from frontdesk.border import Border
from frontdesk.errors import OperatorError
from frontdesk.joined import Joined
from frontdesk.settings import Settings

_HEAD_MAX = 32_768
_HEADERS_MAX = 100
_LINGER = 1.0
# Seconds for the last packet of a connection that is being made, there and back across a continent.
_HANDSHAKE = 0.2
# asm-generic/socket.h
_SO_ATTACH_FILTER = 26
_ONCE = 0.3
_BUSY_PAUSE = 0.025
_BUSY_PAUSE_MAX = 1.0


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with a bound on how large a head may be and how long it may take, and the rest of a body
    that was answered before it was read."""

    head_timeout = 10.0
    body_timeout = 10.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # As uvicorn does, but for a look at our own address, which nothing here asks for.
        self.connections.add(self)
        self._joined = Joined(transport)
        self.transport = self._joined
        self.flow = FlowControl(transport)
        self.server = None
        self.client = get_remote_addr(transport)
        self.scheme = "http"
        self._border: Border = self.config.loaded_app
        self._unread = False
        self._rest_timer: asyncio.TimerHandle | None = None
        self._refusals = 0
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_timer.cancel()
        self._forget_rest()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        timer = self._head_timer
        super().data_received(data)
        if self._unread and self._rest_timer is None:
            self._rest_timer = self.loop.call_later(self.body_timeout, self.transport.close)
        # Only of a head that had begun before: else most of `data` may be the body in front of it.
        if self._in_head and self._head_timer is timer:
            self._head_size += len(data)
            if self._head_size > _HEAD_MAX:
                self._refuse(431, "head_too_large", "The request's head is too large")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._unset_keepalive_if_required()
        if not self._in_head:
            self._expect_head()
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
        self._head_timer.cancel()
        if version == "1.1" and self.url in self._border.early_paths and self._refuse_early():
            return
        super().on_headers_complete()
        if self.parser.should_upgrade():
            # We go on in HTTP/1.1, which the parser, waiting for another protocol, can't.
            self.cycle.keep_alive = False

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
            # What arrived with the rest has cancelled the one that was set when the answer was complete.
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _unsupported_upgrade_warning(self) -> None:
        # Anyone may ask for another protocol; that's no news for the log.
        return

    def on_response_complete(self) -> None:
        self._joined.flush()
        super().on_response_complete()
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
                self.loop.call_later(pause * random.uniform(0.5, 1), self.flow.resume_reading)  # noqa: S311 - no secret
            self._refusals = min(self._refusals + 1, 10)

    def timeout_keep_alive_handler(self) -> None:
        self._head_timer.cancel()
        super().timeout_keep_alive_handler()

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

    def _expect_head(self) -> None:
        self._in_head = True
        self._too_large = False
        self._head_size = self._header_bytes = 0
        self._head_timer = self.loop.call_later(self.head_timeout, self._head_too_slow)

    def _head_too_slow(self) -> None:
        self._refuse(408, "head_too_slow", "The request's head didn't arrive in time")

    def _refuse(self, status: int, code: str, title: str) -> None:
        self._head_timer.cancel()
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
        self._joined.flush()


class _Answered(RequestResponseCycle):
    """A request that was answered before uvicorn had anything to do with it."""

    def __init__(self) -> None:
        self.response_complete = self.response_started = True
        self.disconnected = self.more_body = False
        self.keep_alive = True
        self.message_event = asyncio.Event()


# One for all: nothing more becomes of any of them.
_ANSWERED = _Answered()


class Server(uvicorn.Server):
    """uvicorn's server with the order of a clean stop: not ready, then drained, then gone."""

    def __init__(self, border: Border, settings: Settings) -> None:
        bounds = {"head_timeout": settings.body_timeout, "body_timeout": settings.body_timeout}
        protocol = type("Protocol", (Protocol,), bounds)
        super().__init__(
            uvicorn.Config(
                border,
                http=protocol,
                ws="none",
                lifespan="off",
                loop="uvloop",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                # Longer than a load balancer keeps its side, so that it's never us who close under a request.
                timeout_keep_alive=75,
                timeout_graceful_shutdown=max(1, round(settings.drain_timeout)),
                backlog=2048,
            )
        )
        self._app = border.app
        self._drain_delay = settings.drain_delay
        self._asked_at = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What was made so far lives as long as the process: the collector needn't walk it again and again.
        gc.collect()
        gc.freeze()
        # Nor look, after every 700 objects, for the cycles of what is young: those of connections and tasks, of which a
        # few thousand may wait. It was a tenth of what a refused login cost.
        gc.set_threshold(10_000, 20, 20)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._app.state.draining:
            # Asked twice, whoever asks is in a hurry; but one Ctrl-C may come twice, from the terminal and from a
            # parent that passes it on.
            if time.monotonic() - self._asked_at > _ONCE:
                self.force_exit = self.should_exit = True
            return
        self._asked_at = time.monotonic()
        # Load balancers see /readyz and turn away while requests that are on their way are still answered.
        self._app.state.draining = True
        asyncio.get_running_loop().call_later(self._drain_delay, self._stop)

    def _stop(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Closing the listener would reset those whom the kernel has let in and we haven't yet. So first nobody new
        # gets in; whoever tries asks again after a second, and then hears that there is no one. Whoever was half in
        # gets in: their side may take the connection for made, and have asked already.
        for sock in sockets or []:
            _drop_newcomers(sock)
        if not self.force_exit:
            await asyncio.sleep(_HANDSHAKE)
        late = [asyncio.create_task(self._take(sock)) for sock in _accept_all(sockets or [])]
        await super().shutdown(sockets)
        for task in [*late, *self.server_state.tasks] if self.force_exit else late:
            task.cancel()

    async def _take(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        make: Any = self.config.http_protocol_class
        _, protocol = await loop.connect_accepted_socket(
            lambda: make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state),
            sock,
        )
        protocol.shutdown()


def _drop_newcomers(sock: socket.socket) -> None:
    """Let the kernel drop every packet that would begin a connection to a listener (RFC 9293: SYN without ACK)."""
    if sys.platform != "linux":
        return
    instructions = (
        (0x30, 0, 0, 13),  # BPF_LD | BPF_B | BPF_ABS: the flags of the TCP header
        (0x54, 0, 0, 0x12),  # BPF_ALU | BPF_AND: SYN and ACK
        (0x15, 0, 1, 0x02),  # BPF_JMP | BPF_JEQ: SYN alone, else skip one
        (0x06, 0, 0, 0),  # BPF_RET: keep nothing
        (0x06, 0, 0, 0xFFFFFFFF),  # BPF_RET: keep it whole
    )
    # struct sock_filter of each; struct sock_fprog: how many, and where.
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in instructions))
    program = struct.pack("HP", len(instructions), ctypes.addressof(code))
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def _accept_all(sockets: list[socket.socket]) -> list[socket.socket]:
    accepted = []
    for sock in sockets:
        with contextlib.suppress(OSError):
            while True:
                accepted.append(sock.accept()[0])
                accepted[-1].setblocking(False)
    return accepted


def listen(settings: Settings) -> socket.socket:
    """A socket that listens where the settings say. Raises OperatorError if it can't."""
    where = f"{settings.host}:{settings.port}"
    try:
        found: list[Any] = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, proto, _, address = found[0]
        sock = socket.socket(family, kind, proto)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(2048)
        sock.setblocking(False)
        return sock
    except (OSError, UnicodeError) as error:
        # UnicodeError: a name that has an empty part, or one of over 63 characters.
        reason = error.strerror if isinstance(error, OSError) else "no such name can exist"
        raise OperatorError(
            f"can't listen on {where}: {reason}",
            "Stop what uses this address, or choose another with FRONTDESK_HOST and FRONTDESK_PORT.",
        ) from error
