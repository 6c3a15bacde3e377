"""Real servers that send, are killed while they do, and are stopped."""

import asyncio
import contextlib
import time
from pathlib import Path

import httpx
import pytest

from tests import databases
from tests.cast import ALICE
from tests.mailbox import BASE, SENDER, Mailbox
from tests.serving import Running, command, running


def serving(
    tmp_path: Path, url: str, box: Mailbox, **more: str
) -> contextlib.AbstractContextManager[Running]:
    return running(
        tmp_path,
        "serve",
        FRONTDESK_DATABASE_URL=url,
        FRONTDESK_SMTP_URL=box.url,
        FRONTDESK_MAIL_FROM=SENDER,
        FRONTDESK_PUBLIC_URL=BASE,
        FRONTDESK_DRAIN_DELAY="0",
        FRONTDESK_HASH_DEADLINE="10",
        **{"FRONTDESK_EMAIL_VERIFICATION": "off", **more},
    )


def register(server: Running) -> None:
    answer = httpx.post(server.url + "/api/v1/accounts", json=ALICE.fields(), timeout=20)
    assert answer.status_code == 201


def ask(server: Running) -> None:
    answer = httpx.post(server.url + "/api/v1/password-resets", json={"email": ALICE.email}, timeout=5)
    assert answer.status_code == 202


def execute(url: str, statement: str) -> None:
    asyncio.run(databases.execute(url, statement))


def until_tried(box: Mailbox) -> None:
    deadline = time.monotonic() + 15
    while not box.tried:
        assert time.monotonic() < deadline
        time.sleep(0.02)


LEASE_OVER = "UPDATE mails SET due_at = now()"


def test_a_mail_is_sent_within_seconds(served_url: str, tmp_path: Path, box: Mailbox) -> None:
    with serving(tmp_path, served_url, box) as server:
        register(server)
        began = time.monotonic()
        ask(server)
        box.wait(1)
        assert time.monotonic() - began < 3
        deadline = time.monotonic() + 20
        while "frontdesk_mails_sent_total 1.0" not in httpx.get(server.url + "/metrics").text:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_replica_killed_while_sending_loses_nothing(served_url: str, tmp_path: Path, box: Mailbox) -> None:
    box.mode = "hang"
    with serving(tmp_path, served_url, box) as server:
        register(server)
        ask(server)
        until_tried(box)
        server.process.kill()
        server.process.wait(10)
    assert box.letters == []
    box.mode = "take"
    execute(served_url, LEASE_OVER)
    with serving(tmp_path, served_url, box):
        box.wait(1)
    time.sleep(0.2)
    assert len(box.letters) == 1


def test_only_a_replica_killed_after_the_servers_yes_sends_twice(
    served_url: str, tmp_path: Path, box: Mailbox
) -> None:
    execute(
        served_url,
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'serialization_failure'; END $$",
    )
    execute(served_url, "CREATE TRIGGER no BEFORE DELETE ON mails FOR EACH ROW EXECUTE FUNCTION no()")
    with serving(tmp_path, served_url, box) as server:
        register(server)
        ask(server)
        box.wait(1)
        time.sleep(0.3)
        server.process.kill()
        server.process.wait(10)
    execute(served_url, "DROP TRIGGER no ON mails")
    execute(served_url, LEASE_OVER)
    with serving(tmp_path, served_url, box) as server:
        first, second = box.wait(2)
        assert first.message["Message-ID"] == second.message["Message-ID"]
        # Whichever of the two is read, its link is good.
        body = {"password": "seven loud geese at noon"}
        answer = httpx.put(f"{server.url}/api/v1/password-resets/{first.token}", json=body, timeout=20)
        assert answer.status_code == 204


