"""Every FRONTDESK_* variable: its type, its default and its meaning, said once.

Read once by the command line and handed down; nothing below app.py looks at the environment.
"""

import difflib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from frontdesk.errors import InvalidSettings

PREFIX = "FRONTDESK_"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_secret = {"secret": True}


class Settings(Struct, frozen=True, kw_only=True):
    """What an operator can choose. Fields are named after the variables, in lower case."""

    database_url: Annotated[
        str,
        Meta(
            description="Where PostgreSQL is: postgresql://user:password@host:port/database. Required.",
            extra=_secret,
        ),
    ] = ""
    database_pool: Annotated[
        int, Meta(ge=1, le=500, description="Connections to PostgreSQL of one process, at the most.")
    ] = 10
    database_timeout: Annotated[
        float, Meta(gt=0, le=300, description="Seconds after which a statement is given up.")
    ] = 5.0
    database_wait: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="Seconds that `serve` and `migrate` wait at their start for PostgreSQL.",
        ),
    ] = 10.0
    host: Annotated[str, Meta(description="Address to listen on; 0.0.0.0 or :: for all.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8000
    public_url: Annotated[
        str,
        Meta(
            description="What people type, e.g. https://accounts.example.org. Decides whether cookies are "
            "Secure and which origin may write. Empty: taken from each request."
        ),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks (CIDR, comma-separated) of the proxies whose X-Forwarded-For, "
            "X-Forwarded-Proto and X-Request-ID are believed. Empty: nobody's."
        ),
    ] = ()
    max_body: Annotated[
        int, Meta(ge=1024, le=16_777_216, description="Bytes that a request's body may have.")
    ] = 65_536
    body_timeout: Annotated[
        float,
        Meta(gt=0, le=300, description="Seconds in which a request's head, and then its body, must arrive."),
    ] = 10.0
    hash_threads: Annotated[
        int,
        Meta(
            ge=0, le=256, description="Password hashes at once, 19 MiB of memory each. 0: one for each core."
        ),
    ] = 0
    hash_deadline: Annotated[
        float,
        Meta(
            gt=0,
            le=60,
            description="Seconds in which a login or registration is answered; one that can't be is refused at once.",
        ),
    ] = 2.0
    password_min_length: Annotated[
        int,
        Meta(
            ge=8,
            le=64,
            description="Characters that a new password must have. NIST SP 800-63B-4 asks for 15 where a "
            "password is all there is.",
        ),
    ] = 15
    login_attempts: Annotated[
        int,
        Meta(ge=1, le=1000, description="Wrong passwords for one account before the wait between two grows."),
    ] = 10
    login_attempts_per_address: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Wrong passwords from one address (IPv6: /64) before the wait between two grows.",
        ),
    ] = 100
    registrations_per_address: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Registrations from one address (IPv6: /64) in an hour.")
    ] = 100
    session_lifetime: Annotated[
        int, Meta(ge=60, le=31_536_000, description="Seconds after its login at which a session ends.")
    ] = 2_592_000
    session_idle_timeout: Annotated[
        int, Meta(ge=60, le=31_536_000, description="Seconds without use after which a session ends.")
    ] = 1_209_600
    recent_login: Annotated[
        int,
        Meta(ge=10, le=86_400, description="Seconds after a login in which an account may be deleted."),
    ] = 600
    drain_delay: Annotated[
        float,
        Meta(
            ge=0,
            le=300,
            description="Seconds between SIGTERM, when /readyz turns false, and the end of accepting requests.",
        ),
    ] = 3.0
    drain_timeout: Annotated[
        float, Meta(gt=0, le=300, description="Seconds that requests in flight then have to finish.")
    ] = 20.0
    log_level: Annotated[
        str,
        Meta(pattern="^(debug|info|warning|error)$", description="debug, info, warning or error."),
    ] = "info"

    @property
    def proxies(self) -> tuple[Network, ...]:
        return tuple(ipaddress.ip_network(network) for network in self.trusted_proxies)


