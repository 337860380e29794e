"""What status.sh shows, and how it ends."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from ops.screens import status as screen
from shared.status.problems import Problem, ProblemCode

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
STAFF = {"table": "dim_staff", "last_run": 3, "expected": 20, "there": 20, "freshness_s": 4.2, "behind": 0}
PAYMENT = {
    "table": "fact_payment",
    "last_run": None,
    "expected": 9,
    "there": None,
    "freshness_s": None,
    "dead_letters": 2,
}
STATUS: dict[str, Any] = {
    "newest_run": 4,
    "loaded_run": 3,
    "comparable": True,
    "watched_s": 12.3,
    "problems": [],
    "incidents": [],
    "tables": [STAFF, PAYMENT],
}
INCIDENT = {
    "kind": "dead letters",
    "subject": "fact_payment",
    "since": "2026-11-25T12:00:00Z",
    "says": "2 messages",
    "command": "./infra_bash/retry.sh fact_payment",
    "runbook": "dead-letters",
}


def problem(code: ProblemCode, subject: str = "", **facts: Any) -> dict[str, Any]:
    """Return a status as inspect answers it."""
    found: dict[str, Any] = json.loads(json.dumps(Problem(code, subject, facts).json))
    return found


ILL = STATUS | {
    "incidents": [INCIDENT],
    "problems": [problem("paused", since="11:00"), problem("incident", "fact_payment", kind="dead letters")],
}


def test_the_table_is_aligned_and_says_nothing_it_does_not_know() -> None:
    assert screen.table(STATUS).splitlines() == [
        "TABLE         SOURCE ROWS  ROWS  RUN  FRESHNESS",
        "dim_staff              20    20    3        4 s",
        "fact_payment            9     -    -          -",
    ]


def test_what_was_never_counted_is_a_dash_and_all_else_is_shown_though_a_table_is_behind() -> None:
    shown = screen.table(STATUS | {"comparable": False, "tables": [STAFF, STAFF | {"expected": None}]}).splitlines()
    assert shown[1].split() == ["dim_staff", "20", "20", "3", "4", "s"]
    assert shown[2].split() == ["dim_staff", "-", "20", "3", "4", "s"]


LOST = STATUS | {
    "comparable": False,
    "problems": [problem("rows_differ", "dim_staff", rows=1, source_rows=20, resync=["staff"])],
    "tables": [STAFF | {"there": 1, "resync": ["staff"]}, PAYMENT],
}


def test_rows_that_are_missing_are_said_with_the_command_that_brings_them() -> None:
    assert screen.screen(LOST, color=False, options=" --local").splitlines()[-2:] == [
        "UNHEALTHY dim_staff: 1 rows of 20",
        "          run ./infra_bash/resync.sh staff --local",
    ]
    damaged = INCIDENT | {"kind": "table damaged", "subject": "dim_staff", "says": "1 rows, and 20 were loaded"}
    shown = screen.screen(LOST | {"incidents": [damaged]}, color=False)
    assert "rows of" not in shown and "table damaged dim_staff" in shown


def test_the_stack_s_options_end_the_command() -> None:
    assert done("all", LOST, "--stack= --settings x.env").stdout.endswith("resync.sh staff --settings x.env\n")
    assert done("all", LOST, "--stack=", "dim_staff").stdout.endswith("resync.sh staff\n")


def test_the_screen_says_first_whether_all_is_well_and_then_what_to_run() -> None:
    assert screen.screen(STATUS, color=False).splitlines()[0] == "healthy; run 4, 3 loaded; last check 12 s ago"
    assert screen.screen(ILL, color=False).splitlines() == [
        "UNHEALTHY; run 4, 3 loaded; last check 12 s ago",
        "TABLE         SOURCE ROWS  ROWS  RUN  FRESHNESS  DLQ",
        "dim_staff              20    20    3        4 s    0",
        "fact_payment            9     -    -          -    2",
        "INCIDENT  dead letters fact_payment, since 2026-11-25",
        "          12:00:00 UTC: 2 messages",
        "          run ./infra_bash/retry.sh fact_payment",
        "          docs/runbook.md#dead-letters",
        "UNHEALTHY paused since 11:00 UTC",
        "          run ./infra_bash/resume.sh",
    ]


STAGES = [
    {"stage": "extract", "last_s": 25.4, "rows_in_the_last_hour": None},
    {"stage": "load", "last_s": 200.0, "rows_in_the_last_hour": 1204},
    {"stage": "watch", "last_s": None, "rows_in_the_last_hour": None},
]
SCHEDULES = {"EXTRACT_SCHEDULE": "rate(1 minute)", "LOAD_SCHEDULE": "rate(3 minutes)"}


def test_each_stage_has_a_line_with_its_last_and_its_next_start() -> None:
    shown = screen.screen(STATUS | {"stages": STAGES}, color=False, schedules=SCHEDULES).splitlines()
    assert shown[1:5] == [
        "STAGE         LAST            NEXT  ROWS IN 1 H",
        "extract   25 s ago         in 35 s",
        "load     200 s ago             due         1204",
        "watch        never  rate(1 minute)",
    ]


@pytest.mark.parametrize(
    ("last_s", "schedule", "text"),
    [
        (10.0, "rate(5 minutes)", "in 290 s"),
        (10.0, "cron(0 6 * * ? *)", "cron(0 6 * * ? *)"),
        (None, "rate(1 hour)", "rate(1 hour)"),
    ],
)
def test_when_a_function_runs_next(last_s: float | None, schedule: str, text: str) -> None:
    assert screen.next_start(last_s, schedule) == text


LONGEST = STAFF | {"table": "fact_purchase_orders", "expected": 1_234_567, "there": 1_234_567, "last_run": 123_456}
WORST = LONGEST | {"there": 1, **dict.fromkeys(screen.COUNTS, 1234)}


def test_counts_that_do_not_fit_beside_the_rows_are_below_them_for_the_tables_that_have_any() -> None:
    shown = screen.screen(STATUS | {"tables": [STAFF, WORST]}, color=False).splitlines()
    assert shown[1:] == [
        "TABLE                 SOURCE ROWS  ROWS     RUN  FRESHNESS",
        "dim_staff                      20    20       3        4 s",
        "fact_purchase_orders      1234567     1  123456        4 s",
        "TABLE                 BEHIND  QUEUE   DLQ  WAIT  QUARANTINED",
        "fact_purchase_orders    1234   1234  1234  1234         1234",
    ]
    colored = screen.screen(STATUS | {"tables": [STAFF, WORST]}, color=True).splitlines()
    assert [line.startswith(screen.RED) for line in colored[1:]] == [False, False, True, False, True]


def test_the_screen_fits_sixty_columns() -> None:
    sets_of_tables = ([LONGEST], [WORST], [LONGEST | {"messages": 3, "behind": 2}], [STAFF, WORST])
    for status in (*(STATUS | {"tables": tables, "stages": STAGES} for tables in sets_of_tables), ILL, LOST):
        lines = screen.screen(status, color=False).splitlines()
        assert max(len(line) for line in lines if " run ./infra_bash/" not in line) <= screen.WIDTH, lines


@pytest.mark.parametrize("code", [code for code in get_args(ProblemCode) if code != "incident"])
def test_every_problem_has_a_command_beside_it(code: ProblemCode) -> None:
    facts = {
        "since": "11:00",
        "seconds": 200.0,
        "reason": "no answer",
        "rows": 1,
        "source_rows": 2,
        "resync": ["staff"],
    }
    assert problem(code, "fact_payment", **facts)["command"]


def test_colours_change_no_word() -> None:
    painted = screen.screen(ILL, color=True)
    assert screen.RED in painted and screen.GREEN not in painted
    plain = painted.replace(screen.RED, "").replace(screen.PLAIN, "")
    assert plain == screen.screen(ILL, color=False)
    assert screen.GREEN in screen.screen(STATUS, color=True)


def done(how: str, status: dict[str, Any], *names: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ops.screens.status", how, *names]
    return subprocess.run(command, input=json.dumps(status), capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize(("status", "code"), [(STATUS, 0), (ILL, 3)])
@pytest.mark.parametrize("how", ["all", "json"])
def test_it_ends_with_3_when_not_all_is_well(status: dict[str, Any], code: int, how: str) -> None:
    ended = done(how, status, "dim_staff")
    assert ended.returncode == code, ended.stderr
    assert "dim_staff " in ended.stdout or '"dim_staff"' in ended.stdout
    assert "dead letters fact_payment" in ended.stdout or code == 0


UNKNOWN = dict.fromkeys(("last_run", "there", "behind", "waiting", "quarantined"))
SILENT: dict[str, Any] = {
    "newest_run": 4,
    "loaded_run": None,
    "no_answer": "connecting to 127.0.0.1:1/warehouse as loader failed for now (TimeoutError: no answer)",
    "comparable": False,
    "watched_s": 12.3,
    "incidents": [INCIDENT | {"kind": "load silent", "subject": "", "command": "./infra_bash/logs.sh load"}],
    "tables": [STAFF | UNKNOWN | {"messages": 3, "dead_letters": 0}],
}
SILENT["problems"] = [
    problem("warehouse_silent", reason=SILENT["no_answer"]),
    problem("incident", "", kind="load silent"),
]


def test_a_warehouse_that_does_not_answer_leaves_question_marks_and_the_rest() -> None:
    shown = screen.screen(SILENT, color=False)
    first, header, staff, counts, counted, incident, *_ = shown.splitlines()
    assert first == "UNHEALTHY; run 4, ? loaded; last check 12 s ago"
    assert header.split() == ["TABLE", "SOURCE", "ROWS", "ROWS", "RUN", "FRESHNESS"]
    assert staff.split() == ["dim_staff", "20", "?", "?", "4", "s"]
    assert counts.split() == ["TABLE", "BEHIND", "QUEUE", "WAIT", "QUARANTINED"]
    assert counted.split() == ["dim_staff", "?", "3", "?", "?"]
    assert incident.startswith("INCIDENT  load silent, since")
    assert f"UNHEALTHY warehouse: {SILENT['no_answer']}" in " ".join(shown.split())


def test_of_runs_that_were_not_looked_at_at_least_is_said() -> None:
    shown = screen.screen(STATUS | {"unread_runs": 7}, color=False).splitlines()
    assert shown[2].split()[-2:] == ["0+", "0"]


def numbers(text: str) -> list[str]:
    return re.findall(r"(?<![\w:-])\d+(?![\w:-])", text)


# No two numbers are the same, so that each can only have come from its own place.
COUNTED = {"last_run": 101, "expected": 102, "there": 103, "behind": 104, "messages": 105, "dead_letters": 106}
MANY = STATUS | {
    "newest_run": 107,
    "loaded_run": 108,
    "watched_s": 109.0,
    "incidents": [INCIDENT | {"says": "113 messages", "numbers": {"messages": 113}}],
    "problems": [
        problem("incident", "fact_payment", kind="dead letters"),
        problem("rows_differ", "dim_staff", rows=103, source_rows=102, resync=["staff"]),
    ],
    "tables": [STAFF | COUNTED | {"waiting": 110, "quarantined": 111, "freshness_s": 112.0}],
}


def test_every_number_of_the_screen_is_in_the_json_too() -> None:
    """Expect the screen to have all counts of the answer."""
    shown, document = (done(how, MANY).stdout for how in ("all", "json"))
    assert set(numbers(shown)) == {str(number) for number in range(101, 114)}
    assert {float(each) for each in numbers(shown)} <= {float(each) for each in re.findall(r"\d+(?:\.\d+)?", document)}
    assert json.loads(document) == MANY
