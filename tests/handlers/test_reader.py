"""The login that only reads: where it comes from, what it may, and what becomes of inspect where it cannot be made."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from msgspec.structs import replace
from pg8000.native import identifier

from conftest import Database, made_bucket
from handlers import inspect, migrate
from local import logins
from shared.aws.secrets import Login, find_login
from shared.errors import ServiceRefused, ServiceUnavailable
from shared.postgres.connection import connect
from tests.handlers.test_load import SETTINGS, Context, keep

READER = "totestream-test-reader-123456789012"
SCHEMA = SETTINGS["WAREHOUSE_SCHEMA"]
WRITE = f"INSERT INTO {SCHEMA}.etl_log SELECT * FROM {SCHEMA}.etl_log"


@pytest.fixture
def stack(warehouse: Database, aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """As deploy.sh leaves it before it migrates for the first time."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    keep("the/loader", warehouse.login())
    keep("the/owner", warehouse.login(logins.WAREHOUSE_OWNER))
    keep("the/reader", None)
    for noun in ("ingestion", "processed"):
        made_bucket(f"totestream-test-{noun}-123456789012")
    yield warehouse
    with warehouse.server.superuser(warehouse.name) as admin:
        admin.run(f"ALTER ROLE {logins.WAREHOUSE_OWNER} CREATEROLE")
        if admin.run("SELECT FROM pg_roles WHERE rolname = :name", name=READER):
            admin.run(f"DROP OWNED BY {identifier(READER)}; DROP ROLE {identifier(READER)}")


def migrated(event: dict[str, Any] | None = None) -> dict[str, list[str]]:
    return migrate.handler(event or {}, Context())


def kept() -> Login:
    login = find_login("the/reader")
    assert login is not None
    return login


def answers() -> bool:
    """Whether inspect gets as far as the warehouse's rows."""
    found = inspect.handler({"do": "taken", "table": "dim_staff", "log": "a", "runs": [3]}, Context())
    return found == {"taken": [], "no_answer": ""}


def versions() -> int:
    manager: Any = boto3.client("secretsmanager")
    return len(manager.list_secret_version_ids(SecretId="the/reader", IncludeDeprecated=True)["Versions"])


def forbid_roles(stack: Database) -> None:
    with stack.server.superuser() as admin:
        admin.run(f"ALTER ROLE {logins.WAREHOUSE_OWNER} NOCREATEROLE")


def test_migrate_makes_a_login_that_reads_all_and_writes_nothing(stack: Database) -> None:
    report = migrated()
    assert report["notes"] == []
    # Roles are the server's: another test's warehouse may have had it before.
    [did] = [line for line in report["did"] if line.startswith(f"login {READER} ")]
    assert did.endswith(("made", "given another password"))
    login = kept()
    assert login.username == READER and len(login.password) > 40
    assert answers()
    with connect("warehouse", login, ca="", plaintext=True, timeout_s=60) as reader:
        tables = reader.run(
            "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(:name)::oid AND relkind IN ('r', 'v')",
            name=SCHEMA,
        )
        assert len(tables) > 20
        for (table,) in tables:
            reader.run(f"SELECT FROM {SCHEMA}.{identifier(table)}")  # noqa: S608 - quoted
        for statement in (WRITE, f"DELETE FROM {SCHEMA}.dim_staff", f"CREATE TABLE {SCHEMA}.mine (i int)"):
            with pytest.raises(ServiceRefused, match="42501"):
                reader.run(statement)


def test_a_second_time_finds_nothing_to_do(stack: Database) -> None:
    migrated()
    before, count = kept(), versions()
    assert migrated() == {"did": [], "notes": [], "counts": {}}
    assert (kept(), versions()) == (before, count)


def test_a_new_table_is_readable_too(stack: Database) -> None:
    migrated()
    stack.owner().run(f"DROP TABLE {SCHEMA}.etl_freshness")
    assert f'{READER} may SELECT on table "{SCHEMA}"."etl_freshness"' in migrated()["did"]


