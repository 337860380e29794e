"""What RETENTION_DAYS removes nobody needs, and whoever asks for it is told."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from conftest import SCHEMA
from ops.screens import replays as operator
from shared.aws.bucket import S3Bucket
from shared.catalogue import TABLES
from shared.lake import keys
from shared.lake.documents import RECONCILE
from shared.lake.run_log import messages_of
from shared.retention.expire import ExpireDependencies, LoadedRuns, expire
from shared.source.request import ExtractRequest
from shared.status.loaded import loaded
from shared.status.runs import run_facts
from shared.transform.request import TransformRequest
from shared.transform.sqs_consumer import ReceivedMessage, SqsConsumer
from shared.warehouse.registry import TARGETS
from tests.conftest import Ticks
from tests.road.asking import ask
from tests.road.road import Road, fingerprint
from tests.road.test_replay import replays
from tests.shared.transform.test_sqs_consumer import World
from tests.shared.watch.test_republish import Watching

DAYS = 30
TOLD = f"was removed after {DAYS} days (RETENTION_DAYS)"


def remove(road: Road) -> dict[str, int]:
    """All that is loaded, as if it were old."""
    with road.look() as connection:
        known = msgspec.convert(loaded(connection, TARGETS), LoadedRuns)
    now = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=DAYS + 1)
    return expire(ExpireDependencies(road.ingestion, road.processed, lambda: known, DAYS, now, lambda: 300))


def runs_left(bucket: S3Bucket, table: str) -> set[int]:
    return {part.run for part in map(keys.part_of, bucket.list("")) if part and part.table == table}


def reconciled(road: Road) -> dict[str, dict[str, list[str]]]:
    run = road.extract(ExtractRequest(cause=RECONCILE, full=dict.fromkeys(TABLES, RECONCILE))).run
    assert run is not None
    road.deliver()
    road.load()
    with road.look() as connection:
        targets = run_facts(run, road.run_log, road.manifests, connection)["targets"]
    return {each["table"]: each["named"] for each in targets if each["named"]}


@pytest.fixture
def old(road: Road, tick: Ticks) -> Road:
    """Three loaded runs, and a fourth that is only read: of these the parts of the first three are removed."""
    road.travel()
    tick("sale", "payment")
    road.travel()
    road.source.run("UPDATE department SET location = 'Leeds' WHERE department_id = 2")
    road.travel()
    tick("sale", "payment")
    road.source.run("UPDATE staff SET first_name = 'Zoe' WHERE staff_id = 1")
    road.extract()
    assert remove(road)["run"] == 3
    return road


def test_what_follows_goes_on_as_if_nothing_were_gone(old: Road, tick: Ticks) -> None:
    """The fourth run is joined with content of the first; a reconcile tells damage from change; rows are read again."""
    assert runs_left(old.ingestion, "department") == {3} and runs_left(old.ingestion, "sales_order") == {4}
    assert runs_left(old.ingestion, "currency") == {1} and runs_left(old.processed, "dim_design") == {1}
    old.deliver()
    old.load()
    assert old.differences() == {}
    old.there.run("UPDATE dim_design SET design_name = 'x' WHERE design_id = 3")
    old.source.run("UPDATE design SET design_name = 'y' WHERE design_id = 4")
    assert reconciled(old) == {"dim_design": {"differing": ["3"]}}
    assert old.differences() == {}
    tick("payment")
    old.extract(ExtractRequest(cause="resync", full={"payment": "resync"}))
    old.deliver()
    before = old.load()
    assert (before.refused, before.stopped, old.differences()) == ({}, {}, {})
    remove(old)
    assert old.load().loaded == 0


def test_a_replay_says_what_was_removed_and_calls_nothing_damaged(old: Road) -> None:
    old.deliver()
    for target in TARGETS.values():
        one = replays(old, target)
        answers = [one.answer(TransformRequest(do), lambda: 60) for do in ("replay", "verify")]
        made, compared = ({each["run"]: each["outcome"] for each in answer["results"]} for answer in answers)
        assert set(made.values()) <= {"exists", "not_expected"}
        # What was kept can still be compared.
        assert set(compared.values()) <= {"removed", "same", "not_expected"}
        assert compared[4] in ("same", "not_expected")
        assert not any(operator.lines(answer) for answer in answers)
    summary = operator.summary(
        "1", "4", [replays(old, TARGETS["fact_payment"]).answer(TransformRequest("verify"), lambda: 60)]
    )
    assert summary == f"fact_payment, runs 1 to 4: 1 not expected, 2 removed after {DAYS} days (RETENTION_DAYS), 1 same"


def test_a_message_of_such_a_run_is_done_with_and_none_is_asked_for(old: Road) -> None:
    """Also where its manifest was never made, for a later run has superseded it."""
    old.deliver()
    old.processed.delete([keys.manifest_key(2, "fact_payment")])
    one = replays(old, TARGETS["fact_payment"])
    world = World()
    stage = SqsConsumer(one.target, one.transform, world.queue, world.dead_letters, lambda: 0.0)
    [message] = [message for message in messages_of(old.run_log.get(2)) if message.table == "payment"]
    assert stage.consume([ReceivedMessage("id", "handle", msgspec.json.encode(message).decode(), 1)], lambda: 60) == []
    assert (world.queue.visible_after, world.dead_letters.sent) == ({}, [])
    look = Watching(old).look(minutes=60)
    assert (look.missing, look.republished) == ((), ())


def test_why_says_what_was_removed_and_tells_the_rest(old: Road) -> None:
    [[record]] = old.there.run("SELECT min(payment_record_id) FROM fact_payment")
    chain = ask(old, "fact_payment", id=str(record))
    assert (chain["load"]["run"], chain["manifest"]["as_loaded"]) == (1, True)
    assert [batch["table"] for batch in chain["batches"]][0] == "payment" and chain["runs"]
    assert len(chain["notes"]) == 2 and all(said.endswith(TOLD) for said in chain["notes"])
    kept = ask(old, "dim_currency", id="1")
    assert kept["notes"] == [] and kept["part"] and kept["batches"][0]["part"]
    # A row that was changed by hand is followed back through manifests as far as those have their parts.
    old.there.run("UPDATE dim_staff SET location = location")
    inferred = ask(old, "dim_staff", id="1")
    assert (inferred["inferred"], inferred["load"]["run"]) == (True, 3)
    assert any(said.endswith(TOLD) for said in inferred["notes"])


def test_a_warehouse_that_is_filled_anew_says_so_and_comes_right_with_what_is_read_whole(old: Road) -> None:
    old.deliver()
    old.load()
    old.there.run(f"DROP SCHEMA {SCHEMA} CASCADE")
    old.migrate()
    done = old.load()
    assert done.refused and all(TOLD in reason for reason in done.refused)
    reconciled(old)
    old.load()
    assert old.differences() == {}
    before = fingerprint(old)
    assert (old.load().loaded, fingerprint(old)) == (0, before)
