"""The warehouse made as declared: from nothing, from a prepared one, and a second time without a change."""

import pytest

from conftest import SCHEMA, Database
from local import logins
from shared.aws.bucket import S3Bucket
from shared.errors import Refused, ServiceRefused, ServiceUnavailable
from shared.ledger.tables import TABLES
from shared.load.schema.migrate import migrate
from shared.load.session import WarehouseSession
from shared.warehouse.registry import TARGETS
from tests.shared.load.ground import RED, Ground, delta, full, sale

pytestmark = pytest.mark.fast

KEYS = {"do": "foreign_keys", "tables": ["fact_sale"]}


@pytest.fixture
def bare(warehouse: Database, ingestion: S3Bucket, processed: S3Bucket) -> Ground:
    """A schema without tables."""
    return Ground(warehouse, ingestion, processed)


def relations(ground: Ground) -> set[str]:
    kinds = "relkind IN ('r', 'v') AND relnamespace = current_schema()::regnamespace"
    return {name for (name,) in ground.ask(f"SELECT relname::text FROM pg_class WHERE {kinds}")}


def test_everything_is_made(bare: Ground) -> None:
    report = bare.migrate()
    assert report.notes == []
    views = {"current_fact_sale", "history_fact_sale"}
    assert relations(bare) == {*bare.targets, *(table.name for table in TABLES), *views}
    assert "fact_sale created" in report.did


def test_the_second_time_finds_nothing_to_do(bare: Ground) -> None:
    bare.migrate()
    assert bare.migrate().facts == {"did": [], "notes": [], "counts": {}}


def test_the_real_tables_too(bare: Ground) -> None:
    bare.targets = TARGETS
    assert bare.migrate().notes == []
    assert bare.migrate().facts == {"did": [], "notes": [], "counts": {}}
    assert bare.ask("SELECT FROM pg_constraint WHERE contype = 'f'") == []
    assert len(bare.migrate({"do": "foreign_keys", "tables": ["fact_payment"]}).did) == 7
    assert bare.migrate({"do": "foreign_keys", "tables": ["fact_payment"]}).did == []


def test_a_preview_says_the_same_and_changes_nothing(bare: Ground) -> None:
    said = bare.migrate({"do": "preview"})
    assert relations(bare) == set()
    assert bare.migrate().facts == said.facts


def test_a_preview_leaves_a_sequence_where_it_is(bare: Ground) -> None:
    bare.migrate()
    bare.there.run("INSERT INTO fact_sale SELECT 7, 1, now(), now()::time, now(), now()::time, 42")
    said = bare.migrate({"do": "preview"}).did
    assert said == ["fact_sale: sale_record_id goes on behind the highest there is"]
    assert bare.migrate().did == said


def test_a_schema_that_is_not_there_is_made(bare: Ground) -> None:
    bare.there.run(f"DROP SCHEMA {SCHEMA}")
    assert bare.migrate().did[0] == f"schema {SCHEMA} created"


def test_one_login_for_all_needs_no_grants(bare: Ground) -> None:
    with bare.database.connect(logins.WAREHOUSE_OWNER) as owner:
        report = migrate(owner, SCHEMA, logins.WAREHOUSE_OWNER, {}, bare.targets)
    assert not [line for line in report.did if "may" in line]


def test_a_loader_that_does_not_exist_is_said(bare: Ground) -> None:
    with bare.database.connect(logins.WAREHOUSE_OWNER) as owner:
        report = migrate(owner, SCHEMA, "nobody_at_all", {}, bare.targets)
    assert report.notes == ["login nobody_at_all does not exist: it was given no rights"]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (i int)",
        "ALTER TABLE fact_sale ADD COLUMN mine int",
        "DELETE FROM fact_sale",
        "UPDATE fact_sale SET note = ''",
        "UPDATE etl_ledger SET run = 0",
        "DELETE FROM etl_deletion",
        "TRUNCATE dim_colour",
    ],
)
def test_the_loader_may_do_no_more_than_load(bare: Ground, statement: str) -> None:
    bare.migrate()
    with bare.database.connect() as connection, pytest.raises(ServiceRefused, match="42501"):
        WarehouseSession(connection, SCHEMA).run(statement)


