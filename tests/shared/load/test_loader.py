"""What manifests bring is in the warehouse, once, in the order of the log; one bad table stops no other."""

import json
from collections.abc import Iterator
from datetime import date

import msgspec
import pytest

from conftest import SCHEMA, Database, made_bucket
from local import logins
from shared.aws.bucket import S3Bucket
from shared.columns import Column, Kind
from shared.errors import Refused, ServiceRefused
from shared.lake import keys
from shared.load.health import LoadHealth, Missing
from shared.load.loader import load_pass
from shared.load.memory import LoadMemory
from shared.load.warehouse import ConnectionLost, WarehouseSession
from tests.shared.load.ground import (
    BLUE,
    RED,
    TARGETS,
    YEARS,
    Ground,
    delta,
    full,
    sale,
    snapshot_of,
    target_of,
)

pytestmark = pytest.mark.fast


def test_an_empty_log_is_nothing_to_do(ground: Ground) -> None:
    assert ground.load().facts == {"run": 0, "complete_run": 0, "loaded": 0, "waiting": {}, "refused": []}


def test_rows_arrive(ground: Ground) -> None:
    ground.run(1, dim_colour=full(RED, BLUE), fact_sale=full(sale(2, "b"), sale(1, "a")))
    outcome = ground.load()
    assert (outcome.loaded, outcome.complete_run, outcome.waiting) == (2, 1, {})
    assert ground.colours() == [[1, "red"], [2, "blue"]]
    assert ground.notes() == [(1, "a"), (2, "b")]
    assert ground.ask("SELECT first_record_id, last_record_id, inserted FROM etl_ledger ORDER BY table_name") == [
        [None, None, 2],
        [1, 2, 2],
    ]


def test_values_arrive_as_they_were(ground: Ground) -> None:
    notes = ["", "NULL", "\\N", "tab\tline\n'\"", "🧵", None]
    ground.run(
        1, dim_colour=full((1, None)), fact_sale=full(*(sale(i, note, price=-i) for i, note in enumerate(notes)))
    )
    ground.load()
    assert [note for _, note in ground.notes()] == notes
    assert [str(price) for (price,) in ground.ask("SELECT price FROM fact_sale ORDER BY 1")][0] == "-0.05"


def test_twice_is_once(ground: Ground) -> None:
    ground.run(1, dim_colour=full(RED), dim_day=full(("2020-01-05", "Sunday")), fact_sale=full(sale(1)))
    ground.load()
    before = ground.shown()
    assert ground.load().loaded == 0
    assert ground.shown() == before


def test_a_forgotten_ledger_doubles_nothing(ground: Ground) -> None:
    """The COMMIT's answer was lost, or the warehouse restored: the rows are compared with what is there."""
    ground.run(1, dim_colour=full(RED), fact_sale=full(sale(1)))
    ground.load()
    ground.there.run("TRUNCATE etl_ledger, etl_log, etl_freshness")
    assert ground.load().loaded == 2
    assert ground.notes() == [(1, None)]
    assert ground.ledger("fact_sale")["unchanged"] == 1


def test_manifests_are_taken_in_the_order_of_runs(ground: Ground) -> None:
    ground.run(1, dim_colour=full(RED), fact_sale=full(sale(1, "first")))
    ground.run(2, fact_sale=delta(sale(1, "second")))
    ground.run(3, fact_sale=delta(sale(1, "third")))
    ground.load()
    assert [note for _, note in ground.notes()] == ["first", "second", "third"]


def test_a_missing_manifest_stops_only_its_own_table(ground: Ground) -> None:
    ground.run(1, dim_colour=full(RED), dim_deal=full((1, "a")), fact_sale=full(sale(1)))
    ground.commit(2, fact_sale=delta(sale(2)), dim_deal=delta((2, "b")))
    ground.transform(2, "dim_deal")
    ground.run(3, fact_sale=delta(sale(3)), dim_deal=delta((3, "c")))
    outcome = ground.load()
    assert outcome.waiting == {"fact_sale": "the manifest of run 2 is not there"}
    assert outcome.complete_run == 1
    assert ground.notes() == [(1, None)]
    assert ground.ask("SELECT count(*) FROM dim_deal") == [[3]]
    ground.transform(2, "fact_sale")
    assert ground.load().complete_run == 3
    assert ground.notes() == [(1, None), (2, None), (3, None)]


