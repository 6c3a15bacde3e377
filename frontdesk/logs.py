"""One JSON object a line on standard output; what is in it is chosen here and nowhere else.

Never a path, a query, a header or a body: those hold usernames, e-mail addresses, tokens and passwords.
"""

import asyncio
import contextlib
import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import msgspec

# A write of more than that may end up in the middle of one by another process (POSIX, PIPE_BUF).
_WRITE_MAX = 4096

_encoder = msgspec.json.Encoder()
# Lines of requests that were answered in this round of the event loop.
_lines = bytearray()

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_requests = logging.getLogger("frontdesk.requests")


class _Line(msgspec.Struct, kw_only=True, gc=False):
    """What is told of a request: its `route` is a template; `seconds` it took; `bytes` of the answer's body."""

    time: datetime
    level: str = "info"
    logger: str = "frontdesk.requests"
    message: str = "request"
    request_id: str
    method: str
    route: str
    status: int
    seconds: float
    bytes: int
    address: str | None


def write_request(**fields: Any) -> None:
    """The one line of a request, at level info, with those of others that are answered now. Past the logging module,
    which costs five times as much."""
    if not _requests.isEnabledFor(logging.INFO):
        return
    written = _encoder.encode(_Line(time=datetime.now(UTC), **fields))
    if len(_lines) + len(written) >= _WRITE_MAX:
        _write_lines()
    if not _lines:
        asyncio.get_running_loop().call_soon(_write_lines)
    _lines.extend(written)
    _lines.append(10)


def _write_lines() -> None:
    if not _lines:
        return
    with contextlib.suppress(OSError):
        os.write(1, _lines)
    _lines.clear()


class JsonLines(logging.Formatter):
    """Time, level, logger, message; what a call gave as `extra={"fields": {...}}`; the traceback's frames."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            # Where and what kind, not its text: PostgreSQL's errors quote the values of a row.
            line["error"] = type(error).__name__
            line["frames"] = [
                f"{frame.filename}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)
            ]
        return msgspec.json.encode(line).decode()


def configure(level: str) -> None:
    """Send every logger of the process to standard output, from `level` up."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=_LEVELS[level], handlers=[handler], force=True)
    # It tells of each start and stop, which the command line does already.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
