"""The database of the stack: what the service may do in it, which settings hold, and the order of its largest table."""

import re
import subprocess
import time

import pytest

from tests.e2e import traffic
from tests.e2e.conftest import show
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def as_service(stack: Stack, query: str) -> str:
    """What the service's own role is told, by the address and password that the service has."""
    ask = (
        "import asyncio, asyncpg, sys\n"
        "async def ask():\n"
        "    c = await asyncpg.connect(open('/run/secrets/database_url').read())\n"
        "    print(await c.fetchval(sys.argv[1]))\n"
        "    await c.close()\n"
        "asyncio.run(ask())"
    )
    return stack.inside(stack.containers("api")[0], "python", "-c", ask, query).strip()


def test_the_service_is_a_role_that_owns_nothing(fresh_stack: Stack) -> None:
    assert as_service(fresh_stack, "SELECT current_user") == "frontdesk"
    owned = """
        SELECT count(*) FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
         WHERE r.rolname = 'frontdesk' AND d.deptype = 'o'
    """
    assert fresh_stack.sql(owned) == "0"
    powers = "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles"
    assert fresh_stack.sql(f"{powers} WHERE rolname = 'frontdesk'") == "f|f|f|f|f"
    # Being a member of another role would be a way around all of this.
    assert fresh_stack.sql("SELECT count(*) FROM pg_auth_members WHERE member = 'frontdesk'::regrole") == "0"


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE x (a int)",
        "CREATE TEMPORARY TABLE x (a int)",
        "CREATE SCHEMA x",
        "CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE accounts ADD COLUMN x int",
        "DROP TABLE accounts",
        "TRUNCATE accounts",
        "CREATE INDEX x ON accounts (id)",
        "COPY (SELECT 1) TO PROGRAM 'id'",
        "SELECT pg_read_file('/run/secrets/postgres_password')",
        "UPDATE alembic_version SET version_num = version_num || 'x'",
        "SET ROLE frontdesk_migrate",
    ],
)
def test_the_service_cannot_change_the_schema(fresh_stack: Stack, change: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        as_service(fresh_stack, change)
    said = refused.value.stderr
    assert "InsufficientPrivilegeError" in said, said[-500:]


def test_timeouts_hold_for_the_service(fresh_stack: Stack) -> None:
    for setting, value in (
        ("statement_timeout", "30s"),
        ("lock_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "30s"),
    ):
        assert as_service(fresh_stack, f"SELECT current_setting('{setting}')") == value


def test_settings_follow_the_memory_and_nothing_is_written_unchecked(fresh_stack: Stack) -> None:
    for setting, value in (
        ("data_checksums", "on"),
        ("password_encryption", "scram-sha-256"),
        ("shared_buffers", "256MB"),
        ("max_connections", "100"),
        ("synchronous_commit", "on"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
    ):
        assert fresh_stack.sql(f"SHOW {setting}") == value, setting
    weak = "SELECT count(*) FROM pg_authid WHERE rolpassword IS NOT NULL AND rolpassword NOT LIKE 'SCRAM-SHA-256$%'"
    assert fresh_stack.sql(weak) == "0"
    by_network = (
        "SELECT DISTINCT auth_method FROM pg_hba_file_rules WHERE type LIKE 'host%' AND address = 'all'"
    )
    assert fresh_stack.sql(by_network) == "scram-sha-256"
    fresh_stack.sql("SELECT count(*) FROM pg_stat_statements")


def test_search_index_is_put_in_order_while_people_use_the_service(whole: Stack) -> None:
    with traffic.running(whole.url, rate=60) as load:
        time.sleep(2)
        load.mark("repack")
        said = whole.compose("run", "--rm", "migrate", "repack")
        load.mark("done")
        time.sleep(1)
    show("repack", load.report)
    assert re.fullmatch(r"The search index is in order, after 0:\d\d\.\n", said)
    # A moment, among so few.
    assert [f for f in load.report.failures if not f.busy] == []
    assert load.report.lost == []
    # But for those who came afterwards.
    in_order = "SELECT correlation > 0.9 FROM pg_stats WHERE tablename = 'people_keys' AND attname = 'key'"
    assert whole.sql(in_order) == "t"
