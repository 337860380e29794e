"""Detect a pooler in transaction or statement mode, behind which a session has no server process of its own.

There an advisory lock stays on a process that another session gets next, settings apply to other sessions, and two
statements may run in different processes. The check runs before anything is set, so that nothing is left behind.
"""

from collections.abc import Callable
from contextlib import closing
from typing import Any, Protocol

from shared.errors import TotestreamError

ASK_PROCESS = "SELECT pg_catalog.pg_backend_pid()"
# RDS Proxy gives a session its own process once it has set something; nothing reads this setting.
HOLD = "SET totestream.session TO 'held'"
# A pool may give the same process again by chance.
ROUNDS = 5

REFUSED = "a pooler in transaction mode answers: its sessions share server processes"
FIX = (
    "put the database's own address into the secret, or the pooler's port in session mode "
    "(PgBouncer: pool_mode = session; Supabase: 5432 in place of 6543), by deploy.sh --put-secrets"
)


class Session(Protocol):
    def one(self, sql: str) -> list[Any]: ...

    def close(self) -> None: ...


def has_own_process(session: Session, announced: int | None, open_another: Callable[[], Session]) -> bool:
    """Return whether `session` is always served by one process.

    A server names the process at the login (`announced`), and then one statement is enough. A pooler cannot: then a
    second session of the same login is opened for a moment, and the processes of both are compared several times.
    """
    own = _process(session)
    if own == announced:
        return True
    session.one(f"{HOLD}; {ASK_PROCESS}")
    own = _process(session)
    try:
        with closing(open_another()) as other:
            return all(_process(session) == own and _process(other) != own for _ in range(ROUNDS))
    except TotestreamError:
        # No second process is free, which says nothing about the first.
        return _process(session) == own


def _process(session: Session) -> int:
    return int(session.one(ASK_PROCESS)[0])
