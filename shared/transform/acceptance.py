"""Which of a transform's rows the warehouse can take, and why the others cannot. Pure."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from shared.catalogue import TABLES
from shared.columns import LONGEST_TEXT, TOO_LONG, Column, Kind
from shared.errors import Refused
from shared.frames import DTYPES, Frame, Series, empty_frame
from shared.warehouse.declaring import REJECTION
from shared.warehouse.registry import Target

QUARANTINE_COLUMNS = (Column("key", Kind.TEXT), Column("reason", Kind.TEXT))

MISSING = "missing"
REPEATED = "a second row of one batch with this key"

# Why the source's value did not fit its column, by the column's kind.
UNREADABLE_REASONS = {
    Kind.MONEY: "a value that numeric(10,2) cannot hold",
    Kind.TEXT: "a text that is not UTF-8",
    Kind.TIMESTAMP: "a time that is infinite or out of range",
}
UNREADABLE_REASON = "a value that the column's type cannot hold"
TOO_LONG_REASON = f"a text longer than {LONGEST_TEXT >> 20} MB"


class Accepted(NamedTuple):
    """`good` has the target's columns and their dtypes; `quarantined` a key and a reason per row, as text."""

    good: Frame
    quarantined: Frame


def accept(frame: Frame, target: Target, unreadable: Series | None = None) -> Accepted:
    """Split a transform's rows: one without a value that the warehouse must have is refused, and so is one that lost
    a value which the transform uses, also where null may stand.

    `unreadable` names, per row of `frame`, the source columns whose value was lost in reading, or is null.
    Refused when the transform left out a column. Reasons hold no value of the row.
    """
    typed = _typed(frame, target)
    required = [column.name for column in target.columns if not column.nullable]
    missing = typed[required].isna()
    lost = Series(index=frame.index, dtype="str") if unreadable is None else unreadable
    bad = missing.any(axis="columns") | has_lost(lost, target, target.sources[0])
    reasons = _reasons(missing[bad], lost[bad], target)
    return Accepted(typed[~bad] if bad.any() else typed, _quarantined(typed[bad], target, reasons))


def has_lost(unreadable: Series, target: Target, source: str) -> Series:
    """Whether a row of `source` lost a value that the target's transform uses."""
    known = {column.name for column in TABLES[source].columns}
    names = {_name(each) for each in unreadable.dropna().unique() for each in each.split(",")} & known
    used = {name for name in names if _is_used(name, target, source)}
    if not used:
        return Series(False, index=unreadable.index)
    return unreadable.map(lambda each: not used.isdisjoint(map(_name, _listed(each)))).astype(bool)


def _is_used(column: str, target: Target, source: str) -> bool:
    """Whether the transform can do nothing without the column: it is tried on tables without rows."""
    tables = {name: empty_frame(TABLES[name].batch_columns) for name in target.sources}
    tables[source] = tables[source].drop(columns=column)
    try:
        target.transform(**tables)
    except KeyError:
        return True
    return False


def refuse_repeated(accepted: Accepted, target: Target, seen: Series | None = None) -> Accepted:
    """Refuse the good rows whose key is in `seen` or came before: the loader takes a key once per manifest."""
    keys = accepted.good[target.key]
    repeated = keys.duplicated() if seen is None else keys.duplicated() | keys.isin(seen)
    if not repeated.any():
        return accepted
    refused = _quarantined(accepted.good[repeated], target, [REPEATED] * int(repeated.sum()))
    return Accepted(accepted.good[~repeated], concatenated([accepted.quarantined, refused]))


def concatenated(frames: list[Frame]) -> Frame:
    """One frame of several with the same columns; at least one."""
    return pd.concat(frames, ignore_index=True)


def _typed(frame: Frame, target: Target) -> Frame:
    """The target's columns and no others, in order, with their dtypes."""
    dtypes = {column.name: DTYPES[column.kind] for column in target.columns}
    lacking = [name for name in dtypes if name not in frame]
    if lacking:
        raise Refused(f"{target.name}: the transform did not produce {', '.join(lacking)}")
    return frame[list(dtypes)].astype(dtypes)


def _reasons(missing: Frame, unreadable: Series, target: Target) -> list[str]:
    """Per row, all that is wrong with it."""
    found: list[list[str]] = [[] for _ in range(len(missing))]
    for name in missing:
        text = f"{name}: {target.table.columns[str(name)].info.get(REJECTION, MISSING)}"
        for row in np.flatnonzero(missing[name]):
            found[row].append(text)
    for texts, names in zip(found, unreadable, strict=True):
        texts += [_unreadable(name, target) for name in _listed(names)]
    return ["; ".join(texts) for texts in found]


def _listed(names: object) -> list[str]:
    return names.split(",") if isinstance(names, str) else []


def _name(unreadable: str) -> str:
    return unreadable.removesuffix(TOO_LONG)


def _unreadable(name: str, target: Target) -> str:
    if name.endswith(TOO_LONG):
        return f"source column {_name(name)}: {TOO_LONG_REASON}"
    kinds = {column.name: column.kind for column in TABLES[target.sources[0]].columns}
    # A batch of former days can name a column that the catalogue no longer has.
    reason = UNREADABLE_REASONS.get(kinds[name], UNREADABLE_REASON) if name in kinds else UNREADABLE_REASON
    return f"source column {name}: {reason}"


def _quarantined(rows: Frame, target: Target, reasons: list[str]) -> Frame:
    keys = rows[target.key].astype("str")
    return Frame({"key": keys.to_numpy(), "reason": Series(reasons, dtype="str").to_numpy()}).astype("str")
