"""demo.sh: one change on its way, with times that are those of the things themselves."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from subprocess import CompletedProcess
from typing import Any

from shared.catalogue import TABLES
from shared.lake import parquet
from shared.lake.documents import RunRecord, decode
from tests.stack.stack import LocalStack, wait_for

STEPS = ["committed", "seen", "recorded", "published", "transformed", "transformed", "loaded", "loaded", "visible"]
CLOCKS = ["source", "source", "S3", "S3", "S3", "S3", "warehouse", "warehouse", "warehouse"]
# The times are printed with one decimal.
ROUNDED_S = 0.11
WAITS_FOR_A_ROW = "SELECT pid FROM pg_locks WHERE NOT granted"


@dataclass
class Line:
    after_s: float
    clock: str
    step: str
    what: str


def lines_of(text: str) -> list[Line]:
    found = re.findall(r"^ *([\d.]+) s  (\S+) +(\S+) +(.*)$", text, re.MULTILINE)
    return [Line(float(after), *rest) for after, *rest in found]


def shown(stack: LocalStack) -> CompletedProcess[str]:
    """The demo, with one run just before its commit and one just after: the schedule's may be a minute away."""
    [[order]] = stack.ask("SELECT max(sales_order_id) FROM current_fact_sales_order")
    with closing(stack.source()) as source, ThreadPoolExecutor() as pool:
        [[staff]] = source.run("SELECT count(*) FROM staff") or []
        source.run(f"BEGIN; SELECT 1 FROM sales_order WHERE sales_order_id = {order} FOR UPDATE")
        demo = pool.submit(stack.script, "demo", "--local", "--within", "90")
        wait_for(lambda: demo.done() or source.run(WAITS_FOR_A_ROW), "the demo to have looked at the run log")
        stack.change("UPDATE design SET file_location = file_location || '.' WHERE design_id = 4")
        stack.extract()
        source.run("COMMIT")
        wait_for(lambda: demo.done() or source.run("SELECT count(*) FROM staff") > [[staff]], "the demo's commit")
        stack.extract()
        return demo.result()


def test_one_change_is_followed_into_the_warehouse(stack: LocalStack) -> None:
    done = shown(stack)
    assert done.returncode == 0, done.stderr
    lines = lines_of(done.stdout)
    assert [line.step for line in lines] == STEPS
    assert [line.clock for line in lines] == CLOCKS
    last = done.stdout.splitlines()[-1]
    assert last == f"visible after {lines[-1].after_s:.1f} s (the brief: within 30 minutes)"
    nothing_before_its_cause(lines)
    order, old, new = told(done.stdout)
    run = int(re.findall(r"snapshot of run (\d+):", lines[1].what)[0])
    the_run_is_the_one_that_read_it(stack, run, order, new)
    the_times_are_those_of_the_things(stack, run, lines)
    the_row_is_what_the_warehouse_holds(stack, done.stdout, order, old, new)


def nothing_before_its_cause(lines: list[Line]) -> None:
    committed, seen, recorded, published, *_, visible = (line.after_s for line in lines)
    assert committed == 0 and committed <= seen <= recorded <= published
    for table in ("dim_staff", "fact_sales_order"):
        [transformed] = [x.after_s for x in lines if x.step == "transformed" and x.what.startswith(f"{table}: ")]
        [loaded] = [x.after_s for x in lines if x.step == "loaded" and x.what.startswith(f"{table}: ")]
        assert recorded <= transformed <= loaded <= visible


def told(text: str) -> tuple[int, int, int]:
    """The order, its staff before and after, as announced."""
    [(order, old, new)] = re.findall(r"^sales_order (\d+): staff_id (\d+) -> (\d+)$", text, re.MULTILINE)
    return int(order), int(old), int(new)


