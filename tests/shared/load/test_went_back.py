"""A ledger holds the run log to the very records that were loaded."""

import msgspec
import pytest

from shared.errors import LogWentBack
from shared.lake import keys
from shared.lake.documents import RunRecord, encode
from shared.lake.run_log import RunLog
from tests.shared.load.ground import BLUE, RED, YEARS, Ground, delta, full, sale

pytestmark = pytest.mark.fast


def replaced(ground: Ground, run: int, **fields: object) -> None:
    """Another record under the same number."""
    record: RunRecord = msgspec.structs.replace(RunLog(ground.ingestion).get(run), **fields)
    ground.ingestion.put(keys.run_key(run), encode(record))


@pytest.fixture
def loaded(ground: Ground) -> Ground:
    ground.run(1, dim_colour=full(RED), fact_sale=full(sale(1)))
    ground.load()
    return ground


def test_the_last_run_that_is_loaded_must_be_the_one_in_the_log(loaded: Ground) -> None:
    replaced(loaded, 1, attempt="another")
    with pytest.raises(LogWentBack, match="^run 1 of log log-a is not the one that is loaded"):
        loaded.load()
    loaded.run(2, dim_colour=full(RED, BLUE))
    with pytest.raises(LogWentBack, match="^run 1 of log log-a is not the one that is loaded"):
        loaded.load()


def test_so_must_one_that_is_loaded_in_part(loaded: Ground) -> None:
    loaded.commit(2, dim_colour=full(RED, BLUE), fact_sale=delta(sale(2)))
    loaded.transform(2, "dim_colour")
    loaded.load(grace_period_s=YEARS)
    replaced(loaded, 2, attempt="another")
    with pytest.raises(LogWentBack, match="^run 2 of log log-a is not the one that is loaded for dim_colour"):
        loaded.load(grace_period_s=YEARS)


def test_a_superseded_run_is_known_too(loaded: Ground) -> None:
    loaded.commit(2, dim_colour=full(RED, BLUE), fact_sale=delta(sale(2)))
    loaded.run(3, dim_colour=full(RED, BLUE))
    loaded.load(grace_period_s=YEARS)
    assert loaded.ask("SELECT run, status, attempt FROM etl_ledger WHERE table_name = 'dim_colour' ORDER BY run") == [
        [1, "loaded", "0"],
        [2, "superseded", "0"],
        [3, "loaded", "0"],
    ]


def test_what_a_former_version_loaded_is_not_compared(loaded: Ground) -> None:
    loaded.there.run("UPDATE etl_log SET complete_attempt = NULL")
    loaded.there.run("UPDATE etl_ledger SET attempt = NULL")
    replaced(loaded, 1, attempt="another")
    loaded.run(2, dim_colour=full(RED, BLUE))
    assert loaded.load().complete_run == 2
    assert loaded.ask("SELECT complete_attempt FROM etl_log") == [["0"]]


def test_what_stopped_the_pass_is_left_for_watch_and_extract(loaded: Ground) -> None:
    replaced(loaded, 1, attempt="another")
    with pytest.raises(LogWentBack):
        loaded.load()
    said = msgspec.json.decode(loaded.ingestion.get(keys.LOAD_HEALTH))
    assert (said["stopped"], said["log"], said["complete_run"]) == ("LogWentBack", "log-a", 1)


def test_a_log_that_begins_behind_another_is_loaded_from_there(loaded: Ground) -> None:
    loaded.log = "log-b"
    loaded.run(9, dim_colour=full(RED, BLUE), fact_sale=full(sale(1), sale(2)))
    replaced(loaded, 9, began=9)
    assert loaded.load().complete_run == 9
    assert loaded.colours() == [[1, "red"], [2, "blue"]]
    assert loaded.ask("SELECT log_id, complete_run FROM etl_log ORDER BY began_no") == [["log-a", 1], ["log-b", 9]]


def test_records_of_two_logs_among_each_other_are_refused(loaded: Ground) -> None:
    loaded.log = "log-b"
    loaded.run(2, dim_colour=full(RED, BLUE))
    with pytest.raises(LogWentBack, match="^run 1 is no run of log log-b"):
        loaded.load()


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"log": "\xff"}', b""])
def test_a_manifest_that_no_parser_takes_stops_its_table_alone(loaded: Ground, body: bytes) -> None:
    loaded.run(2, dim_colour=full(RED, BLUE), fact_sale=delta(sale(2)))
    loaded.processed.put(keys.manifest_key(2, "fact_sale"), body)
    outcome = loaded.load()
    assert "manifests/00000002/fact_sale.json cannot be read" in outcome.waiting["fact_sale"]
    assert loaded.colours() == [[1, "red"], [2, "blue"]]
