"""One JSON object a line on standard output; what is in it is chosen here and nowhere else.

Never a path, a query, a header or a body: those hold usernames, e-mail addresses, tokens and passwords.
"""

import contextlib
import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()
_buffer = bytearray(1024)

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_requests = logging.getLogger("frontdesk.requests")


def write_request(**fields: Any) -> None:
    """The one line of a request, at level info. Past the logging module, which costs five times as much."""
    if _requests.isEnabledFor(logging.INFO):
        line = {
            "time": datetime.now(UTC),
            "level": "info",
            "logger": "frontdesk.requests",
            "message": "request",
        }
        _encoder.encode_into(line | fields, _buffer)
        _buffer.append(10)
        with contextlib.suppress(OSError):
            os.write(1, _buffer)


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