@pytest.mark.parametrize("lost", [None, "another"])
def test_a_password_that_is_lost_is_made_anew(stack: Database, lost: str | None) -> None:
    """As --put-secrets leaves the secret, and as a restored database leaves the login."""
    migrated()
    before = kept()
    keep("the/reader", replace(before, password=lost) if lost else None)
    assert migrated()["did"] == [f"login {READER} given another password"]
    assert kept() != before and answers()


def test_where_the_owner_may_make_no_login_the_loaders_reads_and_cannot_write(stack: Database) -> None:
    forbid_roles(stack)
    (said,) = migrated()["notes"]
    assert "inspect reads with the loader's login, in a read-only session" in said
    assert "CREATEROLE" in said and "42501" in said
    assert kept() == stack.login() and answers()
    session = connect("warehouse", kept(), ca="", plaintext=True, timeout_s=60, read_only=True)
    with session, pytest.raises(ServiceUnavailable, match="25006"):
        session.run(WRITE)
    count = versions()
    assert migrated() == {"did": [], "notes": [said], "counts": {}} and versions() == count
    keep("the/loader", replace(stack.login(), host="localhost"))
    migrated()
    assert kept().host == "localhost"


def test_an_owner_who_may_in_the_end_makes_the_login(stack: Database) -> None:
    forbid_roles(stack)
    migrated()
    with stack.server.superuser() as admin:
        admin.run(f"ALTER ROLE {logins.WAREHOUSE_OWNER} CREATEROLE")
    assert migrated()["notes"] == []
    assert kept().username == READER and answers()


def test_a_login_that_the_database_does_not_let_in_is_not_kept(stack: Database) -> None:
    migrated()
    with stack.server.superuser() as admin:
        admin.run(f"ALTER ROLE {identifier(READER)} VALID UNTIL '2020-01-01'")
    (said,) = migrated()["notes"]
    assert "28P01" in said
    assert kept() == stack.login() and answers()


def test_a_persons_own_login_stays(stack: Database) -> None:
    own = stack.login(logins.WAREHOUSE_OWNER)
    keep("the/reader", own)
    assert migrated()["notes"] == []
    assert kept() == own
    keep("the/reader", replace(own, password="another"))
    assert "28P01" in migrated()["notes"][0]
    assert kept() == replace(own, password="another")


def test_a_preview_says_it_and_does_nothing(stack: Database) -> None:
    before = versions()
    assert f"login {READER} made" in migrated({"do": "preview"})["did"]
    with stack.server.superuser() as admin:
        assert admin.run("SELECT FROM pg_roles WHERE rolname = :name", name=READER) == []
    assert versions() == before


def test_the_server_is_told_a_verifier_and_never_the_password(stack: Database) -> None:
    log = stack.server.log
    with stack.server.superuser() as admin:
        admin.run(f"ALTER ROLE {logins.WAREHOUSE_OWNER} SET log_statement = 'all'")
    try:
        migrated()
    finally:
        with stack.server.superuser() as admin:
            admin.run(f"ALTER ROLE {logins.WAREHOUSE_OWNER} RESET log_statement")
    said = log.read_text()
    assert "SCRAM-SHA-256$4096:" in said and kept().password not in said


def test_one_login_for_loading_and_owning_is_said(stack: Database) -> None:
    keep("the/loader", stack.login(logins.WAREHOUSE_OWNER))
    assert [line for line in migrated()["notes"] if "the loader's login is the owner's" in line]
    keep("the/loader", stack.login())
    with stack.server.superuser() as admin:
        admin.run(f"GRANT {logins.WAREHOUSE_OWNER} TO {logins.LOAD}")
    said = migrated()["notes"]
    with stack.server.superuser() as admin:
        admin.run(f"REVOKE {logins.WAREHOUSE_OWNER} FROM {logins.LOAD}")
    assert [line for line in said if "may act as the owner's" in line]


def test_the_password_is_in_no_answer_and_no_log_line(stack: Database, capsys: pytest.CaptureFixture[str]) -> None:
    report = migrated()
    assert kept().password not in json.dumps(report) + capsys.readouterr().out
