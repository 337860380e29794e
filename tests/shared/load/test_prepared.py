"""Tables that somebody prepared in a way that we cannot load, or nearly: a deploy says so with a way out that works,
the loader stops that table alone, and the others are loaded."""

from collections.abc import Iterator

import pytest

from conftest import Database
from local import logins
from local.postgres import Server
from shared.aws.bucket import S3Bucket
from shared.load.encodings import codec_of
from shared.load.schema.similar import alike, stem
from shared.warehouse.registry import TARGETS
from tests.shared.load.ground import BLUE, RED, Ground, delta, full, sale
from tests.shared.load.test_migrate import KEYS, bare
from tests.shared.load.test_shapes import open_quarantine

__all__ = ["bare"]
DROP_VIEWS = "DROP VIEW IF EXISTS current_fact_sale, history_fact_sale"
DEAL = "DROP TABLE dim_deal; CREATE TABLE dim_deal"
DEAL_AGAIN = "DROP TABLE dim_deal CASCADE"
TRIGGER = "CREATE TRIGGER meddles BEFORE INSERT OR UPDATE ON dim_deal FOR EACH ROW EXECUTE FUNCTION meddle()"
# What was done to dim_deal, and the words for it; the way out is tried where it is a statement.
OBSTACLES = {
    "view": (f"{DEAL_AGAIN}; CREATE VIEW dim_deal AS SELECT 1 AS deal_id", "is a view and no table"),
    "matview": (f"{DEAL_AGAIN}; CREATE MATERIALIZED VIEW dim_deal AS SELECT 1 AS deal_id", "is a materialized view"),
    "composite": (f"{DEAL_AGAIN}; CREATE TYPE dim_deal AS (deal_id int)", "is a composite type"),
    "sequence": (f"{DEAL_AGAIN}; CREATE SEQUENCE dim_deal", "is a sequence"),
    "domain": (f"{DEAL_AGAIN}; CREATE DOMAIN dim_deal AS int", 'type "dim_deal" already exists'),
    "partitioned": (f"{DEAL} (deal_id int PRIMARY KEY, name text NOT NULL) PARTITION BY HASH (deal_id)", "partitioned"),
    "generated": (
        f"{DEAL} (deal_id int PRIMARY KEY, name text GENERATED ALWAYS AS ('deal') STORED)",
        "dim_deal.name is GENERATED ALWAYS AS an expression",
    ),
    "json": (f"{DEAL} (deal_id int PRIMARY KEY, name json NOT NULL)", "dim_deal.name is json and must be character"),
    "text key": (
        f"{DEAL} (deal_id varchar PRIMARY KEY, name text NOT NULL)",
        "is character varying and must",
    ),
    "real key": (f"{DEAL} (deal_id real PRIMARY KEY, name text NOT NULL)", "dim_deal.deal_id is real and must be"),
    "theirs": ("ALTER TABLE dim_deal ADD COLUMN theirs int NOT NULL", "dim_deal.theirs is not ours, and no row"),
    "deferrable": (f"{DEAL} (deal_id int PRIMARY KEY DEFERRABLE, name text NOT NULL)", "has a DEFERRABLE constraint"),
    "rule": ("CREATE RULE never AS ON INSERT TO dim_deal DO INSTEAD NOTHING", "has rules that rewrite"),
    "children": ("CREATE TABLE child () INHERITS (dim_deal)", "has child tables"),
    "policy": ("ALTER TABLE dim_deal ENABLE ROW LEVEL SECURITY", "row-level security"),
    "skipping": (
        f"CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; {TRIGGER}",
        "has the trigger meddles",
    ),
    "changing": (
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS "
        f"'BEGIN NEW.name := upper(NEW.name); RETURN NEW; END'; {TRIGGER}",
        "has the trigger meddles",
    ),
}
STATEMENTS = ("ALTER", "DROP", "CREATE", "UPDATE", "DELETE")


def way_out(line: str) -> str:
    return line.split("the way out: ")[-1].split(", or ")[0].split(", and deploy again")[0]


