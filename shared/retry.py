"""The one retry policy: only what is transient, with jitter, and never past the time that is left."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from shared.errors import TransientError

T = TypeVar("T")

# Four tries spread over about three seconds: enough for a throttled or restarting service. What lasts longer
# is left to redelivery and to the next tick, which cost nothing while they wait.
TRIES = 4
LONGEST_S = 10.0
TOO_LONG = stop_after_delay(LONGEST_S)
JITTER = wait_random_exponential(multiplier=0.2, max=2.0)
# How often a queue delivers a message. A transform makes a transient failure wait 5 s x 2^receives, at most 60 s:
# twelve are some ten minutes.
MAX_RECEIVES = 12


def retried(
    call: Callable[[], T],
    sleep: Callable[[float], None],
    is_too_late: Callable[[RetryCallState], bool] = TOO_LONG,
) -> T:
    """What `call` returns, tried again while it raises TransientError; then that error itself.

    `is_too_late` is asked before each wait, knows how long it would be, and ends the trying.
    """
    policy = Retrying(
        retry=retry_if_exception_type(TransientError),
        wait=_wait_s,
        stop=lambda state: stop_after_attempt(TRIES)(state) or is_too_late(state),
        sleep=sleep,
        reraise=True,
    )
    return policy(call)


def _wait_s(state: RetryCallState) -> float:
    """At least what the other side asked for; with jitter, so that those who wait do not all come back at once."""
    error = state.outcome.exception() if state.outcome else None
    return JITTER(state) + (error.after_s if isinstance(error, TransientError) else 0.0)
