"""HTTP/1.1 over TLS as bytes, cheap enough to share a core with what it asks. Python's own library and nothing else,
so that it also runs in a container that has Python alone."""

import asyncio
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """One answer as it came; compressed content stays compressed."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Target:
    """Where requests go: `host` and `port` by TCP, `authority` and `server_name` for what people typed."""

    host: str
    port: int
    secure: bool
    authority: str
    server_name: str

    @classmethod
    def of(cls, url: str, public_url: str = "") -> "Target":
        """`url` is where to connect, `public_url` what is asked for there, if that's another."""
        there, asked = urlsplit(url), urlsplit(public_url or url)
        secure = there.scheme == "https"
        assert there.hostname is not None
        assert asked.hostname is not None
        return cls(
            there.hostname, there.port or (443 if secure else 80), secure, asked.netloc, asked.hostname
        )


class Unreachable(Exception):
    """No connection could be made: nothing was sent, so anything is safe to repeat."""


class Broken(Exception):
    """A connection ended before the whole answer was there."""


def trusting(certificate: str | None = None) -> ssl.SSLContext:
    """TLS that believes the certificate in that file, or whatever is shown: a load tool isn't what checks it."""
    context = ssl.create_default_context(cafile=certificate)
    if certificate is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Connection:
    """Keeps its connection from one request to the next, and makes a new one if the other side has closed it.

    Of several targets, the one that answered last is asked first, then the next, as browsers do with several
    addresses of one name.
    """

    def __init__(self, targets: list[Target], tls: ssl.SSLContext, *, connect_timeout: float = 3.0) -> None:
        self._targets = targets
        self._tls = tls
        self._connect_timeout = connect_timeout
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes, *, to_head: bool = False, timeout: float = 10.0) -> Answer:
        """The answer to `request`. Raises Unreachable, Broken, and TimeoutError after `timeout` seconds."""
        reader, writer = await self._connected()
        try:
            async with asyncio.timeout(timeout):
                writer.write(request)
                await writer.drain()
                answer = await _read(reader, to_head)
        except (OSError, EOFError, ValueError) as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise
            raise Broken(str(error) or type(error).__name__) from error
        except BaseException:
            self.close()
            raise
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    def close(self) -> None:
        if self._streams is not None:
            # At once: who is asked next should not have to wait for the last one's goodbye.
            self._streams[1].transport.abort()
            self._streams = None

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is not None:
            reader, writer = self._streams
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            self.close()
        reasons = []
        for index, target in enumerate(self._targets):
            try:
                async with asyncio.timeout(self._connect_timeout):
                    self._streams = await asyncio.open_connection(
                        target.host,
                        target.port,
                        ssl=self._tls if target.secure else None,
                        server_hostname=target.server_name if target.secure else None,
                        ssl_shutdown_timeout=1 if target.secure else None,
                    )
            except (OSError, EOFError) as error:
                reasons.append(type(error).__name__)
                continue
            # The one that works is the first to be asked next time.
            self._targets = self._targets[index:] + self._targets[:index]
            return self._streams
        raise Unreachable(", ".join(reasons))


async def _read(reader: asyncio.StreamReader, to_head: bool) -> Answer:
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status_line, *lines = head.split("\r\n")
        status = int(status_line.split()[1])
        if status >= 200:
            break
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    if to_head or status in (204, 304):
        body = b""
    elif headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _read_chunks(reader)
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body = await reader.read()
    return Answer(status, headers, body)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    chunks = []
    while size := int((await reader.readline()).split(b";")[0], 16):
        chunks.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while (await reader.readline()).strip():
        pass
    return b"".join(chunks)
