"""What can go wrong, one tree:

OperatorError          said in one line
├── NotFound           the API server has no such object
├── Conflict           somebody else changed it in the meantime, or made it before
├── Refused            the API server won't have it: our manifest or the person's spec is at fault
└── Unreachable        no answer, or one that asks to try later
"""


class OperatorError(Exception):
    """Something that ends a command, or a look at one Frontdesk, in one line."""


class NotFound(OperatorError):
    """The API server has no such object."""


class Conflict(OperatorError):
    """Somebody else changed it in the meantime, or made it before."""


class Refused(OperatorError):
    """The API server won't have it."""


class Unreachable(OperatorError):
    """The API server doesn't answer, or asks to try later."""
