"""What the text of a setting may be, where its type alone doesn't say it."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

# The port that each scheme of FRONTDESK_SMTP_URL has unless it's said (RFC 5321, 8314, 6409).
SMTP_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}

# A sender's name, if it has one, and address.
MAIL_FROM = re.compile(r"(?:([^<>@,;:\"\\]+) (?=<))?(<)?([A-Za-z0-9._+=-]+@[A-Za-z0-9.-]+)(?(2)>)")

_UNREADABLE = re.compile(r"[\x00-\x20\x7f]")


class Fault(Exception):
    """What is wrong with one variable, as the rest of a sentence that begins with its name."""


def networks(raw: str) -> tuple[str, ...]:
    """Networks in CIDR, with commas between them; Fault if one is none."""
    found = tuple(part.strip() for part in raw.split(",") if part.strip())
    for network in found:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise Fault("must be networks such as 10.0.0.0/8, with commas between them") from error
    return found


def _database_url(value: str) -> None:
    if _split(value) is None or not value.startswith(("postgresql://", "postgres://")):
        raise Fault(
            "must be like postgresql://user:password@host:5432/database (in the password, %2F stands for / "
            "and %40 for @)"
        )


def _host(value: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9._:%-]{1,253}", value):
        raise Fault("must be an address or a host's name, such as 127.0.0.1, 0.0.0.0 or ::")


def _public_url(value: str) -> None:
    url = _split(value)
    if value and (
        url is None
        or url.scheme not in ("http", "https")
        or not re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]+)?", url.netloc)
        or url.path.strip("/")
        or url.query
        or url.fragment
    ):
        raise Fault("must be like https://accounts.example.org, without a path or a user")


def _smtp_url(value: str) -> None:
    url = _split(value)
    if value and (
        url is None
        or url.scheme not in SMTP_PORTS
        or not url.hostname
        or not re.fullmatch(r"[A-Za-z0-9._:-]+", url.hostname)
        or url.path.strip("/")
        or url.query
        or url.fragment
        or (url.username is None) != (not url.password)
    ):
        raise Fault(
            "must be like smtp+starttls://user:password@mail.example.org:587 (in the password, %2F stands for / and "
            "%40 for @)"
        )
    if url is not None and url.scheme == "smtp" and url.username is not None:
        raise Fault(
            "must be smtps:// or smtp+starttls:// where a password is sent: smtp:// would tell it to all"
        )


def _mail_from(value: str) -> None:
    if value and not (value.isprintable() and MAIL_FROM.fullmatch(value)):
        raise Fault("must be like accounts@example.org or Example <accounts@example.org>")


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # PostgreSQL's URLs may name several hosts, each with a port, which urlsplit takes for one bad port.
        if url.startswith("postgres") and "," in url.partition("?")[0]:
            return None if _UNREADABLE.search(url) else urlsplit(url)
        return None
    return None if _UNREADABLE.search(url) else parts


# By field: what raises Fault.
CHECKS = {
    "database_url": _database_url,
    "host": _host,
    "public_url": _public_url,
    "smtp_url": _smtp_url,
    "mail_from": _mail_from,
}
