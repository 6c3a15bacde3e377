"""The people of every test: Alice owns what a test is about, Bob may look, Charlie must see nothing of it."""

from typing import NamedTuple

from frontdesk.accounts import sessions
from frontdesk.accounts.register import register
from frontdesk.accounts.service import Service
from frontdesk.model import Account, Client


class Someone(NamedTuple):
    """What somebody types to register."""

    email: str
    username: str
    name: str
    password: str

    def fields(self) -> dict[str, str]:
        return dict(self._asdict())


ALICE = Someone("alice@example.org", "alice", "Alice Archer", "nine wet herons in a row")
BOB = Someone("bob@example.org", "bob", "Bob 王伟 Baker", "ten dry cranes on a roof")
CHARLIE = Someone("charlie@example.org", "charlie", "Charlie Cook", "two old storks by the sea")

HERE = Client(address="192.0.2.1", user_agent="Test/1.0")
ELSEWHERE = Client(address="198.51.100.7", user_agent="Elsewhere/1.0")


class Actor(NamedTuple):
    """Somebody who registered and logged in."""

    account: Account
    token: str
    password: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


async def enter(service: Service, someone: Someone) -> Actor:
    """Register somebody and log them in."""
    account = await register(service, **someone.fields(), client=HERE)
    login = await sessions.start(service, account, HERE)
    return Actor(account, login.token, someone.password)