def the_run_is_the_one_that_read_it(stack: LocalStack, run: int, order: int, staff_id: int) -> None:
    for number, has_it in ((run - 1, False), (run, True)):
        record = decode(stack.get("ingestion", f"runs/{number:08d}.json"), RunRecord, "record")
        batch, table = record.tables["sales_order"].batch, TABLES["sales_order"]
        parts = batch.parts if batch else ()
        frames = [parquet.decode(stack.get("ingestion", p.key), table.batch_columns, p.key) for p in parts]
        rows = {(o, s) for f in frames for o, s in zip(f["sales_order_id"], f["staff_id"], strict=True)}
        assert ((order, staff_id) in rows) == has_it


def the_times_are_those_of_the_things(stack: LocalStack, run: int, lines: list[Line]) -> None:
    """Each difference from the snapshot, whose time is in the record, is what S3 and the ledger say."""
    record = decode(stack.get("ingestion", f"runs/{run:08d}.json"), RunRecord, "record")
    ledger = "SELECT table_name, loaded_at AT TIME ZONE 'UTC' FROM etl_ledger WHERE run = {} AND log_id = '{}'"
    loaded_at = {f"loaded {table}": at for table, at in stack.ask(ledger.format(run, record.log))}
    there = {
        "recorded": modified(stack, "ingestion", f"runs/{run:08d}.json"),
        "published": modified(stack, "ingestion", f"published/{run:08d}.json"),
        "transformed dim_staff": modified(stack, "processed", f"manifests/{run:08d}/dim_staff.json"),
        "transformed fact_sales_order": modified(stack, "processed", f"manifests/{run:08d}/fact_sales_order.json"),
        **loaded_at,
    }
    for line in lines[2:-1]:
        name = f"{line.step} {line.what.split(':')[0]}" if line.step in ("transformed", "loaded") else line.step
        really = (there[name] - record.snapshot.taken_at).total_seconds()
        assert abs(line.after_s - lines[1].after_s - really) < ROUNDED_S, line


def modified(stack: LocalStack, noun: str, key: str) -> datetime:
    listed = stack.aws("s3").list_objects_v2(Bucket=stack.names.bucket(noun), Prefix=key)["Contents"]
    at: datetime = listed[0]["LastModified"]
    return at.replace(tzinfo=None)


def the_row_is_what_the_warehouse_holds(stack: LocalStack, text: str, order: int, old: int, new: int) -> None:
    rows = stack.ask(
        "SELECT sales_record_id, sales_staff_id, first_name || ' ' || last_name, department_name "
        f"FROM fact_sales_order JOIN dim_staff ON staff_id = sales_staff_id WHERE sales_order_id = {order} ORDER BY 1"
    )
    before, now = rows[-2:]
    assert (before[1], now[1]) == (old, new)
    assert f"A new colleague, {now[2]} (staff {new}), takes over a sale." in text
    for when, row in (("was", before), ("is ", now)):
        record, staff_id, name, department = row
        assert f" {when}  sales_record_id {record}, sales_staff_id {staff_id}: {name}, {department}\n" in text


def test_what_does_not_come_is_named(stack: LocalStack) -> None:
    with dim_staff_kept_from_writers(stack):
        done = stack.script("demo", "--local", "--within", "1")
    assert done.returncode == 1
    assert re.search(r"^FAILED  not visible after 1 s, waiting for .*status.sh --local$", done.stderr.splitlines()[-1])
    assert "visible after" not in done.stdout


@contextmanager
def dim_staff_kept_from_writers(stack: LocalStack) -> Iterator[None]:
    connection: Any = stack.warehouse()
    try:
        connection.run("BEGIN; LOCK TABLE dim_staff IN SHARE MODE")
        yield
    finally:
        connection.close()


def test_a_schedule_that_is_off_is_not_waited_for(stack: LocalStack) -> None:
    rule = stack.names.function("extract")
    stack.aws("events").disable_rule(Name=rule)
    try:
        done = stack.script("demo", "--local", "--within", "1")
    finally:
        stack.aws("events").enable_rule(Name=rule)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"FAILED  the schedule {rule} is off; run ./infra_bash/deploy.sh --local\n"
