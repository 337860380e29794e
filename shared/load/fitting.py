"""What is staged, made into what the present table would store.

A prepared table may round, pad or refuse. Compared as it was sent, a rounded value would differ from what is there
with every load; compared as it would be stored it does not. A row that does not fit is refused alone, with its reason.
"""

from collections.abc import Callable
from dataclasses import replace

from shared.errors import ServiceRefused
from shared.ledger.ledger import TableLoad
from shared.ledger.stage import STAGE
from shared.load import fitting_sql, sql
from shared.load.schema.shape import Shape, obstacles
from shared.load.session import WarehouseSession
from shared.warehouse.registry import Target

# Found one by one, with a round trip each: more of them are a fault of the table, not of its rows.
MOST_REFUSED = 200
ROW_FAULTS = ("22", "23", "P0001")


class Fitting:
    def __init__(self, warehouse: WarehouseSession, target: Target) -> None:
        self._warehouse, self._target = warehouse, target
        self._refused = 0
        self._shape = self._loadable(warehouse.shape(target.name))

    def _loadable(self, shape: Shape | None) -> Shape:
        """Return the table's shape. Raise ServiceRefused, which stops this table and no other, when it cannot be
        loaded."""
        if shape is None:
            raise ServiceRefused("warehouse", f"loading {self._target.name}", "it is not there", "run deploy.sh")
        for what, way_out in obstacles(self._target, shape, self._warehouse.schema):
            raise ServiceRefused("warehouse", f"loading {self._target.name}", what, f"the way out: {way_out}")
        return shape

    def fit(self) -> int:
        """Replace the stage by what would be stored; the number of rows that do not fit, which go to the refused.

        Nothing is done where each column holds each value as it is sent.
        """
        if not self._shape.converts(self._target):
            return 0
        self._warehouse.run(fitting_sql.create_fitted(self._target, self._shape))
        if self._try(fitting_sql.fit_all(self._target, self._shape)) is not None:
            self._warehouse.run(fitting_sql.fit_one_by_one(self._target, self._shape))
        [before, fitted] = self._warehouse.one(
            f"SELECT (SELECT count(*) FROM {STAGE}), (SELECT count(*) FROM {fitting_sql.FITTED})"  # noqa: S608
        )
        self._warehouse.run(fitting_sql.TAKE_FITTED)
        self._warehouse.run(f"{sql.key_stage(self._target)}; ANALYZE {STAGE}")
        return int(before - fitted)

    def apply(self, rows: int, apply: Callable[[], TableLoad]) -> tuple[TableLoad, int]:
        """Return what `apply` does with the `rows` that are staged, and how many rows the table rejected.

        Raise ServiceRefused when a trigger changes the rows that were sent: each full batch would add them again.
        """
        if not self._shape.refuses(self._target):
            return apply(), 0
        self._refused = 0
        load = self._attempt(apply)
        if isinstance(load, ServiceRefused):
            load = self._apply_slices(rows, apply)
        if self._shape.triggers:
            self._check_applied()
        return load, self._refused

    def _apply_slices(self, rows: int, apply: Callable[[], TableLoad]) -> TableLoad:
        self._warehouse.run(fitting_sql.SET_STAGE_APART)
        load = self._apply_halves(0, rows, apply)
        self._warehouse.run(fitting_sql.EMPTY_STAGE)
        self._warehouse.run(fitting_sql.stage_again(self._target))
        self._warehouse.run(fitting_sql.DROP_ALL)
        return load

    def _apply_halves(self, first: int, rows: int, apply: Callable[[], TableLoad]) -> TableLoad:
        middle = rows // 2
        return total(
            self._apply_slice(first, middle, apply) if middle else TableLoad(),
            self._apply_slice(first + middle, rows - middle, apply),
        )

    def _apply_slice(self, first: int, rows: int, apply: Callable[[], TableLoad]) -> TableLoad:
        self._warehouse.run(fitting_sql.EMPTY_STAGE)
        self._warehouse.run(fitting_sql.stage_slice(self._target), first=first, rows=rows)
        load = self._attempt(apply)
        if isinstance(load, TableLoad):
            return load
        if rows > 1:
            return self._apply_halves(first, rows, apply)
        self._refused += 1
        if self._refused > MOST_REFUSED:
            raise load
        reason = f"{fitting_sql.REASON}: {' '.join(load.names)}: {fitting_sql.words_of(load.cause)}"
        self._warehouse.run(fitting_sql.refuse_staged(self._target), reason=reason)
        return TableLoad()

    def _check_applied(self) -> None:
        [differing] = self._warehouse.one(sql.count_differing(self._target))
        if differing:
            what = f"{differing} rows are not as they were put in, by triggers: {', '.join(self._shape.triggers)}"
            fix = f"disable those that change or skip rows: ALTER TABLE {self._target.name} DISABLE TRIGGER USER"
            raise ServiceRefused("warehouse", f"loading {self._target.name}", what, fix)

    def _try(self, statement: str) -> ServiceRefused | None:
        """Return the error of a statement that a row made fail; its effects are undone."""
        result = self._attempt(lambda: (self._warehouse.run(statement), TableLoad())[1])
        return result if isinstance(result, ServiceRefused) else None

    def _attempt(self, work: Callable[[], TableLoad]) -> TableLoad | ServiceRefused:
        self._warehouse.run("SAVEPOINT fitting")
        try:
            load = work()
        except ServiceRefused as error:
            self._warehouse.run("ROLLBACK TO SAVEPOINT fitting; RELEASE SAVEPOINT fitting")
            if not error.cause.startswith(ROW_FAULTS):
                raise
            return error
        self._warehouse.run("RELEASE SAVEPOINT fitting")
        return load


def total(one: TableLoad, other: TableLoad) -> TableLoad:
    """Return the sum of both loads, the first one first."""
    return replace(
        one,
        inserted=one.inserted + other.inserted,
        updated=one.updated + other.updated,
        first_record_id=other.first_record_id if one.first_record_id is None else one.first_record_id,
        last_record_id=one.last_record_id if other.last_record_id is None else other.last_record_id,
        newest_change_at=max(filter(None, (one.newest_change_at, other.newest_change_at)), default=None),
    )
