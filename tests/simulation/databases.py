"""The product's connections to a real PostgreSQL, each statement of which is an actor's call to the world outside."""

import contextlib
import socket
from collections.abc import Callable
from typing import Any, TypeVar

from pg8000.native import Connection as Native

from shared.errors import TotestreamError
from shared.postgres.connection import Connection, translated
from shared.source.sql import SNAPSHOT
from tests.simulation.world import Actor

T = TypeVar("T")
Hear = Callable[[Native, list[Any]], None]


class SimulatedConnection(Connection):
    """`hear` is called with each row that answers the extraction's question for its snapshot, in its transaction."""

    def __init__(self, actor: Actor, made: Connection, watcher: Native, hear: Hear | None = None) -> None:
        super().__init__(made.database, made._native)
        self._actor, self._watcher, self._hear = actor, watcher, hear
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
        while self._watcher.run("SELECT FROM pg_stat_activity WHERE pid = :pid", pid=self._pid):
            pass

    def _bury(self) -> None:
        """What the operating system does for a process that has ended."""
        for each in (self._file, self._line):
            with contextlib.suppress(OSError):
                each.close()

    def _translated(self, call: Callable[[], T]) -> T:
        def statement() -> T:
            return super(SimulatedConnection, self)._translated(call)

        return self._actor.io(f"{self.database}: {_first_words(self._statement)}", statement, self._lost)

    def _lost(self) -> TotestreamError:
        self.cut()
        return translated(self.database, "a statement", OSError("the line is cut"))

    def close(self) -> None:
        if not self._actor.dead:
            super().close()


def _first_words(statement: str) -> str:
    return " ".join(statement.split())[:60]
