"""A session is the same whatever the login, the database or the server have as defaults; what cannot be is refused."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

import msgspec
import pytest

from conftest import NUMBERS, Database
from local import logins
from local.postgres import Server
from shared.aws.secrets import Login
from shared.errors import ServiceRefused
from shared.postgres.connection import Connection, connect

pytestmark = pytest.mark.fast

# Each differs from what the session is set to.
HOSTILE = {
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kathmandu",
    "timezone_abbreviations": "India",
    "client_encoding": "LATIN1",
    "standard_conforming_strings": "off",
    "backslash_quote": "on",
    "escape_string_warning": "off",
    "row_security": "on",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "xmlbinary": "hex",
    "xmloption": "document",
    "lc_monetary": "POSIX",
    "lc_numeric": "POSIX",
    "lc_time": "POSIX",
    "quote_all_identifiers": "on",
    "gin_fuzzy_search_limit": "1",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "check_function_bodies": "off",
    "client_min_messages": "debug5",
    "statement_timeout": "5s",
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": "5s",
    "idle_session_timeout": "5s",
    "transaction_timeout": "5s",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "synchronous_commit": "off",
    "exit_on_error": "on",
    "restrict_nonsystem_relation_kind": "view",
    "tcp_keepalives_idle": "7200",
    "tcp_keepalives_interval": "75",
    "tcp_keepalives_count": "9",
    "tcp_user_timeout": "1000",
}
# They change a plan, a place on a disk, a log or a server process's memory: never what is read or written.
LEFT_TO_THE_SERVER = re.compile(
    "Query Tuning|Resource Usage|Reporting and Logging|Statistics|Vacuuming|Developer Options|Replication|"
    "Client Connection Defaults / Shared Library Preloading|Connections and Authentication / Authentication"
)
LEFT_BY_NAME = {
    *("commit_siblings", "wal_skip_threshold", "synchronize_seqscans", "client_connection_check_interval"),
    *("default_tablespace", "temp_tablespaces", "default_table_access_method", "default_toast_compression"),
    *("gin_pending_list_limit", "createrole_self_grant", "icu_validation_level", "default_text_search_config"),
    # A transaction's own, set with each BEGIN.
    *("transaction_isolation", "transaction_read_only", "transaction_deferrable"),
}


def set_for(database: Database, settings: dict[str, str]) -> None:
    """For the product's login in this database, and for the database."""
    with database.server.superuser(database.name) as admin:
        for name, value in settings.items():
            admin.run(f"ALTER ROLE {database.login_name} IN DATABASE {database.name} SET {name} TO '{value}'")
            admin.run(f"ALTER DATABASE {database.name} SET {name} TO '{value}'")


def settings_of(connection: Connection) -> dict[str, str]:
    return dict(connection.run("SELECT name, setting FROM pg_settings WHERE context = 'user'"))


@pytest.mark.parametrize("role", ["totesys", "warehouse"])
def test_a_session_is_the_same_whatever_the_defaults_are(role: str, request: pytest.FixtureRequest) -> None:
    database: Database = request.getfixturevalue(role)
    with database.connect() as connection:
        before = settings_of(connection)
    set_for(database, HOSTILE | {"search_path": "public, pg_catalog"})
    with database.connect() as connection:
        after = settings_of(connection)
    # It commits nothing at the source.
    left = {"synchronous_commit"} if role == "totesys" else set()
    assert {name for name in before if before[name] != after[name]} == left


def test_every_setting_of_a_session_is_set_or_left_on_purpose(warehouse: Database) -> None:
    with warehouse.connect() as connection:
        rows = connection.run("SELECT name, category FROM pg_settings WHERE context = 'user'")
    left = {name for name, category in rows if LEFT_TO_THE_SERVER.match(category)} | LEFT_BY_NAME
    assert {name for name, _ in rows} - left == {*HOSTILE, "search_path"}


def test_values_come_as_they_are(totesys: Database) -> None:
    set_for(totesys, HOSTILE)
    with totesys.connect() as connection:
        row = connection.one(
            "SELECT CAST('2026-12-03 04:05:06.7' AS timestamp), CAST('2026-12-03' AS date), 'Zoë Łuk', '\\x00',"
            " CAST(0.1 AS float8) + CAST(0.2 AS float8), CAST('\\x00ff' AS bytea), CAST(1.10 AS numeric)"
        )
    at, day, name, backslash, sum_, raw, money = row
    assert (at, day) == (datetime(2026, 12, 3, 4, 5, 6, 700_000), date(2026, 12, 3))
    assert (name, backslash, sum_, raw, money) == ("Zoë Łuk", "\\x00", 0.1 + 0.2, b"\x00\xff", Decimal("1.10"))


