"""Listening, and stopping without losing a request."""

import asyncio
import contextlib
import ctypes
import gc
import socket
import struct
import sys
import time
from types import FrameType
from typing import Any

import uvicorn

from frontdesk.border import Border
from frontdesk.errors import OperatorError
from frontdesk.protocol import Protocol
from frontdesk.settings import Settings

# Seconds for the last packet of a connection that is being made, there and back across a continent.
_HANDSHAKE = 0.2
# asm-generic/socket.h
_SO_ATTACH_FILTER = 26
_ONCE = 0.3


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
