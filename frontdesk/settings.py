"""Every FRONTDESK_* variable: its type, its default and its meaning, said once.

Read once by the command line and handed down; nothing below app.py looks at the environment.
"""

import difflib
import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from frontdesk.errors import InvalidSettings
from frontdesk.settings_values import CHECKS, Fault, networks

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
    processes: Annotated[
        int,
        Meta(
            ge=1,
            le=64,
            description="Server processes that share the port, for a machine without an engine that runs replicas. "
            "Each has a pool of its own; together they hash no more at once than one would.",
        ),
    ] = 1
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
    smtp_url: Annotated[
        str,
        Meta(
            description="The server that sends mail: smtp://host:port, smtps://user:password@host:port or "
            "smtp+starttls://user:password@host:port. Empty: no mail is sent, nor asked for.",
            extra=_secret,
        ),
    ] = ""
    mail_from: Annotated[
        str,
        Meta(
            description="Who mails are from: accounts@example.org, or Example <accounts@example.org>. Needed with "
            "FRONTDESK_SMTP_URL, as is FRONTDESK_PUBLIC_URL, where the links in mails lead to."
        ),
    ] = ""
    email_verification: Annotated[
        str,
        Meta(
            pattern=r"^(off|optional|required)\Z",
            description="off, optional (people are asked to confirm their e-mail address) or required (nobody logs in "
            "before, and registering doesn't tell which addresses have an account).",
        ),
    ] = "optional"
    mails_per_address: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Requests for a mail from one address (IPv6: /64) before the wait between two grows.",
        ),
    ] = 30
    events_days: Annotated[
        int,
        Meta(ge=30, le=3650, description="Days for which it's kept what happened to an account."),
    ] = 365
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
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Registrations from one address (IPv6: /64) before the wait between two grows.",
        ),
    ] = 100
    searches_per_minute: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Searches of one account in a minute on one replica; an address may make ten times as many.",
        ),
    ] = 600
    session_lifetime: Annotated[
        int, Meta(ge=60, le=31_536_000, description="Seconds after its login at which a session ends.")
    ] = 2_592_000
    session_idle_timeout: Annotated[
        int, Meta(ge=60, le=31_536_000, description="Seconds without use after which a session ends.")
    ] = 1_209_600
    recent_login: Annotated[
        int,
        Meta(
            ge=10,
            le=86_400,
            description="Seconds after a login in which an account may be deleted, or have another username.",
        ),
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
        Meta(pattern=r"^(debug|info|warning|error)\Z", description="debug, info, warning or error."),
    ] = "info"

    @property
    def proxies(self) -> tuple[Network, ...]:
        return tuple(ipaddress.ip_network(network) for network in self.trusted_proxies)


_HINTS = get_type_hints(Settings, include_extras=True)


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
    for field in msgspec.structs.fields(Settings):
        kind, meta = get_args(_HINTS[field.name])[:2]
        default = ",".join(field.default) if isinstance(field.default, tuple) else str(field.default)
        yield Setting(
            field=field.name,
            variable=PREFIX + field.name.upper(),
            kind="list" if get_origin(kind) is tuple else kind.__name__,
            default=default,
            meaning=meta.description,
            secret=bool((meta.extra or {}).get("secret")),
        )


def load(environ: Mapping[str, str]) -> Settings:
    """Settings from `environ`. A secret may be in a file instead, named by its variable with _FILE behind it.

    Raises InvalidSettings that names every variable at fault, and never a value: a password pasted into the
    wrong variable is a secret too.
    """
    known = {setting.variable: setting for setting in describe()}
    values: dict[str, Any] = {}
    faults: list[str] = []
    for variable, raw in sorted(environ.items()):
        if not variable.startswith(PREFIX):
            continue
        try:
            setting, text = _find(variable, raw, known, environ)
            values[setting.field] = _convert(setting.field, text)
        except Fault as fault:
            faults.append(f"{variable} {fault}")
    faults += _contradictions(Settings(**values))
    if faults:
        raise InvalidSettings("; ".join(faults), _advice(environ))
    return Settings(**values)