@pytest.mark.parametrize("name", OBSTACLES)
def test_one_tables_shape_stops_no_other(bare: Ground, name: str) -> None:
    done, words = OBSTACLES[name]
    bare.migrate()
    bare.there.run(done)
    [line] = [line for line in bare.migrate().notes if "dim_deal" in line and words in line]
    assert line in bare.migrate({"do": "preview"}).notes
    bare.run(1, dim_colour=full(RED), dim_deal=full((1, "a"), (2, "b")), fact_sale=full(sale(1)))
    outcome = bare.load()
    # A fact is compared with each of its dimensions, so it waits for one that cannot be read.
    assert outcome.stopped.keys() - {"fact_sale"} == {"dim_deal"}
    assert bare.colours() == [[1, "red"]]
    assert bare.current() == ([(1, None)] if "fact_sale" not in outcome.stopped else [])
    if not way_out(line).startswith(STATEMENTS):
        return
    bare.there.run(way_out(line))
    bare.migrate()
    for run in (2, 3):
        bare.run(run, dim_deal=full((1, "a"), (2, "b")))
        assert bare.load().stopped == {}
    assert bare.ask("SELECT deal_id, name FROM dim_deal ORDER BY 1") == [[1, "a"], [2, "b"]]
    assert bare.current() == [(1, None)]


FACTS = {
    "rule": ("CREATE RULE never AS ON INSERT TO fact_sale DO INSTEAD NOTHING", "has rules that rewrite"),
    "no sequence": (
        f"{DROP_VIEWS}; ALTER TABLE fact_sale ALTER sale_record_id DROP DEFAULT",
        "fact_sale.sale_record_id has no sequence",
    ),
    "policy": (
        "CREATE POLICY adds ON fact_sale FOR INSERT WITH CHECK (true); ALTER TABLE fact_sale ENABLE ROW LEVEL SECURITY",
        "row-level security",
    ),
    "trigger": (
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := NULL; RETURN NEW; END'; "
        "CREATE TRIGGER meddles BEFORE INSERT ON fact_sale FOR EACH ROW EXECUTE FUNCTION meddle()",
        "has the trigger meddles",
    ),
}


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_is_refused_rather_than_doubled(bare: Ground, name: str) -> None:
    done, words = FACTS[name]
    bare.migrate()
    bare.run(1, dim_colour=full(RED), fact_sale=full(sale(1, "a")))
    bare.load()
    bare.there.run(done)
    [line] = [line for line in bare.migrate().notes if "fact_sale" in line and words in line]
    bare.run(2, dim_colour=full(RED, BLUE), fact_sale=full(sale(1, "a"), sale(2, "b")))
    assert bare.load().stopped.keys() == {"fact_sale"}
    assert len(bare.colours()) == 2
    assert bare.ask("SELECT count(*) FROM fact_sale") == [[1]]
    bare.there.run(way_out(line))
    bare.migrate()
    assert bare.load().stopped == {}
    assert bare.current() == [(1, "a"), (2, "b")]
    assert bare.ask("SELECT count(*) FROM fact_sale") == [[2]]


def partitioned(columns: str) -> str:
    return (
        f"{DROP_VIEWS}; DROP TABLE fact_sale; CREATE TABLE fact_sale ({columns}) PARTITION BY RANGE (sale_id);"
        "CREATE TABLE low PARTITION OF fact_sale FOR VALUES FROM (0) TO (3)"
    )


