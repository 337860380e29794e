"""A new version of the code is deployed while things are in flight: nothing is lost, nothing doubled."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Integer, MetaData, String

from shared.aws.bucket import S3Bucket
from shared.catalogue import TABLES
from shared.columns import Column, Kind
from shared.frames import Frame, Series
from shared.lake.documents import ChangeMessage, decode
from shared.lake.run_log import messages_of
from shared.warehouse.declaring import Declared, optional
from shared.warehouse.registry import TARGETS, Target, target_from
from shared.warehouse.values import partners
from tests.conftest import Ticks
from tests.road.road import Road, fingerprint
from tests.road.test_protocol import empty_the_warehouse

GOLDEN = Path(__file__).parent.parent / "shared" / "lake" / "golden"
FORMER = dict(TARGETS)


def with_column(name: str, column: Declared, value: Callable[..., Series]) -> Target:
    """A warehouse table as the next version declares it: `value` makes one more column of its sources."""
    before = FORMER[name]
    module = ModuleType(name)
    table = before.table.to_metadata(MetaData())
    table.append_column(column)

    @wraps(before.transform)
    def transform(*frames: Frame, **named: Frame) -> Frame:
        made = before.transform(*frames, **named)
        return made.assign(**{str(column.name): value(made, *frames, **named)})

    vars(module).update({"TABLE": table, name: transform})
    return target_from(module)


def budget_code(made: Frame, staff: Frame, department: Frame) -> Series:
    code: Series = partners(staff["department_id"], department, "department_id")["budget_code"]
    return code


def account(made: Frame, payment: Frame) -> Series:
    number: Series = payment["company_ac_number"]
    return number


def day_of_year(made: Frame, **sources: Frame) -> Series:
    days: Series = made["date_id"].dt.day_of_year
    return days


def deploy_the_next_version(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue learns of a column that the source has had for long, and three kinds of table have one more."""
    columns = (*TABLES["department"].columns, Column("budget_code", Kind.TEXT, nullable=True))
    monkeypatch.setitem(TABLES, "department", replace(TABLES["department"], columns=columns))
    for target in (
        with_column("dim_staff", optional("budget_code", String), budget_code),
        with_column("fact_payment", optional("company_ac_number", Integer), account),
        with_column("dim_date", optional("day_of_year", Integer), day_of_year),
    ):
        monkeypatch.setitem(TARGETS, target.name, target)
    road.migrate()


def full_reasons(road: Road, run: int) -> dict[str, str]:
    tables = road.run_log.get(run).tables
    return {name: state.batch.reason for name, state in tables.items() if state.batch and state.batch.mode == "full"}


def answer(road: Road, statement: str) -> list[list[Any]]:
    return road.there.run(statement) or []


def assert_filled(road: Road) -> None:
    """Every row shows the new columns as the source has them."""
    said = road.source.run("SELECT staff_id, budget_code FROM staff JOIN department USING (department_id) ORDER BY 1")
    assert answer(road, "SELECT staff_id, budget_code FROM dim_staff ORDER BY 1") == said
    said = road.source.run("SELECT payment_id, company_ac_number FROM payment ORDER BY 1")
    assert answer(road, "SELECT payment_id, company_ac_number FROM current_fact_payment ORDER BY 1") == said
    of_year = "extract(doy FROM date_id)"
    assert answer(road, f"SELECT * FROM dim_date WHERE day_of_year IS DISTINCT FROM {of_year}") == []


@pytest.fixture
def in_flight(road: Road, tick: Ticks) -> Road:
    """Run 1 is loaded, run 2 transformed, of run 3 there are the batches and messages. All by the version before."""
    road.source.run("ALTER TABLE department ADD COLUMN budget_code text")
    road.source.run("UPDATE department SET budget_code = 'B' || department_id")
    road.travel()
    road.source.run("UPDATE payment SET paid = NOT paid WHERE payment_id <= 3")
    road.source.run("UPDATE staff SET first_name = 'Zoe' WHERE staff_id = 1")
    road.extract()
    road.deliver()
    road.source.run("UPDATE payment SET paid = NOT paid WHERE payment_id <= 5")
    road.source.run("UPDATE department SET location = 'Ayr' WHERE department_id = 1")
    tick("sale")
    road.extract()
    return road


def test_what_is_in_flight_arrives_and_the_next_run_fills_the_new_columns(
    in_flight: Road, tick: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    road = in_flight
    deploy_the_next_version(road, monkeypatch)
    road.deliver()
    road.load()
    assert road.differences(FORMER) == {}
    assert answer(road, "SELECT count(budget_code) FROM dim_staff") == [[0]]
    records = answer(road, "SELECT count(*) FROM fact_payment")[0][0]
    current = "SELECT count(*), count(company_ac_number) FROM current_fact_payment"
    # Of run 3 the new code has made what the old batches hold: nothing more need be read for those payments.
    there, filled = answer(road, current)[0]
    assert 5 <= filled < there
    assert road.extract().run == 4
    assert full_reasons(road, 4) == {
        "department": "the declaration of department changed",
        "payment": "the declaration of dim_date changed",
        "purchase_order": "the declaration of dim_date changed",
        "sales_order": "the declaration of dim_date changed",
        "staff": "the declaration of dim_staff changed",
    }
    road.deliver()
    road.load()
    assert_filled(road)
    assert road.differences(FORMER) == {}
    assert answer(road, "SELECT count(*) FROM fact_payment")[0][0] == records + there - filled

    assert road.extract().run is None
    tick("payment", "sale", "department")
    road.travel()
    assert_filled(road)
    assert road.differences(FORMER) == {}


def test_an_emptied_warehouse_is_filled_again_from_the_manifests_of_both_versions(
    in_flight: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    road = in_flight
    deploy_the_next_version(road, monkeypatch)
    road.deliver()
    road.load()
    road.travel()
    before = fingerprint(road)
    empty_the_warehouse(road)
    road.load()
    assert fingerprint(road) == before
    assert_filled(road)


def lay(folder: Path, bucket: S3Bucket) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            bucket.put(str(path.relative_to(folder)), path.read_bytes())


def test_what_the_first_version_left_arrives_and_the_next_run_goes_on_from_there(road: Road) -> None:
    """Two runs, of which one manifest of the first and all of the second are still to be made."""
    lay(GOLDEN / "ingestion", road.ingestion)
    lay(GOLDEN / "processed", road.processed)
    first, second = road.run_log.since(0)
    message = decode((GOLDEN / "message.json").read_bytes(), ChangeMessage, "the message")
    assert message in messages_of(first)
    road.topic.messages = [message, *messages_of(first), *messages_of(second)]
    road.deliver()
    assert road.load().complete_run == 2
    assert answer(road, "SELECT payment_id, payment_amount::text, paid FROM fact_payment") == [
        [1, "12345.60", False],
        [1, "12345.60", True],
    ]
    assert answer(road, "SELECT first_name, last_name, department_name FROM dim_staff") == [
        ["Irving", "O'Keefe", "Sales"]
    ]
    assert answer(road, "SELECT key, reason FROM etl_quarantine") == [
        ["2", "payment_date: missing, or not a date YYYY-MM-DD"]
    ]
    assert road.extract().published == 1
    assert set(full_reasons(road, 3).values()) == {"the server was started anew, or is another one"}
    road.deliver()
    road.load()
    assert road.differences() == {}