class Setting(Struct, frozen=True, kw_only=True):
    """One line of `frontdesk settings` and of docs/settings.md."""

    field: str
    variable: str
    kind: str
    default: str
    meaning: str
    secret: bool


def describe() -> Iterator[Setting]:
    """Every setting, in the order of the class."""
    hints = get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        annotated = hints[field.name]
        kind, meta = get_args(annotated)[0], get_args(annotated)[1]
        default = ",".join(field.default) if isinstance(field.default, tuple) else str(field.default)
        yield Setting(
            field=field.name,
            variable=PREFIX + field.name.upper(),
            kind="list" if get_origin(kind) is tuple else kind.__name__,
            default=default,
            meaning=meta.description,
            secret=bool((meta.extra or {}).get("secret")),
        )


def load(environ: Mapping[str, str], **overrides: Any) -> Settings:
    """Settings from `environ`, with `overrides` (already typed, by field) on top.

    A secret may be in a file instead, named by its variable with _FILE behind it.
    Raises InvalidSettings that names every variable at fault, and never a secret's value.
    """
    known = {setting.variable: setting for setting in describe()}
    values: dict[str, Any] = {}
    faults: list[str] = []
    for variable, raw in sorted(environ.items()):
        if not variable.startswith(PREFIX):
            continue
        setting = known.get(variable)
        if setting is None and variable.endswith("_FILE"):
            setting = known.get(variable.removesuffix("_FILE"))
            if setting is not None and not setting.secret:
                setting = None
            if setting is not None:
                if setting.variable in environ:
                    faults.append(f"{setting.variable} and {variable} are both set: keep one")
                    continue
                try:
                    raw = Path(raw).read_text(encoding="utf-8").strip()
                except (OSError, UnicodeDecodeError, ValueError) as error:
                    faults.append(f"{variable}: can't read the file ({_reason(error)})")
                    continue
        if setting is None:
            near = difflib.get_close_matches(variable, known, n=1)
            faults.append(f"{variable} is no setting" + (f": did you mean {near[0]}?" if near else ""))
            continue
        try:
            values[setting.field] = _convert(setting.field, raw)
        except ValueError as error:
            faults.append(f"{variable}: {_reason(error) if not setting.secret else 'not a valid value'}")
    values.update(overrides)
    settings = Settings(**values) if not faults else Settings()
    faults += _contradictions(settings)
    if faults:
        raise InvalidSettings("; ".join(faults), "`frontdesk settings` lists every setting with its meaning.")
    return settings


def _convert(field: str, raw: str) -> Any:
    annotated = get_type_hints(Settings, include_extras=True)[field]
    if get_origin(get_args(annotated)[0]) is tuple:
        networks = tuple(part.strip() for part in raw.split(",") if part.strip())
        for network in networks:
            ipaddress.ip_network(network)
        return networks
    value = msgspec.convert(raw, annotated, strict=False)
    check = _CHECKS.get(field)
    if check is not None:
        check(value)
    return value


def _check_database_url(value: str) -> None:
    if urlsplit(value).scheme not in ("postgresql", "postgres"):
        raise ValueError("must begin with postgresql://")


def _check_public_url(value: str) -> None:
    url = urlsplit(value)
    if value and (
        url.scheme not in ("http", "https") or not url.hostname or url.path.strip("/") or url.query
    ):
        raise ValueError("must be like https://accounts.example.org, without a path")


_CHECKS = {"database_url": _check_database_url, "public_url": _check_public_url}


def _contradictions(settings: Settings) -> Iterator[str]:
    if settings.session_idle_timeout > settings.session_lifetime:
        yield "FRONTDESK_SESSION_IDLE_TIMEOUT is longer than FRONTDESK_SESSION_LIFETIME"


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "error"
    return re.sub(r" - at `.*`$", "", str(error))
