"""What an extraction is asked to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.errors import Refused
from shared.source.catalogue import TABLES


@dataclass(frozen=True)
class Request:
    """`full` gives tables to read whole and why; `count` asks for the expected rows of every warehouse table."""

    cause: str = "schedule"
    full: Mapping[str, str] = field(default_factory=dict)
    count: bool = False

    @property
    def forced(self) -> bool:
        """Whether it makes a run even when nothing changed."""
        return self.count or bool(self.full)


def request_from_event(event: Mapping[str, Any]) -> Request:
    """Raises Refused. A scheduled event has no `do`."""
    match event.get("do"):
        case None:
            return Request()
        case "count":
            return Request(cause="count", count=True)
        case "resync":
            return Request(cause="resync", full=dict.fromkeys(_tables(event), "resync"))
        case unknown:
            raise Refused(f"extract can do count and resync, not {unknown!r}")


def _tables(event: Mapping[str, Any]) -> list[str]:
    tables = event.get("tables")
    unknown = [table for table in tables if table not in TABLES] if isinstance(tables, list) else [tables]
    if unknown or not tables:
        raise Refused(f"resync takes source tables, not {unknown}; there are: {', '.join(TABLES)}")
    return list(tables)
