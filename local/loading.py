"""Fill the empty source database, all or nothing, and note in it where its content came from.

The note is the database's comment: it is committed with the rows, so the two always agree.
"""

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from pg8000.exceptions import DatabaseError
from pg8000.native import Connection, identifier, literal

from local.errors import LocalError
from local.logins import SOURCE
from local.tables import COLUMNS

Origin = Mapping[str, str | int]
"""Where the content came from: {"kind": "generator" | "csv", …}."""

Content = Mapping[str, Path | str]
"""Per table its CSV: a file, or the text itself."""


def origin(connection: Connection) -> Origin | None:
    """Return where the source's content came from; None while it is empty."""
    found = connection.run(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    )
    noted: str | None = (found or [[None]])[0][0]
    return dict(json.loads(noted)) if noted else None


def load(connection: Connection, content: Content, content_origin: Origin) -> None:
    """Copy every table into the database, set the sequences and note the origin, in one transaction."""
    connection.run("BEGIN")
    try:
        for table in COLUMNS:
            with _opened(content[table]) as file:
                _copy(connection, table, file)
            _set_sequence(connection, table)
        connection.run(f"COMMENT ON DATABASE {SOURCE} IS {literal(json.dumps(content_origin, sort_keys=True))}")
    except BaseException:
        connection.run("ROLLBACK")
        raise
    connection.run("COMMIT")


def header(line: str) -> list[str]:
    """Return the column names of a CSV header."""
    return [name.strip().strip('"') for name in line.removeprefix("\ufeff").strip().split(",")]


def _opened(content: Path | str) -> BinaryIO:
    return content.open("rb") if isinstance(content, Path) else io.BytesIO(content.encode())


def _copy(connection: Connection, table: str, file: BinaryIO) -> None:
    columns = header(file.readline().decode(errors="replace"))
    file.seek(0)
    copy = f"COPY public.{identifier(table)} ({_list(columns)}) FROM STDIN (FORMAT csv, HEADER true)"
    try:
        connection.run(copy, stream=file)
    except DatabaseError as error:
        raise LocalError(f"{table}.csv: {_reason(error)}; correct the file and start again") from error


def _list(columns: Iterable[str]) -> str:
    return ", ".join(identifier(column) for column in columns)


def _reason(error: DatabaseError) -> str:
    """Return PostgreSQL's message, and the line that it is about."""
    facts = error.args[0]
    return ", ".join(facts[key].split("\n")[0] for key in ("M", "D", "W") if key in facts)


def _set_sequence(connection: Connection, table: str) -> None:
    key = COLUMNS[table][0]
    sequence = f"pg_get_serial_sequence('public.{table}', '{key}')"
    sql = f"SELECT setval({sequence}, coalesce(max({key}), 0) + 1, false) FROM {identifier(table)}"  # noqa: S608
    connection.run(sql)
