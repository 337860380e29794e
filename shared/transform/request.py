"""What an operator asks of a transform function besides its queue: which runs, and what to do with them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

from shared.errors import Refused

Do = Literal["replay", "verify", "check"]


class TransformRequest(NamedTuple):
    """Replay and verify take the runs `first` to `last`, by default the newest; check takes `runs`."""

    do: Do
    first: int = 1
    last: int | None = None
    runs: tuple[int, ...] = ()

    def runs_of(self, newest: int) -> Sequence[int]:
        """Return the runs in a log that ends with `newest`. Raises Refused when a run of the range does not exist."""
        if self.do == "check":
            return self.runs
        last = newest if self.last is None else self.last
        if max(self.first, last) > newest:
            raise Refused(f"run {max(self.first, last)} does not exist; the newest run is {newest}")
        return range(self.first, last + 1)


def request_from_event(event: Mapping[str, Any]) -> TransformRequest:
    """Return the request in `event`. Raises Refused when it is none."""
    do: Any = event.get("do")
    if do not in get_args(Do):
        raise Refused(f"transform can do {', '.join(get_args(Do))}, not {do!r}; deploy again if this script is newer")
    if do == "check":
        runs = event.get("runs")
        return TransformRequest(do, runs=tuple(map(_run, runs if isinstance(runs, list) and runs else [runs])))
    first, last = _run(event.get("from")), event.get("to")
    if last is not None and first > _run(last):
        raise Refused(f"from {first} to {last} is no range: the first run is greater than the last")
    return TransformRequest(do, first, last)


def _run(number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise Refused(f"a run is a number from 1, not {number!r}")
    return number
