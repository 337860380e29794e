"""A pooler that stands in for PgBouncer: it takes every login itself, and lends out its own sessions with the server.

It speaks what these tests need of PostgreSQL's protocol: no TLS, no password, and in transaction mode no COPY.
"""

import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Literal, NamedTuple

from pg8000.native import Connection as Native

Mode = Literal["session", "transaction"]
IDLE = b"I"
ANSWERED = (b"Q", b"S")


class Message(NamedTuple):
    kind: bytes
    raw: bytes


def exactly(line: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        block = line.recv(size - len(found))
        if not block:
            raise ConnectionError
        found += block
    return found


def read(line: socket.socket) -> Message:
    head = exactly(line, 5)
    return Message(head[:1], head + exactly(line, struct.unpack("!i", head[1:])[0] - 4))


def written(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


@dataclass
class Pool:
    """`in_turn`: the session that was free the longest is lent next, in place of the one that came back last."""

    open_one: Callable[[], Native]
    mode: Mode
    size: int = 5
    in_turn: bool = False
    _free: deque[Native] = field(default_factory=deque)
    _all: list[Native] = field(default_factory=list)
    _change: Condition = field(default_factory=Condition)
    _sessions: list[Thread] = field(default_factory=list)

    def begin(self, client: socket.socket) -> None:
        thread = Thread(target=self.serve, args=(client,), daemon=True)
        self._sessions.append(thread)
        thread.start()

    def serve(self, client: socket.socket) -> None:
        """One session of a client, from its login to its end."""
        with suppress(OSError), client:
            exactly(client, struct.unpack("!i", exactly(client, 4))[0] - 4)
            client.sendall(self._welcome())
            if self.mode == "session":
                with self._lent() as server:
                    back = Thread(target=pass_on, args=(server, client))
                    back.start()
                    self._whole_session(client, server)
                    # Wakes the one that reads from the server; what it hears is for nobody any more.
                    server.sendall(written(b"Q", b"DISCARD ALL\0"))
                    back.join()
            else:
                while (asked := read(client)).kind != b"X":
                    with self._lent() as server:
                        self._transaction(client, server, asked)

    def close(self) -> None:
        """Once its clients have gone."""
        for thread in self._sessions:
            thread.join(10)
        for native in self._all:
            with suppress(Exception):
                native.close()

    def _welcome(self) -> bytes:
        with self._lent(), self._change:
            statuses = self._all[0].parameter_statuses.items()
        told = b"".join(written(b"S", f"{name}\0{value}\0".encode()) for name, value in statuses)
        # The process that it names is none.
        return written(b"R", bytes(4)) + told + written(b"K", struct.pack("!ii", 1, 1)) + written(b"Z", IDLE)

    def _whole_session(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while (asked := read(client)).kind != b"X":
                server.sendall(asked.raw)

    def _transaction(self, client: socket.socket, server: socket.socket, asked: Message) -> None:
        while True:
            server.sendall(asked.raw)
            if asked.kind in ANSWERED and answer(server, client) == IDLE:
                return
            asked = read(client)

    @contextmanager
    def _lent(self) -> Iterator[socket.socket]:
        with self._change:
            self._change.wait_for(lambda: self._free or len(self._all) < self.size)
            if self._free:
                native = self._free.popleft() if self.in_turn else self._free.pop()
            else:
                native = self.open_one()
                self._all.append(native)
        try:
            yield native._usock
        finally:
            with self._change:
                self._free.append(native)
                self._change.notify()


def answer(server: socket.socket, client: socket.socket) -> bytes:
    """The server's whole answer, passed on; the state that it is in then."""
    while (found := read(server)).kind != b"Z":
        client.sendall(found.raw)
    client.sendall(found.raw)
    return found.raw[-1:]


def pass_on(server: socket.socket, client: socket.socket) -> None:
    """All that the server says, until it has forgotten the session."""
    forgetting = False
    while True:
        found = read(server)
        forgetting = forgetting or (found.kind == b"C" and found.raw[5:] == b"DISCARD ALL\0")
        if found.kind == b"Z" and forgetting:
            return
        with suppress(OSError):
            client.sendall(found.raw)


@contextmanager
def pooled(pool: Pool) -> Iterator[int]:
    """The port that the pool listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    pool.begin(listener.accept()[0])

        Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            # Only a shutdown wakes the one that waits for the next client.
            listener.shutdown(socket.SHUT_RDWR)
            pool.close()