def _find(
    variable: str, raw: str, known: Mapping[str, Setting], environ: Mapping[str, str]
) -> tuple[Setting, str]:
    if variable in known:
        return known[variable], raw
    setting = known.get(variable.removesuffix("_FILE"))
    if setting is not None and not setting.secret:
        raise Fault(f"is no setting: only secrets have a _FILE; did you mean {setting.variable}?")
    if setting is None:
        near = difflib.get_close_matches(variable, known, n=1, cutoff=0.75)
        raise Fault("is no setting" + (f": did you mean {near[0]}?" if near else ""))
    if setting.variable in environ:
        raise Fault(f"and {setting.variable} are both set: keep one")
    try:
        return setting, Path(raw).read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        raise Fault("names a file that isn't UTF-8 text") from error
    except OSError as error:
        raise Fault(f"names a file that can't be read ({error.strerror})") from error


def _convert(field: str, raw: str) -> Any:
    hint = _HINTS[field]
    if get_origin(get_args(hint)[0]) is tuple:
        return networks(raw)
    try:
        value = msgspec.convert(raw, hint, strict=False)
    except msgspec.ValidationError as error:
        raise Fault(f"must be {_range(hint)}") from error
    check = CHECKS.get(field)
    if check is not None:
        check(value)
    return value


def _range(hint: Any) -> str:
    kind, meta = get_args(hint)[:2]
    if kind is str:
        return str(meta.description).rstrip(".")
    number = "a whole number" if kind is int else "a number"
    least = f"of at least {meta.ge:g}" if meta.ge is not None else f"above {meta.gt:g}"
    most = meta.le if kind is int else f"{meta.le:g}"
    return f"{number} {least} and at most {most}"


def check_mail(settings: Settings) -> None:
    """Raise InvalidSettings if a server with these couldn't send the mails that it has to."""
    if settings.smtp_url:
        needed = {"FRONTDESK_MAIL_FROM": settings.mail_from, "FRONTDESK_PUBLIC_URL": settings.public_url}
        missing = [variable for variable, value in needed.items() if not value]
        if missing:
            raise InvalidSettings(
                f"FRONTDESK_SMTP_URL is set, and {' and '.join(missing)} isn't",
                "A mail has a sender, and links to a place that no request may choose.",
            )
    elif settings.email_verification == "required":
        raise InvalidSettings(
            "FRONTDESK_EMAIL_VERIFICATION is required, and FRONTDESK_SMTP_URL isn't set",
            "Nobody could log in: no mail would reach them.",
        )


def _contradictions(settings: Settings) -> Iterator[str]:
    if settings.session_idle_timeout > settings.session_lifetime:
        # Numbers by now, so nothing secret; and the one that wasn't set can only be found by its number.
        yield (
            f"FRONTDESK_SESSION_IDLE_TIMEOUT is longer ({settings.session_idle_timeout}) than "
            f"FRONTDESK_SESSION_LIFETIME ({settings.session_lifetime}): set both"
        )
    if settings.drain_timeout < settings.hash_deadline:
        yield (
            f"FRONTDESK_DRAIN_TIMEOUT is shorter ({settings.drain_timeout:g}) than "
            f"FRONTDESK_HASH_DEADLINE ({settings.hash_deadline:g}): a stop would cut off logins"
        )


def _advice(environ: Mapping[str, str]) -> str:
    # Kubernetes tells each pod of every Service by variables, so one named frontdesk sets FRONTDESK_PORT.
    if "FRONTDESK_SERVICE_HOST" in environ or environ.get("FRONTDESK_PORT", "").startswith("tcp://"):
        return (
            "Kubernetes sets these for a Service named frontdesk: put enableServiceLinks: false into the pod."
        )
    return "`frontdesk settings` lists every setting with its meaning."