SALE = (
    "sale_record_id {} , sale_id int NOT NULL, created_date date NOT NULL, created_time time NOT NULL, "
    "last_updated_date date NOT NULL, last_updated_time time NOT NULL, colour_id int NOT NULL, deal_id int, "
    "price numeric(10,2), note varchar"
)
ROWS = (sale(1, "a"), sale(2, "b"), sale(3, "c"))
# What was done, the words for it, and the keys of facts that the table itself refuses.
TAKEN = {
    "identity": (
        f"{DROP_VIEWS}; DROP TABLE fact_sale; CREATE TABLE fact_sale ("
        + SALE.format("int GENERATED ALWAYS AS IDENTITY PRIMARY KEY DEFERRABLE")
        + "); DROP TABLE dim_colour; CREATE TABLE dim_colour (colour_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
        "name varchar)",
        "",
        [],
    ),
    "partitioned": (partitioned(SALE.format("serial")), "not done: fact_sale: unique index on sale_record_id", ["3"]),
    "unique": (
        "CREATE UNIQUE INDEX ours ON fact_sale (length(note), price)",
        "a unique index on an",
        ["2", "3"],
    ),
    "late": (
        "ALTER TABLE fact_sale ADD CONSTRAINT late UNIQUE (colour_id, price) DEFERRABLE INITIALLY DEFERRED",
        "has a unique index on colour_id, price (late)",
        ["2", "3"],
    ),
    "check": ("ALTER TABLE fact_sale ADD CONSTRAINT few CHECK (sale_id < 3)", "has the check few", ["3"]),
    "elsewhere": (
        "CREATE TABLE known (note varchar PRIMARY KEY); INSERT INTO known VALUES ('a'), ('b');"
        "GRANT SELECT ON known TO PUBLIC; ALTER TABLE fact_sale ADD FOREIGN KEY (note) REFERENCES known",
        "fact_sale.note refers to known",
        ["3"],
    ),
    "refusing": (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN IF NEW.sale_id = 3 THEN RAISE EXCEPTION ''no''; END IF; RETURN NEW; END';"
        "CREATE TRIGGER refuses BEFORE INSERT ON fact_sale FOR EACH ROW EXECUTE FUNCTION refuse()",
        "has the trigger refuses",
        ["3"],
    ),
    "not null": (
        f"{DROP_VIEWS}; ALTER TABLE fact_sale ALTER deal_id SET NOT NULL",
        "a null puts its row",
        ["1", "2", "3"],
    ),
    "unlogged": ("ALTER TABLE fact_sale SET UNLOGGED", "fact_sale is UNLOGGED", []),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_the_table_takes_is_loaded_once(bare: Ground, name: str) -> None:
    done, words, refused = TAKEN[name]
    bare.migrate()
    bare.there.run(done)
    said = bare.migrate().notes
    assert words in " | ".join(said) if words else not said
    for run in (1, 2, 3):
        bare.run(run, dim_colour=full(RED), fact_sale=full(*ROWS))
        assert bare.load().stopped == {}
        assert [row[1] for row in open_quarantine(bare)] == refused
        assert {str(key) for key, _ in bare.current()} == {"1", "2", "3"} - set(refused)
        assert bare.ask("SELECT count(*) FROM fact_sale") == [[3 - len(refused)]]
    assert bare.ask("SELECT FROM etl_deletion") == []
    assert all("cannot hold it" in row[2] for row in open_quarantine(bare))


def test_a_reconcile_of_such_a_table_names_nothing(bare: Ground) -> None:
    bare.migrate()
    bare.there.run(f"{DROP_VIEWS}; ALTER TABLE fact_sale ALTER price TYPE numeric(10,1)")
    bare.migrate()
    for run in (1, 2):
        bare.run(run, dim_colour=full(RED), fact_sale=full(*(sale(key, price=12_345) for key in (1, 2))))
        bare.load()
    assert bare.ask("SELECT FROM etl_difference") == []


@pytest.mark.parametrize("schema", ["Team_1", "Project-Team 1", 'the "star".x', "it's; DROP", "select"])
def test_a_schema_of_any_name(warehouse: Database, ingestion: S3Bucket, processed: S3Bucket, schema: str) -> None:
    ground = Ground(warehouse, ingestion, processed, schema=schema)
    assert ground.migrate().notes == []
    assert ground.migrate().facts == {"did": [], "notes": [], "counts": {}}
    ground.run(1, dim_colour=full(RED), dim_deal=full((1, "a")), dim_day=full(), fact_sale=full(sale(1, "a")))
    assert ground.load().complete_run == 1
    assert ground.migrate(ground.functions.calls.pop()[1]).did
    ground.there.run("INSERT INTO fact_sale SELECT 7, 7, now(), now()::time, now(), now()::time, 1")
    assert ground.migrate().did == ["fact_sale: sale_record_id goes on behind the highest there is"]
    ground.run(2, fact_sale=delta(sale(2, "b")))
    assert ground.load().complete_run == 2
    assert ground.functions.calls == []
    assert ground.migrate(KEYS).facts == {"did": [], "notes": [], "counts": {}}
    assert ground.current() == [(1, "a"), (2, "b"), (7, None)]


class TestNames:
    def test_a_table_of_nearly_our_name_is_said(self, bare: Ground) -> None:
        bare.there.run("CREATE TABLE fact_sales (i int); CREATE TABLE other (i int); CREATE TABLE fact_sale_2 (i int)")
        [line] = bare.migrate().notes
        assert line.startswith(
            "fact_sales is there beside fact_sale, which is the one that is filled; the way out: DROP"
        )
        bare.there.run(line.split("or have it filled: ")[1].split(", and deploy")[0])
        bare.there.run("DROP TABLE fact_sale; CREATE TABLE fact_sales (i int)")
        bare.migrate()
        bare.run(1, dim_colour=full(RED), fact_sale=full(sale(1)))
        bare.load()
        assert bare.migrate().notes == [line.split(", or have it filled")[0]]

    def test_a_column_of_nearly_our_name_is_said(self, bare: Ground) -> None:
        bare.migrate()
        bare.there.run('ALTER TABLE dim_deal ADD COLUMN "Deal_Id" int, ADD COLUMN names text, ADD COLUMN more int')
        assert [line.split(", which")[0] for line in bare.migrate().notes] == [
            "dim_deal has Deal_Id beside deal_id",
            "dim_deal has names beside name",
        ]

    def test_spelling_is_case_separators_and_plurals(self) -> None:
        others = ["fact_purchase_order", "FactPurchaseOrders", "fact-purchase-orders", "fact_payment", "fact_purchases"]
        assert alike("fact_purchase_orders", others) == sorted(others[:3])
        assert stem("dim_currencies") == stem("dim_currency")
        assert [name for name in TARGETS if alike(name, TARGETS)] == []


class TestCalendar:
    @pytest.fixture
    def real(self, bare: Ground) -> Ground:
        bare.targets = TARGETS
        bare.migrate()
        return bare

    def fill(self, ground: Ground, day_of_week: str) -> None:
        ground.there.run(
            "INSERT INTO dim_date SELECT d, extract(year FROM d), extract(month FROM d), extract(day FROM d), "
            f"{day_of_week}, trim(to_char(d, 'Day')), trim(to_char(d, 'Month')), extract(quarter FROM d) "
            "FROM generate_series(date '2020-02-01', date '2020-02-29', interval '1 day') d"
        )

    def test_another_convention_is_said_with_the_number_of_rows(self, real: Ground) -> None:
        self.fill(real, "extract(dow FROM d)")
        [line] = real.migrate().notes
        assert line.startswith("dim_date follows another convention: day_of_week in 4 rows; such rows are kept")
        assert line == real.migrate({"do": "preview"}).notes[0]
        real.there.run(line.split("first load, or ")[1].split(", then infra_bash")[0])
        assert [text for text in real.migrate().notes if "convention" in text] == []

    def test_our_own_is_no_difference(self, real: Ground) -> None:
        self.fill(real, "extract(isodow FROM d)")
        real.there.run("ALTER TABLE dim_date ALTER day_name TYPE char(9), ALTER day_of_week TYPE smallint")
        real.there.run("INSERT INTO dim_date SELECT 'infinity', 1, 1, 1, 1, 'x', 'x', 1")
        assert [text for text in real.migrate().notes if "convention" in text] == []


@pytest.fixture
def latin1(server: Server, passwords: dict[str, str]) -> Iterator[Database]:
    """A warehouse whose database cannot hold every character."""
    with server.superuser() as admin:
        admin.run("CREATE DATABASE latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
        admin.run(f"ALTER DATABASE latin1 OWNER TO {logins.WAREHOUSE_OWNER}")
        admin.run(f"GRANT CONNECT, TEMPORARY ON DATABASE latin1 TO {logins.LOAD}")
    database = Database(server, "latin1", logins.WAREHOUSE_OWNER, logins.LOAD, passwords)
    with database.opened:
        yield database
    with server.superuser() as admin:
        admin.run("DROP DATABASE latin1 WITH (FORCE)")


def test_a_text_that_the_database_cannot_encode_is_set_aside(
    latin1: Database, ingestion: S3Bucket, processed: S3Bucket
) -> None:
    ground = Ground(latin1, ingestion, processed)
    ground.migrate()
    for run in (1, 2):
        colours = full(RED, (2, "\u2603"), (3, "Zo\u00eb"), refused=[("\u2603", "no \u2603")])
        ground.run(run, dim_colour=colours, fact_sale=full(sale(1, "caf\u00e9"), sale(2, "\U0001f600")))
        assert ground.load().stopped == {}
        assert ground.colours() == [[1, "red"], [3, "Zo\u00eb"]]
        assert ground.current() == [(1, "caf\u00e9")]
        assert ground.ledger("fact_sale")["quarantined"] == 1
        assert open_quarantine(ground) == [
            ["dim_colour", "2", "name: the warehouse's encoding lacks a character of it"],
            ["dim_colour", "\\u2603", "no \\u2603"],
            ["fact_sale", "2", "note: the warehouse's encoding lacks a character of it"],
        ]
    assert ground.ask("SELECT FROM etl_deletion") == []


@pytest.mark.parametrize(
    ("encoding", "codec"),
    [
        ("UTF8", None),
        ("SQL_ASCII", None),
        ("MULE_INTERNAL", None),
        ("LATIN9", "iso8859-15"),
        ("WIN1252", "cp1252"),
        ("KOI8R", "koi8-r"),
        ("ISO_8859_5", "iso8859-5"),
        ("EUC_JP", "euc_jp"),
    ],
)
def test_the_servers_encodings_by_pythons_names(encoding: str, codec: str | None) -> None:
    assert codec_of(encoding) == codec
