"""The format of `frontdesk import` and `export`: a row a person, as CSV (RFC 4180) or NDJSON, UTF-8, plain or gzip.

Reading takes constant memory, whatever the file holds: no line is read beyond LINE_MAX, and what can't be read
is one bad row, after which the next line counts again.
"""

import codecs
import contextlib
import csv
import gzip
import io
import zlib
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

import msgspec
from msgspec import Struct

from frontdesk.errors import OperatorError

COLUMNS = (
    "id",
    "email",
    "username",
    "name",
    "password_hash",
    "language",
    "discoverable",
    "administrator",
    "disabled",
    "email_verified",
    "created_at",
)
REQUIRED = ("email", "username", "name")

# No account needs a tenth of this many bytes.
LINE_MAX = 65_536
# So that a file of long lines takes no more memory than one of short ones.
CHUNK_BYTES = 4 * 1024 * 1024

_HEAD = 65_536
_GZIP = b"\x1f\x8b"
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


class Raw(Struct, frozen=True, array_like=True):
    """A row as it's in the file: the cells of a CSV record, the text of a JSON line, or why it's neither."""

    line: int
    cells: tuple[str, ...] | None = None
    json: bytes | None = None
    fault: str | None = None


class Chunk(Struct, frozen=True, array_like=True):
    """Some rows. `header`: the columns of their cells; `position`: how far into the file, in its bytes."""

    header: tuple[str, ...]
    rows: list[Raw]
    position: int


