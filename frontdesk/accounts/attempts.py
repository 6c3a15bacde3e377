"""How often somebody may try: counted before the password is hashed, by every replica in the same place.

A budget isn't a lock. An attacker from anywhere uses up what strangers may try on an account; its owner, coming
from where they came from before, has a budget of their own and notices nothing (OWASP ASVS 6.3.1).
"""

import hashlib
import ipaddress

from frontdesk.accounts.service import Service
from frontdesk.errors import Throttled
from frontdesk.model import Client
from frontdesk.store import attempts as store

# The longest wait, in seconds, between two guesses at one account, and between two from one address, behind
# which a whole company may sit.
_ACCOUNT_LONGEST = 900
_ADDRESS_LONGEST = 60


def network(address: str | None) -> str:
    """What counts as one address: an IPv4 address, or an IPv6 /64, which is what one customer gets."""
    if address is None:
        return "unknown"
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


def places(client: Client) -> list[bytes]:
    """Where a login comes from, as known_places keeps it: its network and, if it's one, its browser.

    Digests, so that the table tells neither addresses nor cookies.
    """
    found = [b"network:" + network(client.address).encode()]
    if client.browser is not None:
        found.append(b"browser:" + client.browser.encode("utf-8", "replace"))
    return [hashlib.sha256(place).digest()[:16] for place in found]


def login_subjects(client: Client, account: str, known: bytes | None) -> tuple[str, str]:
    """The budgets that a login draws on: the address's, and the account's own or its strangers'."""
    whose = "strangers" if known is None else known.hex()
    digest = hashlib.sha256(account.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"login address {network(client.address)}", f"login account {digest} {whose}"


async def charge_login(service: Service, subjects: tuple[str, str]) -> None:
    """Count an attempt against both budgets. Raises Throttled; what an address may no longer try isn't charged
    to the account."""
    by_address, by_account = subjects
    settings = service.settings
    wait = await store.charge(
        service.db, store.Budget(by_address, settings.login_attempts_per_address, _ADDRESS_LONGEST)
    )
    if not wait:
        wait = await store.charge(
            service.db, store.Budget(by_account, settings.login_attempts, _ACCOUNT_LONGEST)
        )
    if wait:
        raise Throttled(wait)


async def charge_registration(service: Service, client: Client) -> None:
    """Count a registration against its address. Raises Throttled."""
    subject = f"register address {network(client.address)}"
    budget = store.Budget(subject, service.settings.registrations_per_address, _ADDRESS_LONGEST)
    wait = await store.charge(service.db, budget)
    if wait:
        raise Throttled(wait)