def test_a_set_takes_its_runs_in_any_order(ground: Ground) -> None:
    ground.commit(1, dim_day=delta(("2020-01-05", "Sunday")))
    ground.run(2, dim_day=delta(("2020-01-06", "Monday")))
    outcome = ground.load()
    assert (outcome.loaded, outcome.complete_run) == (1, 0)
    ground.transform(1, "dim_day")
    assert ground.load().complete_run == 2
    assert ground.ask("SELECT count(*) FROM dim_day") == [[2]]


def test_the_winner_looks_again(ground: Ground) -> None:
    """What arrives while it loads is loaded by the same pass."""
    ground.run(1, dim_colour=full(RED))
    late = iter([lambda: ground.run(2, dim_colour=full(RED, BLUE))])

    def time_left_s() -> float:
        if ground.ask("SELECT FROM dim_colour"):
            next(late, lambda: None)()
        return 300.0

    assert ground.load(time_left_s=time_left_s).complete_run == 2


def test_a_loser_leaves_quietly(ground: Ground) -> None:
    ground.run(1, dim_colour=full(RED))
    with ground.database.connect() as other:
        assert WarehouseSession(other, SCHEMA).lock()
        assert ground.load().facts["busy"] is True
    assert ground.load().loaded == 1


def test_the_loader_of_another_schema_is_no_rival(ground: Ground) -> None:
    ground.run(1, dim_colour=full(RED))
    with ground.database.connect() as other:
        assert WarehouseSession(other, "another_schema").lock()
        assert ground.load().loaded == 1


def test_it_stops_in_good_time(ground: Ground) -> None:
    for run in range(1, 6):
        ground.run(run, dim_colour=full((1, f"shade {run}")))
    left = iter([300.0] * 8)
    assert 0 < ground.load(time_left_s=lambda: next(left, 19.0)).loaded < 5
    assert ground.load().complete_run == 5


def test_a_long_log_is_read_piece_by_piece(ground: Ground) -> None:
    ground.run(1, dim_colour=full(RED))
    for run in range(2, 8):
        ground.commit(run, dim_deal=delta((run, "x")))
    ground.run(8, dim_colour=full(BLUE))
    assert ground.load(records_per_look=2).loaded == 2
    assert ground.colours() == [[1, "red"], [2, "blue"]]


def test_a_table_of_a_removed_module_is_not_waited_for(ground: Ground) -> None:
    ground.run(1, dim_colour=full(RED))
    ground.targets = {"dim_deal": TARGETS["dim_deal"]}
    ground.run(2, dim_deal=full((1, "big")))
    assert ground.load().complete_run == 2


WORD = target_of("dim_word", "dimension", "word", "design", [Column("word", Kind.TEXT)])


def test_a_dimension_of_nothing_but_a_text(ground: Ground) -> None:
    ground.targets = {"dim_word": WORD}
    ground.migrate()
    ground.run(1, dim_word=full(("a",), ("1",)))
    ground.run(2, dim_word=full(("a",), refused=[("b", "why")]))
    ground.load()
    assert ground.ask("SELECT * FROM dim_word ORDER BY 1") == [["1"], ["a"]]
    assert ground.ask("SELECT key, run, ended_run FROM etl_text_deletion") == [["1", 2, None]]
    ground.run(3, dim_word=full(("a",), ("1",)))
    ground.load()
    assert ground.ask("SELECT key, run, ended_run FROM etl_text_deletion") == [["1", 2, 3]]
    assert ground.ledger("dim_word")["unchanged"] == 2
    assert ground.ask("SELECT FROM etl_deletion") == []


