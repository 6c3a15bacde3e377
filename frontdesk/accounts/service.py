"""What every verb is handed."""

from dataclasses import dataclass
from typing import Literal

from frontdesk.accounts.hashing import Hasher
from frontdesk.accounts.lookups import Lookups
from frontdesk.accounts.memory import Memory
from frontdesk.accounts.meter import Meter
from frontdesk.settings import Settings
from frontdesk.store.connection import Database


@dataclass(frozen=True, slots=True)
class Service:
    """The parts that app.py put together: the database, the hash threads, what the operator chose, the sessions
    checked a moment ago, who searched how often, what searches ask together, and what becomes of mails: sent, kept
    to be looked at by `frontdesk up`, or not even written where there is no server that would send them."""

    db: Database
    hasher: Hasher
    settings: Settings
    memory: Memory
    searches: Meter
    lookups: Lookups
    mails: Literal["off", "sent", "kept"] = "off"