class Rows:
    """The rows of one file, after its encoding and its header have been found good.

    file: what to read, from where it stands. name: what it's called in messages. Raises OperatorError for a
    file that isn't in this format at all; `chunks` raises it too, where a file is damaged later on.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self._line = 0
        self._file = file
        self._text = self._unpack()
        head = self._peek(self._text)
        self._check_encoding(head)
        if head.startswith(codecs.BOM_UTF8):
            self._text.read(len(codecs.BOM_UTF8))
            head = head[len(codecs.BOM_UTF8) :]
        start = head.lstrip()[:1]
        if not start:
            raise OperatorError(f"{name} is empty")
        if start == b"[":
            raise OperatorError(f"{name} is one JSON array", "Make a line of each object: jq -c '.[]'.")
        self.header: tuple[str, ...] = ()
        if start == b"{":
            self._rows = self._json_rows()
            self._check_first(head.lstrip())
        else:
            self._rows = self._csv_rows()
            self.header = self._read_header()

    def chunks(self, size: int) -> Iterator[Chunk]:
        """The rows, at most `size` at a time, fewer if they are long."""
        rows: list[Raw] = []
        length = 0
        damage: OperatorError | None = None
        while True:
            try:
                row = next(self._rows)
            except StopIteration:
                break
            except OperatorError as error:
                # What was read before it is still good.
                damage = error
                break
            rows.append(row)
            length += len(row.json or b"") + sum(map(len, row.cells or ()))
            if len(rows) >= size or length >= CHUNK_BYTES:
                yield Chunk(self.header, rows, self._position())
                rows, length = [], 0
        if rows:
            yield Chunk(self.header, rows, self._position())
        if damage is not None:
            raise damage

    def _position(self) -> int:
        # A pipe has none.
        return self._file.tell() if self._file.seekable() else 0

    def _unpack(self) -> io.BufferedReader:
        plain: io.BufferedReader = io.BufferedReader(_Whole(self._file), _HEAD)
        if not self._peek(plain).startswith(_GZIP):
            return plain
        return io.BufferedReader(gzip.GzipFile(fileobj=plain), _HEAD)

    def _peek(self, file: io.BufferedReader) -> bytes:
        try:
            return file.peek(_HEAD)
        except (EOFError, zlib.error, OSError) as error:
            raise OperatorError(f"{self.name} can't be read: {_why(error)}") from error

    def _check_encoding(self, head: bytes) -> None:
        start = head[:400]
        if head.startswith(_WIDE) or start.count(0) * 4 > len(start):
            raise OperatorError(
                f"{self.name} is in UTF-16 or UTF-32", "Convert it: iconv -f UTF-16 -t UTF-8 OLD > NEW."
            )
        # One bad line among good ones is a bad row; if nothing but bad ones has letters beyond ASCII, the
        # whole file is in another encoding, and each of its names would be refused.
        lines = head.split(b"\n")[: -1 if len(head) > LINE_MAX // 2 else None]
        beyond = [(n, line) for n, line in enumerate(lines, 1) if not line.isascii()]
        wrong = [n for n, line in beyond if _is_other_encoding(line)]
        if len(wrong) * 2 > len(beyond):
            raise OperatorError(
                f"{self.name} isn't in UTF-8 (line {wrong[0]})",
                "Convert it from its encoding, such as GB18030 or LATIN1: iconv -f LATIN1 -t UTF-8 OLD > NEW.",
            )

    def _lines(self) -> Iterator[tuple[int, bytes | None]]:
        """Each line by its number, with its end; None for one that is too long."""
        try:
            while data := self._text.readline(LINE_MAX + 1):
                self._line += 1
                if len(data) <= LINE_MAX:
                    yield self._line, data
                    continue
                while data and not data.endswith(b"\n"):
                    data = self._text.readline(LINE_MAX)
                yield self._line, None
        except (EOFError, zlib.error, OSError) as error:
            raise OperatorError(
                f"{self.name} can't be read after line {self._line:,}: {_why(error)}",
                "What came before is in. Mend the file and import it again: nobody comes in twice.",
            ) from error

    def _json_rows(self) -> Iterator[Raw]:
        for number, data in self._lines():
            if data is None:
                yield Raw(number, fault=_TOO_LONG)
            elif not data.isspace():
                yield Raw(number, json=data)

    def _csv_rows(self) -> Iterator[Raw]:
        feed = _Feed(self._lines())
        reader = csv.reader(feed, strict=True)
        while True:
            feed.begin()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Raw(feed.first, fault=_OPEN_QUOTE if "end of data" in str(error) else str(error))
                # A quote that is never closed must not swallow the rows after it.
                feed.step_back()
                continue
            if feed.undecodable:
                yield Raw(feed.first, fault=_NOT_TEXT)
            elif cells:
                yield Raw(feed.first, tuple(cells))

    def _check_first(self, head: bytes) -> None:
        # What is wrong in the first object is wrong in all of them.
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            first = msgspec.json.decode(head.split(b"\n")[0])
            if isinstance(first, dict):
                check_columns(self.name, tuple(first))

    def _read_header(self) -> tuple[str, ...]:
        found = next(self._rows, None)
        if found is None or found.cells is None:
            raise OperatorError(
                f"{self.name} has no header that can be read", "Its first line names the columns."
            )
        header = tuple(cell.strip() for cell in found.cells)
        check_columns(self.name, header)
        twice = sorted({column for column in header if header.count(column) > 1})
        if twice:
            raise OperatorError(f"{self.name} has a column twice: {', '.join(twice)}")
        missing = [column for column in REQUIRED if column not in header]
        if missing:
            raise OperatorError(f"{self.name} lacks the column {', '.join(missing)}", _COLUMNS_ARE)
        return header


def check_columns(name: str, columns: tuple[str, ...]) -> None:
    """Raises OperatorError that names those of `columns` that are unknown: a column that is dropped in silence
    may have been the one with the passwords."""
    unknown = [column[:60] for column in columns if column not in COLUMNS]
    if unknown:
        raise OperatorError(f"{name} has unknown columns: {', '.join(unknown[:20])}", _COLUMNS_ARE)


_COLUMNS_ARE = f"Known are {', '.join(COLUMNS)}, separated by commas; needed are {', '.join(REQUIRED)}."
_TOO_LONG = f"the line is over {LINE_MAX:,} bytes long"
_NOT_TEXT = "the line isn't UTF-8"


class _Whole(io.RawIOBase):
    """`file` without its end: a pipe gives less than was asked for before it ends."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Feed:
    """Lines for a CSV reader, which can be taken back."""

    def __init__(self, lines: Iterator[tuple[int, bytes | None]]) -> None:
        self._lines = lines
        self._again: deque[tuple[int, bytes | None]] = deque()
        self._taken: list[tuple[int, bytes | None]] = []
        self._length = 0
        self.undecodable = False

    @property
    def first(self) -> int:
        """The number of the record's first line."""
        return self._taken[0][0] if self._taken else 0

    def begin(self) -> None:
        self._taken.clear()
        self._length = 0
        self.undecodable = False

    def step_back(self) -> None:
        """Let all lines of the record but the first be read again."""
        self._again.extendleft(reversed(self._taken[1:]))

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        number, data = self._again.popleft() if self._again else next(self._lines)
        self._taken.append((number, data))
        if data is None:
            raise csv.Error(_TOO_LONG if len(self._taken) == 1 else _OPEN_QUOTE)
        self._length += len(data)
        if self._length > LINE_MAX:
            raise csv.Error(_OPEN_QUOTE)
        try:
            return data.decode()
        except UnicodeDecodeError:
            self.undecodable = True
            return data.decode(errors="replace")


_OPEN_QUOTE = "a quote is opened and not closed"


def _is_other_encoding(line: bytes) -> bool:
    """Lone surrogates are a row's own fault."""
    try:
        line.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return True
    return False


def _why(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "it ends in the middle"
    return getattr(error, "strerror", None) or "it's damaged"