class TestGaps:
    @pytest.fixture
    def gap(self, ground: Ground) -> Iterator[Ground]:
        """Run 2 is missing, 3 a delta, 4 full."""
        ground.run(1, dim_colour=full(RED), fact_sale=full(sale(1, "one")))
        ground.commit(2, fact_sale=delta(sale(1, "two")))
        ground.run(3, fact_sale=delta(sale(1, "three")))
        ground.run(4, fact_sale=full(sale(1, "four")))
        yield ground

    def test_a_full_batch_closes_a_gap(self, gap: Ground) -> None:
        assert gap.load().complete_run == 4
        assert [note for _, note in gap.notes()] == ["one", "three", "four"]
        assert gap.ask("SELECT run FROM etl_ledger WHERE status = 'superseded'") == [[2]]

    def test_a_fact_is_given_some_time_for_it(self, gap: Ground) -> None:
        assert gap.load(patience_s=YEARS).waiting == {"fact_sale": "the manifest of run 2 is not there"}
        gap.transform(2, "fact_sale")
        gap.load(patience_s=YEARS)
        assert [note for _, note in gap.notes()] == ["one", "two", "three", "four"]

    def test_what_was_superseded_is_never_loaded(self, gap: Ground, capsys: pytest.CaptureFixture[str]) -> None:
        gap.commit(5, dim_deal=full((1, "never comes")))
        gap.load()
        gap.ask("UPDATE etl_log SET complete_run = 1")
        gap.transform(2, "fact_sale")
        capsys.readouterr()
        assert gap.load().loaded == 0
        assert gap.load().loaded == 0
        assert capsys.readouterr().out.count("manifest came too late") == 1
        assert [note for _, note in gap.notes()] == ["one", "three", "four"]

    def test_a_dimension_has_no_history_to_lose(self, ground: Ground) -> None:
        ground.commit(1, dim_colour=full(RED))
        ground.run(2, dim_colour=full(BLUE))
        assert ground.load(patience_s=YEARS).complete_run == 2

    def test_a_full_batch_that_is_not_one_closes_nothing(self, gap: Ground) -> None:
        gap.runs[4] = {"fact_sale": delta(sale(1, "four"))}
        gap.transform(4, "fact_sale")
        outcome = gap.load()
        assert outcome.complete_run == 1
        assert "is not full" in list(outcome.refused)[0]


class TestRefusals:
    def test_a_manifest_that_was_exchanged(self, ground: Ground) -> None:
        ground.commit(1, dim_colour=full(RED), dim_deal=full((1, "never comes")))
        ground.transform(1, "dim_colour")
        assert list(ground.load().refused) == []
        ground.runs[1] = {"dim_colour": full(BLUE)}
        ground.transform(1, "dim_colour")
        assert list(ground.load().refused) == []  # this function has compared it before
        ground.memory = LoadMemory()
        assert "dim_colour, run 1: the manifest is not" in list(ground.load().refused)[0]
        assert len(ground.load().refused) == 1
        assert ground.colours() == [[1, "red"]]
        ground.runs[1] = {"dim_colour": full(RED)}
        ground.transform(1, "dim_colour")
        assert list(ground.load().refused) == []  # it was put back

    def test_another_log_s_manifest(self, ground: Ground) -> None:
        ground.run(1, dim_colour=full(RED))
        stranger = Ground(ground.database, ground.ingestion, ground.processed, log="log-b")
        stranger.runs = {1: {"dim_colour": full(BLUE)}}
        stranger.transform(1, "dim_colour")
        assert "is of run 1 of log log-b" in ground.load().waiting["dim_colour"]
        assert ground.colours() == []

    def test_a_damaged_part_stops_only_its_table(self, ground: Ground) -> None:
        ground.run(1, dim_colour=full(RED), dim_deal=full((1, "a")))
        (part,) = ground.processed.list("tables/dim_colour")
        ground.processed.put(part, ground.processed.get(part)[:-1])
        outcome = ground.load()
        assert "corrupt" in outcome.waiting["dim_colour"]
        assert len(outcome.refused) == 1
        assert ground.ask("SELECT count(*) FROM dim_deal") == [[1]]

    def test_a_damaged_part_is_passed_by_a_full_batch(self, ground: Ground) -> None:
        ground.run(1, dim_colour=full(RED), fact_sale=full(sale(1, "one")))
        (part,) = ground.processed.list("tables/fact_sale")
        ground.processed.put(part, b"")
        ground.run(2, fact_sale=full(sale(1, "two")))
        assert ground.load(patience_s=YEARS).complete_run == 2
        assert ground.notes() == [(1, "two")]

    def test_a_part_that_was_exchanged(self, ground: Ground) -> None:
        ground.run(1, dim_colour=full(RED), dim_deal=full((1, "red")))
        (part,) = ground.processed.list("tables/dim_colour")
        ground.runs[2] = {"dim_colour": full(BLUE)}
        ground.transform(2, "dim_colour")
        other = list(ground.processed.list("tables/dim_colour"))[1]
        ground.processed.put(part, ground.processed.get(other))
        assert "corrupt" in ground.load().waiting["dim_colour"]
        assert ground.colours() == []

    def test_rows_that_are_not_as_many_as_said(self, ground: Ground) -> None:
        ground.commit(1, dim_colour=full(RED))
        ground.transform(1, "dim_colour", rows_said=2)
        assert "rows are not its rows" in ground.load().waiting["dim_colour"]
        assert ground.colours() == []

    def test_a_key_that_is_there_twice(self, ground: Ground) -> None:
        ground.run(1, dim_colour=full(RED), fact_sale=full(sale(1, "a"), sale(1, "b")))
        assert "there twice" in ground.load().waiting["fact_sale"]
        assert ground.notes() == []

    def test_a_refusal_by_the_database_supersedes_nothing(self, ground: Ground) -> None:
        """It is no fault of the manifest's, and passes once the table is mended."""
        ground.run(1, dim_colour=full(RED), fact_sale=full(sale(1, "one")))
        ground.run(2, fact_sale=full(sale(1, "two")))
        ground.there.run(f"REVOKE INSERT ON fact_sale FROM {logins.LOAD}")
        assert ground.load().loaded == 1
        ground.migrate()
        ground.load()
        assert [note for _, note in ground.notes()] == ["one", "two"]


