"""A pooler in transaction mode is recognised and refused before anything is left behind in it; session mode works."""

import msgspec
import pytest

from conftest import Database
from shared.errors import ServiceRefused
from shared.postgres.connection import Connection, connect
from shared.postgres.pooler import has_own_process
from tests.shared.postgres.pool import Mode, Pool, pooled

pytestmark = pytest.mark.fast


def pool_of(database: Database, mode: Mode, size: int = 5, *, in_turn: bool = False) -> Pool:
    login = database.login()
    return Pool(
        lambda: database.server.connect(login.username, login.password, login.dbname), mode, size, in_turn=in_turn
    )


def through(port: int, database: Database, role: str = "source", timeout_s: float = 20) -> Connection:
    login = msgspec.structs.replace(database.login(), port=port)
    return connect(role, login, ca="", plaintext=True, timeout_s=timeout_s)


@pytest.mark.parametrize("in_turn", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_transaction_mode_is_refused_with_what_to_do(size: int, in_turn: bool, totesys: Database) -> None:
    pool = pool_of(totesys, "transaction", size, in_turn=in_turn)
    with pooled(pool) as port, pytest.raises(ServiceRefused) as raised:
        through(port, totesys)
    said = str(raised.value)
    assert said.startswith(f"source: connecting to 127.0.0.1:{port}/")
    assert "a pooler in transaction mode answers" in said
    assert "pool_mode = session; Supabase: 5432 in place of 6543" in said


def test_so_it_is_for_the_warehouse(warehouse: Database) -> None:
    with pooled(pool_of(warehouse, "transaction")) as port, pytest.raises(ServiceRefused, match="^warehouse: .*pooler"):
        through(port, warehouse, "warehouse")


def test_nothing_is_left_behind_on_a_process_that_others_are_given(totesys: Database) -> None:
    pool = pool_of(totesys, "transaction", 1)
    with pooled(pool) as port:
        with pytest.raises(ServiceRefused):
            through(port, totesys)
        shared = pool._all[0]
        rows = shared.run("SELECT name, setting FROM pg_settings WHERE source = 'session'")
        locks = shared.run("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
    assert dict(rows) == {}
    assert locks == [[0]]


@pytest.mark.parametrize("size", [2, 5])
def test_session_mode_works(size: int, totesys: Database) -> None:
    with pooled(pool_of(totesys, "session", size)) as port:
        for _ in range(2):
            with through(port, totesys) as connection:
                assert connection.one("SELECT pg_try_advisory_lock(7)") == [True]
                assert connection.one("SHOW row_security") == ["off"]
                assert connection.one("SELECT CAST(:n AS integer)", n=3) == [3]


def test_session_mode_works_with_no_second_process_to_compare_with(totesys: Database) -> None:
    with pooled(pool_of(totesys, "session", 1)) as port, through(port, totesys) as connection:
        assert connection.one("SELECT pg_try_advisory_lock(7)") == [True]


def never() -> Connection:
    raise AssertionError("a second session was opened")


def test_without_a_pooler_one_statement_is_enough(totesys: Database) -> None:
    with totesys.connect() as connection:
        assert has_own_process(connection, connection._native.announced_process, never)
