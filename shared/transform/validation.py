"""Split a transform's rows into those that the warehouse can take and rejected ones, with the reason. Pure."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from shared.catalogue import TABLES
from shared.columns import LONGEST_TEXT, TEXT, TOO_LONG, Column, Kind
from shared.errors import Refused
from shared.frames import Frame, Series, empty_frame
from shared.warehouse.declaring import REJECTION
from shared.warehouse.registry import Target

QUARANTINE_COLUMNS = (Column("key", TEXT), Column("reason", TEXT))

MISSING = "missing"
REPEATED = "a second row of one batch with this key"

TOO_LONG_REASON = f"a text longer than {LONGEST_TEXT >> 20} MB"


class Validated(NamedTuple):
    """`good` rows have the target's columns and dtypes; `quarantined` has a key and a reason per row, as text."""

    good: Frame
    quarantined: Frame


def validate(frame: Frame, target: Target, unreadable: Series | None = None) -> Validated:
    """Split a transform's rows: reject those that lack a required value, and those whose source row lost a value that
    the transform uses, even in a nullable column.

    `unreadable` names, per row of `frame`, the source columns whose value was lost in reading, or is null. Reasons hold
    no value of the row. Raises Refused when the transform did not produce a column.
    """
    typed = _typed(frame, target)
    required = [column.name for column in target.columns if not column.nullable]
    missing = typed[required].isna()
    lost = Series(index=frame.index, dtype="str") if unreadable is None else unreadable
    bad = missing.any(axis="columns") | has_lost(lost, target, target.sources[0])
    reasons = _reasons(missing[bad], lost[bad], target)
    return Validated(typed[~bad] if bad.any() else typed, _quarantined(typed[bad], target, reasons))


def has_lost(unreadable: Series, target: Target, source: str) -> Series:
    """Return, per row of `source`, whether it lost a value that the target's transform uses."""
    known = {column.name for column in TABLES[source].columns}
    names = {_name(each) for each in unreadable.dropna().unique() for each in each.split(",")} & known
    used = {name for name in names if _is_used(name, target, source)}
    if not used:
        return Series(False, index=unreadable.index)
    return unreadable.map(lambda each: not used.isdisjoint(map(_name, _listed(each)))).astype(bool)


def _is_used(column: str, target: Target, source: str) -> bool:
    """Return whether the transform needs the column, by running it without that column on empty tables."""
    tables = {name: empty_frame(TABLES[name].batch_columns) for name in target.sources}
    tables[source] = tables[source].drop(columns=column)
    try:
        target.transform(**tables)
    except KeyError:
        return True
    return False


def reject_repeated(validated: Validated, target: Target, seen: Series | None = None) -> Validated:
    """Reject good rows whose key is in `seen` or repeated: the loader takes a key once per manifest."""
    keys = validated.good[target.key]
    repeated = keys.duplicated() if seen is None else keys.duplicated() | keys.isin(seen)
    if not repeated.any():
        return validated
    rejected = _quarantined(validated.good[repeated], target, [REPEATED] * int(repeated.sum()))
    return Validated(validated.good[~repeated], concatenated([validated.quarantined, rejected]))


def concatenated(frames: list[Frame]) -> Frame:
    """Return one frame of one or more with the same columns."""
    return pd.concat(frames, ignore_index=True)


def _typed(frame: Frame, target: Target) -> Frame:
    """Return the target's columns and no others, in order, with their dtypes."""
    dtypes = {column.name: column.kind.dtype for column in target.columns}
    lacking = [name for name in dtypes if name not in frame]
    if lacking:
        raise Refused(f"{target.name}: the transform did not produce {', '.join(lacking)}")
    return frame[list(dtypes)].astype(dtypes)


def _reasons(missing: Frame, unreadable: Series, target: Target) -> list[str]:
    """Return, per row, all reasons for its rejection."""
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
    reason = kinds.get(name, Kind).unreadable
    return f"source column {name}: {reason}"


def _quarantined(rows: Frame, target: Target, reasons: list[str]) -> Frame:
    keys = rows[target.key].astype("str")
    return Frame({"key": keys.to_numpy(), "reason": Series(reasons, dtype="str").to_numpy()}).astype("str")
