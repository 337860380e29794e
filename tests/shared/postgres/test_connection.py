"""Errors of a database: transient or permanent, with names and never with a row's values; TLS that proves itself."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from conftest import NUMBERS, Database
from local.postgres import Server, throw_away
from shared.aws.secrets import Login
from shared.errors import ServiceRefused, ServiceUnavailable
from shared.postgres.connection import connect, literal, quoted
from shared.postgres.errors import not_connected

pytestmark = pytest.mark.fast

CANARY = "jane.doe@example.com"


def test_a_refused_row_is_never_quoted(warehouse: Database) -> None:
    with warehouse.connect() as connection:
        connection.run("CREATE TEMP TABLE person (email text PRIMARY KEY)")
        connection.run("INSERT INTO person VALUES (:email)", email=CANARY)
        with pytest.raises(ServiceRefused, match="SQLSTATE 23505 person person_pkey") as raised:
            connection.run("INSERT INTO person VALUES (:email)", email=CANARY)
        assert CANARY not in str(raised.value)
        with pytest.raises(ServiceRefused, match="22P02") as raised:
            connection.run("SELECT CAST(:email AS integer)", email=CANARY)
        assert CANARY not in str(raised.value)


def test_a_missing_table_is_named(totesys: Database) -> None:
    with totesys.connect() as connection, pytest.raises(ServiceRefused, match='42P01 relation "nothing"'):
        connection.run("SELECT * FROM nothing")


def test_a_statement_that_takes_too_long_may_be_tried_again(totesys: Database) -> None:
    with totesys.connect() as connection:
        connection.run("SET statement_timeout = '50ms'")
        with pytest.raises(ServiceUnavailable, match="57014"):
            connection.run("SELECT pg_sleep(5)")


def test_a_connection_that_is_cut_may_be_made_again(totesys: Database) -> None:
    with totesys.connect() as connection, pytest.raises(ServiceUnavailable):
        connection.run("SELECT pg_terminate_backend(pg_backend_pid())")


def test_a_wrong_password_is_refused_with_the_way_out(totesys: Database) -> None:
    good = totesys.login()
    wrong = Login(good.host, good.port, good.dbname, good.username, CANARY)
    with pytest.raises(ServiceRefused, match="28P01.*deploy.sh --put-secrets") as raised:
        connect("source", wrong, ca="", plaintext=True, timeout_s=5)
    assert CANARY not in str(raised.value)


RAISE = """
CREATE FUNCTION pg_temp.guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  {body}
  RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE INSERT ON person FOR EACH ROW EXECUTE FUNCTION pg_temp.guard()"""
BODIES = {
    "raise with a code": "RAISE EXCEPTION 'no mail for %', NEW.email USING ERRCODE = '{state}';",
    "raise with names": "RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = 'x', TABLE = NEW.email,"
    " COLUMN = NEW.email, CONSTRAINT = NEW.email, DATATYPE = NEW.email, SCHEMA = NEW.email, DETAIL = NEW.email,"
    " HINT = NEW.email;",
    "raise again": "BEGIN RAISE EXCEPTION 'no mail for %', NEW.email USING ERRCODE = '{state}';"
    " EXCEPTION WHEN OTHERS THEN RAISE; END;",
    "dynamic statement": "EXECUTE 'SELECT * FROM ' || quote_ident(NEW.email);",
    "a server's error said anew": "BEGIN EXECUTE 'SELECT * FROM ' || quote_ident(NEW.email); EXCEPTION WHEN OTHERS THEN"
    " RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM; END;",
    "a cast to a name": "PERFORM CAST(quote_ident(NEW.email) AS regclass);",
    "an assertion": "ASSERT false, NEW.email;",
    "a role of that name": "EXECUTE 'SET ROLE ' || quote_ident(NEW.email);",
}


@pytest.mark.parametrize("state", ["42501", "42P01", "28000", "55000", "57014", "53100", "08006", "3F000", "23505"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_what_a_trigger_raises_is_told_by_its_code_alone(body: str, state: str, warehouse: Database) -> None:
    if "{state}" not in body and state != "42501":
        state = "42501"
    with warehouse.connect() as connection:
        connection.run("CREATE TEMP TABLE person (email text)")
        connection.run(RAISE.format(body=body.format(state=state)))
        with pytest.raises((ServiceRefused, ServiceUnavailable), match="SQLSTATE") as raised:
            connection.run("INSERT INTO person VALUES (:email)", email=CANARY)
        assert CANARY not in str(raised.value)


@pytest.mark.parametrize(
    "ddl",
    [
        "CREATE DOMAIN pg_temp.mail AS text CHECK (CAST(VALUE AS regclass) IS NOT NULL);"
        " CREATE TEMP TABLE person (email pg_temp.mail)",
        "CREATE TEMP TABLE person (email text CHECK (CAST(email AS regclass) IS NOT NULL))",
        "CREATE TEMP TABLE person (email text CHECK (CAST(email AS regtype) IS NOT NULL))",
        "CREATE TEMP TABLE person (email text CHECK (CAST(email AS regrole) IS NOT NULL))",
        "CREATE TEMP TABLE person (email text CHECK (CAST(email AS regnamespace) IS NOT NULL))",
        "CREATE TEMP TABLE person (email text CHECK (has_table_privilege(email, 'SELECT')))",
        "CREATE TEMP TABLE person (email text CHECK (has_schema_privilege(email, 'USAGE')))",
        "CREATE TEMP TABLE person (email text CHECK (has_database_privilege(email, 'CONNECT')))",
        "CREATE TEMP TABLE person (email text CHECK (nextval(email) > 0))",
        "CREATE FUNCTION pg_temp.f(text) RETURNS regclass LANGUAGE sql AS 'SELECT CAST($1 AS regclass)';"
        " CREATE TEMP TABLE person (email text CHECK (pg_temp.f(email) IS NOT NULL))",
    ],
)
def test_a_text_that_is_read_as_a_name_is_not_told(ddl: str, warehouse: Database) -> None:
    with warehouse.connect() as connection:
        connection.run(ddl)
        for value in (CANARY, f'"{CANARY}"', f"s.{CANARY}".replace("@", ""), "jane.canary", "a.b.jane.canary"):
            with pytest.raises(ServiceRefused, match="SQLSTATE") as raised:
                connection.run("INSERT INTO person VALUES (:email)", email=value)
            assert "jane" not in str(raised.value)


def test_a_right_that_is_missing_is_named(totesys: Database) -> None:
    totesys.owner().run(f"REVOKE ALL ON payment FROM {totesys.login_name}")
    with (
        totesys.connect() as connection,
        pytest.raises(ServiceRefused, match="42501 permission denied for table payment.*grant this login"),
    ):
        connection.run("SELECT count(*) FROM public.payment")


def test_a_server_that_takes_no_writes_may_take_them_later(warehouse: Database) -> None:
    with warehouse.connect() as connection:
        connection.run("BEGIN READ ONLY")
        with pytest.raises(ServiceUnavailable, match="25006"):
            connection.run("CREATE TABLE nothing ()")


@pytest.mark.parametrize(
    ("number", "kind"), [(socket.EAI_NONAME, ServiceRefused), (socket.EAI_AGAIN, ServiceUnavailable)]
)
def test_only_a_name_server_that_does_not_answer_may_answer_later(number: int, kind: type[Exception]) -> None:
    assert type(not_connected("source", "connecting", socket.gaierror(number, "words"))) is kind


def test_nobody_listening_is_transient_and_says_where() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ServiceUnavailable, match=f"127.0.0.1:{port}/totesys.*ConnectionRefusedError"):
        connect("source", Login("127.0.0.1", port, "totesys", "me", "x"), ca="", plaintext=True, timeout_s=5)


def test_a_host_that_nobody_knows_must_be_mended() -> None:
    with pytest.raises(ServiceRefused, match="no host has that name.*correct host in the secret"):
        connect("source", Login("db.invalid", 5432, "totesys", "me", "x"), ca="", plaintext=True, timeout_s=5)


@pytest.mark.parametrize("host", ["127.0.0.1 ", " 127.0.0.1", "a b", "", "tcp://a", "x" * 64, "a..b", ".", "\udcff"])
def test_a_host_that_is_none_must_be_mended(host: str) -> None:
    with pytest.raises(ServiceRefused, match="host|name"):
        connect("source", Login(host, 5432, "totesys", "me", "x"), ca="", plaintext=True, timeout_s=5)


@contextmanager
def speaking(*answers: bytes) -> Iterator[int]:
    """A server that gives each connection the next of `answers` after its first words, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                line, _ = listener.accept()
                with line:
                    line.recv(1024)
                    line.sendall(answer)

        thread = Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x0a5.5.5-MariaDB", b"SSH-2.0\r\n"])
