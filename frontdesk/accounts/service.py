"""What every verb is handed."""

from dataclasses import dataclass

from frontdesk.accounts.hashing import Hasher
from frontdesk.accounts.memory import Memory
from frontdesk.accounts.meter import Meter
from frontdesk.settings import Settings
from frontdesk.store.connection import Database


@dataclass(frozen=True, slots=True)
class Service:
    """The parts that app.py put together: the database, the hash threads, what the operator chose, the
    sessions checked a moment ago, and who searched how often."""

    db: Database
    hasher: Hasher
    settings: Settings
    memory: Memory
    searches: Meter
