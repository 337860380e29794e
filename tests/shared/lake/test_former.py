"""What the version before wrote is understood. golden/ is both buckets as the first version left them.

Its files are never written anew: what a later version writes goes beside them.
"""

import copy
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import BadDocument
from shared.lake import parquet
from shared.lake.documents import ChangeMessage, Document, Manifest, PostgresCursor, RunRecord, decode, encode
from shared.lake.run_log import Hint
from shared.load.health import LoadHealth
from shared.source.health import ExtractHealth
from shared.transform.inputs import Input, frames_of
from shared.warehouse.registry import TARGETS
from shared.watch.republish import Republished
from shared.watch.watch import WatchHealth

pytestmark = pytest.mark.fast

GOLDEN = Path(__file__).parent / "golden"
KINDS: dict[str, type[Document]] = {
    "message.json": ChangeMessage,
    "ingestion/runs/00000001.json": RunRecord,
    "ingestion/runs/00000002.json": RunRecord,
    **{str(path.relative_to(GOLDEN)): Manifest for path in sorted(GOLDEN.glob("processed/manifests/*/*.json"))},
}
HEALTH: dict[str, type[msgspec.Struct]] = {
    "latest": Hint,
    "extract": ExtractHealth,
    "load": LoadHealth,
    "asked": Republished,
    "watch": WatchHealth,
}


class Folder:
    """One of the golden buckets, which nobody writes to."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get(self, key: str) -> bytes:
        return (GOLDEN / self.name / key).read_bytes()

    def written_at(self, key: str) -> datetime:
        raise NotImplementedError

    def create(self, key: str, body: bytes) -> bool:
        raise NotImplementedError

    def put(self, key: str, body: bytes) -> None:
        raise NotImplementedError

    def list(self, prefix: str, after: str = "") -> Iterator[str]:
        raise NotImplementedError


def document(name: str) -> Any:
    return decode((GOLDEN / name).read_bytes(), KINDS[name], name)


def lost(before: Any, after: Any, place: str = "$") -> list[str]:
    """The places of `before` that `after` has not, or has otherwise."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [it for key, value in before.items() for it in lost(value, after.get(key, "nothing"), f"{place}.{key}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [it for number, (one, other) in pairs for it in lost(one, other, f"{place}[{number}]")]
    return [] if before == after else [place]


@pytest.mark.parametrize("name", KINDS)
def test_a_document_keeps_all_that_it_said(name: str) -> None:
    assert lost(msgspec.json.decode((GOLDEN / name).read_bytes()), msgspec.json.decode(encode(document(name)))) == []


@pytest.mark.parametrize("name", HEALTH)
def test_a_health_file_keeps_all_that_it_said(name: str) -> None:
    body = (GOLDEN / f"ingestion/health/{name}.json").read_bytes()
    read = msgspec.json.encode(msgspec.json.decode(body, type=HEALTH[name]))
    assert lost(msgspec.json.decode(body), msgspec.json.decode(read)) == []


def test_the_cursor_of_the_first_version_does_not_say_for_what_it_read() -> None:
    cursor = document("ingestion/runs/00000002.json").state("payment").cursor
    assert isinstance(cursor, PostgresCursor)
    assert (cursor.xmin, cursor.seen, cursor.max_key, cursor.read_for) == (854, (855,), 2, None)


@pytest.mark.parametrize("run", [1, 2])
def test_every_batch_is_read(run: int) -> None:
    record = document(f"ingestion/runs/{run:08d}.json")
    for table in record.changed:
        batch = record.state(table).batch
        frames = list(frames_of(Input(table, run, batch), Folder("ingestion")))
        assert [len(frame) for frame in frames] == [part.rows for part in batch.parts]


def test_a_batch_has_the_values_that_were_read() -> None:
    batch = document("ingestion/runs/00000001.json").state("payment").batch
    [frame] = frames_of(Input("payment", 1, batch), Folder("ingestion"))
    names = ("payment_id", "created_at", "payment_amount", "paid", "payment_date", "counterparty_ac_number")
    assert [[str(value) for value in frame[name]] for name in names] == [
        ["1", "2"],
        ["2026-01-05 09:00:10.123000", "2026-01-05 09:00:10.123000"],
        ["1234560", "-1"],
        ["False", "True"],
        ["2026-01-08", "someday"],
        ["87654321", "87654321"],
    ]


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind is Manifest])
def test_every_part_of_a_table_is_read(name: str) -> None:
    """One that fails here has a new column that is not declared optional: a warehouse could not be filled again."""
    manifest = document(name)
    columns = TARGETS[manifest.table].columns
    for part in manifest.parts:
        former = parquet.FormerDeclaration(manifest.declaration, "declare it optional")
        assert len(parquet.decode(Folder("processed").get(part.key), columns, part.key, former)) == part.rows


# ---- what later versions may do to a document


def objects(read: msgspec.Struct, raw: dict[str, Any]) -> Iterator[tuple[type[msgspec.Struct], dict[str, Any]]]:
    """Each object of a document, as its type and as the JSON object that is to be changed."""
    yield type(read), raw
    for name in read.__struct_fields__:
        yield from _objects_in(getattr(read, name), raw.get(name))


def _objects_in(read: Any, raw: Any) -> Iterator[tuple[type[msgspec.Struct], dict[str, Any]]]:
    if isinstance(read, msgspec.Struct):
        yield from objects(read, raw)
    elif isinstance(read, dict):
        for key, value in read.items():
            yield from _objects_in(value, raw[key])
    elif isinstance(read, tuple):
        for one, other in zip(read, raw, strict=True):
            yield from _objects_in(one, other)


DOCUMENTS = {name: document(name) for name in KINDS}
RAW = {name: msgspec.json.decode(encode(read)) for name, read in DOCUMENTS.items()}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(st.data())
@settings(derandomize=True, deadline=None)
def test_unknown_fields_anywhere_are_ignored(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(KINDS)))
    raw = copy.deepcopy(RAW[name])
    for kind, there in list(objects(DOCUMENTS[name], raw)):
        fields = data.draw(st.dictionaries(st.text(max_size=5), JSON, max_size=2))
        there |= {key: value for key, value in fields.items() if key not in kind.__struct_fields__}
    assert decode(msgspec.json.encode(raw), KINDS[name], name) == DOCUMENTS[name]


@pytest.mark.parametrize("name", KINDS)
def test_a_missing_field_that_is_needed_is_named(name: str) -> None:
    raw = copy.deepcopy(RAW[name])
    for kind, there in objects(DOCUMENTS[name], raw):
        for field in [field.name for field in msgspec.structs.fields(kind) if field.required]:
            value = there.pop(field)
            with pytest.raises(BadDocument, match=f"^{name} cannot be read: .*`{field}`"):
                decode(msgspec.json.encode(raw), KINDS[name], name)
            there[field] = value
