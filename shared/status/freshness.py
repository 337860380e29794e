"""How long changes took from the source into the warehouse, load by load, from etl_freshness.

The time of a change's commit is not known, but its bounds are: it came after the last look before the run that read it,
and not later than that run's snapshot. So a load took `at least` from the snapshot, and `at most` from that look, until
it was visible.
"""

from collections.abc import Iterable
from typing import Any

from shared.ledger.delays import COURSE, EACH, LEFT_OUT, SLICES, SUMMARY
from shared.postgres.connection import Connection

MOST_HOURS = 720


def freshness(hours: float, connection: Connection) -> dict[str, Any]:
    """Return the delays of the loads per warehouse table, in seconds, from what they took at most.

    Each table has p50, p95, max, the max of each of SLICES equal times (the oldest first, None where nothing was
    loaded), the slowest loads with both bounds, and in `left_out`, by the reason's code, how many loads are no measure.
    `clocks_apart_s` is by how much the warehouse's clock is at least behind the source's, where a load seems to have
    come before its own snapshot.
    """
    seconds = min(hours, MOST_HOURS) * 3600
    course: dict[str, list[float | None]] = {}
    for table, slice_, age in connection.run(COURSE, seconds=seconds):
        course.setdefault(table, [None] * SLICES)[SLICES - slice_] = _rounded(age)
    slowest = _slowest(connection.run(EACH, seconds=seconds))
    left_out: dict[str, dict[str, int]] = {}
    for table, reason, loads in connection.run(LEFT_OUT, seconds=seconds):
        left_out.setdefault(table, {})[reason] = loads
    summary = {table: numbers for table, *numbers in connection.run(SUMMARY, seconds=seconds)}
    tables = [
        _table(table, summary.get(table))
        | {"slowest": slowest.get(table, []), "course": course.get(table, []), "left_out": left_out.get(table, {})}
        for table in sorted(summary.keys() | left_out.keys())
    ]
    soonest = min((at_least for *_, at_least in summary.values()), default=0.0)
    return {"hours": seconds / 3600, "tables": tables, "clocks_apart_s": _rounded(max(-soonest, 0.0))}


def _table(table: str, summary: list[Any] | None) -> dict[str, Any]:
    loads, p50, p95, longest, _ = summary or (0, None, None, None, None)
    ages = {"p50_s": p50, "p95_s": p95, "max_s": longest}
    return {"table": table, "loads": loads} | {
        name: None if age is None else _rounded(age) for name, age in ages.items()
    }


def _slowest(rows: Iterable[list[Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for table, run, loaded_at, at_least, at_most in rows:
        load = {"run": run, "loaded_at": loaded_at, "at_least_s": _rounded(at_least), "at_most_s": _rounded(at_most)}
        found.setdefault(table, []).append(load)
    return found


def _rounded(seconds: float) -> float:
    return round(seconds, 1)
