"""What the scripts make of the functions' answers: events and text, without any AWS."""

import pytest

from ops import events as asking
from ops.screens import catalogue, runs

pytestmark = pytest.mark.fast

LOADED = {
    "table": "fact_payment",
    "state": "loaded",
    "rows": 291,
    "inserted": 2,
    "updated": 5,
    "deleted": 10,
    "unchanged": 284,
    "waiting": 0,
    "quarantined": 0,
    "seconds": 6.62,
    "named": {"differing": [str(key) for key in range(1, 26)], "missing": ["7"]},
}
WAITS = {"table": "dim_staff", "state": "waits_for_manifest"}


def test_the_rows_in_quarantine_become_one_question_or_none() -> None:
    def asked(*keys: str) -> object:
        return asking.quarantine_event("payment", {"entries": [{"key": key} for key in keys]})

    assert asked() is None
    assert asked("3", "12", "3") == {"do": "resync", "tables": ["payment"], "keys": [3, 12]}
    assert asked("3", "") == {"do": "resync", "tables": ["payment"]}
    assert asked("2024-02-30") == {"do": "resync", "tables": ["payment"]}


def test_tables_are_named_or_all_are_meant() -> None:
    assert asking.tables_event("reconcile", []) == {"do": "reconcile"}
    assert asking.tables_event("resync", ["staff"]) == {"do": "resync", "tables": ["staff"]}


def test_an_extract_that_was_busy_has_no_run() -> None:
    assert runs.run({"busy": True, "run": None}) == ""
    assert runs.run({"busy": False, "run": 7}) == "7"


def test_what_is_waited_for_is_named() -> None:
    assert runs.progress({"targets": [LOADED, WAITS]}) == "dim_staff waits for its manifest"
    assert runs.progress({"targets": [LOADED]}) == "loaded"


def test_what_a_run_changed_and_what_it_found() -> None:
    answer = {"run": 5, "snapshot_at": "2026-11-25 14:31:50.123", "targets": [LOADED]}
    header, line = runs.loaded(answer).splitlines()
    assert header.split() == ["TABLE", "ROWS", "NEW", "CHANGED", "DELETED", "SAME", "WAITING", "QUARANTINED", "SECONDS"]
    assert line.split() == ["fact_payment", "291", "2", "5", "10", "284", "0", "0", "6.6"]
    title, header, line, differing, missing = runs.reconciled(answer).splitlines()
    assert title == "run 5, source as of 2026-11-25 14:31:50 UTC"
    assert dict(zip(header.split(), line.split(), strict=True)) == {
        "TABLE": "fact_payment",
        "COMPARED": "291",
        "DIFFERING": "5",
        "MISSING": "2",
        "GONE": "10",
        "SECONDS": "6.6",
    }
    assert differing.startswith("fact_payment differing: 1, 2, 3,") and differing.endswith("20 … and 5 more")
    assert missing == "fact_payment missing: 7"


def test_a_preview_is_a_table_a_run() -> None:
    nothing = "nothing has changed: no run would be made"
    assert runs.preview({"runs": []}) == nothing
    locked = {"runs": [], "postponed": {"staff": "it is locked"}}
    assert runs.preview(locked) == f"{nothing}\npostponed: staff: it is locked"
    table = {"table": "payment", "mode": "delta", "rows": 3, "reason": "rows changed"}
    run = {"run": 8, "cause": "schedule", "tables": [table], "held": {"staff": "column is missing"}, "targets": []}
    assert runs.preview({"runs": [run]}).splitlines() == [
        "run 8 (schedule)",
        "TABLE    MODE   ROWS  BECAUSE",
        "payment  delta  3     rows changed",
        "held: column is missing",
        "for: no warehouse table",
    ]


@pytest.mark.parametrize(
    ("problem", "since", "state"),
    [
        (None, None, "agrees"),
        ("column x is missing", None, "will be held: column x is missing"),
        ("column x is missing", 4, "HELD since run 4: column x is missing"),
        (None, 4, "agrees; held since run 4, until a run can read it: it failed"),
    ],
)
def test_how_a_table_stands_beside_the_catalogue(problem: str | None, since: int | None, state: str) -> None:
    columns = [
        {"name": "staff_id", "kind": "integer", "nullable": False, "live": "integer"},
        {"name": "x", "kind": "text", "nullable": True, "live": None},
        {"name": "y", "kind": None, "nullable": None, "live": "uuid"},
    ]
    table = {
        "table": "staff",
        "reference": True,
        "fingerprint": "f",
        "problem": problem,
        "held_since_run": since,
        "held": "it failed",
    }
    assert catalogue.text({"tables": [table | {"columns": columns}]}, is_verbose=False).splitlines() == [
        f"staff (reference, f): {state}",
        "COLUMN    AGREED        LIVE",
        "staff_id  integer       integer",
        "x         text or null  -        MISSING",
        "y         -             uuid     not in the catalogue: ignored",
        "",
        "1 table agrees" if state == "agrees" else "0 tables agree",
    ]


def test_tables_that_agree_are_counted_and_shown_on_request() -> None:
    columns = [{"name": "staff_id", "kind": "integer", "nullable": False, "live": "integer"}]
    table = {"reference": True, "fingerprint": "f", "problem": None, "held_since_run": None, "columns": columns}
    answer = {"tables": [table | {"table": name} for name in ("staff", "design")]}
    assert catalogue.text(answer, is_verbose=False) == "2 tables agree"
    shown = catalogue.text(answer, is_verbose=True)
    assert shown.endswith("2 tables agree") and "staff (reference, f): agrees\nCOLUMN" in shown