def test_a_stop_lets_a_mail_under_way_arrive_and_begins_no_other(
    served_url: str, tmp_path: Path, box: Mailbox
) -> None:
    with serving(tmp_path, served_url, box) as server:
        register(server)
        box.mode = "slow"
        ask(server)
        until_tried(box)
        server.terminate()
        assert server.process.wait(20) == 0
    assert len(box.letters) == 1
    assert asyncio.run(_count(served_url)) == 0


async def _count(url: str) -> int:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM mails"))
    finally:
        await connection.close()


@pytest.mark.parametrize("level", ["info", "debug"])
def test_no_log_line_holds_a_token_an_address_or_the_password_of_the_mail_server(
    served_url: str, tmp_path: Path, box: Mailbox, level: str
) -> None:
    with serving(tmp_path, served_url, box, FRONTDESK_LOG_LEVEL=level) as server:
        register(server)
        ask(server)
        token = box.wait(1)[0].token
        with httpx.Client(base_url=server.url, timeout=20) as http:
            assert http.get(f"/reset/{token}").status_code == 200
            assert http.get(f"/confirm/{token}").status_code == 410
            assert http.post(f"/reset/{token}", data={"password": "short"}).status_code == 422
            api = f"/api/v1/password-resets/{token}"
            assert http.put(api, json={"password": "short"}).status_code == 422
            assert http.put(api, json={"password": "seven loud geese at noon"}).status_code == 204
            assert http.put(api, json={"password": "seven loud geese at noon"}).status_code == 410
        box.wait(2)
        box.mode = "reject"
        ask(server)
        deadline = time.monotonic() + 10
        while "isn't sent yet" not in server.output():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        log = server.output()
    assert token not in log
    assert "@" not in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"FRONTDESK_SMTP_URL": "smtp://mail"}, "FRONTDESK_MAIL_FROM and FRONTDESK_PUBLIC_URL"),
        (
            {"FRONTDESK_SMTP_URL": "smtp://mail", "FRONTDESK_MAIL_FROM": SENDER},
            "FRONTDESK_PUBLIC_URL isn't",
        ),
        ({"FRONTDESK_EMAIL_VERIFICATION": "required"}, "FRONTDESK_SMTP_URL isn't set"),
    ],
)
def test_a_server_that_could_not_send_what_it_has_to_does_not_start(
    served_url: str, given: dict[str, str], said: str
) -> None:
    done = command("serve", FRONTDESK_DATABASE_URL=served_url, **given)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_password_of_the_mail_server_may_be_in_a_file_and_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "smtp"
    file.write_text("smtps://user:heron-7431@mail.example.org\n")
    done = command("settings", FRONTDESK_SMTP_URL_FILE=str(file))
    assert done.returncode == 0
    assert "FRONTDESK_SMTP_URL=(hidden)" in done.stdout
    assert "heron-7431" not in done.stdout + done.stderr


def test_up_keeps_its_mails_and_shows_them_here_only(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    with running(tmp_path, "up", "--data", data, FRONTDESK_HASH_DEADLINE="10") as server:
        register(server)
        ask(server)
        with httpx.Client(base_url=server.url, timeout=10) as http:
            deadline = time.monotonic() + 10
            # In either order: each is sent as soon as it can be.
            mails = ("Choose a new password", "Confirm your e-mail address")
            while not all(mail in (page := http.get("/mails").text) for mail in mails):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert f'href="{server.url}/reset/' in page
            link = page.partition(f'href="{server.url}/reset/')[2].partition('"')[0]
            assert http.get(f"/reset/{link}").status_code == 200
            # A page of another site that gave its own name this machine's address (DNS rebinding).
            for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example"):
                assert http.get("/mails", headers={"Host": host}).status_code in (400, 404), host
            assert http.get("/mails", headers={"Host": "localhost:8000"}).status_code == 200
        assert "/mails" in server.output()


def test_serve_has_no_page_of_mails(served_url: str, tmp_path: Path, box: Mailbox) -> None:
    with serving(tmp_path, served_url, box) as server:
        assert httpx.get(server.url + "/mails").status_code == 404
