"""Who holds a token, for other services: asked for every request of theirs, so remembered for a second.

A session that ends is refused at once by the replica that ended it, by every other when the database's
notification arrives, and after a second where that is lost. docs/decisions/0007-verify.md has the figures.
"""

from frontdesk.accounts import sessions
from frontdesk.accounts.memory import Verified
from frontdesk.accounts.service import Service
from frontdesk.model import Client


async def verify(service: Service, token: str, client: Client) -> Verified:
    """Whose session `token` is. Raises Unauthenticated, Unavailable."""
    memory = service.memory
    recalled = memory.recall(token)
    if recalled is not None:
        return recalled
    asked_at, epoch = memory.now(), memory.epoch
    account = (await sessions.check(service, token, client)).account
    verified = Verified(account.id, account.username)
    memory.remember(token, verified, asked_at=asked_at, epoch=epoch)
    return verified
