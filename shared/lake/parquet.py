"""Frames <-> parquet files, held in memory. Pure: bytes in, bytes out. The only module that knows fastparquet.

fastparquet's own idea of types cannot be trusted with ours: it makes money a double and a date
nanoseconds (9999-12-31 reads as 1816), and writes `datetime64[s]` as another year. So it sees only
physical values: the logical types are put into the schema on writing, and on reading they are
checked and then taken off before a value is read.

What this leans on beyond fastparquet's public interface, to be looked at on every upgrade:
`writer.write_simple` with metadata of our making; the thrift classes SchemaElement and ThriftObject;
`ParquetFile.fmd.schema`, exchanged before `_set_attrs` reads it anew.
"""

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from fastparquet import ParquetFile, parquet_thrift, writer
from fastparquet.cencoding import ThriftObject

from shared.columns import Column, Kind
from shared.errors import CorruptObject, OtherDeclaration, Refused
from shared.frames import DTYPES, Frame, Series

Physical, Converted = parquet_thrift.Type, parquet_thrift.ConvertedType
CREATED_BY = b"fastparquet-python"  # without its version, so that an upgrade alone changes no file

MONEY_LIMIT = 10**10  # DECIMAL(10,2), in hundredths
DAY = pd.Timedelta(days=1)
DAY_US = 86_400_000_000
NOT_A_TIME = np.iinfo(np.int64).min  # what NaT is, as an integer


def _logical(name: str, struct: Any) -> Any:
    return ThriftObject.from_fields("LogicalType", **{name: struct})


_DIGITS = {"precision": 10, "scale": 2}
_LOCAL_MICROS = {"isAdjustedToUTC": False, "unit": ThriftObject.from_fields("TimeUnit", MICROS={})}
_DECIMAL = _logical("DECIMAL", ThriftObject.from_fields("DecimalType", i32=True, **_DIGITS))
_TIME = _logical("TIME", ThriftObject.from_fields("TimeType", **_LOCAL_MICROS))
_TIMESTAMP = _logical("TIMESTAMP", ThriftObject.from_fields("TimestampType", **_LOCAL_MICROS))

PHYSICAL_TYPES = {
    Kind.INTEGER: Physical.INT32,
    Kind.MONEY: Physical.INT64,
    Kind.BOOLEAN: Physical.BOOLEAN,
    Kind.TEXT: Physical.BYTE_ARRAY,
    Kind.DATE: Physical.INT32,
    Kind.TIME: Physical.INT64,
    Kind.TIMESTAMP: Physical.INT64,
}
LOGICAL_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.INTEGER: {},
    Kind.MONEY: {"converted_type": Converted.DECIMAL, "logicalType": _DECIMAL, **_DIGITS},
    Kind.BOOLEAN: {},
    Kind.TEXT: {"converted_type": Converted.UTF8, "logicalType": _logical("STRING", {})},
    Kind.DATE: {"converted_type": Converted.DATE, "logicalType": _logical("DATE", {})},
    Kind.TIME: {"converted_type": Converted.TIME_MICROS, "logicalType": _TIME},
    Kind.TIMESTAMP: {"converted_type": Converted.TIMESTAMP_MICROS, "logicalType": _TIMESTAMP},
}


def encode(frame: Frame, columns: Sequence[Column]) -> bytes:
    """A file of the frame's `columns`, zstd, every one optional; the same frame makes the same bytes.

    TEXT may be `str` or `object`. Refused when any other column has not the dtype of its kind, or a
    value is none that the type in the file can say: the file would be written, with another value.
    """
    for column in columns:
        _refuse_misfits(frame[column.name], column)
    file = io.BytesIO()
    try:
        physical = Frame({c.name: _physical(frame[c.name], c.kind) for c in columns}, copy=False)
        writer.write_simple(file, physical, _metadata(columns), compression="ZSTD", stats=False)
    except Exception as error:  # noqa: BLE001 - fastparquet raises anything; what it says may hold values
        raise Refused(f"fastparquet cannot write this frame ({type(error).__name__})") from error
    return file.getvalue()


class Former(NamedTuple):
    """A declaration that a file was written under and that is not today's, as an error calls it, and the way out."""

    declaration: str
    fix: str


