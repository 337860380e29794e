"""The product's connections to a real PostgreSQL, each statement of which is an actor's call to the world outside."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from pg8000.native import Connection as Native

from local.postgres import Server
from shared.errors import TotestreamError
from shared.postgres.connection import Connection
from shared.postgres.errors import translated
from shared.source.readers.postgres.sql import SNAPSHOT
from tests.detection.servers import crash
from tests.simulation.world import Actor

# A server process starts, and ends when it has nobody to talk to any more, in some milliseconds; ten seconds are never.
LOOK_AGAIN_S = 0.001
LOOKS = 10_000

# What lies within a page's header is taken for flushed with the page before.
WAL_PAGE = 8192

T = TypeVar("T")
Hear = Callable[[Native, list[Any]], None]


class Host:
    """A server, and a session beside all others on it.

    A WAL writer goes by the real clock. While it stands still, WAL is written by `flush` and by whoever commits.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._session = ExitStack()
        self._connect()

    def run(self, sql: str, **params: object) -> list[list[Any]]:
        return self._watcher.run(sql, **params) or []

    def is_there(self, pid: int) -> bool:
        return bool(self.run("SELECT FROM pg_stat_activity WHERE pid = :pid", pid=pid))

    def flush(self) -> None:
        """A commit flushes all that was written before."""
        self.run("SELECT pg_logical_emit_message(true, '', '')")

    def write_unflushed(self) -> None:
        """There is always something in the WAL that is not flushed, else it were chance: reading sets hints, too."""
        self.run("SELECT pg_logical_emit_message(false, '', repeat(' ', :many))", many=WAL_PAGE)

    @contextmanager
    def without_wal_writer(self) -> Iterator[None]:
        os.kill(self._wal_writer(), signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._wal_writer(), signal.SIGCONT)

    def crash(self) -> None:
        """All its processes are stopped at once, and with them goes what they had not written. It recovers without
        having been started anew, which a cursor would notice."""
        wal_writer = self._wal_writer()
        self.close()
        crash(self._server, wal_writer)
        self._connect()
        os.kill(self._wal_writer(), signal.SIGSTOP)

    def close(self) -> None:
        self._session.close()

    def _connect(self) -> None:
        self._watcher = self._session.enter_context(self._server.superuser())

    def _wal_writer(self) -> int:
        """Its process id. It starts a moment after the first session can."""
        for _ in range(LOOKS):
            for (pid,) in self.run("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'"):
                return int(pid)
            time.sleep(LOOK_AGAIN_S)
        raise AssertionError("the server has no WAL writer")


class SimulatedConnection(Connection):
    """`hear` is called with each row that answers the extraction's question for its snapshot, in its transaction."""

    def __init__(self, actor: Actor, made: Connection, host: Host, hear: Hear | None = None) -> None:
        super().__init__(made.database, made._native)
        self._actor, self._host, self._hear = actor, host, hear
        self._pid = self._native.run("SELECT pg_backend_pid()")[0][0]
        self._line, self._file = self._native._usock, self._native._sock
        self._statement = ""
        actor.last_breath.append(self.cut)
        actor.burial.append(self._bury)

    def run(self, sql: str, **params: object) -> list[list[Any]]:
        self._statement = sql
        rows = super().run(sql, **params)
        if sql == SNAPSHOT and self._hear:
            self._hear(self._native, rows[0])
        return rows

    def cut(self) -> None:
        """The line is cut, and the server has noticed: all that was not committed is undone, every lock is free."""
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        self._await_end()

    def _await_end(self) -> None:
        """What a session holds is free once its server process is gone."""
        for _ in range(LOOKS):
            if not self._host.is_there(self._pid):
                return
            time.sleep(LOOK_AGAIN_S)
        raise AssertionError(f"server process {self._pid} is still there, and nobody at the other end")

    def _bury(self) -> None:
        """What the operating system does for a process that has ended."""
        for each in (self._file, self._line):
            with contextlib.suppress(OSError):
                each.close()

    def _translated(self, call: Callable[[], T]) -> T:
        def statement() -> T:
            if self._statement == SNAPSHOT:
                self._host.write_unflushed()
            return super(SimulatedConnection, self)._translated(call)

        return self._actor.io(f"{self.database}: {_first_words(self._statement)}", statement, self._lost)

    def _lost(self) -> TotestreamError:
        self.cut()
        return translated(self.database, "a statement", OSError("the line is cut"))

    def close(self) -> None:
        if not self._actor.dead:
            super().close()
            self._await_end()


def _first_words(statement: str) -> str:
    return " ".join(statement.split())[:60]
