"""Database logins that a warm function keeps, so that a quiet minute does not pay for reading its secret."""

import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from shared.aws.clients import Sleep
from shared.aws.secrets import Login, get_login
from shared.errors import ServiceRefused, ServiceUnavailable

C = TypeVar("C")

# A login that still works says nothing of a secret that names another server now: it is used for at most so long. Two
# functions that read their secrets every five minutes cost nine cents a month, and each minute 44.
KEPT_S = 300.0
# PostgreSQL's words for a login that it does not take.
REFUSED = ("28P01", "28000")
# Who rotates a password gives it to the server first, and to the secret some seconds later.
ROTATION_WAITS_S = (2.0, 8.0)


class KeptLogin(NamedTuple):
    login: Login
    read_at: float


class Logins:
    """`clock` is the time of day: whether another one counts while Lambda has frozen the process is not documented."""

    def __init__(
        self,
        read: Callable[[str], Login] = get_login,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._read, self._clock, self._sleep = read, clock, sleep
        self._kept: dict[str, KeptLogin] = {}

    def connect(self, secret: str, connect: Callable[[Login], C], *, anew: bool = False) -> C:
        """Return what `connect` makes of the login in `secret`, which is read when none is kept, or `anew`.

        Where `connect` fails with a login that was kept, the secret is read once more, and if it is another one now,
        that is tried: a rotated password, a database that has moved. Raises what `connect` and `read` raise.
        """
        kept = None if anew else self._fresh(secret)
        if kept is None:
            return self._connect(secret, self._read(secret), connect)
        try:
            return connect(kept)
        except (ServiceRefused, ServiceUnavailable) as error:
            del self._kept[secret]
            login = self._changed(secret, kept, error)
            if login is None:
                raise
        return self._connect(secret, login, connect)

    def _changed(self, secret: str, kept: Login, error: ServiceRefused | ServiceUnavailable) -> Login | None:
        """The secret's login, None when it is still the one that was kept."""
        for wait_s in (0.0, *(ROTATION_WAITS_S if error.cause in REFUSED else ())):
            self._sleep(wait_s)
            login = self._read(secret)
            if login != kept:
                return login
        return None

    def _connect(self, secret: str, login: Login, connect: Callable[[Login], C]) -> C:
        """Keep only what has worked: who mends a secret is heard by the next run."""
        self._kept.pop(secret, None)
        read_at = self._clock()
        connection = connect(login)
        self._kept[secret] = KeptLogin(login, read_at)
        return connection

    def _fresh(self, secret: str) -> Login | None:
        kept = self._kept.get(secret)
        # A clock that was set back must not make it younger.
        return kept.login if kept and 0 <= self._clock() - kept.read_at < KEPT_S else None
