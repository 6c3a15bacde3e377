"""Mails go out once, whatever the SMTP server does, and nobody waits for them."""

import asyncio
import re
import ssl
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest

from frontdesk import secret_files, smtp
from frontdesk.accounts import mails
from frontdesk.accounts.service import Service
from frontdesk.metrics import Metrics
from frontdesk.postman import Postman, by_smtp
from frontdesk.store import mails as store
from tests.cast import ALICE, Actor
from tests.conftest import with_settings
from tests.mail.conftest import Post
from tests.mailbox import Mailbox, mailbox
from tests.waiting import until

RESETS = "/api/v1/password-resets"


async def ask(http: httpx.AsyncClient, email: str = ALICE.email) -> float:
    """Seconds that the answer took."""
    began = time.perf_counter()
    assert (await http.post(RESETS, json={"email": email})).status_code == 202
    return time.perf_counter() - began


async def test_a_mail_to_an_account_that_is_just_gone_is_none(service: Service, post: Post) -> None:
    await mails.write_for_stranger(
        service, service.db, "confirm", account_id=uuid4(), email="a@example.org", language=None
    )
    assert await post.waiting() == 0


async def write(service: Service, actor: Actor, count: int) -> None:
    for _ in range(count):
        await mails.write(service, service.db, "password_changed", actor.account)


@pytest.fixture
def confirmed(alice: Actor) -> Actor:
    return alice._replace(account=msgspec.structs.replace(alice.account, email_verified=True))


async def test_a_mail_is_written_with_what_it_tells_of_or_not_at_all(
    service: Service, confirmed: Actor, post: Post
) -> None:
    async def fail() -> None:
        async with service.db.transaction() as db:
            await mails.write(service, db, "password_changed", confirmed.account)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await post.send() == []


async def test_a_mail_says_who_when_and_in_which_language(
    http: httpx.AsyncClient, alice: Actor, post: Post
) -> None:
    await ask(http)
    message = (await post.one()).message
    assert message["From"] == "Example <accounts@example.org>"
    assert message["To"] == ALICE.email
    assert re.fullmatch(r"<[0-9a-f-]{36}@example\.org>", message["Message-ID"])
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "en"
    age = datetime.now().astimezone() - parsedate_to_datetime(message["Date"])
    assert abs(age) < timedelta(minutes=1)
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
async def test_a_mail_speaks_its_readers_language_and_tells_nobody_that_it_was_read(
    http: httpx.AsyncClient, alice: Actor, post: Post, language: str
) -> None:
    answer = await http.patch("/api/v1/account", json={"language": language}, headers=alice.bearer)
    assert answer.status_code == 200
    await ask(http)
    letter = await post.one()
    assert letter.subject == {"en": "Choose a new password", "zh-Hans": "设置新密码"}[language]
    assert f'<html lang="{language}">' in letter.html
    for text in (letter.text, letter.html):
        assert letter.url in text
        assert ("链接 30 分钟内有效" in text) == (language == "zh-Hans")
        # One address, and nothing that is fetched from anywhere.
        assert set(re.findall(r"https?://[^\s\"<]+", text)) == {letter.url}
    assert not re.search(r"<img|<link|<script|url\(|@import|<iframe", letter.html)


async def test_nothing_that_a_stranger_chose_is_in_a_mail(
    http: httpx.AsyncClient, post: Post, optional: httpx.AsyncClient
) -> None:
    fields = ALICE.fields() | {"username": "win-now", "name": "Win at http://evil.example now"}
    assert (await optional.post("/api/v1/accounts", json=fields)).status_code == 201
    await ask(http)
    for letter in await post.send():
        assert "win-now" not in letter.text + letter.html
        assert "evil" not in letter.text + letter.html


@pytest.mark.parametrize(
    "to",
    [
        "a@example.org\r\nBcc: b@example.org",
        "a@example.org\nBcc: b@example.org",
        "a@example.org, b@example.org",
    ],
)
def test_no_header_can_be_added_by_an_address(to: str) -> None:
    with pytest.raises(ValueError, match=r"[Ee]mail|@|character"):
        smtp.compose(
            "accounts@example.org",
            mail_id=uuid4(),
            to=to,
            language="en",
            asked_at=datetime.now(UTC),
            subject="Hello",
            text="",
            html="",
        )


@pytest.mark.parametrize(
    ("typed", "arrives"),
    [
        ("o'neill+x@example.org", "o'neill+x@example.org"),
        ("wei@例え.jp", "wei@xn--r8jz45g.jp"),
        ("王伟@example.org", "王伟@example.org"),
        ("x" * 64 + "@" + ".".join(["y" * 40] * 4) + ".org", None),
    ],
)
async def test_an_address_of_any_kind_is_written_to(
    optional: httpx.AsyncClient, post: Post, typed: str, arrives: str | None
) -> None:
    answer = await optional.post("/api/v1/accounts", json=ALICE.fields() | {"email": typed})
    assert answer.status_code == 201
    letter = await post.one()
    assert letter.to == [arrives or typed]
    assert [name for name, _ in letter.message.items()].count("To") == 1


