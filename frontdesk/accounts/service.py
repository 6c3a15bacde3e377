"""What every verb is handed."""

from dataclasses import dataclass

from frontdesk.accounts.hashing import Hasher
from frontdesk.accounts.memory import Memory
from frontdesk.settings import Settings
from frontdesk.store.connection import Database


@dataclass(frozen=True, slots=True)
class Service:
    """The parts that app.py put together: the database, the hash threads, what the operator chose, and
    the sessions checked a moment ago."""

    db: Database
    hasher: Hasher
    settings: Settings
    memory: Memory