def decode(data: bytes, columns: Sequence[Column], name: str, former: Former | None = None) -> Frame:
    """The declared columns of a file, in that order, with the dtypes of their kinds; others are ignored.

    CorruptObject, saying `name`, when it is no parquet file, is cut off or damaged, or has a declared
    column not at all or as another type. Not all damage is noticed, and some (a flipped bit in a page
    of texts) ends the whole process: compare the checksum of what comes from afar first.

    Of a file written under a `former` declaration, a column that it has not is null where it may be; where
    not, and for another type, OtherDeclaration is raised.
    """
    try:
        file = ParquetFile(io.BytesIO(data), verify=True)
        there = _there(file, columns, name, former)
        _take_off_logical_types(file)
        physical = file.to_pandas([column.name for column in there], index=False)
        return Frame({c.name: _logical_series(physical, c) for c in columns}, copy=False)
    except (CorruptObject, OtherDeclaration):
        raise
    except Exception as error:  # noqa: BLE001 - damaged bytes make fastparquet raise anything at all
        raise CorruptObject(name, f"fastparquet cannot read it ({type(error).__name__})") from error


def _element(column: Column) -> Any:
    return parquet_thrift.SchemaElement(
        name=column.name,
        type=PHYSICAL_TYPES[column.kind],
        repetition_type=parquet_thrift.FieldRepetitionType.OPTIONAL,
        i32=True,  # how its integers are written, not one of its fields
        **LOGICAL_TYPES[column.kind],
    )


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


def _refuse_misfits(series: Series, column: Column) -> None:
    if column.kind is Kind.TEXT and pd.api.types.infer_dtype(series, skipna=True) in ("string", "empty"):
        return
    if series.dtype != DTYPES[column.kind]:
        raise Refused(f"{column.name}: {series.dtype} is not how {column.kind} is held")
    if not _fit(series.dropna(), column.kind):
        raise Refused(f"{column.name}: a value is none that parquet's type for {column.kind} can say")


def _fit(series: Series, kind: Kind) -> bool:
    if kind is Kind.MONEY:
        return bool(series.between(-MONEY_LIMIT, MONEY_LIMIT, "neither").all())
    if kind is Kind.DATE:
        return bool((series == series.dt.normalize()).all())
    if kind is Kind.TIME:
        return bool(series.between(pd.Timedelta(0), DAY).all())
    return True


def _physical(series: Series, kind: Kind) -> Any:
    if kind is Kind.DATE:
        null = series.isna().to_numpy()
        days = series.to_numpy().astype("datetime64[D]").astype(np.int64)
        return pd.arrays.IntegerArray(np.where(null, 0, days).astype(np.int32), null)
    return series.array


def _there(file: Any, columns: Sequence[Column], name: str, former: Former | None) -> list[Column]:
    """Those of `columns` that the file has, each as its type."""
    elements = {element.name: element for element in file.fmd.schema[1:]}
    for column in columns:
        if column.name not in elements:
            _expect_optional(column, name, former)
        elif elements[column.name] != _element(column):
            problem = f"its column {column.name} is not {column.kind} as we write it"
            raise OtherDeclaration(name, problem, *former) if former else CorruptObject(name, problem)
    return [column for column in columns if column.name in elements]


def _expect_optional(column: Column, name: str, former: Former | None) -> None:
    """A file may lack what was declared later than it was written, where that may be null."""
    if former is None:
        raise CorruptObject(name, f"it has no column {column.name}")
    if not column.nullable:
        problem = f"it has no column {column.name}, which may not be null"
        raise OtherDeclaration(name, problem, former.declaration, f"declare it optional, or {former.fix}")


def _take_off_logical_types(file: Any) -> None:
    root, *elements = file.fmd.schema
    file.fmd.schema = [root, *map(_without_logical_type, elements)]
    file._base_dtype = None
    file._set_attrs()


def _without_logical_type(element: Any) -> Any:
    return parquet_thrift.SchemaElement(
        name=element.name, type=element.type, repetition_type=element.repetition_type, i32=True
    )


def _logical_series(there: Frame, column: Column) -> Series:
    """One column of what was read, as its kind; nulls when it is not there."""
    kind = column.kind
    if column.name not in there:
        return Series([None] * len(there), dtype=DTYPES[kind])
    physical: Any = there[column.name]
    if kind is Kind.TEXT:
        texts = [None if text is None else text.decode() for text in physical.tolist()]
        return Series(texts, dtype="str")
    if kind in (Kind.DATE, Kind.TIME, Kind.TIMESTAMP):
        null = physical.isna().to_numpy()
        count = physical.fillna(0).to_numpy(np.int64)
        microseconds = count * DAY_US if kind is Kind.DATE else count
        return Series(np.where(null, NOT_A_TIME, microseconds).view(DTYPES[kind]), copy=False)
    return Series(physical, dtype=DTYPES[kind], copy=False)