class TestLogs:
    def test_a_new_log_goes_on_where_the_old_one_was(self, ground: Ground, second: Ground) -> None:
        ground.run(1, dim_colour=full(RED, BLUE), fact_sale=full(sale(1, "a"), sale(2, "b"), sale(3, "c")))
        ground.load()
        second.run(1, dim_colour=full(RED, BLUE), fact_sale=full(sale(1, "a"), sale(2, "changed")))
        second.load()
        assert second.notes() == [(1, "a"), (2, "b"), (3, "c"), (2, "changed")]
        assert second.current() == [(1, "a"), (2, "changed")]

    def test_the_older_of_two_logs_is_refused(self, ground: Ground, second: Ground) -> None:
        ground.run(1, dim_colour=full(RED))
        ground.load()
        second.run(1, dim_colour=full(BLUE))
        second.load()
        ground.run(2, dim_colour=full((3, "green")))
        with pytest.raises(Refused, match="log-a: a later log was begun"):
            ground.load()
        assert len(second.colours()) == 2

    def test_records_that_are_gone_are_noticed(self, ground: Ground) -> None:
        ground.run(1, dim_colour=full(RED))
        ground.load()
        ground.there.run("UPDATE etl_log SET complete_run = 7")
        with pytest.raises(Refused, match="run 7 is loaded"):
            ground.load()

    def test_an_emptied_warehouse_is_filled_again(self, ground: Ground) -> None:
        ground.run(1, dim_colour=full(RED), fact_sale=full(sale(1, "a")))
        ground.run(2, fact_sale=delta(sale(1, "b")))
        ground.load()
        before = ground.shown()
        ground.there.run(f"DROP SCHEMA {SCHEMA} CASCADE")
        ground.migrate()
        assert ground.load().complete_run == 2
        assert ground.shown() == before

    @pytest.fixture
    def second(self, ground: Ground, aws: None) -> Ground:
        """A new account's stack on the same warehouse."""
        return Ground(ground.database, made_bucket("second-ingestion"), made_bucket("second-processed"), "log-b")


