"""The one retry policy: only what is transient, with jitter, and never past the time that is left."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import (
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


def retried(call: Callable[[], T], sleep: Callable[[float], None]) -> T:
    """What `call` returns, tried again while it raises TransientError; then that error itself."""
    policy = Retrying(
        retry=retry_if_exception_type(TransientError),
        wait=wait_random_exponential(multiplier=0.2, max=2.0),
        stop=stop_after_attempt(TRIES) | stop_after_delay(LONGEST_S),
        sleep=sleep,
        reraise=True,
    )
    return policy(call)
