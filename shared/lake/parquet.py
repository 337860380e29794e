"""Frames <-> parquet files, held in memory. Pure: bytes in, bytes out. The only module that uses fastparquet.

fastparquet's own types do not fit ours: it makes decimals doubles and dates nanoseconds (9999-12-31 reads as 1816), and
writes `datetime64[s]` as another year. So it gets only physical values: the logical types are put into the schema on
writing, and on reading they are checked and then removed before a value is read.

This relies on more than fastparquet's public interface. Check on every upgrade:
`writer.write_simple` with metadata of our making; the thrift classes SchemaElement and ThriftObject;
`ParquetFile.fmd.schema`, replaced before `_set_attrs` reads it again.
"""

import io
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from fastparquet import ParquetFile, parquet_thrift, writer
from fastparquet.cencoding import ThriftObject

from shared.columns import Column, Kind
from shared.errors import CorruptObject, OtherDeclaration, Refused
from shared.frames import Frame, Series, refuse_misfits

Physical, Converted = parquet_thrift.Type, parquet_thrift.ConvertedType
CREATED_BY = b"fastparquet-python"  # without its version, so that an upgrade alone changes no file

NOT_A_TIME = np.iinfo(np.int64).min  # what NaT is, as an integer
LOCAL_MICROS = {"isAdjustedToUTC": False, "unit": ThriftObject.from_fields("TimeUnit", MICROS={})}


def encode(frame: Frame, columns: Sequence[Column]) -> bytes:
    """Return a file of the frame's `columns`, zstd, every one optional; the same frame makes the same bytes.

    Raises Refused: see refuse_misfits.
    """
    refuse_misfits(frame, columns)
    file = io.BytesIO()
    try:
        physical = Frame({c.name: _physical(frame[c.name], c.kind) for c in columns}, copy=False)
        writer.write_simple(file, physical, _metadata(columns), compression="ZSTD", stats=False)
    except Exception as error:  # noqa: BLE001 - fastparquet raises anything; what it says may hold values
        raise Refused(f"fastparquet cannot write this frame ({type(error).__name__})") from error
    return file.getvalue()


class FormerDeclaration(NamedTuple):
    """The declaration that a file was written under, when it is not today's, as an error names it, and the fix."""

    declaration: str
    fix: str


def decode(data: bytes, columns: Sequence[Column], name: str, former: FormerDeclaration | None = None) -> Frame:
    """Return the declared columns of a file, in that order, with the dtypes of their kinds; others are ignored.

    Raises CorruptObject, with `name`, when it is no parquet file, is cut off or damaged, or lacks a declared column or
    has it as another type. Not all damage is noticed, and some (a flipped bit in a page of texts) ends the whole
    process: compare the checksum of a stored object first.

    In a file that was written under a `former` declaration a column that is missing becomes null where it may be. Where
    it may not, and for another type, OtherDeclaration is raised.
    """
    try:
        file = ParquetFile(io.BytesIO(data), verify=True)
        available = _available(file, columns, name, former)
        _remove_logical_types(file)
        physical = file.to_pandas([column.name for column in available], index=False)
        return Frame({c.name: _logical_series(physical, c) for c in columns}, copy=False)
    except (CorruptObject, OtherDeclaration):
        raise
    except Exception as error:  # noqa: BLE001 - damaged bytes make fastparquet raise anything at all
        raise CorruptObject(name, f"fastparquet cannot read it ({type(error).__name__})") from error


def _element(column: Column) -> Any:
    return parquet_thrift.SchemaElement(
        name=column.name,
        type=getattr(Physical, column.kind.parquet.physical),
        repetition_type=parquet_thrift.FieldRepetitionType.OPTIONAL,
        i32=True,  # how its integers are written, not one of its fields
        **_logical_fields(column.kind),
    )


@cache
def _logical_fields(kind: Kind) -> Mapping[str, Any]:
    """Return the fields of a schema element that say what the physical values mean."""
    type_ = kind.parquet
    if type_.logical is None:
        return {}
    digits = dict(zip(("precision", "scale"), type_.digits or (), strict=False))
    structs: Mapping[str, Any] = {
        "DECIMAL": ThriftObject.from_fields("DecimalType", i32=True, **digits) if digits else None,
        "TIME": ThriftObject.from_fields("TimeType", **LOCAL_MICROS),
        "TIMESTAMP": ThriftObject.from_fields("TimestampType", **LOCAL_MICROS),
    }
    logical = ThriftObject.from_fields("LogicalType", **{type_.logical: structs.get(type_.logical, {})})
    return {"converted_type": getattr(Converted, type_.converted or ""), "logicalType": logical, **digits}


def _metadata(columns: Sequence[Column]) -> Any:
    root = parquet_thrift.SchemaElement(name="schema", num_children=len(columns), i32=True)
    return ThriftObject.from_fields(
        "FileMetaData",
        version=1,
        schema=[root, *map(_element, columns)],
        num_rows=0,
        row_groups=[],
        created_by=CREATED_BY,
        key_value_metadata=[],
        i32list=[1],
    )


def _physical(series: Series, kind: Kind) -> Any:
    if kind.parquet.unit_us in (None, 1):
        return series.array
    null = series.isna().to_numpy()
    units = series.to_numpy().astype(np.int64) // kind.parquet.unit_us
    return pd.arrays.IntegerArray(np.where(null, 0, units).astype(np.int32), null)


def _available(file: Any, columns: Sequence[Column], name: str, former: FormerDeclaration | None) -> list[Column]:
    """Return those of `columns` that the file has. Raise an error when one is of another type."""
    elements = {element.name: element for element in file.fmd.schema[1:]}
    for column in columns:
        if column.name not in elements:
            _expect_optional(column, name, former)
        elif elements[column.name] != _element(column):
            problem = f"its column {column.name} is not {column.kind} as we write it"
            raise OtherDeclaration(name, problem, *former) if former else CorruptObject(name, problem)
    return [column for column in columns if column.name in elements]


def _expect_optional(column: Column, name: str, former: FormerDeclaration | None) -> None:
    """Raise an error unless the file is older than the column's declaration and the column may be null."""
    if former is None:
        raise CorruptObject(name, f"it has no column {column.name}")
    if not column.nullable:
        problem = f"it has no column {column.name}, which may not be null"
        raise OtherDeclaration(name, problem, former.declaration, f"declare it optional, or {former.fix}")


def _remove_logical_types(file: Any) -> None:
    root, *elements = file.fmd.schema
    file.fmd.schema = [root, *map(_without_logical_type, elements)]
    file._base_dtype = None
    file._set_attrs()


def _without_logical_type(element: Any) -> Any:
    return parquet_thrift.SchemaElement(
        name=element.name, type=element.type, repetition_type=element.repetition_type, i32=True
    )


def _logical_series(available: Frame, column: Column) -> Series:
    """Return one column of what was read, as its kind; nulls when the file does not have it."""
    kind = column.kind
    if column.name not in available:
        return Series([None] * len(available), dtype=kind.dtype)
    physical: Any = available[column.name]
    if kind.parquet.physical == "BYTE_ARRAY":
        texts = [None if text is None else text.decode() for text in physical.tolist()]
        return Series(texts, dtype=kind.dtype)
    if kind.parquet.unit_us:
        null = physical.isna().to_numpy()
        microseconds = physical.fillna(0).to_numpy(np.int64) * kind.parquet.unit_us
        return Series(np.where(null, NOT_A_TIME, microseconds).view(kind.dtype), copy=False)
    return Series(physical, dtype=kind.dtype, copy=False)
