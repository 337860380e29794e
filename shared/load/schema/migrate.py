"""Create and update the warehouse's tables, views, indexes and rights, with the owner's login.

What exists is adopted. No column is ever dropped and no type changed: a difference that may not be repaired is reported
with the statement that helps. What one table lacks does not stop the others. A second run finds nothing to do.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from shared.errors import Refused, TotestreamError
from shared.ledger import tables
from shared.ledger.views import views
from shared.load.schema.difference_notes import DifferenceNotes
from shared.load.schema.inspector import Inspector
from shared.load.schema.right_steps import Reader, RightSteps
from shared.load.schema.runner import Report, StepRunner
from shared.load.schema.table_steps import TableSteps
from shared.load.session import lock_key
from shared.postgres.connection import Connection, quoted
from shared.warehouse.registry import TARGETS, Target

# How long to wait for a pass of the loader to end; after that the caller must retry.
LOCK_S = 60
STATEMENT_S = 240
Targets = Mapping[str, Target]

PREVIEW = {"do": "preview"}


def migrate(
    connection: Connection,
    schema: str,
    loader: str,
    event: Mapping[str, object] | None = None,
    targets: Targets = TARGETS,
    *,
    reader: Reader | None = None,
    lock_s: int = LOCK_S,
) -> Report:
    """Do what `event` asks for: `{}` everything but foreign keys, `{"do": "foreign_keys", "tables": [facts]}` those,
    `{"do": "preview"}` what `{}` would do, rolled back.

    `loader` is the login that gets the rights to load, `reader` the one that may read; `lock_s` is how long to wait for
    a loader at work. Raise Refused when the event asks for anything else.
    """
    match event or {"do": "migrate"}:
        case {"do": "migrate" | "preview"}:
            work = partial(ensure_everything, loader=loader, targets=targets, reader=reader)
        case {"do": "foreign_keys", "tables": [*names]} if all(_is_fact(name, targets) for name in names):
            work = partial(ensure_foreign_keys, facts=[targets[str(name)] for name in names])
        case _:
            raise Refused('migrate takes {}, {"do": "preview"} or {"do": "foreign_keys", "tables": [names of facts]}')
    with _migration(connection, schema, lock_s, keep=event != PREVIEW) as runner:
        work(runner, schema)
        return runner.report


def wants_everything(event: Mapping[str, object]) -> bool:
    """Return whether the event asks for more than foreign keys."""
    return event in ({}, {"do": "migrate"}, PREVIEW)


def ensure_everything(runner: StepRunner, schema: str, loader: str, targets: Targets, reader: Reader | None) -> None:
    inspector = Inspector(runner.connection, schema)
    steps, rights = TableSteps(runner, inspector, schema), RightSteps(runner, inspector, schema)
    notes = DifferenceNotes(runner, inspector, schema)
    notes.note_encoding()
    steps.ensure_schema()
    for table in tables.TABLES:
        steps.ensure_table(table)
    for target in targets.values():
        runner.alone(target.name, partial(steps.ensure_target, target))
    for target in targets.values():
        for view in views(target):
            runner.alone(view.name, partial(steps.ensure_view, view))
    rights.ensure_loader(loader, targets)
    if reader:
        rights.ensure_reader(reader, targets)
    notes.note_one_login(loader)
    notes.note_differences(targets, loader)


def ensure_foreign_keys(runner: StepRunner, schema: str, facts: Sequence[Target]) -> None:
    """Add the foreign keys that the facts lack. An orphan row prevents its key, and is reported."""
    steps = TableSteps(runner, Inspector(runner.connection, schema), schema)
    for target in facts:
        runner.alone(target.name, partial(steps.ensure_foreign_keys, target))


def _is_fact(name: object, targets: Targets) -> bool:
    return isinstance(name, str) and name in targets and targets[name].kind == "fact"


@contextmanager
def _migration(connection: Connection, schema: str, lock_s: int, *, keep: bool) -> Iterator[StepRunner]:
    """Begin one transaction, while no loader is at work; roll it back when it is not to be kept."""
    connection.run(f"BEGIN; SET LOCAL lock_timeout = '{lock_s}s'; SET LOCAL statement_timeout = '{STATEMENT_S}s'")
    try:
        connection.run("SELECT pg_advisory_xact_lock(CAST(:key AS bigint))", key=lock_key(schema))
        connection.run(f"SET LOCAL search_path TO {quoted(schema)}")
        yield StepRunner(connection, keep)
        connection.run("COMMIT" if keep else "ROLLBACK")
    except TotestreamError:
        connection.run("ROLLBACK")
        raise