@pytest.mark.parametrize("mode", ["refuse", "reject", "die"])
async def test_what_the_server_does_not_take_is_tried_again_with_the_same_number(
    http: httpx.AsyncClient, alice: Actor, post: Post, box: Mailbox, db: asyncpg.Connection, mode: str
) -> None:
    box.mode = mode
    await ask(http)
    waits = []
    for _ in range(3):
        assert await post.postman.send_due() == 1
        assert await post.postman.send_due() == 0
        waits.append(
            (await db.fetchval("SELECT due_at - now() FROM mails")).total_seconds(),
        )
        await post.hurry()
    assert 11 < waits[0] < 19 < 22 < waits[1] < 38 < 44 < waits[2] < 76
    assert box.tried == 3
    assert post.metric("frontdesk_mails_failed_total") == 3
    box.mode = "take"
    letter = await post.one()
    assert post.metric("frontdesk_mails_sent_total") == 1
    assert await post.waiting() == 0
    # Of those that it had taken without a word, each can be told to be the same, and each has a link that is good.
    assert {found.message["Message-ID"] for found in box.letters} == {letter.message["Message-ID"]}
    assert len(box.letters) == (4 if mode == "die" else 1)
    answer = await http.put(f"{RESETS}/{box.letters[0].token}", json={"password": "seven loud geese at noon"})
    assert answer.status_code == 204


async def test_a_server_that_hangs_up_after_its_yes_gets_it_once(
    service: Service, confirmed: Actor, post: Post, box: Mailbox
) -> None:
    box.mode = "rude"
    await write(service, confirmed, 3)
    assert len(await post.send()) == 3
    assert await post.waiting() == 0
    assert post.metric("frontdesk_mails_failed_total") == 0


async def test_a_server_that_is_down_loses_nothing(
    service: Service, http: httpx.AsyncClient, alice: Actor, post: Post, db: asyncpg.Connection
) -> None:
    down = Postman(service, *_hand(service, "smtp://127.0.0.1:1"))
    await ask(http)
    assert await down.send_due() == 1
    assert await post.waiting() == 1
    await post.hurry()
    assert (await post.one()).to == [ALICE.email]


