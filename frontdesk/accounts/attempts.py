"""How often somebody may try: counted before the password is hashed, by every replica in the same place.

A budget isn't a lock. An attacker from anywhere uses up what strangers may try on an account; its owner, coming
from where they came from before, has a budget of their own and notices nothing (OWASP ASVS 6.3.1).
"""

import hashlib
import ipaddress
from functools import lru_cache
from uuid import UUID

from frontdesk.accounts.service import Service
from frontdesk.errors import Throttled
from frontdesk.model import Client
from frontdesk.store import attempts as store
from frontdesk.store.attempts import Budget

# The longest wait, in seconds, between two guesses at one account, and between two from one address, behind
# which a whole company may sit.
_ACCOUNT_LONGEST = 900
_ADDRESS_LONGEST = 60
# What an account may do of what makes work or mails, before the wait between two grows.
_EMAIL_CHANGES = 5
_EXPORTS = 5
_USERNAMES = 5


@lru_cache(maxsize=4096)
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


def login_budgets(
    service: Service,
    client: Client,
    key: str,
    account_id: UUID | None,
    *,
    here: list[bytes],
    known: bytes | None,
) -> list[Budget]:
    """What a login draws on, the address's budget first. `here`: its places; `known`: which of them the account knows.

    From a place that the account knows, it's the account's own budget there, and from its own browser nothing else:
    no neighbour on the same network can use that up. From elsewhere it's the strangers' budget of what was typed, so
    that a throttle doesn't tell which e-mail address belongs to which username.
    """
    settings = service.settings
    found = []
    if known is None or known == here[0]:
        subject = f"login address {network(client.address)}"
        found.append(Budget(subject, settings.login_attempts_per_address, _ADDRESS_LONGEST))
    if known is None:
        typed = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        subject = f"login stranger {typed}"
    else:
        subject = f"login account {account_id} {known.hex()}"
    found.append(Budget(subject, settings.login_attempts, _ACCOUNT_LONGEST))
    return found


def password_budgets(service: Service, client: Client, session_id: UUID) -> list[Budget]:
    """What a guess at the current password draws on: a stolen session must not be a way to find it, however many
    networks its thief has."""
    settings = service.settings
    return [
        Budget(
            f"login address {network(client.address)}", settings.login_attempts_per_address, _ADDRESS_LONGEST
        ),
        Budget(f"password session {session_id}", settings.login_attempts, _ACCOUNT_LONGEST),
    ]


async def charge(service: Service, budgets: list[Budget]) -> None:
    """Count an attempt against the one or two budgets, up to the first that is used up. Raises Throttled.

    So what an address may no longer try isn't charged to the account.
    """
    wait = await store.charge(service.db, *budgets)
    if wait:
        raise Throttled(wait)


async def charge_registration(service: Service, client: Client) -> None:
    """Count a registration against its address. Raises Throttled."""
    subject = f"register address {network(client.address)}"
    await charge(service, [Budget(subject, service.settings.registrations_per_address, _ADDRESS_LONGEST)])


async def charge_mail(service: Service, client: Client) -> None:
    """Count a request for a mail against its address. Raises Throttled."""
    subject = f"mail address {network(client.address)}"
    await charge(service, [Budget(subject, service.settings.mails_per_address, _ADDRESS_LONGEST)])


async def charge_email_change(service: Service, account_id: UUID) -> None:
    """Count an account's request for another address: each tells the one that it has. Raises Throttled."""
    await charge(service, [Budget(f"email account {account_id}", _EMAIL_CHANGES, _ACCOUNT_LONGEST)])


async def charge_username(service: Service, account_id: UUID) -> None:
    """Count an account's wish for another username: whether that's free tells who is here. Raises Throttled."""
    await charge(service, [Budget(f"username account {account_id}", _USERNAMES, _ACCOUNT_LONGEST)])


async def charge_export(service: Service, account_id: UUID) -> None:
    """Count an export of an account, which reads all there is of it. Raises Throttled."""
    await charge(service, [Budget(f"export account {account_id}", _EXPORTS, _ACCOUNT_LONGEST)])
