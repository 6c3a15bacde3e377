"""Finding people.

A query is a list of ranges of the index, best first (plan.py). They are read in order until the page is
full; only if they don't fill it are half-typed and mistyped words looked up (near.py), and read the same
way. Both are bounded, so no query costs more than a few hundred rows, however common its words are. See
docs/decisions/0005-search.md.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from uuid import UUID

from frontdesk.accounts import cursor as cursors
from frontdesk.accounts import names, near
from frontdesk.accounts.cursor import Cursor
from frontdesk.accounts.lookups import Lookups
from frontdesk.accounts.mistakes import allowed
from frontdesk.accounts.plan import SCATTERED, Plan, plan_of
from frontdesk.model import People, Person, Range
from frontdesk.store import people as store

Ask = Callable[[store.Scan], Awaitable[list[store.Match]]]

LIMIT_MAX = 100

# How often a list of ranges is read on for one page, when most of what a range holds was shown before.
_ROUNDS = 3
# How many people who have one word are looked at for the others; there may be more, but hardly among these.
_SCATTERED_MAX = 40
# How many of the first keys may be of somebody who was found already.
_SPARE = 3


async def search(lookups: Lookups, text: str, *, limit: int, after: str | None = None) -> People:
    """A page of the people that `text` may mean, the best first, at most `limit` (1 to LIMIT_MAX) of them.

    `text` may be anything; without a letter or digit it means nobody. `after` is the `next` of the page
    before, for the same text. A page can be shorter than `limit` and still have a `next`. Raises InvalidCursor,
    Unavailable.
    """
    plan = plan_of(text)
    if plan is None:
        if after is not None:
            cursors.read(after, digest=0)
        return People(people=(), next=None)
    start = None if after is None else cursors.read(after, digest=plan.digest)
    page = _Page(plan, max(1, min(limit, LIMIT_MAX)), start)
    # A username may have a dot, which doesn't make it two words.
    words = max(len(text.split()), len(plan.words) // 2)
    lookup = lookups.begin(words=words, mistakes=allowed(plan.single))
    if start is None or start.rank <= plan.ranges[-1].rank:
        await page.read(lookup.scan, plan.ranges)
    if not page.ended:
        ranges = await near.words_near(lookup, plan)
        await page.read(lookup.scan_on, ranges)
    if not page.ended:
        await page.read(lookup.scan_on, await near.names_near(lookup, plan))
    if not page.ended and near.is_long_username(plan):
        first = page
        if start is not None:
            # A later page doesn't know who was on those before.
            first = _Page(plan, 1, None)
            await first.read(lookup.scan, plan.ranges)
            if not first.ended:
                await first.read(lookup.scan_on, ranges)
        if not first.has_nearer():
            await page.read(lookup.scan_on, await near.usernames_near(lookup, plan))
    return page.people()


class _Ranges:
    """Ranges of one page, and which of them hold a key."""

    def __init__(self, ranges: Sequence[Range]) -> None:
        self._by_low: dict[str, list[Range]] = {}
        for range_ in ranges:
            self._by_low.setdefault(range_.rank[2], []).append(range_)
        self._lengths = sorted({len(low) for low in self._by_low})

    def holding(self, key: str) -> Iterator[Range]:
        for length in self._lengths:
            if length > len(key):
                return
            for range_ in self._by_low.get(key[:length], ()):
                if key < range_.high:
                    yield range_


class _Page:
    """What has been found so far, and where the reading stands."""

    def __init__(self, plan: Plan, limit: int, start: Cursor | None) -> None:
        self._plan = plan
        self._limit = limit
        self._start = start
        # By account: in which range, and what was read of it.
        self._found: dict[UUID, tuple[Range, store.Match]] = {}
        self._position = start
        self._ranges: Sequence[Range] = plan.ranges
        self._holding: _Ranges | None = None
        self._scattered = False
        self.ended = False

    async def read(self, scan: Ask, ranges: Sequence[Range]) -> None:
        """Read `ranges` on from where the page before stopped, to one person more than the page holds."""
        if ranges is not self._plan.ranges:
            self._ranges = (*self._ranges, *ranges)
            self._holding = None
            self._scattered = self._scattered or any(range_.scattered for range_ in ranges)
        for turn in range(_ROUNDS):
            before = self._position
            left = ranges
            if before is not None:
                rank = before.rank
                left = [r for r in ranges if r.rank >= rank]
            if not left:
                return
            # Few are found by two keys; if these are not few, the next turn reads more.
            want = self._limit - len(self._found) + 1 + (self._limit if turn else _SPARE)
            scattered = sum([r.scattered for r in left])
            most = want + _SCATTERED_MAX * scattered
            low, after = self._from(left[0])
            rows = await scan(
                store.Scan(
                    [low, *[r.start for r in left[1:]]],
                    [r.high for r in left],
                    want,
                    most,
                    after,
                    [_SCATTERED_MAX if r.scattered else want for r in left] if scattered else (),
                )
            )
            reached: store.Match | None = None
            place, count = -1, 0
            for match in rows:
                n, key, account_id, username, _ = match
                if n != place:
                    place, count, range_ = n, 0, left[n]
                count += 1
                # Only the first of those that are left was read before.
                if n == 0 and before is not None and Cursor(range_.rank, key, account_id) <= before:
                    continue
                reached = match
                if username and account_id not in self._found:
                    self._consider(range_, match)
                # A range of which all that was wanted came may hold more; what was read of later ones comes after that.
                if self.ended or (count == want and not range_.scattered):
                    break
            else:
                if len(rows) < most:
                    self._position = Cursor(left[-1].rank, left[-1].high, store.FIRST)
                    return
            if reached is not None:
                self._position = Cursor(left[reached[0]].rank, reached[1], reached[2])
            if self.ended:
                return
        self.ended = True

    def has_nearer(self) -> bool:
        """Whether anybody was found with fewer than two mistakes."""
        return any(range_.rank[:2] < near.TWO_MISTAKES for range_, _ in self._found.values())

    def people(self) -> People:
        found = list(self._found.values())
        people = tuple(
            [Person(username=username, name=name) for _, (_, _, _, username, name) in found[: self._limit]]
        )
        position = None
        if len(found) > self._limit:
            range_, (_, key, account_id, _, _) = found[self._limit - 1]
            position = Cursor(range_.rank, key, account_id)
        elif self.ended:
            position = self._position
        return People(people=people, next=position and cursors.write(position, digest=self._plan.digest))

    def _from(self, range_: Range) -> tuple[str, UUID]:
        # Of a scattered range only the first are read at all, so it's always read from its beginning.
        position = self._position
        if position is None or range_.rank != position.rank or range_.scattered:
            return range_.start, store.FIRST
        # Never from before the range: a cursor of one's own making could name any key.
        return max((position.key, position.account_id), (range_.start, store.FIRST))

    def _consider(self, range_: Range, match: store.Match) -> None:
        """Take somebody in who isn't on this page yet, unless they don't belong on it."""
        _, key, account_id, username, name = match
        if range_.scattered and not self._has_all_words(username, name):
            return
        # Within one page `_found` knows who came before, except those with all the words whom the look for scattered
        # ones left out, as it found too many. Hardly anybody has all, which costs less to know than somebody's keys.
        left_out = self._scattered and range_.rank[0] >= SCATTERED
        earlier = self._start is not None or (left_out and self._has_all_words(username, name))
        if earlier and self._came_before(range_, key, username, name):
            return
        self._found[account_id] = range_, match
        self.ended = len(self._found) > self._limit

    def _came_before(self, range_: Range, key: str, username: str, name: str) -> bool:
        """Whether an earlier page has shown this person, by a better key or in a better range."""
        if self._holding is None:
            self._holding = _Ranges(self._ranges)
        before = [
            other
            for better in names.keys_of(username, name)
            for other in self._holding.holding(better)
            if (*other.rank, better) < (*range_.rank, key)
        ]
        return any(not other.scattered for other in before) or (
            bool(before) and self._has_all_words(username, name)
        )

    def _has_all_words(self, username: str, name: str) -> bool:
        # Nearly all who are looked through don't.
        if not names.may_have(username, name, self._plan.words):
            return False
        tokens = names.tokens_of(username, name)
        return all(any(token.startswith(word) for token in tokens) for word in self._plan.words)
