"""Errors of a database: transient or permanent, with names and never with a row's values; TLS that proves itself."""

import socket

import pytest

from conftest import Database
from shared.aws.secrets import Login
from shared.errors import ServiceRefused, ServiceUnavailable
from shared.postgres.connection import connect, literal, quoted

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


def test_nobody_listening_is_transient_and_says_where() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ServiceUnavailable, match=f"127.0.0.1:{port}/totesys.*ConnectionRefusedError"):
        connect("source", Login("127.0.0.1", port, "totesys", "me", "x"), ca="", plaintext=True, timeout_s=5)


def test_a_server_without_tls_is_not_spoken_to_unless_told_so(totesys: Database) -> None:
    with pytest.raises(ServiceUnavailable):
        connect("source", totesys.login(), ca="", plaintext=False, timeout_s=5)


def test_a_login_never_shows_its_password() -> None:
    assert CANARY not in repr(Login("h", 1, "d", "u", CANARY))


def test_names_and_texts_are_quoted() -> None:
    assert quoted('a"b') == '"a""b"'
    assert literal("it's") == "'it''s'"
