"""What is found, what follows from it, and the mistakes that are refused when a table is declared."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Column as Declared
from sqlalchemy import ForeignKey, Integer, LargeBinary, MetaData, Numeric, String, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateTable

from shared.catalogue import TABLES
from shared.columns import DATE, INTEGER, MONEY, TEXT, Column, Decimal
from shared.errors import BadDeclaration
from shared.frames import Frame
from shared.warehouse.iso_4217 import NAMES
from shared.warehouse.registry import TARGETS, Target, check_references, expected_targets, target_from

pytestmark = pytest.mark.fast

POSTGRESQL: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]

COLUMNS = {
    "dim_counterparty": "counterparty_id counterparty_legal_name counterparty_legal_address_line_1 "
    "counterparty_legal_address_line_2? counterparty_legal_district? counterparty_legal_city "
    "counterparty_legal_postal_code counterparty_legal_country counterparty_legal_phone_number",
    "dim_currency": "currency_id currency_code currency_name",
    "dim_date": "date_id year month day day_of_week day_name month_name quarter",
    "dim_design": "design_id design_name file_location file_name",
    "dim_location": "location_id address_line_1 address_line_2? district? city postal_code country phone",
    "dim_payment_type": "payment_type_id payment_type_name",
    "dim_staff": "staff_id first_name last_name department_name location email_address",
    "dim_transaction": "transaction_id transaction_type sales_order_id? purchase_order_id?",
    "fact_payment": "payment_record_id payment_id created_date created_time last_updated_date last_updated_time "
    "transaction_id counterparty_id payment_amount currency_id payment_type_id paid payment_date",
    "fact_purchase_orders": "purchase_record_id purchase_order_id created_date created_time last_updated_date "
    "last_updated_time staff_id counterparty_id item_code item_quantity item_unit_price currency_id "
    "agreed_delivery_date agreed_payment_date agreed_delivery_location_id",
    "fact_sales_order": "sales_record_id sales_order_id created_date created_time last_updated_date "
    "last_updated_time sales_staff_id counterparty_id units_sold unit_price currency_id design_id "
    "agreed_payment_date agreed_delivery_date agreed_delivery_location_id",
}


def test_the_eleven_tables_that_were_agreed_dimensions_first() -> None:
    assert set(COLUMNS) <= set(TARGETS)
    assert list(TARGETS) == sorted(TARGETS)


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_are_declared_in_order_and_null_only_where_agreed(name: str) -> None:
    declared = [c.name + "?" * bool(c.nullable) for c in TARGETS[name].table.columns]
    assert declared == COLUMNS[name].split()


def ddl(name: str) -> str:
    return str(CreateTable(TARGETS[name].table).compile(dialect=POSTGRESQL))


def test_types_are_the_ones_agreed() -> None:
    assert "unit_price NUMERIC(10, 2) NOT NULL" in ddl("fact_sales_order")
    assert "item_unit_price NUMERIC NOT NULL" in ddl("fact_purchase_orders")
    assert "item_code VARCHAR NOT NULL" in ddl("fact_purchase_orders")
    assert "payment_amount NUMERIC NOT NULL" in ddl("fact_payment")
    assert "paid BOOLEAN NOT NULL" in ddl("fact_payment")
    assert "created_time TIME WITHOUT TIME ZONE NOT NULL" in ddl("fact_payment")
    assert "date_id DATE NOT NULL" in ddl("dim_date")


@pytest.mark.parametrize("name", COLUMNS)
def test_only_a_fact_counts_for_itself(name: str) -> None:
    target = TARGETS[name]
    assert ("SERIAL" in ddl(name)) == (target.kind == "fact")
    assert (target.record_id is not None) == (target.kind == "fact")
    assert target.record_id not in [column.name for column in target.columns]


def test_a_fact_keeps_history_so_its_business_id_is_indexed_and_not_unique() -> None:
    target = TARGETS["fact_payment"]
    assert (target.key, target.record_id) == ("payment_id", "payment_record_id")
    [index] = target.table.indexes
    assert [column.name for column in index.columns] == ["payment_id"]
    assert not index.unique


def test_references_lead_to_dimensions_that_exist() -> None:
    for target in TARGETS.values():
        for dimension, key in target.references.values():
            assert TARGETS[dimension].key == key
    assert TARGETS["fact_sales_order"].references["sales_staff_id"] == ("dim_staff", "staff_id")
    assert TARGETS["fact_sales_order"].references["agreed_delivery_location_id"] == ("dim_location", "location_id")
    assert TARGETS["fact_payment"].references["payment_date"] == ("dim_date", "date_id")
    assert "payment_id" not in TARGETS["fact_payment"].references


def test_every_date_of_a_fact_references_its_day() -> None:
    for target in map(TARGETS.__getitem__, COLUMNS):
        dates = {column.name for column in target.columns if column.kind == DATE}
        if target.kind == "fact":
            assert dates == {name for name, (dimension, _) in target.references.items() if dimension == "dim_date"}


def test_sources_are_the_parameters_in_order() -> None:
    assert TARGETS["dim_staff"].sources == ("staff", "department")
    assert TARGETS["dim_date"].sources == ("sales_order", "purchase_order", "payment")
    assert TARGETS["fact_purchase_orders"].sources == ("purchase_order",)


def test_names_are_plain_texts() -> None:
    for target in TARGETS.values():
        names = [target.key, *(column.name for column in target.columns), *target.references]
        names += [part for reference in target.references.values() for part in reference]
        assert {type(name) for name in names} == {str}


def test_what_travels_has_a_kind() -> None:
    assert TARGETS["dim_transaction"].columns == (
        Column("transaction_id", INTEGER),
        Column("transaction_type", TEXT),
        Column("sales_order_id", INTEGER, nullable=True),
        Column("purchase_order_id", INTEGER, nullable=True),
    )


def expected(changed: set[str], ever_read: set[str]) -> tuple[str, ...]:
    """Of the eleven tables."""
    return expected_targets(changed, ever_read, {name: TARGETS[name] for name in COLUMNS})


def test_a_table_is_expected_when_a_source_changed_and_all_were_ever_read() -> None:
    assert expected({"department"}, {"department"}) == ()
    assert expected({"department"}, {"department", "staff"}) == ("dim_staff",)
    assert expected({"address"}, {"address"}) == ("dim_location",)
    assert expected({"address"}, {"address", "counterparty"}) == ("dim_counterparty", "dim_location")
    assert expected(set(), {"address", "counterparty"}) == ()


def test_a_set_waits_for_no_source_since_what_it_leaves_out_never_comes_again() -> None:
    assert expected({"payment"}, {"payment"}) == ("dim_date", "fact_payment")


def test_currencies_are_those_in_use() -> None:
    assert all(len(code) == 3 and code.isupper() and name == name.strip() != "" for code, name in NAMES.items())
    assert {"GBP", "USD", "EUR", "ZWG", "XCG", "SLE", "VED"} <= NAMES.keys()
    assert NAMES.keys().isdisjoint({"DEM", "HRK", "ZWL", "SLL", "XXX", "XTS"})


# Mistakes in a declaration.


def module(name: str, table: object, function: Callable[..., Frame] | None) -> ModuleType:
    made = ModuleType(f"shared.warehouse.{name}")
    made.TABLE = table  # type: ignore[attr-defined]
    if function:
        setattr(made, name, function)
    return made


def table(name: str, *columns: Declared[Any]) -> Table:
    return Table(name, MetaData(), Declared("id", Integer, primary_key=True), *columns)


def dim_one(currency: Frame) -> Frame:
    return currency


def dim_code(currency: Frame) -> Frame:
    return currency


def dim_day(currency: Frame | None = None) -> Frame:
    return Frame()


def dim_item(purchase_order: Frame) -> Frame:
    return purchase_order


def dim_joined(staff: Frame, payment: Frame) -> Frame:
    return staff


def dim_transactional(payment: Frame, staff: Frame) -> Frame:
    return payment


def dim_unknown(invoice: Frame) -> Frame:
    return invoice


def dim_nothing() -> Frame:
    return Frame()


def dim_half(payment: Frame, sales_order: Frame | None = None) -> Frame:
    return payment


def fact_one(payment: Frame) -> Frame:
    return payment


def test_a_declaration_that_keeps_to_the_rules() -> None:
    target = target_from(module("dim_one", table("dim_one", Declared("name", String)), dim_one))
    assert (target.kind, target.key, target.references, target.grouped) == ("dimension", "id", {}, False)


def keyed(name: str, column: str, function: Callable[..., Frame]) -> Target:
    declared = Table(name, MetaData(), Declared(column, String, primary_key=True))
    return target_from(module(name, declared, function))


def test_a_dimension_of_another_column_of_its_source_is_grouped_and_none_of_the_eleven_is() -> None:
    assert keyed("dim_code", "currency_code", dim_code).grouped
    assert not keyed("dim_code", "currency_id", dim_code).grouped
    assert not any(TARGETS[name].grouped for name in COLUMNS)


def test_what_one_value_has_must_all_be_there() -> None:
    with pytest.raises(BadDeclaration, match="dim_item: purchase_order is transactional, and only a reference table"):
        keyed("dim_item", "item_code", dim_item)


def test_a_reference_must_lead_to_a_dimensions_key() -> None:
    fact = TARGETS["fact_payment"]
    check_references(fact, TARGETS)
    without = {name: target for name, target in TARGETS.items() if name != "dim_currency"}
    with pytest.raises(
        BadDeclaration, match="fact_payment: currency_id refers to dim_currency.currency_id, which is no"
    ):
        check_references(fact, without)


def test_a_set_that_no_fact_refers_to_is_refused() -> None:
    target = keyed("dim_day", "day", dim_day)
    with pytest.raises(BadDeclaration, match="dim_day: a calendar holds the days that facts refer to, and no fact"):
        check_references(target, {**TARGETS, "dim_day": target})


def test_a_refusal_is_one_line_and_ends_with_the_file_to_mend() -> None:
    said = str(BadDeclaration("dim_one", "two\n  lines"))
    assert said == "dim_one: two lines; correct shared/warehouse/dim_one.py"


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (dim_joined, "dim_joined: payment is transactional, and only reference tables can be joined"),
        (dim_transactional, "dim_transactional: payment is transactional, and only reference tables can be joined"),
        (dim_unknown, "dim_unknown: invoice is not a source table"),
        (dim_nothing, "dim_nothing: nothing is not a source table"),
        (dim_half, "dim_half: either every source may be absent"),
        (fact_one, "fact_one: a fact needs its business id, the column payment_id"),
    ],
)
def test_wrong_sources_are_refused(function: Callable[..., Frame], problem: str) -> None:
    name = function.__name__
    with pytest.raises(BadDeclaration, match=problem):
        target_from(module(name, table(name), function))


@pytest.mark.parametrize(
    ("declared", "function"), [(None, dim_one), (table("dim_other"), dim_one), (table("dim_one"), None)]
)
def test_module_table_and_function_have_one_name(declared: Table | None, function: Callable[..., Frame] | None) -> None:
    with pytest.raises(BadDeclaration, match="dim_one: the module must hold TABLE"):
        target_from(module("dim_one", declared, function))


def test_a_type_that_cannot_travel_is_refused() -> None:
    with pytest.raises(BadDeclaration, match="dim_one: body: columns of type BLOB are not supported"):
        target_from(module("dim_one", table("dim_one", Declared("body", LargeBinary)), dim_one))


def test_a_numeric_travels_as_a_decimal_of_its_precision_and_one_without_limits_as_money() -> None:
    kinds = {"rate": Numeric(12, 3), "whole": Numeric(5), "price": Numeric(10, 2), "amount": Numeric()}
    columns = (Declared(name, type_) for name, type_ in kinds.items())
    target = target_from(module("dim_one", table("dim_one", *columns), dim_one))
    found = {column.name: column.kind for column in target.columns if column.name in kinds}
    assert found == {"rate": Decimal(12, 3), "whole": Decimal(5, 0), "price": MONEY, "amount": MONEY}
    with pytest.raises(BadDeclaration, match=r"dim_one: sum: numeric\(20,2\) is no decimal of 1 to 18 digits"):
        target_from(module("dim_one", table("dim_one", Declared("sum", Numeric(20, 2))), dim_one))


def test_fingerprints_are_those_of_every_version_before() -> None:
    """They are in records and manifests: another one would make each table be read and loaded anew."""
    assert (TABLES["payment"].fingerprint, TARGETS["fact_payment"].fingerprint) == (
        "60c0b0787bbebfb9",
        "7a0a038a62381371",
    )


def test_a_key_of_two_columns_is_refused() -> None:
    two = table("dim_one", Declared("other", Integer, primary_key=True))
    with pytest.raises(BadDeclaration, match="dim_one: the primary key must be one column, not 2"):
        target_from(module("dim_one", two, dim_one))


def test_the_fingerprint_tells_declarations_apart() -> None:
    def fingerprint(*columns: Declared[str]) -> str:
        return target_from(module("dim_one", table("dim_one", *columns), dim_one)).fingerprint

    variants = {
        fingerprint(),
        fingerprint(Declared("name", String)),
        fingerprint(Declared("name", String, nullable=False)),
        fingerprint(Declared("title", String)),
    }
    assert len(variants) == 4
    # A reference is the warehouse's own affair: what travels is the same.
    assert fingerprint(Declared("name", String)) == fingerprint(Declared("name", String, ForeignKey("dim_two.name")))
