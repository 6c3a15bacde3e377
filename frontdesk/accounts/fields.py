"""Checking several fields and naming all that is wrong with them at once."""

from collections.abc import Callable
from typing import Any

from frontdesk.errors import FieldError, FieldRefused, InvalidFields


class Findings:
    """What is wrong with the fields of one request."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def take(self, check: Callable[..., str], text: str, **more: Any) -> str:
        """What `check` makes of `text`; empty, and noted, if it's refused."""
        try:
            return check(text, **more)
        except FieldRefused as refused:
            self.errors.append(refused.error)
            return ""

    def settle(self) -> None:
        """Raise InvalidFields if anything was refused."""
        if self.errors:
            raise InvalidFields(*self.errors)