async def test_a_server_that_hangs_delays_no_answer_and_is_left_alone_after_a_while(
    http: httpx.AsyncClient, alice: Actor, post: Post, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("frontdesk.postman._PATIENCE", 1.5)
    box.mode = "hang"
    await ask(http)
    sending = asyncio.create_task(post.postman.send_due())

    async def tried() -> bool:
        return box.tried == 1

    await until(tried)
    times = sorted([await ask(http, f"nobody{number}@example.org") for number in range(50)])
    assert times[-2] < 0.2, times
    assert not sending.done()
    assert await asyncio.wait_for(sending, 5) == 1
    assert post.metric("frontdesk_mails_failed_total") == 1
    box.mode = "take"
    await post.hurry()
    assert (await post.send())[-1].to == [ALICE.email]


async def test_replicas_that_send_at_once_send_each_mail_once(
    service: Service, confirmed: Actor, post: Post, box: Mailbox
) -> None:
    await write(service, confirmed, 40)
    others = [Postman(service, by_smtp(service), Metrics()) for _ in range(3)]

    async def work(postman: Postman) -> int:
        sent = 0
        while found := await postman.send_due():
            sent += found
        return sent

    shares = await asyncio.gather(*(work(postman) for postman in (post.postman, *others)))
    assert sum(shares) == 40
    assert min(shares) > 0
    assert len({letter.message["Message-ID"] for letter in box.letters}) == len(box.letters) == 40
    assert await post.waiting() == 0


async def test_what_is_being_sent_is_nobody_elses(
    service: Service, confirmed: Actor, post: Post, db: asyncpg.Connection
) -> None:
    await write(service, confirmed, 1)
    assert len(await store.claim(service.db, limit=10)) == 1
    assert await store.claim(service.db, limit=10) == []
    # Whoever has begun it is given time for all that it may take.
    from frontdesk import postman

    assert postman._PATIENCE + 30 < store.LEASE
    await db.execute("UPDATE mails SET due_at = due_at - make_interval(secs => $1)", store.LEASE)
    assert len(await post.send()) == 1


async def test_a_yes_is_noted_also_by_a_database_that_is_away_for_a_moment(
    service: Service, confirmed: Actor, post: Post, box: Mailbox, db: asyncpg.Connection
) -> None:
    await write(service, confirmed, 1)
    await db.execute(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'serialization_failure'; END $$"
    )
    await db.execute("CREATE TRIGGER no BEFORE DELETE ON mails FOR EACH ROW EXECUTE FUNCTION no()")
    sending = asyncio.create_task(post.postman.send_due())

    async def arrived() -> bool:
        return len(box.letters) == 1

    await until(arrived)
    await asyncio.sleep(0.3)
    await db.execute("DROP TRIGGER no ON mails")
    assert await sending == 1
    assert await post.waiting() == 0
    await post.hurry()
    assert await post.send() == []
    assert len(box.letters) == 1


async def test_a_mail_is_given_up_after_a_day(
    service: Service, confirmed: Actor, post: Post, box: Mailbox, db: asyncpg.Connection
) -> None:
    await write(service, confirmed, 2)
    await db.execute("UPDATE mails SET created_at = now() - interval '23 hours 59 minutes'")
    box.mode = "refuse"
    assert await post.postman.send_due() == 2
    await db.execute("UPDATE mails SET created_at = now() - interval '24 hours', due_at = now()")
    assert await post.postman.send_due() == 0
    await post.postman._count()
    assert await post.waiting() == 0
    assert post.metric("frontdesk_mails_given_up_total") == 2
    assert post.metric("frontdesk_mails_waiting") == 0


async def test_what_waits_is_counted(service: Service, confirmed: Actor, post: Post) -> None:
    await write(service, confirmed, 3)
    await post.postman._count()
    assert post.metric("frontdesk_mails_waiting") == 3


async def test_no_log_line_of_a_refusal_has_an_address_in_it(
    http: httpx.AsyncClient, alice: Actor, post: Post, box: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    box.mode = "reject"
    await ask(http)
    await post.postman.send_due()
    (record,) = [record for record in caplog.records if record.name == "frontdesk.postman"]
    assert record.fields["reason"] == "RecipientsRefused 550"  # type: ignore[attr-defined]
    assert "@" not in str(record.__dict__["fields"]) + record.getMessage()
    assert record.exc_info is None


async def test_starttls_that_is_asked_for_is_not_done_without(
    service: Service, http: httpx.AsyncClient, alice: Actor, box: Mailbox, post: Post
) -> None:
    """Whoever sits in between takes STARTTLS out of the greeting: this server never offers it."""
    url = f"smtp+starttls://127.0.0.1:{box.port}"
    strict = Postman(service, *_hand(service, url))
    await ask(http)
    assert await strict.send_due() == 1
    assert box.tried == 0
    assert await post.waiting() == 1


async def test_starttls_checks_who_it_talks_to_and_then_logs_in(
    service: Service,
    http: httpx.AsyncClient,
    alice: Actor,
    post: Post,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from aiosmtpd.smtp import AuthResult, LoginPassword

    list(secret_files.make(tmp_path, "db:5432", ("localhost", "127.0.0.1")))
    trusted = tmp_path / "edge" / "tls_certificate"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(trusted, tmp_path / "edge" / "tls_key")
    seen = []

    def check(server: object, session: object, envelope: object, mechanism: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        seen.append((data.login, data.password))
        return AuthResult(success=data.password == b"p/w@x")

    with mailbox(
        tls_context=context, require_starttls=True, authenticator=check, auth_required=True
    ) as guarded:
        url = f"smtp+starttls://user:p%2Fw%40x@localhost:{guarded.port}"
        await ask(http)
        assert await Postman(service, *_hand(service, url)).send_due() == 1
        assert (guarded.tried, seen) == (0, [])
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        await post.hurry()
        assert await Postman(service, *_hand(service, url)).send_due() == 1
        assert seen == [(b"user", b"p/w@x")]
        assert [letter.to for letter in guarded.letters] == [[ALICE.email]]


async def test_working_goes_on_until_it_is_told_to_stop(
    service: Service, confirmed: Actor, post: Post, box: Mailbox, db: asyncpg.Connection
) -> None:
    work = asyncio.create_task(post.postman.work())
    await write(service, confirmed, 6)

    async def sent() -> bool:
        return await post.waiting() == 0

    await until(sent)
    # A database without the table for a moment isn't the end of it.
    await db.execute("ALTER TABLE mails RENAME TO away")
    await asyncio.sleep(1.2)
    await db.execute("ALTER TABLE away RENAME TO mails")
    await write(service, confirmed, 1)
    await until(sent)
    await post.postman.stop(work)
    assert work.done()
    assert len(box.letters) == 7


def with_settings_of(service: Service, url: str) -> Service:
    return with_settings(service, smtp_url=url)


def _hand(service: Service, url: str) -> tuple[object, Metrics]:
    return by_smtp(with_settings_of(service, url)), Metrics()
