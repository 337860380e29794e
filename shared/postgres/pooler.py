"""Whether a session has a server process of its own: behind a pooler in transaction or statement mode it has none.

There the lock of extract and of load stays behind on a process that others are given next, settings go to strangers,
and a statement may run where the one before did not. It is asked before anything is set, so that nothing is left.
"""

from collections.abc import Callable
from contextlib import closing
from typing import Any, Protocol

from shared.errors import TotestreamError

ASK_PROCESS = "SELECT pg_catalog.pg_backend_pid()"
# RDS Proxy gives a session its own process once it has set something; the name means nothing to anyone.
HOLD = "SET totestream.session TO 'held'"
# A pool that hands out its processes in turn, or to many clients, gives the same one again by chance.
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
    """Whether `session` keeps the one process that answers it.

    A server names the process when it takes the login (`announced`), and then one statement is all. A pooler cannot:
    then a second session of the same login is opened for a moment, and both are asked in turn.
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
        # No other process is free, which says nothing of ours.
        return _process(session) == own


def _process(session: Session) -> int:
    return int(session.one(ASK_PROCESS)[0])
