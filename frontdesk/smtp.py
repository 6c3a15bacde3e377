"""Handing a mail to the SMTP server."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiosmtplib
import email_validator

from frontdesk.settings import Settings
from frontdesk.settings_values import MAIL_FROM, SMTP_PORTS

Send = Callable[[EmailMessage], Awaitable[None]]

# Seconds for each answer of the server; postman.py bounds the whole.
_TIMEOUT = 20.0
_FAREWELL = 2.0

# The loop keeps no task alive by itself.
_leaving: set[asyncio.Task[None]] = set()


def compose(
    sender: str,
    *,
    mail_id: UUID,
    to: str,
    language: str,
    asked_at: datetime,
    subject: str,
    text: str,
    html: str,
) -> EmailMessage:
    """A message as it goes over the wire (RFC 5322). `sender`: FRONTDESK_MAIL_FROM.

    However often it's sent, the Message-ID is the same: a mailbox that gets it twice can tell. Headers are made by the
    email package, which refuses line ends in them.
    """
    found = MAIL_FROM.fullmatch(sender)
    assert found is not None
    name, address = found[1] or "", found[3]
    to = _spelt_out(to)
    message = EmailMessage(policy=SMTP if to.isascii() else SMTPUTF8)
    message["From"] = Address(name, addr_spec=address)
    local_part, _, domain = to.rpartition("@")
    message["To"] = Address(username=local_part, domain=domain)
    message["Subject"] = subject
    message["Date"] = format_datetime(asked_at)
    message["Message-ID"] = f"<{mail_id}@{address.partition('@')[2]}>"
    # Out-of-office answers must not come back to us (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="base64")
    message.add_alternative(html, subtype="html", cte="base64")
    # Last, as making parts takes what begins with Content- along.
    message["Content-Language"] = language
    return message


def sender(settings: Settings) -> Send:
    """What sends a message to FRONTDESK_SMTP_URL: it returns once the server has taken it, else raises
    aiosmtplib.SMTPException, OSError or ValueError."""
    url = urlsplit(settings.smtp_url)
    host = url.hostname
    port = url.port or SMTP_PORTS[url.scheme]
    username = None if url.username is None else unquote(url.username)
    password = None if url.password is None else unquote(url.password)

    async def send(message: EmailMessage) -> None:
        client = aiosmtplib.SMTP(
            hostname=host,
            port=port,
            username=username,
            password=password,
            use_tls=url.scheme == "smtps",
            # Said, not tried: whoever sits in between could take the offer out of the server's greeting.
            start_tls=url.scheme == "smtp+starttls",
            timeout=_TIMEOUT,
        )
        try:
            await client.connect()
            await client.send_message(message)
        except BaseException:
            client.close()
            raise
        # Its yes was heard: whatever becomes of the farewell, the mail isn't sent again.
        leaving = asyncio.create_task(_leave(client))
        _leaving.add(leaving)
        leaving.add_done_callback(_leaving.discard)

    return send


async def _leave(client: aiosmtplib.SMTP) -> None:
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        await client.quit(timeout=_FAREWELL)
    client.close()


def fault(error: BaseException) -> str:
    """What kind of fault, and the server's number; not its words, in which an address may stand."""
    code = getattr(error, "code", None)
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
        code = error.recipients[0].code
    name = re.sub("^SMTP", "", type(error).__name__)
    return f"{name} {code}" if isinstance(code, int) and code > 0 else name


def _spelt_out(email: str) -> str:
    """In ASCII if that can be: every server takes a domain in its other form (IDNA), few take SMTPUTF8."""
    found = email_validator.validate_email(email, check_deliverability=False)
    return found.ascii_email or found.normalized
