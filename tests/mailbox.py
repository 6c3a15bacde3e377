"""A real SMTP server in the test's process: what it took, and how it behaves."""

import asyncio
import contextlib
import email
import re
import socket
import time
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from typing import Any
from weakref import WeakSet

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

BASE = "http://accounts.example.test"
SENDER = "Example <accounts@example.org>"


class Letter:
    """A mail that arrived."""

    def __init__(self, envelope: Envelope) -> None:
        assert isinstance(envelope.content, bytes)
        self.to = list(envelope.rcpt_tos)
        self.raw = envelope.content
        self.message = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(self.message, EmailMessage)

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        return self._body("plain")

    @property
    def html(self) -> str:
        return self._body("html")

    @property
    def url(self) -> str:
        """Where its one link leads."""
        (found,) = re.findall(r"^https?://\S+$", self.text, re.MULTILINE)
        return str(found)

    @property
    def token(self) -> str:
        return self.url.rpartition("/")[2]

    def _body(self, kind: str) -> str:
        assert isinstance(self.message, EmailMessage)
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")


class Mailbox:
    """Takes every mail, unless `mode` says otherwise.

    refuse: for now; reject: the recipient, for good; hang: says nothing to the mail; die: takes it and hangs up without
    a word; rude: takes it, says so, and hangs up; slow: takes it after a while.
    """

    def __init__(self) -> None:
        self.mode = "take"
        self.letters: list[Letter] = []
        self.tried = 0
        self.port = 0
        self._transports: WeakSet[asyncio.Transport] = WeakSet()

    async def hang_up(self) -> None:
        """Close what clients left open, in the server's own loop, which ends without doing so."""
        for transport in self._transports:
            transport.abort()
        # Closed by the loop's next turn.
        await asyncio.sleep(0)

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self._transports.add(server.transport)
        return responses

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.mode == "reject":
            self.tried += 1
            return f"550 5.1.1 <{address}> is nobody here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        self.tried += 1
        transport: Any = server.transport
        match self.mode:
            case "refuse":
                return "451 4.3.0 not now"
            case "hang":
                while self.mode == "hang":
                    await asyncio.sleep(0.02)
                transport.abort()
                return "421 too late"
            case "slow":
                await asyncio.sleep(1.5)
            case "die":
                self.letters.append(Letter(envelope))
                transport.abort()
                return "250 nobody hears this"
            case "rude":
                self.letters.append(Letter(envelope))
                transport.write(b"250 OK\r\n")
                asyncio.get_running_loop().call_later(0.01, transport.abort)
                await asyncio.sleep(3600)
        self.letters.append(Letter(envelope))
        return "250 OK"

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def wait(self, count: int, *, within: float = 15) -> list[Letter]:
        """The letters, once there are `count`. Blocks."""
        deadline = time.monotonic() + within
        while len(self.letters) < count:
            assert time.monotonic() < deadline, f"{len(self.letters)} of {count} letters"
            time.sleep(0.02)
        return self.letters

    def last(self, count: int, *, to: str) -> Letter:
        """The newest of at least `count` letters to somebody. Blocks."""
        deadline = time.monotonic() + 15
        while True:
            found = [letter for letter in self.letters if letter.to == [to]]
            if len(found) >= count:
                return found[-1]
            assert time.monotonic() < deadline, [(letter.to, letter.subject) for letter in self.letters]
            time.sleep(0.02)


@contextlib.contextmanager
def mailbox(**more: Any) -> Iterator[Mailbox]:
    """A server on a free port; `more` is the Controller's."""
    found = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found.port = probe.getsockname()[1]
    controller = Controller(
        found, hostname="127.0.0.1", port=found.port, enable_SMTPUTF8=True, ready_timeout=10, **more
    )
    controller.start()
    try:
        yield found
    finally:
        found.mode = "take"
        asyncio.run_coroutine_threadsafe(found.hang_up(), controller.loop).result(10)
        controller.stop()
