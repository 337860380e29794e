"""What one look reads, tells and leaves; the rest is pure and tested beside it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import boto3
import msgspec
import pytest

from shared.alerts.documents import Alert
from shared.aws.topic import SnsTopic
from shared.errors import ServiceUnavailable
from shared.lake import keys
from shared.load.health import LoadHealth, TableHealth
from shared.warehouse.registry import TARGETS
from shared.watch.lake import LakeState, WatchMemory, read_lake
from shared.watch.watch import WatchDependencies, WatchHealth, last_check, watch
from tests.conftest import Ticks
from tests.road.road import Road


@dataclass
class Heard:
    """The topic `alerts`, and CloudWatch; `broken` ones take nothing."""

    alerts: list[Alert] = field(default_factory=list)
    numbers: list[Mapping[str, float]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    broken: bool = False

    def publish(self, texts: list[str], subject: str = "") -> None:
        if self.broken and texts:
            raise ServiceUnavailable("SNS", "publishing", "in part")
        if subject:
            self.texts += [(subject, text) for text in texts]
        else:
            self.alerts += [msgspec.json.decode(text, type=Alert) for text in texts]

    def put(self, numbers: Mapping[str, float]) -> None:
        self.numbers.append(numbers)

    def news(self) -> list[tuple[str, str, str]]:
        news, self.alerts = self.alerts, []
        return [(each.event, each.incident.kind, each.incident.subject) for each in news]


def seen(lake: LakeState) -> LakeState:
    """An error is another each time."""
    return replace(lake, problem=str(lake.problem))  # type: ignore[arg-type]


@dataclass
class Watching:
    """A warm watch, which must see what a cold one sees. `counted` are the tables whose messages it counted last."""

    road: Road
    heard: Heard = field(default_factory=Heard)
    dead_letters: dict[str, int] = field(default_factory=dict)
    counted: list[str] = field(default_factory=list)
    memory: WatchMemory = field(default_factory=WatchMemory)
    account_expires: datetime | None = None

    def look(self, minutes: float = 0) -> WatchHealth:
        then = datetime.now(UTC) + timedelta(minutes=minutes)
        lake = read_lake(self.road.run_log, self.memory, lambda: then)
        assert seen(lake) == seen(read_lake(self.road.run_log, WatchMemory(), lambda: then))
        outside = WatchDependencies(
            run_log=self.road.run_log,
            alerts=self.heard,
            metrics=self.heard,
            dead_letters=lambda tables: self.dead_letters,
            messages=self.count,
            targets=TARGETS,
            objective=timedelta(minutes=5),
            stack="totestream-test",
            region="eu-west-2",
            options=" --local",
            account_expires=self.account_expires,
        )
        return watch(outside, lake, self.memory)

    def count(self, tables: Collection[str]) -> dict[str, int]:
        self.counted = sorted(tables)
        return dict.fromkeys(tables, 0)


@pytest.fixture
def watching(road: Road) -> Watching:
    road.travel()
    made = Watching(road)
    made.look()
    assert made.heard.news() == []
    return made


def test_an_incident_begins_and_ends(watching: Watching) -> None:
    watching.dead_letters = {"dim_staff": 2}
    health = watching.look(1)
    assert (health.incidents[0].incident.says, watching.heard.numbers[-1]["OpenIncidents"]) == ("2 messages", 1)
    assert watching.heard.alerts[0].incident.command == "./infra_bash/retry.sh dim_staff --local"
    assert watching.heard.news() == [("begun", "dead letters", "dim_staff")]
    watching.dead_letters = {"dim_staff": 2, "fact_payment": 1}
    watching.look(2)
    assert watching.heard.news() == [("begun", "dead letters", "fact_payment")]
    watching.dead_letters = {}
    watching.look(3)
    assert watching.heard.news() == []
    watching.look(4)
    assert sorted(watching.heard.news()) == [
        ("ended", "dead letters", "dim_staff"),
        ("ended", "dead letters", "fact_payment"),
    ]


def test_an_account_that_ends_is_told_from_twelve_hours_before(watching: Watching) -> None:
    watching.account_expires = datetime.now(UTC) + timedelta(hours=12, seconds=30)
    assert watching.look().incidents == ()
    [found] = watching.look(1).incidents
    assert found.incident.command == "./infra_bash/status.sh --local"
    assert watching.heard.news() == [("begun", "account expires", "")]
    watching.account_expires = None
    watching.look(2)
    watching.look(3)
    assert watching.heard.news() == [("ended", "account expires", "")]


def test_it_sees_what_extract_and_load_have_left(watching: Watching, tick: Ticks) -> None:
    tick("sale", "payment")
    watching.road.extract()
    health = watching.look(1)
    assert health.metrics["TablesBehind"] == len(watching.counted) == 4
    newest = watching.road.run_log.newest()
    assert newest and health.fresh_as_of["dim_staff"] == newest.snapshot.taken_at
    assert health.fresh_as_of["fact_payment"] < newest.snapshot.taken_at
    watching.road.deliver()
    watching.road.load()
    health = watching.look(2)
    assert (health.metrics["TablesBehind"], set(health.fresh_as_of.values())) == (0, {newest.snapshot.taken_at})
    assert watching.counted == []


def test_what_was_fresh_before_a_run_came_is_not_called_old_for_its_last_load(watching: Watching, tick: Ticks) -> None:
    watching.road.extract()
    before = watching.look(1).fresh_as_of["fact_payment"]
    tick("payment")
    watching.road.extract()
    assert watching.look(2).fresh_as_of["fact_payment"] == before


def test_silence_is_an_incident_after_the_objective_and_once(watching: Watching) -> None:
    for minute in (1, 2, 3, 4):
        watching.look(minute)
    assert watching.heard.news() == []
    watching.look(5.1)
    assert watching.heard.news() == [("begun", "extract silent", ""), ("begun", "load silent", "")]
    watching.look(6)
    assert watching.heard.news() == []


def test_nobody_is_called_while_a_person_has_stopped_the_flow(watching: Watching) -> None:
    watching.dead_letters = {"dim_staff": 2}
    watching.look(1)
    watching.heard.news()
    watching.road.ingestion.put(keys.PAUSED, b'{"since": "2026-11-25 12:00:00"}')
    watching.dead_letters = {"fact_payment": 1}
    for minute in range(2, 70):
        health = watching.look(minute)
    assert (watching.heard.news(), health.paused_since) == ([], "2026-11-25 12:00:00")
    boto3.client("s3").delete_object(Bucket=watching.road.ingestion.name, Key=keys.PAUSED)
    watching.look(70)
    # Extract and load have been silent for an hour, and have five minutes to speak.
    assert watching.heard.news() == [("begun", "dead letters", "fact_payment")]
    for minute in (71, 72, 73, 74, 75):
        watching.look(minute)
    assert [kind for event, kind, _ in watching.heard.news() if event == "begun"] == ["extract silent", "load silent"]


def test_nothing_is_over_for_a_pause_or_because_watch_was_away(watching: Watching) -> None:
    watching.road.ingestion.put(keys.LOAD_HEALTH, b"not json")
    for minute in (2, 4, 6):
        watching.look(minute)
    assert [(event, kind) for event, kind, _ in watching.heard.news()] == [
        ("begun", "extract silent"),
        ("begun", "load silent"),
    ]
    watching.road.ingestion.put(keys.PAUSED, b'{"since": "2026-11-25 12:00:00"}')
    watching.look(7)
    boto3.client("s3").delete_object(Bucket=watching.road.ingestion.name, Key=keys.PAUSED)
    for minute in (8, 9, 10, 11, 30, 31, 32):
        watching.look(minute)
    assert watching.heard.news() == []
    watching.road.extract()
    watching.road.load()
    for _ in range(2):
        watching.look()
    assert [event for event, _, _ in watching.heard.news()] == ["ended", "ended"]


def test_a_run_log_that_cannot_be_read_is_told_and_stops_no_look(watching: Watching, tick: Ticks) -> None:
    tick("sale")
    watching.road.extract()
    watching.road.ingestion.put(keys.run_key(2), b"not json")
    watching.dead_letters = {"dim_staff": 2}
    watching.look(1)
    assert {(kind, subject) for _, kind, subject in watching.heard.news()} == {
        ("run refused", ""),
        ("dead letters", "dim_staff"),
    }


def test_what_the_loader_says_of_another_log_counts_for_nothing(watching: Watching) -> None:
    tables = {table: TableHealth(last_run=9) for table in TARGETS}
    other = LoadHealth(datetime.now(UTC), "another", 9, 9, 0, {}, {}, tables, seen_run=9)
    watching.road.ingestion.put(keys.LOAD_HEALTH, msgspec.json.encode(other))
    assert watching.look(1).metrics["TablesBehind"] == len(TARGETS)


def test_a_watch_that_was_away_does_not_call_for_its_own_absence(watching: Watching) -> None:
    watching.look(60)
    assert watching.heard.news() == []


def test_what_could_not_be_told_is_told_by_the_next_look(watching: Watching) -> None:
    watching.dead_letters = {"dim_staff": 2}
    watching.heard.broken = True
    with pytest.raises(ServiceUnavailable):
        watching.look(1)
    watching.heard.broken = False
    watching.look(2)
    assert watching.heard.news() == [("begun", "dead letters", "dim_staff")]


def test_words_that_nobody_understands_are_as_good_as_none(watching: Watching) -> None:
    for key in (keys.WATCH_HEALTH, keys.EXTRACT_HEALTH, keys.LOAD_HEALTH):
        watching.road.ingestion.put(key, b"not json")
    assert last_check(watching.road.run_log) is None
    watching.look(1)
    assert watching.heard.news() == []


def test_a_topic_takes_texts_by_tens(aws: None) -> None:
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    SnsTopic(topic, sns).publish([f"text {number}" for number in range(23)], subject="about")
    heard: list[str] = []
    while found := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        heard += [message["Body"] for message in found]
    assert sorted(heard) == sorted(f"text {number}" for number in range(23))