@pytest.mark.parametrize("plaintext", [True, False])
def test_what_is_no_postgresql_is_said_in_words(answer: bytes, plaintext: bool) -> None:
    with speaking(answer) as port, pytest.raises((ServiceRefused, ServiceUnavailable)) as raised:
        connect("source", Login("127.0.0.1", port, "totesys", "me", "x"), ca="", plaintext=plaintext, timeout_s=1)
    assert f"127.0.0.1:{port}" in str(raised.value)


@pytest.mark.parametrize("answer", [b"", b"E"])
def test_a_server_that_hangs_up_has_not_said_that_it_lacks_tls(answer: bytes) -> None:
    with (
        speaking(answer) as port,
        pytest.raises(ServiceUnavailable, match="ConnectionResetError: the server closed the connection"),
    ):
        connect("source", Login("127.0.0.1", port, "totesys", "me", "x"), ca="", plaintext=False, timeout_s=1)


def test_a_text_that_is_not_utf_8_leaves_no_answer_behind_for_the_next_statement(server: Server) -> None:
    name = f"ascii_{next(NUMBERS)}"
    with server.superuser() as admin:
        admin.run(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
        password = server._password_file.read_text()
    login = Login("127.0.0.1", server.port, name, "postgres", password)
    with connect("source", login, ca="", plaintext=True, timeout_s=5) as connection:
        with pytest.raises(ServiceRefused, match="text that is not UTF-8.*ENCODING 'UTF8'"):
            connection.run("SELECT convert_from('\\xeb', 'SQL_ASCII') FROM generate_series(1, 3)")
        with pytest.raises(ServiceUnavailable):
            connection.run("SELECT 1")
    with server.superuser() as admin:
        admin.run(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_login_never_shows_its_password() -> None:
    assert CANARY not in repr(Login("h", 1, "d", "u", CANARY))


def test_names_and_texts_are_quoted() -> None:
    assert quoted('a"b') == '"a""b"'
    assert literal("it's") == "'it''s'"


def test_a_server_that_asks_for_tls_is_said_to() -> None:
    with throw_away() as server:
        with server.superuser() as admin:
            hba = Path(admin.run("SHOW hba_file")[0][0])
            admin.run("CREATE ROLE somebody LOGIN PASSWORD 'secret'")
            hba.write_text("hostssl all somebody all scram-sha-256\nhost all postgres all scram-sha-256\n")
            admin.run("SELECT pg_reload_conf()")
        login = Login("127.0.0.1", server.port, "postgres", "somebody", "secret")
        with pytest.raises(ServiceRefused, match=r"28000 no pg_hba.conf entry.*no encryption.*DATABASE_PLAINTEXT=no"):
            connect("source", login, ca="", plaintext=True, timeout_s=9)
