"""The source's tables and columns, as totesys.sql creates them: in an order in which they can be loaded under their
foreign keys.
"""

import re
from collections.abc import Mapping
from pathlib import Path

SCHEMA = Path(__file__).with_name("totesys.sql")
# A table whose name begins with _ belongs to the migration tool.
_TABLE = re.compile(r'^CREATE TABLE "([^_"][^"]*)" \(\n(.*?)^\);', re.MULTILINE | re.DOTALL)
_COLUMN = re.compile(r'^    "([^"]+)" ("?\w+"?)', re.MULTILINE)

TYPES: Mapping[str, Mapping[str, str]] = {
    table: dict(_COLUMN.findall(body)) for table, body in _TABLE.findall(SCHEMA.read_text())
}
"""The type of each column, without its length, by table. Columns are in physical order; the first is the key."""

COLUMNS: Mapping[str, tuple[str, ...]] = {table: tuple(types) for table, types in TYPES.items()}
