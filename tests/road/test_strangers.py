"""What hands have put into the buckets stops no stage, and a person is told of it."""

import msgspec

from shared.lake import keys
from shared.status.strangers import MOST, strangers
from tests.conftest import Ticks
from tests.road.road import Road

INGESTION = (
    *("runs/", "runs/notes.txt", "runs/00000001.json.bak", "runs/00000001.json/", "runs/old/00000001.json"),
    *("published/x", "published/00000001.json~"),
)
PROCESSED = (
    *("manifests/", "manifests/old/x.json", "manifests/00000001/fact_payment.json.tmp"),
    *("manifests/00000001/dim.staff.json", "manifests/00000001/", "manifests/000000001/fact_payment.json"),
)


def test_strangers_stop_no_stage_and_status_names_them(road: Road, tick: Ticks) -> None:
    for key in INGESTION:
        road.ingestion.put(key, b"mine")
    for key in PROCESSED:
        road.processed.put(key, b"mine")
    road.processed.put("manifests/00000001/unknown_table.json", b"mine")
    for _ in range(2):
        road.travel()
        tick("sale", "payment")
    road.travel()
    assert road.differences() == {}
    assert road.run_log.newest_number() == 3
    found = strangers(road.run_log, road.manifests, road.run_log.newest())
    named = [key for key in (*INGESTION, *PROCESSED) if key not in (keys.RUNS, keys.MANIFESTS)]
    assert sorted(url.split("/", 3)[3] for url in found) == sorted(named)


def test_a_bogus_record_far_ahead_stops_nothing(road: Road, tick: Ticks) -> None:
    """With another run's content, another stack's, or none."""
    road.travel()
    first = road.ingestion.get(keys.run_key(1))
    other = msgspec.json.encode(msgspec.json.decode(first) | {"run": 998, "log": "of another stack"})
    for run, body in ((999, first), (998, other), (500, b"")):
        road.ingestion.put(keys.run_key(run), body)
    tick("sale", "payment")
    road.travel()
    assert (road.run_log.newest_number(), road.differences()) == (2, {})
    found = strangers(road.run_log, road.manifests, road.run_log.newest())
    assert [url.split("/")[-1] for url in found] == ["00000500.json", "00000998.json", "00000999.json"]


def test_not_more_are_named_than_a_person_reads(road: Road) -> None:
    for number in range(MOST + 5):
        road.ingestion.put(f"runs/note-{number}", b"")
    assert len(strangers(road.run_log, road.manifests, None)) == MOST
