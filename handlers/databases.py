"""The connections of the functions to the source and the warehouse."""

from collections.abc import Mapping
from typing import Any

from handlers.invocation import Invocation
from shared.aws.logins import Logins
from shared.aws.secrets import Login
from shared.postgres.connection import Connection, connect

# Kept as long as the container is warm; a function reads one secret with it.
LOGINS = Logins()


def open_database(
    database: str,
    login: Login,
    call: Invocation,
    *,
    reserve_s: float = 0.0,
    schema: str = "",
    read_only: bool = False,
) -> Connection:
    """Return a connection to `database`, "source" or "warehouse", as `connect` does.

    Its statements may take as long as the call has left, less `reserve_s`.
    """
    return connect(
        database,
        login,
        ca=call.settings.get("DATABASE_CA"),
        plaintext=call.settings.plaintext,
        timeout_s=call.time_left_s() - reserve_s,
        schema=schema,
        read_only=read_only,
    )


def open_with_kept_login(database: str, secret: str, call: Invocation, event: Mapping[str, Any]) -> Connection:
    """Return a connection with the login in `secret`, which a warm container keeps for some minutes.

    A person's event (`{"do": …}`) reads the secret again: the person may just have changed it.
    """
    return LOGINS.connect(secret, lambda login: open_database(database, login, call), must_read="do" in event)
