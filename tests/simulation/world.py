"""Actors that run one at a time, and the dice that say who goes on and what befalls each of their calls.

An actor is the product's own code in a thread. Whenever it calls the world outside (S3, SNS, SQS, PostgreSQL, a
sleep) it stops in `Actor.io`, and goes on when it is chosen: so every interleaving of calls can happen, and one
seed always gives the same. The kill points are found by wrapping the calls, not listed.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")

# Every lock that the product waits for is given up after 5 s, and all else that a step does is in memory or on a
# server beside it: whoever has not come back after this never will.
LONGEST_STEP_S = 60.0
# A seed takes seconds, and World.end lets everyone go: this is for a scheduler that is gone.
LONGEST_STAND_S = 600.0


class Killed(BaseException):
    """The process is gone. Whatever `finally` may want, it calls nothing outside any more."""


class Stuck(Exception):
    """An actor waits for what can never come, as long as the others stand still."""


class Baton:
    """Handed from thread to thread; whoever takes it waits until it is passed on. A lock: the cheapest that waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def pass_on(self) -> None:
        self._lock.release()

    def taken_within(self, seconds: float) -> bool:
        return self._lock.acquire(timeout=seconds)


class Fate(StrEnum):
    """What becomes of one call."""

    FINE = "fine"
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    FAILED = "failed"
    LOST = "lost answer"


class Dice(random.Random):
    """With a seed, and never in doubt how they fell: `chance` is true so often of all times."""

    def chance(self, share: float) -> bool:
        return self.random() < share


class World:
    """`danger` is how often a call is befallen by something, `seconds` its clock."""

    def __init__(self, seed: int, longest_step_s: float = LONGEST_STEP_S) -> None:
        self.longest_step_s = longest_step_s
        self.dice = Dice(seed)
        # Some seeds are calm, so that long stories happen; in others hardly anything ends well.
        self.danger = self.dice.choice((0.004, 0.008, 0.016, 0.032))
        self.seconds = 0.0
        self.actors: list[Actor] = []
        self.counts: Counter[str] = Counter()
        self.told: list[str] = []
        self.faulty = True

    def start(self, name: str, work: "Callable[[Actor], object]", at_end: Callable[[], None] = lambda: None) -> None:
        """A new actor, stopped before its first step. `at_end` is called when it has ended well."""
        actor = Actor(self, f"{name}-{self.counts['actors']}", work, at_end)
        self.counts["actors"] += 1
        self.actors.append(actor)
        actor.thread.start()
        self._await(actor)

    def step(self, actor: "Actor | None" = None) -> None:
        """Let one actor go on to its next call."""
        chosen = actor or self.dice.choice(self.actors)
        self.seconds += self.dice.random()
        self._let_go_on(chosen)
        if chosen.ended:
            self._bury(chosen)
            if chosen.bug:
                raise RuntimeError(f"{chosen.name} ended in what is no error of ours") from chosen.bug
            if not chosen.dead and chosen.error is None:
                chosen.at_end()

    def end(self) -> None:
        """Nobody is left standing: a thread that waits for its turn would keep Python from ending."""
        for actor in [*self.actors]:
            actor.dead = True
            self._let_go_on(actor)
            self._bury(actor)

    def _let_go_on(self, actor: "Actor") -> None:
        actor.go.pass_on()
        self._await(actor)

    def _await(self, actor: "Actor") -> None:
        if not actor.back.taken_within(self.longest_step_s):
            doing = "; ".join(f"{each.name} {each.doing}" for each in self.actors)
            self.actors.remove(actor)
            actor.dead = True
            raise Stuck(f"{actor.name} has not come back within {self.longest_step_s:.0f} s. What each is at: {doing}")

    def _bury(self, actor: "Actor") -> None:
        self.actors.remove(actor)
        actor.thread.join(self.longest_step_s)
        for bury in actor.burial:
            bury()

    def fate(self) -> Fate:
        if not self.faulty or not self.dice.chance(self.danger):
            return Fate.FINE
        return self.dice.choice((Fate.KILLED_BEFORE, Fate.KILLED_AFTER, Fate.FAILED, Fate.LOST))

    def befalls(self, what: str, share: float) -> bool:
        """Whether this happens now, as it does so often of all times while there are faults."""
        befell = self.faulty and self.dice.chance(share)
        self.counts[what] += befell
        return befell

    def tell(self, line: str) -> None:
        """For whoever must find out why a seed failed."""
        self.told.append(f"{self.seconds:8.1f} {line}")


class Actor:
    def __init__(self, world: World, name: str, work: "Callable[[Actor], object]", at_end: Callable[[], None]) -> None:
        self.world, self.name, self.at_end = world, name, at_end
        self.stage = name.split("-")[0].split()[0]
        self.go, self.back = Baton(), Baton()
        self.doing = "begins"
        self.dead = self.ended = False
        self.error: Exception | None = None
        self.bug: BaseException | None = None
        self.last_breath: list[Callable[[], None]] = []
        self.burial: list[Callable[[], None]] = []
        self._work = work
        self.thread = threading.Thread(target=self._live, daemon=True, name=name)

    def io(self, what: str, perform: Callable[[], T], failure: Callable[[], Exception]) -> T:
        """One call to the world outside: `perform` does it, `failure` is the error of one that did not answer."""
        fate = self._stop(what)
        if fate is not Fate.FINE:
            self.world.tell(f"{self.name}: {what}: {fate}")
            self.world.counts[fate] += 1
        if fate is Fate.KILLED_BEFORE:
            self.die()
        if fate is Fate.FAILED:
            raise failure()
        answer = perform()
        if fate is Fate.KILLED_AFTER:
            self.die()
        if fate is Fate.LOST:
            raise failure()
        return answer

    def sleep(self, _: float) -> None:
        """A second, however long was asked for: waits are jittered by other dice."""
        self._stop("sleeps")
        self.world.seconds += 1

    def die(self) -> None:
        self.dead = True
        for cut in self.last_breath:
            cut()
        self.world.counts[f"killed {self.stage}"] += 1
        raise Killed

    def _stop(self, doing: str) -> Fate:
        """Wait to be chosen."""
        if self.dead:
            raise Killed
        self.doing = doing
        self.back.pass_on()
        if not self.go.taken_within(LONGEST_STAND_S):
            self.dead = True
        if self.dead:
            raise Killed
        return self.world.fate()

    def _live(self) -> None:
        from shared.errors import TotestreamError

        try:
            self._stop("begins")
            self._work(self)
        except Killed:
            pass
        except TotestreamError as error:
            self.error = error
            self.world.tell(f"{self.name}: {type(error).__name__}: {error}")
        except BaseException as bug:  # noqa: BLE001 - told by the scheduler, in its own thread
            self.bug = bug
        finally:
            self.ended = True
            self.back.pass_on()


class Faulty:
    """A boto3-shaped client, or any object, whose every call is an actor's `io`."""

    def __init__(self, actor: Actor, name: str, inner: object, failure: Callable[[], Exception]) -> None:
        self._actor, self._name, self._inner, self._failure = actor, name, inner, failure

    def __getattr__(self, method: str) -> Callable[..., object]:
        call = getattr(self._inner, method)
        return lambda **asked: self._actor.io(f"{self._name}.{method}", lambda: call(**asked), self._failure)
