"""How often somebody may ask what costs little: counted in this replica's memory, which costs nothing.

Guesses at passwords are counted in PostgreSQL (attempts.py). A search isn't worth a write: a bound that grows with
the number of replicas still keeps one account from reading the whole directory, or one address from filling the pool.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from frontdesk.errors import Throttled

_SUBJECTS = 10_000


class Meter:
    """Token buckets: each subject may ask `per_minute` times a minute, a minute's worth of it at once.

    The 10,000 subjects that asked last are known, at about 200 bytes each. `now` tells seconds that only grow.
    """

    def __init__(self, per_minute: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._now = now
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def charge(self, subject: str, *, times: int = 1) -> None:
        """Count one question; `times`: how many times the usual this subject may ask. Raises Throttled."""
        now = self._now()
        step = 60 / (self._per_minute * times)
        # The moment at which the bucket will be full again says all there is to know about it.
        full_at = max(self._full_at.pop(subject, now), now) + step
        if full_at - now > 60 + step / 2:
            self._full_at[subject] = full_at - step
            raise Throttled(max(1, math.ceil(full_at - now - 60)))
        self._full_at[subject] = full_at
        if len(self._full_at) > _SUBJECTS:
            self._full_at.popitem(last=False)
