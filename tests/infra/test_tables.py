"""What a person hears who names a table of the wrong kind."""

import subprocess

import pytest

from ops.tables import problem
from shared.catalogue import TABLES
from shared.warehouse.registry import TARGETS
from tests.infra.scripts import ROOT

pytestmark = pytest.mark.fast


def test_the_right_kind_is_no_problem() -> None:
    assert [problem("warehouse", name) for name in TARGETS] == [""] * len(TARGETS)
    assert [problem("source", name) for name in TABLES] == [""] * len(TABLES)


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("warehouse", "staff", "staff is a source table; its warehouse tables are: dim_staff"),
        ("warehouse", "address", "address is a source table; its warehouse tables are: dim_counterparty, dim_location"),
        ("source", "fact_payment", "fact_payment is a warehouse table; it is made from: payment"),
        ("source", "dim_staff", "dim_staff is a warehouse table; it is made from: staff, department"),
    ],
)
def test_the_other_kind_is_answered_with_its_counterparts(kind: str, name: str, expected: str) -> None:
    assert problem(kind, name) == expected


@pytest.mark.parametrize("name", [*TARGETS, *TABLES])
def test_what_is_proposed_instead_is_right(name: str) -> None:
    kind = "source" if name in TARGETS else "warehouse"
    proposed = problem(kind, name).split(": ")[1].split(", ")
    assert proposed and [problem(kind, each) for each in proposed] == [""] * len(proposed)


def test_an_unknown_name_is_answered_with_the_nearest_and_all() -> None:
    everything = ", ".join(TABLES)
    assert (
        problem("source", "payments")
        == f"payments is not a source table (did you mean payment?); they are: {everything}"
    )
    assert problem("source", "nonsense") == f"nonsense is not a source table; they are: {everything}"
    assert problem("warehouse", "").startswith(" is not a warehouse table; they are: dim_counterparty, ")


def test_both_kinds_can_be_right_and_facts_alone() -> None:
    assert [problem("any", name) for name in (*TARGETS, *TABLES)] == [""] * len([*TARGETS, *TABLES])
    said = problem("any", "fact_paymnt")
    assert said.startswith(
        "fact_paymnt is not a warehouse or source table (did you mean fact_payment?); they are: dim_count"
    )
    assert problem("fact", "fact_payment") == ""
    facts = "fact_payment, fact_purchase_orders, fact_sales_order"
    assert problem("fact", "dim_staff") == f"dim_staff is not a fact table; they are: {facts}"


def required(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = 'source infra_bash/lib/script.sh; source infra_bash/lib/tables.sh; require_tables "$@"; echo went on'
    return subprocess.run(
        ["bash", "-c", script, "retry.sh", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_a_script_goes_on_with_the_right_tables_alone() -> None:
    assert required("source", "staff", "payment").stdout == "went on\n"
    refused = required("source", "staff", "dim_staff")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "retry.sh: dim_staff is a warehouse table; it is made from: staff, department\n"
