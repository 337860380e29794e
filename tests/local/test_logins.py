"""Each login may do what its bearer needs, and not a thing more."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pg8000.exceptions import DatabaseError
from pg8000.native import Connection, identifier

from local import logins
from local.postgres import Server
from local.tables import COLUMNS

Connect = Callable[[str], Connection]


def refused(connection: Connection, sql: str) -> str:
    """PostgreSQL's code for the refusal: 42501 a missing right, 25006 a read-only transaction."""
    with pytest.raises(DatabaseError) as raised:
        connection.run(sql)
    return str(raised.value.args[0]["C"])


def test_extract_reads_the_eleven_tables_and_no_other(source: Connection, connect: Connect) -> None:
    extract = connect(logins.EXTRACT)
    for table in COLUMNS:
        assert extract.run(f"SELECT xmin, * FROM {identifier(table)} LIMIT 1")
    assert refused(extract, 'SELECT * FROM "_prisma_migrations"') == "42501"


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM payment",
        "UPDATE payment SET paid = true",
        "INSERT INTO currency VALUES (9, 'XXX', now(), now())",
        "CREATE TABLE mine ()",
        "CREATE TEMP TABLE mine ()",
        "SELECT nextval('payment_payment_id_seq')",
    ],
)
def test_extract_cannot_write_not_even_in_a_read_write_transaction(connect: Connect, sql: str) -> None:
    extract = connect(logins.EXTRACT)
    assert refused(extract, sql) in ("25006", "42501")
    extract.run("SET default_transaction_read_only = off")
    assert refused(extract, sql) == "42501"


def test_extract_may_take_its_lock(connect: Connect) -> None:
    assert connect(logins.EXTRACT).run("SELECT pg_try_advisory_lock(1)") == [[True]]


def test_load_cannot_create_a_table_but_a_temporary_one(connect: Connect) -> None:
    load = connect(logins.LOAD)
    assert refused(load, "CREATE TABLE project_team_1.mine ()") == "42501"
    assert refused(load, "CREATE TABLE public.mine ()") == "42501"
    assert refused(load, "CREATE SCHEMA mine") == "42501"
    load.run("CREATE TEMP TABLE mine ()")


def test_load_reads_only_what_the_owner_grants(connect: Connect) -> None:
    owner, load = connect(logins.WAREHOUSE_OWNER), connect(logins.LOAD)
    owner.run("CREATE TABLE project_team_1.given (id int)")
    try:
        assert refused(load, "SELECT * FROM project_team_1.given") == "42501"
        owner.run(f"GRANT SELECT, INSERT ON project_team_1.given TO {logins.LOAD}")
        assert load.run("SELECT * FROM project_team_1.given") == []
    finally:
        owner.run("DROP TABLE project_team_1.given")


@pytest.fixture
def made(connect: Connect) -> Iterator[None]:
    """A table and a view that the owner made after the reader's login."""
    owner = connect(logins.WAREHOUSE_OWNER)
    owner.run("CREATE TABLE made AS SELECT 1 AS id; CREATE VIEW current_made AS SELECT * FROM made")
    yield
    owner.run("DROP TABLE made CASCADE")


@pytest.mark.usefixtures("made")
def test_the_reader_finds_what_the_owner_makes_without_naming_the_schema(connect: Connect) -> None:
    reader = connect(logins.READER)
    assert reader.run("SELECT * FROM made JOIN current_made USING (id)") == [[1]]
    assert reader.run("SELECT current_schema") == [["project_team_1"]]


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("sql", ["DELETE FROM made", "CREATE TABLE mine ()", "CREATE TEMP TABLE mine ()"])
def test_the_reader_cannot_write_not_even_in_a_read_write_transaction(connect: Connect, sql: str) -> None:
    reader = connect(logins.READER)
    assert refused(reader, sql) in ("25006", "42501")
    reader.run("SET default_transaction_read_only = off")
    assert refused(reader, sql) == "42501"


@pytest.mark.fast
def test_a_login_of_a_later_version_gets_its_password_and_the_others_keep_theirs(tmp_path: Path) -> None:
    file = tmp_path / "logins.json"
    former = {login: f"of {login}" for login in logins.DATABASE_OF if login != logins.READER}
    file.write_text(json.dumps(former))
    now = logins.kept_passwords(file)
    assert now == former | {logins.READER: now[logins.READER]}
    assert logins.kept_passwords(file) == now


@pytest.mark.parametrize("login", logins.DATABASE_OF)
def test_no_login_gets_into_another_database(local_server: Server, local_passwords: dict[str, str], login: str) -> None:
    for database in {logins.SOURCE, logins.WAREHOUSE, "postgres"} - {logins.DATABASE_OF[login]}:
        with pytest.raises(DatabaseError, match="permission denied"):
            local_server.connect(login, local_passwords[login], database)


def test_preparing_twice_is_preparing_once(
    local_server: Server, local_passwords: dict[str, str], source: Connection
) -> None:
    before = source.run("SELECT count(*) FROM payment")
    logins.prepare(local_server, local_passwords)
    assert source.run("SELECT count(*) FROM payment") == before
