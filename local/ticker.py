"""The ticker: commits changes in the source, as its application would.

Usage: python -m local.ticker [--every SECONDS] [--seed N]   (the local stack starts and stops it)
"""

import argparse
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection

from local import folders, logins
from local.changes import KINDS, Change, tick
from local.errors import LocalError, Parser, end_with, reason
from local.postgres import Server

EVERY_S = 20.0

# One per tick, repeated. Shorter than the fifteen ticks of five minutes, so that any five minutes contain
# an order, a payment that becomes paid, a silent edit and a design.
_ROUND = (
    *("sale", "silent edit", "payment", "sale", "purchase", "design"),
    *("sale", "payment", "silent edit", "sale", "purchase", "sale"),
)

# Additional changes, in a longer cycle: shorter than the ninety ticks of half an hour.
_LONG_ROUND = 80
_RARE = {15: "department", 40: "address", 65: "delete"}


def kinds_at(number: int) -> tuple[str, ...]:
    """Return the kinds of change that the tick of this number, from 0, commits."""
    rare = _RARE.get(number % _LONG_ROUND)
    usual = _ROUND[number % len(_ROUND)]
    return (usual, rare) if rare else (usual,)


def utc_now() -> datetime:
    """Return the current time in the source's format: UTC, no time zone, whole milliseconds."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def pid_file(folder: Path) -> Path:
    return folder / "ticker.pid"


class Ticker:
    """A loop that commits changes until it is stopped, also across restarts of the database."""

    def __init__(self, folder: Path, every_s: float, seed: int) -> None:
        self._folder = folder
        self._every_s = every_s
        self._dice = Random(seed)
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        """Tick each `every_s`; a tick that failed while the database was down is repeated at the next interval."""
        number = 0
        while not self._stopping.wait(self._every_s) and self._is_current():
            number += self._try_tick(number)

    def _is_current(self) -> bool:
        """Return whether the pid file still names this process: a deleted or restarted stack does not need it."""
        try:
            return pid_file(self._folder).read_text().strip() == str(os.getpid())
        except FileNotFoundError:
            return False

    def _try_tick(self, number: int) -> bool:
        try:
            with _connection(self._folder) as connection:
                changes = tick(connection, self._dice, utc_now(), kinds_at(number))
        except (DatabaseError, InterfaceError, OSError, LocalError) as error:
            _say(f"tick {number} was not committed and will be retried: {reason(error)}")
            return False
        for change in changes:
            _say(f"tick {number}: {change}")
        return True


@contextmanager
def _connection(folder: Path) -> Iterator[Connection]:
    """Open a connection for one tick. Three a minute cost little, and a database restart needs no special case."""
    passwords = logins.kept_passwords(folder / "logins.json")
    connection = logins.connect(Server(folders.postgres_home(folder)), passwords, logins.SOURCE_OWNER)
    try:
        yield connection
    finally:
        connection.close()


def _say(text: str) -> None:
    print(f"{utc_now().isoformat(' ', 'milliseconds')} {text}", flush=True)


def main() -> None:
    """Tick in the foreground until SIGTERM."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=float, default=EVERY_S, metavar="SECONDS", help="default: 20")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the random generator (default 1)")
    options = parser.parse_args()
    ticker = Ticker(folders.stack_folder(), options.every, options.seed)
    signal.signal(signal.SIGTERM, lambda *_: ticker.stop())
    ticker.run()


__all__ = ["KINDS", "Change", "Ticker", "kinds_at", "tick", "utc_now"]

if __name__ == "__main__":
    end_with(main)
