"""A source from a folder of eleven CSV files, TABLE.csv, each with a header, and an empty field for NULL."""

import hashlib
from pathlib import Path

from local.errors import LocalError
from local.loading import Content, header
from local.tables import COLUMNS


def content(folder: Path) -> Content:
    """Return the folder's files by table. Raises LocalError if one is missing or has other columns, in any order."""
    for table in COLUMNS:
        _check(folder / f"{table}.csv", table)
    return {table: folder / f"{table}.csv" for table in COLUMNS}


def checksum(folder: Path) -> str:
    """Return one checksum of all eleven files, which identifies the same source in any folder."""
    whole = hashlib.sha256()
    for table in COLUMNS:
        whole.update(f"{table} {hashlib.sha256((folder / f'{table}.csv').read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def _check(file: Path, table: str) -> None:
    if not file.is_file():
        raise LocalError(f"{file} is missing; the folder needs {', '.join(f'{name}.csv' for name in COLUMNS)}")
    with file.open(encoding="utf-8", errors="replace") as lines:
        found = header(lines.readline())
    _check_columns(file, found, COLUMNS[table])


def _check_columns(file: Path, found: list[str], wanted: tuple[str, ...]) -> None:
    missing, unknown = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if missing:
        raise LocalError(f"{file}: its header lacks {', '.join(missing)}; export the table with all its columns")
    if unknown:
        raise LocalError(f"{file}: its header has {', '.join(unknown)}, unknown in this table; leave them out")
    if len(found) != len(wanted):
        raise LocalError(f"{file}: its header names a column twice; name each once")
