"""Keep database logins in a warm function, so that not every minute pays for reading a secret."""

import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from shared.aws.clients import Sleep
from shared.aws.secrets import Login, get_login
from shared.errors import ServiceRefused, ServiceUnavailable

C = TypeVar("C")

# A login can still work although its secret names another server now: it is used for at most five minutes. Two
# functions that read their secrets every five minutes cost nine cents a month; each minute, 44.
KEPT_S = 300.0
# PostgreSQL's codes for a refused login.
REFUSED = ("28P01", "28000")
# A rotation gives the new password to the server first, and to the secret some seconds later.
ROTATION_WAITS_S = (2.0, 8.0)


class KeptLogin(NamedTuple):
    login: Login
    read_at: float


class Logins:
    """Connects with logins that are kept. `clock` is the time of day: whether a monotonic clock runs while Lambda has
    frozen the process is not documented."""

    def __init__(
        self,
        read: Callable[[str], Login] = get_login,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._read, self._clock, self._sleep = read, clock, sleep
        self._kept: dict[str, KeptLogin] = {}

    def connect(self, secret: str, connect: Callable[[Login], C], *, must_read: bool = False) -> C:
        """Return what `connect` makes of the login in `secret`, which is read when none is kept, or `must_read`.

        If `connect` fails with a kept login, the secret is read again, and a changed login is tried: the password was
        rotated or the database moved. Raises what `connect` and `read` raise.
        """
        kept = None if must_read else self._fresh(secret)
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
        """Return the secret's login, None when it is still the kept one."""
        for wait_s in (0.0, *(ROTATION_WAITS_S if error.cause in REFUSED else ())):
            self._sleep(wait_s)
            login = self._read(secret)
            if login != kept:
                return login
        return None

    def _connect(self, secret: str, login: Login, connect: Callable[[Login], C]) -> C:
        """Connect, and keep the login only if that succeeded: the next run then reads a corrected secret."""
        self._kept.pop(secret, None)
        read_at = self._clock()
        connection = connect(login)
        self._kept[secret] = KeptLogin(login, read_at)
        return connection

    def _fresh(self, secret: str) -> Login | None:
        kept = self._kept.get(secret)
        # A clock that was set back must not prolong its use.
        return kept.login if kept and 0 <= self._clock() - kept.read_at < KEPT_S else None