class TestAdoption:
    def test_a_prepared_warehouse_with_foreign_keys(self, bare: Ground) -> None:
        bare.there.run("""
            CREATE TABLE dim_colour (colour_id bigint PRIMARY KEY, name varchar(20), invented text);
            CREATE TABLE dim_deal (deal_id int PRIMARY KEY, name varchar NOT NULL);
            CREATE TABLE fact_sale (
                sale_record_id serial PRIMARY KEY, sale_id int NOT NULL,
                created_date date NOT NULL, created_time time NOT NULL,
                last_updated_date date NOT NULL, last_updated_time time NOT NULL,
                colour_id bigint NOT NULL REFERENCES dim_colour, deal_id int REFERENCES dim_deal,
                price numeric, note varchar)""")
        report = bare.migrate()
        assert report.notes == [
            "dim_colour.name is character varying(20), declared character varying: a text of more than 20 characters "
            'puts its row into quarantine; the way out: ALTER TABLE "project_team_1"."dim_colour" ALTER COLUMN "name" '
            'TYPE character varying USING CAST("name" AS character varying)'
        ]
        assert bare.migrate().did == []
        bare.run(1, dim_colour=full(RED), fact_sale=full(sale(1, "a")))
        assert bare.load().complete_run == 1
        bare.run(2, fact_sale=full(sale(1, "a")))
        bare.load()
        assert bare.notes() == [(1, "a")]
        assert bare.functions.calls == []

    def test_columns_that_are_missing_are_added(self, bare: Ground) -> None:
        bare.migrate()
        bare.there.run(
            "DROP VIEW current_fact_sale, history_fact_sale; ALTER TABLE fact_sale DROP price, DROP created_date"
        )
        bare.there.run("ALTER TABLE dim_colour DROP name; INSERT INTO dim_colour VALUES (1)")
        report = bare.migrate()
        assert report.notes == []
        assert {"fact_sale.price added", "fact_sale.created_date added", "dim_colour.name added"} <= set(report.did)
        assert bare.ask(
            "SELECT attnotnull FROM pg_attribute WHERE attname = 'created_date' AND attrelid = 'fact_sale'::regclass"
        ) == [[True]]

    def test_a_required_column_may_be_null_where_there_are_rows(self, bare: Ground) -> None:
        bare.migrate()
        bare.there.run("ALTER TABLE dim_deal DROP name; INSERT INTO dim_deal VALUES (1)")
        assert bare.migrate().did[0] == "dim_deal.name added"
        assert bare.migrate().notes == ["dim_deal.name may be null, declared that it may not: kept"]

    def test_what_will_fail_is_said(self, bare: Ground) -> None:
        bare.there.run("""
            CREATE TABLE dim_colour (colour_id int NOT NULL, name varchar NOT NULL, theirs int NOT NULL);
            INSERT INTO dim_colour VALUES (1, 'a', 1), (1, 'b', 2);
            CREATE TABLE fact_sale (sale_record_id int PRIMARY KEY, sale_id int UNIQUE NOT NULL)""")
        said = " | ".join(bare.migrate().notes)
        assert "dim_colour.theirs is not ours" in said
        assert "dim_colour.name may not be null" in said
        assert "not done: dim_colour: unique index on colour_id" in said
        assert "fact_sale.sale_record_id has no sequence" in said
        assert "fact_sale.sale_id is unique, so no history" in said

    def test_a_sequence_that_lags_is_moved_on(self, bare: Ground) -> None:
        bare.migrate()
        bare.there.run("INSERT INTO fact_sale SELECT 7, 1, now(), now()::time, now(), now()::time, 1")
        assert bare.migrate().did == ["fact_sale: sale_record_id goes on behind the highest there is"]
        bare.run(1, dim_colour=full(RED), fact_sale=delta(sale(2)))
        bare.load()
        assert bare.ask("SELECT max(sale_record_id) FROM fact_sale") == [[8]]

    def test_records_of_another_loader_have_a_history_too(self, bare: Ground) -> None:
        bare.migrate()
        bare.run(1, dim_colour=full(RED), fact_sale=full(sale(1, "ours")))
        bare.load()
        bare.there.run("INSERT INTO fact_sale SELECT 2, 1, '2020-01-05', '12:00', '2020-01-06', '09:05', 1")
        assert bare.history(1) == [("ours", "created", 5, None), (None, 5, None, None)]

    def test_an_index_under_another_name_is_enough(self, bare: Ground) -> None:
        bare.migrate()
        bare.there.run("ALTER INDEX ix_fact_sale_sale_id RENAME TO theirs")
        assert bare.migrate().did == []
        bare.there.run("DROP INDEX theirs")
        assert bare.migrate().did == ["fact_sale: index on sale_id created"]

    def test_a_view_that_changed_is_made_anew(self, bare: Ground) -> None:
        bare.migrate()
        bare.there.run("COMMENT ON VIEW current_fact_sale IS 'as it was before'")
        report = bare.migrate()
        assert report.did == [
            "current_fact_sale made again",
            f'{logins.LOAD} may SELECT on table "{SCHEMA}"."current_fact_sale"',
        ]

    def test_a_view_that_others_stand_on_is_kept_and_said(self, bare: Ground) -> None:
        bare.migrate()
        bare.there.run("CREATE VIEW theirs AS SELECT * FROM current_fact_sale; COMMENT ON VIEW current_fact_sale IS ''")
        assert bare.migrate().notes[0].startswith("not done: current_fact_sale made again")

    def test_a_view_in_a_table_s_place_stops_that_table_alone(self, bare: Ground) -> None:
        bare.there.run("CREATE VIEW dim_colour AS SELECT 1 AS colour_id")
        assert bare.migrate().notes == [
            "dim_colour is a view and no table, and is not loaded; the way out: rename it, or choose another "
            "WAREHOUSE_SCHEMA"
        ]
        bare.run(1, dim_colour=full(RED), dim_deal=full((1, "a")))
        outcome = bare.load()
        assert "dim_colour is a view" in outcome.stopped["dim_colour"]
        assert bare.ask("SELECT deal_id FROM dim_deal") == [[1]]


