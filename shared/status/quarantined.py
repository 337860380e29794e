"""The rows that are in quarantine: which, why, and since when. Never their values."""

from collections.abc import Mapping
from typing import Any

from shared.ledger.quarantine import LIST_QUARANTINED
from shared.postgres.connection import Connection
from shared.warehouse.registry import Target

# One more than can be asked for by name: who gets so many asks for the whole table.
MOST = 10_001


def quarantined(source: str, connection: Connection, targets: Mapping[str, Target]) -> dict[str, Any]:
    """Return the open entries of the warehouse tables whose rows are made one by one from the source table's."""
    tables = [name for name, target in targets.items() if target.sources[0] == source]
    columns = ("table", "key", "reason", "run", "since")
    return {
        "entries": [
            dict(zip(columns, row, strict=True)) for row in connection.run(LIST_QUARANTINED, tables=tables, most=MOST)
        ]
    }
