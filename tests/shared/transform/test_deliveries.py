"""What becomes of each message: a hand-written queue, clock and transform stand in for the world."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from shared.errors import (
    SPREADS_S,
    AwsRefused,
    CorruptObject,
    MissingObject,
    ServiceRefused,
    ServiceUnavailable,
    TotestreamError,
)
from shared.retry import MAX_RECEIVES
from shared.transform.deliveries import Deliveries, Delivery, delay_s
from shared.transform.run import TransformResult
from shared.warehouse.registry import TARGETS

pytestmark = pytest.mark.fast

UNAVAILABLE = ServiceUnavailable("S3", "reading", "SlowDown")
REFUSED = ServiceRefused("SQS", "sending", "AccessDenied", "deploy again")


@dataclass
class Kept:
    """A queue that keeps what is done with it, or fails."""

    name: str = "queue"
    sent: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    visible_after: dict[str, int] = field(default_factory=dict)
    failure: TotestreamError | None = None

    def change_visibility(self, receipt_handle: str, seconds: int) -> None:
        self._fail()
        self.visible_after[receipt_handle] = seconds

    def send(self, body: str, attributes: Mapping[str, str]) -> None:
        self._fail()
        self.sent.append((body, attributes))

    def _fail(self) -> None:
        if self.failure:
            raise self.failure


@dataclass
class World:
    problems: dict[int, Exception] = field(default_factory=dict)
    runs: list[int] = field(default_factory=list)
    queue: Kept = field(default_factory=Kept)
    dead_letters: Kept = field(default_factory=Kept)

    def transform(self, run: int) -> TransformResult:
        self.runs.append(run)
        if run in self.problems:
            raise self.problems[run]
        return TransformResult(run, "dim_staff", "table was transformed", 20, 1)

    def take(self, *deliveries: Delivery, time_left_s: Callable[[], float] = lambda: 60) -> list[str]:
        ticks = iter(range(1000))
        stage = Deliveries(TARGETS["dim_staff"], self.transform, self.queue, self.dead_letters, lambda: next(ticks) / 4)
        return stage.take(deliveries, time_left_s)


def body(run: int, table: str = "staff") -> str:
    return json.dumps({"version": 1, "log": "log-1", "run": run, "table": table})


def delivery(run: int, table: str = "staff", receives: int = 1) -> Delivery:
    return Delivery(f"id-{run}-{table}", f"handle-{run}", body(run, table), receives)


def test_each_message_is_one_run_and_one_line_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    assert world.take(delivery(1), delivery(2)) == []
    assert world.runs == [1, 2]
    line, _ = map(json.loads, capsys.readouterr().out.splitlines())
    assert line == {
        "level": "info",
        "message": "table was transformed",
        "run": 1,
        "table": "dim_staff",
        "rows": 20,
        "quarantined": 1,
        "seconds": 0.25,
    }


def test_two_messages_of_one_run_are_one_piece_of_work() -> None:
    world = World()
    assert world.take(delivery(1, "staff"), delivery(1, "department")) == []
    assert world.runs == [1]


def test_a_run_that_failed_is_not_done_for_the_next_message_of_it() -> None:
    world = World({1: UNAVAILABLE})
    assert world.take(delivery(1, "staff"), delivery(1, "department")) == ["id-1-staff", "id-1-department"]


def test_what_passes_is_put_off_and_the_others_go_on() -> None:
    world = World({1: UNAVAILABLE})
    assert world.take(delivery(1), delivery(2)) == ["id-1-staff"]
    assert world.queue.visible_after == {"handle-1": 10}
    assert world.runs == [1, 2]
    assert world.dead_letters.sent == []


def test_each_time_it_waits_longer_but_never_more_than_a_minute() -> None:
    assert [delay_s(receives) for receives in (1, 2, 3, 4, 12, 10_000)] == [10, 20, 40, 60, 60, 60]


def test_a_message_that_cannot_be_given_back_still_counts_as_failed() -> None:
    world = World({1: UNAVAILABLE}, queue=Kept(failure=REFUSED))
    assert world.take(delivery(1)) == ["id-1-staff"]


def test_what_needs_a_person_goes_to_the_dead_letters_with_the_reason() -> None:
    world = World({1: CorruptObject("part", "too short")})
    assert world.take(delivery(1, receives=3), delivery(2)) == []
    reason = "part is corrupt: too short"
    assert world.dead_letters.sent == [(body(1), {"reason": reason, "error": "CorruptObject", "receives": "3"})]
    assert world.queue.visible_after == {}


# What S3 says just after versions were turned on; while a policy spreads; when a container's credentials were replaced.
MAY_PASS = [
    MissingObject("lake", "runs/00000001.json"),
    *(AwsRefused("S3", "reading", code, "deploy again") for code in ("AccessDenied", "ExpiredToken", "NoSuchBucket")),
]


@pytest.mark.parametrize("error", MAY_PASS, ids=str)
def test_what_may_pass_is_put_off_until_the_receives_are_used_up_and_then_says_why(error: TotestreamError) -> None:
    world = World({1: error})
    for receives in range(1, MAX_RECEIVES):
        assert world.take(delivery(1, receives=receives), delivery(2)) == ["id-1-staff"]
    assert world.dead_letters.sent == []
    assert world.take(delivery(1, receives=MAX_RECEIVES)) == []
    attributes = {"reason": str(error), "error": type(error).__name__, "receives": "12"}
    assert world.dead_letters.sent == [(body(1), attributes)]


def test_the_receives_outlast_what_may_pass() -> None:
    assert sum(delay_s(receives, MAY_PASS[0]) for receives in range(1, MAX_RECEIVES)) > SPREADS_S
    assert delay_s(1, MAY_PASS[0]) == delay_s(1), "most of it passes within seconds"


def test_a_long_reason_is_cut() -> None:
    world = World({1: CorruptObject("k" * 5000, "too short")})
    world.take(delivery(1))
    [(_, attributes)] = world.dead_letters.sent
    assert len(attributes["reason"]) == 1000


@pytest.mark.parametrize("failure", [REFUSED, UNAVAILABLE])
def test_when_the_dead_letters_do_not_take_it_the_queue_must(failure: TotestreamError) -> None:
    world = World({1: CorruptObject("part", "too short")}, dead_letters=Kept(failure=failure))
    assert world.take(delivery(1, receives=2), delivery(2)) == ["id-1-staff"]
    assert world.queue.visible_after == {"handle-1": 20}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "{}",
        "[]",
        '{"version":1,"log":"l","run":"1","table":"staff"}',
        '{"version":9,"log":"l","run":1,"table":"staff"}',
        json.dumps({"Type": "Notification", "Message": body(1), "TopicArn": "arn"}),
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}),
    ],
)
def test_a_message_that_makes_no_sense_goes_to_the_dead_letters(text: str) -> None:
    world = World()
    assert world.take(Delivery("id", "handle", text, 1), delivery(2)) == []
    [(sent, attributes)] = world.dead_letters.sent
    assert sent == text
    assert attributes["error"] == "BadDocument"
    assert world.runs == [2]


def test_a_message_with_fields_of_a_later_version_is_understood() -> None:
    world = World()
    text = json.dumps({"version": 1, "log": "l", "run": 5, "table": "staff", "new": True})
    assert world.take(Delivery("id", "handle", text, 1)) == []
    assert world.runs == [5]


@pytest.mark.parametrize("table", ["payment", "a_table_of_another_version"])
def test_whatever_table_a_message_names_its_run_is_looked_at(table: str) -> None:
    """The version that sent it may have made this target of other tables; the run record says what is expected."""
    world = World()
    assert world.take(delivery(5, table)) == []
    assert (world.runs, world.dead_letters.sent) == ([5], [])


def test_a_bug_is_tried_again_and_its_text_is_told_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    world = World({1: ValueError("row: irving, 42")})
    assert world.take(delivery(1), delivery(2)) == ["id-1-staff"]
    assert world.queue.visible_after == {"handle-1": 10}
    out = capsys.readouterr().out
    assert "irving" not in out
    first = json.loads(out.splitlines()[0])
    assert (first["level"], first["error"], first["message"]) == (
        "error",
        "ValueError",
        "transform failed unexpectedly",
    )


def test_what_there_is_no_time_for_comes_back_at_once() -> None:
    left = iter([60.0, 14.9, 14.0])
    world = World()
    assert world.take(delivery(1), delivery(2), delivery(3), time_left_s=lambda: next(left)) == [
        "id-2-staff",
        "id-3-staff",
    ]
    assert world.runs == [1]
    assert world.queue.visible_after == {"handle-2": 0, "handle-3": 0}
