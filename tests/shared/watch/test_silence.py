"""When extract or load stops, that is told and nothing else: no table is called old or late for it, at any look."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.lake.documents import Hold, RunRecord, Snapshot, TableState
from shared.load.health import LoadHealth, Missing, TableHealth
from shared.source.health import ExtractHealth
from shared.warehouse.registry import TARGETS
from shared.watch.incidents import incidents
from shared.watch.measures import Seen

pytestmark = pytest.mark.fast

START = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
TABLES = ("fact_payment", "dim_staff")
MINUTE_S, OBJECTIVE_S, BEGUN_S, END_S = 60, 300, 240, 1200
NEVER_S = 10_000.0


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@dataclass(frozen=True)
class Course:
    """What happens, in seconds from START. Extract looks and load passes once a minute, each at its own second, until
    it stops. `changed` are the looks that find fact_payment changed; a manifest is there `road` seconds after its look,
    those of the looks in `lost` never. `held_from` is when payment is held. `ahead` is how far the source's clock is
    ahead of all others."""

    extract: float = 5
    load: float = 30
    watch: float = 50
    looking: float = 2
    loading: float = 2
    road: float = 10
    ahead: float = 0
    changed: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()
    extract_stops: float = NEVER_S
    load_stops: float = NEVER_S
    held_from: float = NEVER_S

    def snapshot(self, look: int) -> datetime:
        return at(self.extract + look * MINUTE_S + self.ahead).replace(tzinfo=None)

    def looks(self, before: float) -> list[int]:
        """Those that had ended by then."""
        begun = [(look, self.extract + look * MINUTE_S) for look in range(END_S // MINUTE_S)]
        return [look for look, at_s in begun if at_s < self.extract_stops and at_s + self.looking <= before]

    def runs(self, before: float) -> list[int]:
        """The looks that made a run by then. The first reads everything."""
        return [look for look in self.looks(before) if look == 0 or look in self.changed]

    def record(self, look: int) -> RunRecord:
        is_held = self.extract + look * MINUTE_S >= self.held_from
        hold = {"payment": TableState(hold=Hold(since_run=1, reason="x"))} if is_held else {}
        return RunRecord(
            version=1,
            log="a",
            run=look + 1,
            attempt="x",
            cause="schedule",
            code="test",
            snapshot=Snapshot(taken_at=self.snapshot(look), xmin=1, xmax=1),
            tables=hold,
            targets=TABLES if look == 0 else TABLES[:1],
            warehouse=TABLES,
        )

    def load_health(self, before: float) -> LoadHealth | None:
        begun = [self.load + number * MINUTE_S for number in range(END_S // MINUTE_S)]
        ended = [at_s for at_s in begun if at_s < self.load_stops and at_s + self.loading <= before]
        if not ended:
            return None
        runs = self.runs(ended[-1])
        there = [run for run in runs if self.extract + run * MINUTE_S + self.road <= ended[-1] and run not in self.lost]
        # In each pass some row waits for a dimension that the last look has brought.
        since = self.snapshot(self.looks(ended[-1])[-1]) if runs else None
        tables = {
            table: self._table([run for run in runs if table in self.record(run).targets], there, since)
            for table in TABLES
        }
        return LoadHealth(
            *(at(ended[-1] + self.loading), "a", 9, 0, 0, {}, {}, tables), seen_run=runs[-1] + 1 if runs else 0
        )

    def _table(self, runs: list[int], there: list[int], waiting_since: datetime | None) -> TableHealth:
        missing = next((run for run in runs if run not in there), None)
        loaded = [run for run in runs if missing is None or run < missing]
        return TableHealth(
            last_run=loaded[-1] + 1 if loaded else None,
            snapshot_at=self.snapshot(loaded[-1]) if loaded else None,
            missing=None if missing is None else Missing(missing + 1, self.snapshot(missing)),
            waiting=1 if waiting_since else 0,
            waiting_since=waiting_since,
        )

    def seen(self, now: float, remembered: Mapping[str, datetime]) -> Seen:
        look, runs, load = self.looks(now)[-1], self.runs(now), self.load_health(now)
        newest = self.record(
            max([*runs, *(n for n in self.looks(now) if self.extract + n * MINUTE_S >= self.held_from)])
        )
        return Seen(
            now=at(now),
            quiet_until=at(-9000),
            objective=timedelta(seconds=OBJECTIVE_S),
            targets={name: TARGETS[name] for name in TABLES},
            extract=ExtractHealth(
                at(self.extract + look * MINUTE_S + self.looking), self.snapshot(look), runs[-1] + 1, (), {}
            ),
            load=load,
            newest=newest,
            pending=[self.record(run) for run in runs if run + 1 > (load.seen_run if load else 0)],
            remembered=remembered,
        )

    def told(self) -> Iterator[tuple[float, set[str]]]:
        """In each look of watch, the second and the kinds of incidents."""
        remembered: dict[str, datetime] = {}
        for minute in range(BEGUN_S // MINUTE_S, END_S // MINUTE_S):
            now = self.watch + minute * MINUTE_S
            seen = self.seen(now, remembered)
            remembered = seen.all_fresh_as_of()
            yield now, {each.kind for each in incidents(seen)}


SECOND = st.floats(0, 59)
COURSES = st.builds(
    Course,
    extract=SECOND,
    load=SECOND,
    watch=SECOND,
    looking=st.floats(0, 10),
    loading=st.floats(0, 10),
    road=st.floats(0, 90),
    ahead=st.floats(-30, 30),
    changed=st.frozensets(st.integers(1, END_S // MINUTE_S), max_size=30),
)
STOPS = st.floats(BEGUN_S, 700)


@given(course=COURSES, stops=STOPS, which=st.sampled_from((("extract",), ("load",), ("extract", "load"))))
@settings(max_examples=80, derandomize=True, deadline=None)
def test_nothing_but_the_silence_is_told(course: Course, stops: float, which: tuple[str, ...]) -> None:
    extract_stops, load_stops = (stops if name in which else NEVER_S for name in ("extract", "load"))
    course = replace(course, extract_stops=extract_stops, load_stops=load_stops)
    silences = {f"{name} silent" for name in which}
    looks = list(course.told())
    assert [(now, kinds - silences) for now, kinds in looks if kinds - silences] == []
    assert looks[-1][1] == silences


@given(course=COURSES, stops=st.none() | STOPS)
@settings(max_examples=40, derandomize=True, deadline=None)
def test_a_table_that_is_old_by_its_own_fault_is_told(course: Course, stops: float | None) -> None:
    """It is held from the beginning; extract stops only later, or never."""
    stops = stops + OBJECTIVE_S if stops else NEVER_S
    course = replace(course, held_from=course.extract + MINUTE_S, extract_stops=stops, changed=frozenset())
    first = next((now for now, kinds in course.told() if "freshness" in kinds), NEVER_S)
    # The last look before the hold, the objective, a minute until each of extract, load and watch looks; the clocks.
    assert first <= 60 + OBJECTIVE_S + 3 * MINUTE_S + 50


@given(course=COURSES)
@settings(max_examples=40, derandomize=True, deadline=None)
def test_a_run_that_is_late_by_its_own_fault_is_told(course: Course) -> None:
    course = replace(course, changed=course.changed | {1}, lost=frozenset({1}))
    first = next((now for now, kinds in course.told() if "table behind" in kinds), NEVER_S)
    assert first <= course.extract + MINUTE_S + OBJECTIVE_S + 2 * MINUTE_S + 50
