"""A login is kept while it serves: what is changed in its secret costs no run, and is not overlooked for long."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from shared.aws.logins import KEPT_S, ROTATION_WAITS_S, Logins
from shared.aws.secrets import Login
from shared.errors import BadSetting, ServiceRefused, ServiceUnavailable

pytestmark = pytest.mark.fast

OLD = Login("db.example", 5432, "totesys", "reader", "old")
ROTATED = Login("db.example", 5432, "totesys", "reader", "rotated")
AGAIN = Login("db.example", 5432, "totesys", "reader", "rotated again")
MOVED = Login("other.example", 5433, "totesys", "reader", "old")


def refused(login: Login) -> ServiceRefused:
    error = ServiceRefused("source", "connecting", "SQLSTATE 28P01", "mend it")
    error.cause = "28P01"
    return error


def unavailable(login: Login) -> ServiceUnavailable:
    return ServiceUnavailable("source", "connecting", "ConnectionRefusedError")


@dataclass
class Place:
    """A secret, and the server that takes the logins in `taken`; `later` comes into the secret while one waits."""

    secret: Login = OLD
    taken: tuple[Login, ...] = (OLD,)
    error: Callable[[Login], Exception] = refused
    later: list[Login] = field(default_factory=list)
    now: float = 1000.0
    reads: int = 0
    waited: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.logins = Logins(self.read, lambda: self.now, self.sleep)

    def read(self, name: str) -> Login:
        self.reads += 1
        return self.secret

    def sleep(self, seconds: float) -> None:
        self.waited += [seconds] if seconds else []
        if seconds and self.later:
            self.secret = self.later.pop(0)

    def connect(self, login: Login) -> Login:
        if login not in self.taken:
            raise self.error(login)
        return login

    def run(self, *, must_read: bool = False) -> Login:
        return self.logins.connect("the/secret", self.connect, must_read=must_read)


def test_the_secret_is_read_once_while_the_login_serves() -> None:
    place = Place()
    for _ in range(5):
        assert place.run() == OLD
    assert place.reads == 1


def test_a_rotated_password_costs_one_read_and_no_run() -> None:
    place = Place()
    place.run()
    place.secret, place.taken = ROTATED, (ROTATED,)
    assert (place.run(), place.run(), place.reads, place.waited) == (ROTATED, ROTATED, 2, [])


def test_so_does_one_that_is_rotated_again() -> None:
    place = Place()
    place.run()
    for login in (ROTATED, AGAIN, OLD):
        place.secret, place.taken = login, (login,)
        assert (place.run(), place.run()) == (login, login)
    assert place.reads == 4


def test_one_that_is_rotated_twice_between_two_runs_is_the_last() -> None:
    place = Place()
    place.run()
    place.secret, place.taken = AGAIN, (AGAIN,)
    assert place.run() == AGAIN


def test_in_the_midst_of_a_rotation_the_secret_is_waited_for() -> None:
    """The server has the new password already, the secret not yet."""
    place = Place()
    place.run()
    place.taken, place.later = (ROTATED,), [OLD, ROTATED]
    assert (place.run(), place.waited) == (ROTATED, list(ROTATION_WAITS_S))


def test_a_refused_login_that_the_secret_still_has_is_an_error_and_is_not_kept() -> None:
    place = Place()
    place.run()
    place.taken = ()
    with pytest.raises(ServiceRefused, match="28P01"):
        place.run()
    reads, waited = place.reads, list(place.waited)
    # What was never seen to work is not waited for: each run reads what is there.
    with pytest.raises(ServiceRefused):
        place.run()
    assert (place.reads, place.waited) == (reads + 1, waited)
    place.secret, place.taken = ROTATED, (ROTATED,)
    assert place.run() == ROTATED


@pytest.mark.parametrize("error", [refused, unavailable])
def test_a_database_that_has_moved_is_found_in_the_same_run(error: Callable[[Login], Exception]) -> None:
    place = Place(error=error)
    place.run()
    place.secret, place.taken = MOVED, (MOVED,)
    assert place.run() == MOVED


def test_a_database_that_is_down_is_not_waited_for() -> None:
    place = Place(error=unavailable)
    place.run()
    place.taken = ()
    with pytest.raises(ServiceUnavailable):
        place.run()
    assert (place.reads, place.waited) == (2, [])


def test_a_secret_that_was_rotated_while_it_was_read_fails_and_comes_right_by_itself() -> None:
    place = Place()
    place.run()
    place.secret, place.taken = ROTATED, (AGAIN,)
    with pytest.raises(ServiceRefused):
        place.run()
    place.secret = AGAIN
    assert place.run() == AGAIN


@pytest.mark.parametrize("passed_s", [KEPT_S, -1.0])
def test_an_old_server_that_still_answers_is_left_after_five_minutes(passed_s: float) -> None:
    """Also where the clock was set back, which would make the login younger."""
    place = Place(taken=(OLD, MOVED))
    place.run()
    place.secret = MOVED
    assert place.run() == OLD
    place.now += passed_s
    assert place.run() == MOVED


def test_what_is_kept_does_not_grow_younger_by_being_used() -> None:
    place = Place(taken=(OLD, MOVED))
    place.run()
    place.secret = MOVED
    for _ in range(5):
        place.now += KEPT_S / 5
        found = place.run()
    assert found == MOVED


def test_who_asks_is_answered_with_what_the_secret_has_now() -> None:
    place = Place(taken=(OLD, MOVED))
    place.run()
    place.secret = MOVED
    assert (place.run(must_read=True), place.run(), place.reads) == (MOVED, MOVED, 2)


def test_a_secret_that_is_none_any_more_is_said() -> None:
    place = Place()
    place.run()

    def read(name: str) -> Login:
        raise BadSetting(f"secret {name}", "is not a login", "mend it")

    place.taken = ()
    place.logins._read = read
    with pytest.raises(BadSetting, match="the/secret"):
        place.run()


def test_two_secrets_are_two() -> None:
    place = Place()
    for name in ("one", "other", "one"):
        place.logins.connect(name, place.connect)
    assert place.reads == 2
