"""Sending what waits: in every process that serves, beside the requests, which never wait for it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from frontdesk import smtp
from frontdesk.accounts.delivery import prepare
from frontdesk.accounts.service import Service
from frontdesk.errors import FrontdeskError
from frontdesk.metrics import Metrics
from frontdesk.model import Letter
from frontdesk.store import mails as store
from frontdesk.store.mails import LEASE, Mail
from frontdesk.web.mails import render

Hand = Callable[[Letter], Awaitable[None]]

# How many are sent at once, and how often we look for more, in seconds.
_AT_ONCE = 4
_EVERY = 1.0
# How often what waits is counted, and what has waited for a day is given up.
_COUNT_EVERY = 15.0
# A mail is sent within this, or tried again; well before anybody else may have it.
_PATIENCE = 45.0
# Seconds that mails under way have when the process stops.
_LAST = 5.0

_log = logging.getLogger(__name__)


def by_smtp(service: Service) -> Hand:
    """Hands letters to the SMTP server of the settings."""
    settings = service.settings
    send = smtp.sender(settings)
    base = settings.public_url.rstrip("/")

    async def hand(letter: Letter) -> None:
        subject, text, html = render(letter, base)
        message = smtp.compose(
            settings.mail_from,
            mail_id=letter.id,
            to=letter.to,
            language=letter.language,
            asked_at=letter.asked_at,
            subject=subject,
            text=text,
            html=html,
        )
        await send(message)

    return hand


def by_keeping(service: Service, base: str) -> Hand:
    """Keeps letters for the page of `frontdesk up`. `base`: where links lead to."""

    async def hand(letter: Letter) -> None:
        subject, text, _ = render(letter, base)
        await store.keep(
            service.db,
            letter.id,
            account_id=letter.account_id,
            email=letter.to,
            subject=subject,
            body=text,
        )

    return hand


class Postman:
    """Sends mails until it's stopped."""

    def __init__(self, service: Service, hand: Hand, metrics: Metrics) -> None:
        self._service = service
        self._hand = hand
        self._metrics = metrics
        self._stopping = asyncio.Event()

    async def work(self) -> None:
        """Send what is due, look for more, and so on. A fault of any kind is only one to wait after."""
        counted = -_COUNT_EVERY
        failing = False
        while not self._stopping.is_set():
            try:
                if time.monotonic() - counted >= _COUNT_EVERY:
                    counted = time.monotonic()
                    await self._count()
                found = await self.send_due()
                failing = False
            except FrontdeskError as error:
                found = 0
                if not failing:
                    _log.warning("mails wait: %s", type(error).__name__)
                failing = True
            except Exception:
                found = 0
                _log.exception("sending mails failed")
            if found < _AT_ONCE:
                await self._pause(_EVERY)

    async def stop(self, task: asyncio.Task[None]) -> None:
        """Begin nothing new, and let `task`, which works, end what it has begun; not for long."""
        self._stopping.set()
        await asyncio.wait((task,), timeout=_LAST)
        task.cancel()
        await asyncio.wait((task,))

    async def send_due(self) -> int:
        """Send some of the mails that are due; how many it was tried with. Raises Unavailable."""
        found = await store.claim(self._service.db, limit=_AT_ONCE)
        ended = await asyncio.gather(*(self._deliver(mail) for mail in found), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error
        return len(found)

    async def _deliver(self, mail: Mail) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                letter = await prepare(self._service, mail)
                if letter is not None:
                    await self._hand(letter)
        except Exception as error:
            self._metrics.mails_failed.inc()
            _log.warning(
                "a mail isn't sent yet",
                extra={"fields": {"mail": str(mail.id), "tries": mail.tries, "reason": smtp.fault(error)}},
            )
            await store.postpone(self._service.db, mail)
            return
        if letter is not None:
            self._metrics.mails_sent.inc()
        await self._note(mail)

    async def _note(self, mail: Mail) -> None:
        """That it's sent; again and again until the database hears it, or another would send it once more."""
        until = time.monotonic() + LEASE
        while True:
            try:
                return await asyncio.shield(store.delete(self._service.db, mail.id))
            except FrontdeskError:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.2)

    async def _count(self) -> None:
        for kind in await store.delete_given_up(self._service.db, limit=1000):
            self._metrics.mails_given_up.inc()
            _log.error("a mail is given up after a day", extra={"fields": {"kind": kind}})
        self._metrics.mails_waiting.set(await store.count(self._service.db))

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
