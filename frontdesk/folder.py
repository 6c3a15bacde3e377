"""The folder of `frontdesk up`: locked, and opened so that nobody can put another in its place."""

import contextlib
import fcntl
import os
import pwd
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from frontdesk.errors import OperatorError

INNER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder by its descriptor: at its path, whoever owns what is around it may have put another one since.

    Nor is any name in it a link that leads elsewhere: root would be made to read, to empty or to give away that.
    """

    path: Path
    opened: int

    @contextlib.contextmanager
    def inner(self, name: str) -> Iterator["Folder"]:
        with opened(self.path / name, os.open(name, INNER, dir_fd=self.opened)) as found:
            yield found

    def has(self, name: str) -> bool:
        return name in os.listdir(self.opened)

    def read(self, name: str) -> str:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self.opened)
        with open(file, encoding="utf-8", errors="replace") as text:
            return text.read()

    def anew(self, name: str) -> IO[str]:
        """A new file in place of any old one, and of any link."""
        self.remove(name)
        made = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=self.opened)
        return open(made, "w", encoding="utf-8")

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.opened)

    def give(self, owner: tuple[int, int]) -> None:
        """To its owner alone."""
        os.fchmod(self.opened, 0o700)
        if os.geteuid() == 0:
            os.fchown(self.opened, *owner)


@contextlib.contextmanager
def opened(path: Path, descriptor: int) -> Iterator[Folder]:
    """The folder that `descriptor` is, which is closed at the end; `path` is for what is said and for programs."""
    try:
        yield Folder(path, descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def taken(data: Path, ours: set[str]) -> Iterator[Folder]:
    """Keep `data` to ourselves: a lock on the folder, which the kernel drops with us, however we end.

    OperatorError if it can't be had, another `frontdesk up` has it, or it holds anything but `ours`: taking it would
    close it to those whom that belongs to.
    """
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A link is as good as a folder to whom it belongs, but root may be led astray by one.
        folder = os.open(data, INNER if os.geteuid() == 0 else os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise unusable(data, error) from error
    with opened(data, folder) as found:
        until = time.monotonic() + 1
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                # `admin` looks whether somebody holds it, for a moment.
                if time.monotonic() > until:
                    raise OperatorError(
                        f"another `frontdesk up` runs on {data}",
                        "Stop it, or use another folder: --data FOLDER.",
                    ) from error
                time.sleep(0.05)
        if not set(os.listdir(folder)) <= ours:
            raise OperatorError(
                f"{data} holds other files, and Frontdesk wants a folder of its own",
                "Name one that is new or empty: --data FOLDER.",
            )
        yield found


def unusable(data: Path, error: OSError) -> OperatorError:
    """What to tell a person whose folder `data` is no good for us."""
    if isinstance(error, PermissionError):
        with contextlib.suppress(OSError, KeyError):
            owner = pwd.getpwuid(data.stat().st_uid).pw_name
            if data.stat().st_uid != os.geteuid():
                return OperatorError(
                    f"the folder {data} belongs to {owner}", "Be that user, or choose another with --data."
                )
    return OperatorError(f"can't use the folder {data}: {error.strerror}", "Choose another with --data.")