class TestForeignKeys:
    def test_they_are_added_when_asked_for(self, ground: Ground) -> None:
        assert ground.migrate(KEYS).did == [
            "fact_sale.colour_id refers to dim_colour",
            "fact_sale.deal_id refers to dim_deal",
        ]
        assert ground.migrate(KEYS).facts == {"did": [], "notes": [], "counts": {}}

    def test_an_orphan_is_said_and_the_others_are_added(self, ground: Ground) -> None:
        ground.there.run("INSERT INTO fact_sale SELECT 1, 1, now(), now()::time, now(), now()::time, 42")
        report = ground.migrate(KEYS)
        assert report.did == ["fact_sale.deal_id refers to dim_deal"]
        assert "fact_sale.colour_id refers to dim_colour (" in report.notes[0]
        assert "42" not in report.notes[0].replace("42P", "")

    @pytest.mark.parametrize("tables", [["dim_colour"], ["pg_class"], [7], "fact_sale"])
    def test_only_facts_have_them(self, ground: Ground, tables: object) -> None:
        with pytest.raises(Refused):
            ground.migrate({"do": "foreign_keys", "tables": tables})


def test_it_waits_while_a_loader_is_at_work(ground: Ground) -> None:
    with ground.database.connect() as connection:
        assert WarehouseSession(connection, SCHEMA).lock()
        with pytest.raises(ServiceUnavailable, match="55P03"):
            ground.migrate(lock_s=1)
    assert ground.migrate().did == []
