"""The operator's question "why is this row here, and where did that one go", asked as an event and answered as JSON."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from shared.catalogue import TABLES
from shared.errors import Refused
from shared.lineage.answers import Chain, JourneyAnswer
from shared.lineage.backward import chain_of
from shared.lineage.forward import Forward
from shared.lineage.lake import LineageLake
from shared.lineage.sql import is_numbered
from shared.lineage.warehouse import LineageQueries
from shared.warehouse.registry import Target

# Whatever fits into bigint: a longer one is no record's.
NUMBER = re.compile(r"-?[0-9]{1,18}")


def why(
    event: Mapping[str, Any], targets: Mapping[str, Target], lake: LineageLake, warehouse: LineageQueries
) -> dict[str, Any]:
    """{"table": …, "id": …} with a warehouse or a source table, or {"table": …, "business": …} with a fact.

    Answers a Chain or a Journey. Refused when there is no such table or record.
    """
    answer = msgspec.to_builtins(_answer(event, targets, lake, warehouse))
    return dict(answer)


def _answer(
    event: Mapping[str, Any], targets: Mapping[str, Target], lake: LineageLake, warehouse: LineageQueries
) -> Chain | JourneyAnswer:
    match event:
        case {"table": str(table), "business": str(key)} if table in targets and targets[table].kind == "fact":
            return _history(targets[table], key, Forward(targets, lake, warehouse))
        case {"table": str(table), "id": str(id_)} if table in targets:
            return _chain(targets[table], id_, lake, warehouse)
        case {"table": str(table), "id": str(key)} if table in TABLES:
            return Forward(targets, lake, warehouse).of_source(table, _numbered(table, key))
    raise Refused(
        "why takes a warehouse or source table and the text of an id, or a fact and a business id; "
        f"facts are: {', '.join(target.name for target in targets.values() if target.kind == 'fact')}"
    )


def _chain(target: Target, id_: str, lake: LineageLake, warehouse: LineageQueries) -> Chain:
    if is_numbered(target):
        id_ = _numbered(target.name, id_)
    row = warehouse.row(target, id_)
    if row is None:
        raise Refused(f"no record {id_} in {target.name}")
    return chain_of(target, id_, row, lake, warehouse)


def _history(fact: Target, key: str, forward: Forward) -> JourneyAnswer:
    journey = forward.of_business(fact, _numbered(fact.name, key))
    if all(arrival.is_empty for arrival in journey.arrivals):
        raise Refused(f"no record of {fact.key} {key} in {fact.name}, none that waits and none in quarantine")
    return journey


def _numbered(table: str, key: str) -> str:
    """As the databases write it."""
    if not NUMBER.fullmatch(key):
        raise Refused(f"no record {key} in {table}: it counts them with numbers")
    return str(int(key))
