"""Which rows are refused, and that the reasons say why and nothing more."""

from typing import Any

import pandas as pd
import pytest

from shared.catalogue import TABLES
from shared.columns import TOO_LONG, UNREADABLE, Kind
from shared.errors import Refused
from shared.frames import DTYPES, Frame, Series
from shared.transform.acceptance import QUARANTINE_COLUMNS, Accepted, accept, has_lost, refuse_repeated
from shared.warehouse.registry import TARGETS, Target
from tests.shared.transform.making import rows

pytestmark = pytest.mark.fast

PAYMENT = TARGETS["fact_payment"]


def payments(*changes: dict[str, Any]) -> Accepted:
    source = rows("payment", *changes)
    return accept(PAYMENT.transform(source), PAYMENT, source[UNREADABLE])


def reasons(accepted: Accepted) -> list[tuple[str, ...]]:
    return [tuple(row) for row in accepted.quarantined.itertuples(index=False)]


def test_good_rows_go_on_with_the_declared_types() -> None:
    good = payments({"payment_id": 1}, {"payment_id": 2, "payment_date": "soon"}, {"payment_id": 3}).good
    assert good["payment_id"].tolist() == [1, 3]
    assert {name: str(dtype) for name, dtype in good.dtypes.items()} == {
        c.name: DTYPES[c.kind] for c in PAYMENT.columns
    }


def test_a_refused_row_is_kept_by_its_key_with_its_reason() -> None:
    found = payments({"payment_id": 7, "payment_date": "2024-02-30"})
    assert reasons(found) == [("7", "payment_date: missing, or not a date YYYY-MM-DD")]
    assert [found.quarantined[c.name].dtype for c in QUARANTINE_COLUMNS] == [DTYPES[Kind.TEXT]] * 2


def test_all_that_is_wrong_is_said() -> None:
    found = payments({"payment_date": "", "paid": None, "currency_id": None})
    assert reasons(found) == [
        ("1", "currency_id: missing; paid: missing; payment_date: missing, or not a date YYYY-MM-DD")
    ]


def test_a_value_lost_in_reading_is_told_with_its_source_column() -> None:
    found = payments({"payment_amount": None, "created_at": None, UNREADABLE: "created_at,payment_amount"})
    [(_, reason)] = reasons(found)
    assert reason.startswith("created_date: missing; created_time: missing; payment_amount: missing; ")
    assert reason.endswith(
        "source column created_at: a time that is infinite or out of range; "
        "source column payment_amount: a value that numeric(10,2) cannot hold"
    )


def test_reasons_stay_with_their_rows() -> None:
    found = payments(
        {"payment_id": 3},
        {"payment_id": 4, "payment_amount": None, UNREADABLE: "payment_amount"},
        {"payment_id": 5},
        {"payment_id": 6, "paid": None},
    )
    assert reasons(found) == [
        ("4", "payment_amount: missing; source column payment_amount: a value that numeric(10,2) cannot hold"),
        ("6", "paid: missing"),
    ]


def test_a_value_lost_that_the_table_does_not_need_harms_nobody() -> None:
    found = payments({UNREADABLE: "company_ac_number"})
    assert (len(found.good), len(found.quarantined)) == (1, 0)


def test_a_reason_never_holds_a_value() -> None:
    [(_, reason)] = reasons(payments({"payment_date": "secret", "paid": None}))
    assert "secret" not in reason


def test_a_column_that_was_not_made_is_named() -> None:
    with pytest.raises(Refused, match="fact_payment: the transform did not produce paid, payment_date"):
        accept(PAYMENT.transform(rows("payment", {})).drop(columns=["paid", "payment_date"]), PAYMENT)


def test_a_key_is_taken_once() -> None:
    accepted = payments(*({"payment_id": number} for number in (1, 2, 2, 3)))
    found = refuse_repeated(accepted, PAYMENT, Series([3], dtype="Int32"))
    assert found.good["payment_id"].tolist() == [1, 2]
    assert reasons(found) == [("2", "a second row of one batch with this key")] + [
        ("3", "a second row of one batch with this key")
    ]


def test_keys_that_differ_are_all_taken() -> None:
    accepted = payments({"payment_id": 1}, {"payment_id": 2})
    found = refuse_repeated(accepted, PAYMENT, Series([3], dtype="Int32"))
    pd.testing.assert_frame_equal(found.good, accepted.good)
    assert found.quarantined.empty


def lost(table: str, *names: str) -> Frame:
    """A usual row of a source table that lost these values in reading."""
    columns = {name.removesuffix(TOO_LONG): None for name in names}
    return rows(table, columns | {UNREADABLE: ",".join(names)})


def test_a_text_that_was_too_long_is_named_with_the_bound() -> None:
    source = lost("design", "file_location:too_long", "design_name")
    found = accept(TARGETS["dim_design"].transform(source), TARGETS["dim_design"], source[UNREADABLE])
    assert reasons(found) == [
        (
            "1",
            "design_name: missing; file_location: missing; source column file_location: a text longer than 12 MB; "
            "source column design_name: a text that is not UTF-8",
        )
    ]


@pytest.mark.parametrize("name", ["address_line_2", "address_line_2:too_long"])
def test_a_lost_value_is_refused_also_where_null_may_stand(name: str) -> None:
    """The null would say that the source has none."""
    source, target = lost("address", name), TARGETS["dim_location"]
    found = accept(target.transform(source), target, source[UNREADABLE])
    assert found.good.empty and "source column address_line_2: a text" in reasons(found)[0][1]


def test_a_lost_value_that_the_warehouse_has_no_column_for_stops_no_row() -> None:
    source, target = lost("department", "manager:too_long", "last_updated"), TARGETS["dim_staff"]
    assert not has_lost(source[UNREADABLE], target, "department").any()
    currency = lost("currency", "last_updated", "created_at", "a_former_column")
    assert len(accept(TARGETS["dim_currency"].transform(currency), TARGETS["dim_currency"], currency[UNREADABLE]).good)


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_it_is_known_of_every_column_whether_a_table_uses_it(target: Target) -> None:
    unused = {
        (source, column.name)
        for source in target.sources
        for column in TABLES[source].columns
        if not has_lost(Series([column.name], dtype="str"), target, source).any()
    }
    expected = {
        "dim_counterparty": {("counterparty", "commercial_contact"), ("counterparty", "delivery_contact")},
        "dim_staff": {("department", "manager")},
        "fact_payment": {("payment", "company_ac_number"), ("payment", "counterparty_ac_number")},
    }.get(target.name, set())
    times = {(source, name) for source in target.sources for name in ("created_at", "last_updated")}
    if target.kind != "set":
        assert unused == expected | (times if target.kind == "dimension" else set())