class TestFailures:
    def test_a_connection_lost_before_commit_leaves_nothing(self, ground: Ground) -> None:
        ground.run(1, dim_colour=full(RED), fact_sale=full(sale(1)))
        with ground.database.connect() as connection:
            dying = Dying(connection, "COMMIT")
            with pytest.raises(ConnectionLost):
                load_pass(ground.outside(WarehouseSession(dying, SCHEMA)))  # type: ignore[arg-type]
        assert ground.colours() == []
        assert ground.ask("SELECT FROM etl_ledger") == []
        assert ground.load().complete_run == 1

    def test_a_table_that_someone_holds_is_loaded_later(
        self, ground: Ground, capsys: pytest.CaptureFixture[str]
    ) -> None:
        ground.run(1, dim_colour=full(RED), dim_deal=full((1, "a")))
        with ground.database.connect(logins.WAREHOUSE_OWNER) as reader:
            reader.run(f"BEGIN; LOCK TABLE {SCHEMA}.dim_colour")
            outcome = ground.load()
        assert "55P03" in outcome.waiting["dim_colour"]
        assert capsys.readouterr().out.count("table was not loaded") == 1
        assert outcome.loaded == 1
        assert ground.load().complete_run == 1

    def test_no_tables_are_the_whole_pass_s_failure(
        self, warehouse: Database, ingestion: S3Bucket, processed: S3Bucket
    ) -> None:
        bare = Ground(warehouse, ingestion, processed)
        bare.run(1, dim_colour=full(RED))
        with pytest.raises(ServiceRefused, match="etl_log"):
            bare.load()


class Dying:
    """A connection that breaks instead of running a statement."""

    def __init__(self, connection: object, at: str) -> None:
        self._connection, self._at = connection, at

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def run(self, sql: str, **params: object) -> object:
        if sql == self._at:
            self._connection.close()  # type: ignore[attr-defined]
        return self._connection.run(sql, **params)  # type: ignore[attr-defined]


class TestAfterwards:
    def test_its_health_is_told(self, ground: Ground) -> None:
        ground.run(1, dim_colour=full(RED))
        ground.commit(2, dim_deal=delta((1, "a")))
        ground.load()
        health = json.loads(ground.ingestion.get(keys.LOAD_HEALTH))
        assert health["at"].endswith("Z")
        assert (health["log"], health["newest_run"], health["complete_run"], health["loaded"]) == ("log-a", 2, 1, 1)
        assert health["waiting"] == {"dim_deal": "the manifest of run 2 is not there"}

    def test_it_says_what_each_table_lacks(self, ground: Ground) -> None:
        ground.run(1, dim_colour=full(RED))
        ground.commit(2, dim_deal=delta((1, "a")), dim_day=delta((date(2020, 1, 1), "first")))
        ground.run(3, dim_day=delta((date(2020, 1, 2), "second")), dim_colour=full(BLUE))
        ground.commit(4, dim_deal=delta((2, "b")))
        ground.load()
        health = msgspec.json.decode(ground.ingestion.get(keys.LOAD_HEALTH), type=LoadHealth)
        second = Missing(2, snapshot_of(2))
        assert {name: table.missing for name, table in health.tables.items()} == {
            "dim_colour": None,
            "dim_day": second,
            "dim_deal": second,
            "fact_sale": None,
        }
        assert (health.seen_run, health.complete_run, health.tables["dim_day"].last_run) == (4, 1, 3)

    def test_freshness_is_written_with_the_rows(self, ground: Ground) -> None:
        ground.run(1, dim_colour=full(RED), fact_sale=full(sale(1)))
        ground.load()
        rows = ground.ask("SELECT table_name, newest_change_at::text FROM etl_freshness ORDER BY 1")
        assert rows == [["dim_colour", None], ["fact_sale", "2020-01-05 12:00:00"]]

    def test_the_time_of_a_load_in_it_has_the_load_itself(self, ground: Ground) -> None:
        """The ledger has when the transaction began."""
        ground.run(1, dim_colour=full(RED))
        ground.load()
        later = "SELECT f.loaded_at > l.loaded_at FROM etl_freshness f JOIN etl_ledger l USING (table_name, run)"
        assert ground.ask(later) == [[True]]

    def test_foreign_keys_are_asked_for_when_the_first_load_is_done(self, ground: Ground) -> None:
        ground.run(1, dim_colour=full(RED), fact_sale=full(sale(1)))
        ground.commit(2, dim_deal=full((1, "a")))
        ground.load()
        assert ground.functions.calls == []
        ground.transform(2, "dim_deal")
        ground.load()
        assert ground.functions.calls == [("migrate", {"do": "foreign_keys", "tables": ["fact_sale"]})]
        ground.migrate(ground.functions.calls[0][1])
        ground.run(3, fact_sale=delta(sale(3)))
        ground.load()
        assert len(ground.functions.calls) == 1
