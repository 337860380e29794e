"""What a transform is asked to do beside its queue: which runs again, and what with them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

from shared.errors import Refused

Do = Literal["replay", "verify", "judge"]


class TransformRequest(NamedTuple):
    """Replay and verify take the runs `first` to `last`, which is the newest when it is None; judge takes `runs`."""

    do: Do
    first: int = 1
    last: int | None = None
    runs: tuple[int, ...] = ()

    def runs_of(self, newest: int) -> Sequence[int]:
        """In a log that ends with `newest`. Refused when some of a range are not there: that is a slip of the pen."""
        if self.do == "judge":
            return self.runs
        last = newest if self.last is None else self.last
        if max(self.first, last) > newest:
            raise Refused(f"run {max(self.first, last)} is not there; the newest run is {newest}")
        return range(self.first, last + 1)


def request_from_event(event: Mapping[str, Any]) -> TransformRequest:
    """Raises Refused."""
    do: Any = event.get("do")
    if do not in get_args(Do):
        raise Refused(f"transform can do {', '.join(get_args(Do))}, not {do!r}")
    if do == "judge":
        runs = event.get("runs")
        return TransformRequest(do, runs=tuple(map(_run, runs if isinstance(runs, list) and runs else [runs])))
    first, last = _run(event.get("from")), event.get("to")
    if last is not None and first > _run(last):
        raise Refused(f"from {first} to {last} are no runs: the first comes first")
    return TransformRequest(do, first, last)


def _run(number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise Refused(f"a run is a number from 1 on, not {number!r}")
    return number
