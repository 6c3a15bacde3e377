"""A verified session is remembered, and a session that ended is not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from frontdesk import app
from frontdesk.accounts import leaving, moderation, profile, sessions
from frontdesk.accounts.memory import MEMORY_SECONDS, Memory, Verified
from frontdesk.accounts.service import Service
from frontdesk.accounts.verify import verify
from frontdesk.errors import Unauthenticated
from frontdesk.settings import Settings
from frontdesk.store import notifications
from frontdesk.store.notifications import listen_for_ended
from tests.cast import ELSEWHERE, HERE, Actor

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def somebody(account_id: UUID | None = None) -> Verified:
    return Verified(account_id or uuid4(), "somebody")


class TestMemory:
    def test_recalls_for_a_second_and_no_longer(self) -> None:
        clock = Clock()
        memory = Memory(seconds=1, now=clock)
        memory.remember("token", somebody(), asked_at=clock(), epoch=memory.epoch)
        clock.time += 0.99
        assert memory.recall("token") is not None
        clock.time += 0.02
        assert memory.recall("token") is None
        assert len(memory) == 0

    def test_counts_from_the_question_not_from_the_answer(self) -> None:
        clock = Clock()
        memory = Memory(seconds=1, now=clock)
        asked_at = clock()
        clock.time += 0.6
        memory.remember("token", somebody(), asked_at=asked_at, epoch=memory.epoch)
        clock.time += 0.6
        assert memory.recall("token") is None

    def test_forgets_every_session_of_an_account_and_no_other(self) -> None:
        memory = Memory()
        alice, bob = somebody(), somebody()
        for token, who in (("a1", alice), ("a2", alice), ("b", bob)):
            memory.remember(token, who, asked_at=memory.now(), epoch=memory.epoch)
        memory.forget(alice.account_id)
        assert [memory.recall(token) for token in ("a1", "a2", "b")] == [None, None, bob]

    def test_does_not_remember_a_check_that_began_before_something_ended(self) -> None:
        memory = Memory()
        epoch = memory.epoch
        memory.forget(uuid4())
        memory.remember("token", somebody(), asked_at=memory.now(), epoch=epoch)
        assert memory.recall("token") is None

    def test_holds_no_more_sessions_than_it_may(self) -> None:
        memory = Memory(sessions=100)
        for number in range(1000):
            memory.remember(str(number), somebody(), asked_at=memory.now(), epoch=memory.epoch)
        assert len(memory) == 100
        assert memory.recall("999") is not None
        assert memory.recall("0") is None
        assert len(memory._tokens) == 100

    def test_a_gap_in_the_notifications_forgets_everybody(self) -> None:
        memory = Memory()
        memory.remember("token", somebody(), asked_at=memory.now(), epoch=memory.epoch)
        memory.forget(None)
        assert len(memory) == 0
        assert not memory._tokens


async def log_out(service: Service, actor: Actor) -> None:
    visit = await sessions.check(service, actor.token, HERE)
    await sessions.end(service, visit, visit.session_id, HERE)


async def end_all_others(service: Service, actor: Actor) -> None:
    other = await sessions.start(service, actor.account, ELSEWHERE)
    await sessions.end_others(service, await sessions.check(service, other.token, ELSEWHERE), ELSEWHERE)


async def change_password(service: Service, actor: Actor) -> None:
    other = await sessions.start(service, actor.account, ELSEWHERE)
    await profile.change_password(
        service,
        await sessions.check(service, other.token, ELSEWHERE),
        current_password=actor.password,
        password="a wholly different sentence",
        client=ELSEWHERE,
    )


async def delete_account(service: Service, actor: Actor) -> None:
    await leaving.delete(service, await sessions.check(service, actor.token, HERE), HERE)


async def disable(service: Service, actor: Actor) -> None:
    await moderation.disable(service, actor.account.username)


@pytest.mark.parametrize("end", [log_out, end_all_others, change_password, delete_account, disable])
async def test_the_replica_that_ended_a_session_refuses_it_at_once(
    service: Service, alice: Actor, end: Callable[[Service, Actor], Awaitable[None]]
) -> None:
    assert (await verify(service, alice.token, HERE)).username == "alice"
    await end(service, alice)
    with pytest.raises(Unauthenticated):
        await verify(service, alice.token, HERE)


async def test_a_new_username_is_told_at_once(service: Service, alice: Actor) -> None:
    await verify(service, alice.token, HERE)
    visit = await sessions.check(service, alice.token, HERE)
    await profile.update(service, visit, HERE, username="alicia")
    assert (await verify(service, alice.token, HERE)).username == "alicia"


@pytest.fixture
async def replica(settings: Settings) -> AsyncIterator[Service]:
    """Another replica on the same database, which listens."""
    async with app.open_service(settings) as service:
        ready = asyncio.Event()

        def heard(account_id: UUID | None) -> None:
            service.memory.forget(account_id)
            ready.set()

        task = asyncio.create_task(listen_for_ended(settings.database_url, heard))
        await asyncio.wait_for(ready.wait(), 5)
        yield service
        task.cancel()


async def seconds_until_refused(replica: Service, token: str) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() - began < 5:
        try:
            await verify(replica, token, HERE)
        except Unauthenticated:
            return loop.time() - began
        await asyncio.sleep(0.005)
    raise AssertionError("still accepted after 5 s")


async def test_every_other_replica_refuses_it_when_the_notification_arrives(
    service: Service, replica: Service, alice: Actor
) -> None:
    await verify(replica, alice.token, HERE)
    await log_out(service, alice)
    assert await seconds_until_refused(replica, alice.token) < MEMORY_SECONDS / 2


async def test_a_replica_that_hears_nothing_refuses_it_within_a_second(
    service: Service, settings: Settings, alice: Actor
) -> None:
    async with app.open_service(settings) as deaf:
        await verify(deaf, alice.token, HERE)
        await log_out(service, alice)
        assert (await verify(deaf, alice.token, HERE)).username == "alice"
        assert await seconds_until_refused(deaf, alice.token) <= MEMORY_SECONDS + 0.1


async def test_a_listener_that_is_let_down_in_any_way_goes_on_and_says_so_once(
    settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "_RETRY", 0.01)
    connected = asyncpg.connect
    attempts = 0

    async def connect(url: str, **options: Any) -> asyncpg.Connection:
        nonlocal attempts
        attempts += 1
        # asyncpg's own name for a standby, of which the operator has asked to keep away, is neither of its bases.
        return await connected(url, **options, target_session_attrs="standby" if attempts < 4 else "any")

    monkeypatch.setattr(asyncpg, "connect", connect)
    heard = asyncio.Event()
    task = asyncio.create_task(listen_for_ended(settings.database_url, lambda _: heard.set()))
    await asyncio.wait_for(heard.wait(), 5)
    task.cancel()
    assert caplog.messages == ["notifications are cut off: TargetServerAttributeNotMatched"]


async def test_a_cut_listener_comes_back_and_forgets_what_it_may_have_missed(
    replica: Service, service: Service, alice: Actor, db: asyncpg.Connection
) -> None:
    await db.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'frontdesk-listen' AND datname = current_database()"
    )
    await asyncio.sleep(0)
    epoch = replica.memory.epoch
    while replica.memory.epoch == epoch:
        await asyncio.sleep(0.01)
    await verify(replica, alice.token, HERE)
    await log_out(service, alice)
    assert await seconds_until_refused(replica, alice.token) < MEMORY_SECONDS / 2