def test_what_a_policy_would_hide_is_refused(totesys: Database) -> None:
    totesys.owner().run("ALTER TABLE payment ENABLE ROW LEVEL SECURITY")
    with (
        totesys.connect() as connection,
        pytest.raises(ServiceRefused, match='42501.*row-level security policy for table "payment"'),
    ):
        connection.run("SELECT count(*) FROM public.payment")


def test_nothing_of_public_stands_in_the_place_of_postgresqls_own(totesys: Database) -> None:
    owner = totesys.owner()
    owner.run("CREATE FUNCTION public.pg_current_snapshot() RETURNS text LANGUAGE sql AS 'SELECT ''mine'''")
    owner.run("CREATE FUNCTION public.count(text) RETURNS bigint LANGUAGE sql AS 'SELECT 7'")
    owner.run("CREATE VIEW public.pg_class AS SELECT 1 AS oid")
    set_for(totesys, {"search_path": "public, pg_catalog"})
    with totesys.connect() as connection:
        assert connection.one("SELECT pg_current_snapshot()")[0] != "mine"
        assert connection.one("SELECT count(CAST(relname AS text)) > 7 FROM pg_class") == [True]


@pytest.fixture
def other(totesys: Database) -> Iterator[str]:
    """A role that the login is a member of."""
    name = f"other_{next(NUMBERS)}"
    with totesys.server.superuser(totesys.name) as admin:
        admin.run(f"CREATE ROLE {name}; GRANT {name} TO {totesys.login_name}")
        yield name
        admin.run(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_the_login_of_the_secret_is_the_one_that_reads(totesys: Database, other: str) -> None:
    _set_role(totesys, other)
    with totesys.connect() as connection:
        assert connection.one("SELECT current_user")[0] == totesys.login_name
        connection.run("SELECT count(*) FROM public.payment")


def _set_role(database: Database, role: str) -> None:
    with database.server.superuser(database.name) as admin:
        admin.run(f"ALTER ROLE {database.login_name} IN DATABASE {database.name} SET role TO '{role}'")


@pytest.mark.parametrize("setting", ["session_replication_role = replica", "zero_damaged_pages = on"])
def test_what_only_a_superuser_sets_back_is_refused(setting: str, warehouse: Database) -> None:
    with warehouse.server.superuser(warehouse.name) as admin:
        admin.run(f"ALTER ROLE {warehouse.login_name} IN DATABASE {warehouse.name} SET {setting}")
    with pytest.raises(ServiceRefused, match=f"{setting.replace('=', 'is')}.*ALTER ROLE … RESET"):
        warehouse.connect()


def database_in(server: Server, encoding: str) -> str:
    name = f"{encoding.lower()}_{next(NUMBERS)}"
    with server.superuser() as admin:
        admin.run(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
        admin.run(f"GRANT CREATE ON DATABASE {name} TO {logins.EXTRACT}")
    return name


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_JIS_2004", "SQL_ASCII"])
def test_a_database_of_another_encoding_is_spoken_to_in_utf_8(encoding: str, server: Server, totesys: Database) -> None:
    name = database_in(server, encoding)
    with connect("source", _in(totesys.login(), name), ca="", plaintext=True, timeout_s=9) as connection:
        assert connection.one("SHOW client_encoding") == ["SQL_ASCII" if encoding == "SQL_ASCII" else "UTF8"]
        assert connection.one("SELECT 'Zoë'") == ["Zoë"]
    with server.superuser() as admin:
        admin.run(f"DROP DATABASE {name}")


def test_an_encoding_that_postgresql_does_not_convert_is_refused(server: Server, totesys: Database) -> None:
    name = database_in(server, "MULE_INTERNAL")
    with pytest.raises(ServiceRefused, match="0A000.*encoding"):
        connect("source", _in(totesys.login(), name), ca="", plaintext=True, timeout_s=9)
    with server.superuser() as admin:
        admin.run(f"DROP DATABASE {name}")


def _in(login: Login, name: str) -> Login:
    return msgspec.structs.replace(login, dbname=name)
