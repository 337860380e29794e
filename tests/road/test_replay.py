"""A replay of any runs at any time makes exactly what lacks, and the warehouse is none the wiser."""

import random

import pytest

from local.ticker import KINDS
from shared.lake import keys
from shared.transform.replay import Replays
from shared.transform.request import TransformRequest
from shared.warehouse.registry import TARGETS, Target
from tests.conftest import Ticks
from tests.road.road import Road, fingerprint
from tests.road.test_protocol import delete, everything


def replays(road: Road, target: Target) -> Replays:
    return Replays(target, road.run_log, road.ingestion, road.processed, road.manifests, road.code)


def replayed(road: Road, target: Target, first: int, last: int) -> list[str]:
    answer = replays(road, target).answer(TransformRequest("replay", first, last), lambda: 60)
    return [each["what"] for each in answer["taken"]]


def lose(road: Road, dice: random.Random) -> dict[tuple[int, str], set[str]]:
    """Some manifests, each with its parts or without, as when a transform was killed: the keys that are gone."""
    found = sorted(road.manifests.places_since(0))
    lost = {}
    for run, table in dice.sample(found, min(len(found), 5)):
        parts = {part.key for part in road.manifests.get(run, table).parts}
        lost[run, table] = {keys.manifest_key(run, table)} | (parts if dice.random() < 0.5 else set())
        delete(road.processed, *lost[run, table])
    return lost


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 8))])
def test_a_replay_of_any_runs_at_any_time_makes_exactly_what_lacks(road: Road, tick: Ticks, seed: int) -> None:
    dice = random.Random(seed)
    road.travel()
    for _ in range(4):
        tick(*dice.sample(list(KINDS), 3))
        road.extract()
        road.deliver()
        if dice.random() < 0.5:
            road.load()
        whole, lost = everything(road.processed), lose(road, dice)
        newest = road.run_log.newest_number()
        first, last = sorted(dice.choices(range(1, newest + 1), k=2))
        for target in dice.sample(list(TARGETS.values()), len(TARGETS)):
            replayed(road, target, first, last)
        still = set().union(*(gone for (run, _), gone in lost.items() if not first <= run <= last))
        assert everything(road.processed) == {key: body for key, body in whole.items() if key not in still}
        for target in TARGETS.values():
            replayed(road, target, 1, newest)
        assert everything(road.processed) == whole
    road.load()
    road.add_foreign_keys()
    assert road.differences() == {}
    before = fingerprint(road)
    assert road.load().loaded == 0
    assert fingerprint(road) == before


def test_a_run_whose_messages_were_all_lost_is_made_by_replays_alone(road: Road, tick: Ticks) -> None:
    road.travel()
    tick("sale", "payment")
    road.extract()
    road.topic.messages = []
    payment = TARGETS["fact_payment"]
    assert replayed(road, payment, 1, 2) == ["there already", "made"]
    assert replayed(road, payment, 1, 2) == ["there already", "there already"]
    road.load()
    for target in TARGETS.values():
        replayed(road, target, 2, 2)
    road.load()
    assert road.differences() == {}
