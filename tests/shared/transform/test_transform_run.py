"""One run for one table, on moto's S3: what is written, and that it is written once whatever happens."""

from dataclasses import replace

import boto3
import msgspec
import pytest

from conftest import made_bucket
from shared.aws.bucket import S3Bucket
from shared.catalogue import TABLES, SourceTable
from shared.columns import Column, Kind
from shared.errors import BadDocument, CorruptObject, LogWentBack, MissingObject, OtherDeclaration
from shared.frames import Frame, Series
from shared.lake import keys, parquet
from shared.lake.documents import Manifest, TableState, encode
from shared.lake.manifests import Manifests
from shared.transform.acceptance import QUARANTINE_COLUMNS
from shared.warehouse.registry import TARGETS
from tests import recipe
from tests.shared.transform.making import TAKEN_AT, Lake, rows

pytestmark = pytest.mark.fast


@pytest.fixture
def lake(ingestion: S3Bucket, processed: S3Bucket) -> Lake:
    return Lake(ingestion, processed)


def remove(bucket: S3Bucket, key: str) -> None:
    boto3.client("s3").delete_object(Bucket=bucket.name, Key=key)


def payments(*numbers: int) -> list[dict[str, object]]:
    return [{"payment_id": number} for number in numbers]


def test_parts_then_manifest_say_all_there_is_to_know(lake: Lake) -> None:
    lake.commit_payments(4, rows("payment", *payments(1, 2)), rows("payment", *payments(3)))
    outcome = lake.transform("fact_payment", 4)
    assert (outcome.phrase, outcome.rows, outcome.quarantined) == ("table was transformed", 3, 0)

    manifest, parts = lake.made("fact_payment", 4)
    assert [part["payment_id"].tolist() for part in parts] == [[1, 2], [3]]
    assert [part.rows for part in manifest.parts] == [2, 1]
    assert (manifest.log, manifest.run, manifest.table, manifest.mode) == ("log-1", 4, "fact_payment", "delta")
    assert (manifest.rows, manifest.snapshot_at, manifest.sources) == (3, TAKEN_AT, {"payment": 4})
    assert (manifest.code, manifest.declaration) == ("code-1", TARGETS["fact_payment"].fingerprint)
    assert manifest.quarantined is None
    for number, part in enumerate(manifest.parts):
        body = lake.processed.get(part.key)
        assert (keys.content_hash(body), len(body)) == (part.sha256, part.bytes)
        assert part.key == keys.table_part_key("fact_payment", TAKEN_AT, 4, number, part.sha256)


def test_a_full_batch_of_the_first_source_makes_a_full_manifest(lake: Lake) -> None:
    lake.commit_payments(1, rows("payment", {}), mode="full")
    lake.transform("fact_payment", 1)
    assert lake.made("fact_payment", 1)[0].mode == "full"


@pytest.mark.parametrize("target", ["fact_payment", "dim_date"])
def test_the_same_run_makes_the_same_bytes(lake: Lake, target: str) -> None:
    lake.commit_payments(1, rows("payment", {}, {"payment_id": 2, "payment_date": "soon"}))
    lake.transform(target, 1)
    before = lake.contents()
    other = Lake(lake.ingestion, made_bucket("totestream-test-again-123456789012"))
    other.transform(target, 1)
    assert other.contents() == before


def test_a_second_message_finds_the_manifest_and_writes_nothing(lake: Lake) -> None:
    lake.commit_payments(1, rows("payment", {}, {"payment_id": 2, "paid": None}))
    first = lake.transform("fact_payment", 1)
    before = lake.contents()
    # Not even the batch is looked at.
    remove(lake.ingestion, next(lake.ingestion.list("batches/payment")))
    second = lake.transform("fact_payment", 1)
    assert second.phrase == "table was transformed before"
    assert (second.rows, second.quarantined) == (first.rows, first.quarantined) == (1, 1)
    assert lake.contents() == before


def test_a_run_killed_before_its_manifest_is_done_again(lake: Lake) -> None:
    lake.commit_payments(1, rows("payment", {}))
    lake.transform("fact_payment", 1)
    whole = lake.contents()
    remove(lake.processed, keys.manifest_key(1, "fact_payment"))
    assert lake.transform("fact_payment", 1).phrase == "table was transformed"
    assert lake.contents() == whole


class Overtaken(Manifests):
    """Just before a manifest is created, another code version writes its own."""

    def __init__(self, lake: Lake) -> None:
        super().__init__(lake.processed)
        self._other = Lake(lake.ingestion, lake.processed, code="code-2")

    def create(self, manifest: Manifest) -> bool:
        self._other.transform(manifest.table, manifest.run)
        return super().create(manifest)


def test_of_two_code_versions_the_first_manifest_stands(lake: Lake) -> None:
    lake.commit_payments(1, rows("payment", {}))
    lake.manifests = Overtaken(lake)
    assert lake.transform("fact_payment", 1).phrase == "table was transformed before"
    assert lake.made("fact_payment", 1)[0].code == "code-2"


def test_a_table_that_the_run_does_not_bring_is_left_alone(lake: Lake) -> None:
    batch = lake.batch("staff", 1, rows("staff", {}))
    lake.commit(1, {"staff": TableState(full_run=1, batch=batch)}, targets=())
    assert lake.transform("dim_staff", 1).phrase == "table is not expected of this run"
    assert lake.contents() == {}


def test_a_renamed_department_rebuilds_its_staff_from_their_older_batch(lake: Lake) -> None:
    lake.commit(
        1,
        {
            "staff": TableState(full_run=1, batch=lake.batch("staff", 1, rows("staff", {}, {"staff_id": 2}))),
            "department": TableState(full_run=1, batch=lake.batch("department", 1, rows("department", {}))),
        },
    )
    renamed = lake.batch("department", 3, rows("department", {"department_name": "Toes"}))
    lake.commit(3, {"staff": TableState(full_run=1), "department": TableState(full_run=3, batch=renamed)})
    lake.transform("dim_staff", 3)
    manifest, [part] = lake.made("dim_staff", 3)
    assert part["department_name"].tolist() == ["Toes", "Toes"]
    assert (manifest.mode, manifest.sources) == ("full", {"staff": 1, "department": 3})


def test_changed_staff_meet_their_departments_as_of_the_run(lake: Lake) -> None:
    for run, name in ((1, "Old"), (2, "New"), (4, "Newest")):
        batch = lake.batch("department", run, rows("department", {"department_name": name}))
        lake.commit(run, {"department": TableState(full_run=run, batch=batch)}, targets=())
    staff = lake.batch("staff", 3, rows("staff", {}))
    lake.commit(3, {"department": TableState(full_run=2), "staff": TableState(full_run=3, batch=staff)})
    lake.transform("dim_staff", 3)
    manifest, [part] = lake.made("dim_staff", 3)
    assert part["department_name"].tolist() == ["New"]
    assert manifest.sources == {"staff": 3, "department": 2}


def test_refused_rows_are_kept_aside_and_counted_while_the_good_go_on(lake: Lake) -> None:
    bad = {"payment_date": "someday"}
    lake.commit_payments(
        1, rows("payment", {"payment_id": 1}, {"payment_id": 2} | bad), rows("payment", {"payment_id": 3} | bad)
    )
    outcome = lake.transform("fact_payment", 1)
    assert (outcome.rows, outcome.quarantined) == (1, 2)
    why = "payment_date: missing, or not a date YYYY-MM-DD"
    assert lake.quarantine("fact_payment", 1) == [("2", why), ("3", why)]
    manifest, parts = lake.made("fact_payment", 1)
    assert [len(part) for part in parts] == [1]
    assert manifest.quarantined
    body = lake.processed.get(manifest.quarantined.key)
    assert manifest.quarantined.sha256 == keys.content_hash(body)
    assert len(parquet.decode(body, QUARANTINE_COLUMNS, "it")) == manifest.quarantined.rows == 2


def test_a_key_comes_once_per_manifest_also_across_parts(lake: Lake) -> None:
    lake.commit_payments(1, rows("payment", *payments(1, 2)), rows("payment", *payments(2, 3)))
    lake.transform("fact_payment", 1)
    assert [part["payment_id"].tolist() for part in lake.made("fact_payment", 1)[1]] == [[1, 2], [3]]
    assert lake.quarantine("fact_payment", 1) == [("2", "a second row of one batch with this key")]


def test_a_grouped_dimension_is_made_of_all_parts_at_once(lake: Lake) -> None:
    lake.targets = {"dim_recipe": recipe.target("dim_country", "dim_recipe")}
    parts = (rows("address", {}, {"address_id": 2, "country": "Mali"}), rows("address", {"address_id": 3}))
    batch = lake.batch("address", 1, *parts)
    lake.commit(1, {"address": TableState(full_run=1, batch=batch)}, targets=("dim_recipe",))
    lake.transform("dim_recipe", 1)
    manifest, [part] = lake.made("dim_recipe", 1)
    assert part.to_numpy().tolist() == [["Chad", 2], ["Mali", 1]]
    assert (manifest.mode, manifest.quarantined) == ("full", None)


def test_a_value_that_a_grouped_dimension_makes_twice_is_refused_the_second_time(lake: Lake) -> None:
    def every_row(address: Frame) -> Frame:
        return address.assign(addresses=1)

    lake.targets = {"dim_recipe": replace(recipe.target("dim_country", "dim_recipe"), transform=every_row)}
    batch = lake.batch("address", 1, rows("address", {}, {"address_id": 2}))
    lake.commit(1, {"address": TableState(full_run=1, batch=batch)}, targets=("dim_recipe",))
    lake.transform("dim_recipe", 1)
    assert lake.quarantine("dim_recipe", 1) == [("Chad", "a second row of one batch with this key")]


def test_an_emptied_table_is_a_full_manifest_without_parts(lake: Lake) -> None:
    lake.commit_payments(1, mode="full")
    lake.transform("fact_payment", 1)
    manifest, parts = lake.made("fact_payment", 1)
    assert (manifest.mode, manifest.rows, parts) == ("full", 0, [])


def test_a_set_takes_the_batches_of_the_run_and_has_each_day_once(lake: Lake) -> None:
    sales = lake.batch("sales_order", 2, rows("sales_order", {}), rows("sales_order", {"sales_order_id": 2}))
    payment = lake.batch("payment", 2, rows("payment", {"payment_date": "2021-01-01"}))
    lake.commit(
        2,
        {
            "payment": TableState(full_run=1, batch=payment),
            "purchase_order": TableState(full_run=1),
            "sales_order": TableState(full_run=1, batch=sales),
        },
    )
    lake.transform("dim_date", 2)
    manifest, [part] = lake.made("dim_date", 2)
    days = [f"{day:%Y-%m-%d}" for day in part["date_id"]]
    assert days == ["2021-01-01", "2024-02-29", "2024-03-01", "2024-03-04", "2024-03-06"]
    # Its sources are whole here, and still: a day that they lack is no deletion.
    assert (manifest.mode, manifest.sources) == ("delta", {"sales_order": 2, "payment": 2})


def test_a_run_that_is_not_there_needs_a_person(lake: Lake) -> None:
    with pytest.raises(MissingObject, match="runs/00000009.json"):
        lake.transform("fact_payment", 9)


def test_a_missing_part_needs_a_person_and_leaves_no_manifest(lake: Lake) -> None:
    lake.commit_payments(1, rows("payment", *payments(1)), rows("payment", *payments(2)))
    *_, last = lake.ingestion.list("batches/payment")
    remove(lake.ingestion, last)
    with pytest.raises(MissingObject, match="part-00001"):
        lake.transform("fact_payment", 1)
    assert lake.manifests.places_since(0) == set()


def test_a_changed_part_needs_a_person_even_when_it_can_be_read(lake: Lake) -> None:
    lake.commit_payments(1, rows("payment", *payments(1)))
    lake.commit_payments(2, rows("payment", *payments(2)))
    first, second = lake.ingestion.list("batches/payment")
    lake.ingestion.put(second, lake.ingestion.get(first))
    with pytest.raises(CorruptObject, match="part-00000"):
        lake.transform("fact_payment", 2)


def test_other_bytes_under_a_parts_key_are_damage(lake: Lake) -> None:
    lake.commit_payments(1, rows("payment", {}))
    lake.transform("fact_payment", 1)
    [part] = lake.made("fact_payment", 1)[0].parts
    remove(lake.processed, keys.manifest_key(1, "fact_payment"))
    lake.processed.put(part.key, b"something else")
    with pytest.raises(CorruptObject, match="part-00000"):
        lake.transform("fact_payment", 1)


def test_a_manifest_of_another_log_is_not_taken_for_ours(lake: Lake) -> None:
    lake.commit_payments(1, rows("payment", {}))
    lake.transform("fact_payment", 1)
    other = msgspec.structs.replace(lake.run_log.get(1), log="log-2")
    lake.ingestion.put(keys.run_key(1), msgspec.json.encode(other))
    with pytest.raises(LogWentBack, match="was made of another record of run 1"):
        lake.transform("fact_payment", 1)


def test_a_manifest_of_another_attempt_is_not_taken_for_this_record_s(lake: Lake) -> None:
    lake.commit_payments(1, rows("payment", {}))
    lake.transform("fact_payment", 1)
    before = lake.manifests.get(1, "fact_payment")
    other = msgspec.structs.replace(lake.run_log.get(1), attempt="another")
    lake.ingestion.put(keys.run_key(1), msgspec.json.encode(other))
    with pytest.raises(LogWentBack, match="was made of another record of run 1.*infra_bash/new_log.sh"):
        lake.transform("fact_payment", 1)
    # One of the version before does not say of which it was made.
    lake.processed.put(keys.manifest_key(1, "fact_payment"), encode(msgspec.structs.replace(before, attempt="")))
    assert lake.transform("fact_payment", 1).phrase == "table was transformed before"


def without(table: str, *names: str) -> SourceTable:
    """As a catalogue of former days declared it."""
    columns = tuple(column for column in TABLES[table].columns if column.name not in names)
    return replace(TABLES[table], columns=columns)


def commit_address(lake: Lake, under: SourceTable, *rows_of_it: Frame) -> None:
    batch = lake.batch("address", 1, *rows_of_it, under=under)
    lake.commit(1, {"address": TableState(full_run=1, batch=batch)}, targets=("dim_location",))


def test_a_column_that_a_former_catalogue_had_not_is_null(lake: Lake) -> None:
    commit_address(lake, without("address", "district"), rows("address", {"district": "lost"}))
    lake.transform("dim_location", 1)
    [part] = lake.made("dim_location", 1)[1]
    assert part["city"].tolist() == ["Ayr"] and part["district"].isna().all()


def test_where_the_warehouse_needs_such_a_column_the_rows_are_refused_and_nothing_stops(lake: Lake) -> None:
    commit_address(lake, without("address", "phone"), rows("address", {}))
    assert lake.transform("dim_location", 1).quarantined == 1
    assert lake.quarantine("dim_location", 1) == [("1", "phone: missing")]


def test_a_joined_table_may_be_of_a_former_catalogue(lake: Lake) -> None:
    address = lake.batch("address", 1, rows("address", {}), under=without("address", "district"))
    lake.commit(1, {"address": TableState(full_run=1, batch=address)}, targets=())
    counterparty = lake.batch("counterparty", 2, rows("counterparty", {}))
    states = {"address": TableState(full_run=1), "counterparty": TableState(full_run=2, batch=counterparty)}
    lake.commit(2, states, targets=("dim_counterparty",))
    lake.transform("dim_counterparty", 2)
    [part] = lake.made("dim_counterparty", 2)[1]
    assert part["counterparty_legal_city"].tolist() == ["Ayr"]
    assert part["counterparty_legal_district"].isna().all()


def test_under_today_s_catalogue_a_lacking_column_is_damage(lake: Lake) -> None:
    batch = lake.batch("address", 1, rows("address", {}), under=without("address", "district"))
    today = msgspec.structs.replace(batch, catalogue=TABLES["address"].fingerprint)
    lake.commit(1, {"address": TableState(full_run=1, batch=today)})
    with pytest.raises(CorruptObject, match="it has no column district"):
        lake.transform("dim_location", 1)


def test_a_column_of_another_type_in_a_former_catalogue_needs_a_person(lake: Lake) -> None:
    columns = tuple(c._replace(kind=Kind.INTEGER) if c.name == "phone" else c for c in TABLES["address"].columns)
    former = replace(TABLES["address"], columns=columns)
    commit_address(lake, former, rows("address", {}).assign(phone=Series([42], dtype="Int32")))
    said = f"catalogue {former.fingerprint} of address: its column phone is not text as we write it; resync address"
    with pytest.raises(OtherDeclaration, match=said):
        lake.transform("dim_location", 1)


def test_a_former_batch_can_name_an_unreadable_column_that_is_no_more(lake: Lake) -> None:
    wide = replace(TABLES["address"], columns=(*TABLES["address"].columns, Column("area", Kind.MONEY, nullable=True)))
    row = rows("address", {"phone": None, "_unreadable": "area"})
    commit_address(lake, wide, row.assign(area=Series([1], dtype="Int64")))
    lake.transform("dim_location", 1)
    reason = "phone: missing; source column area: a value that the column's type cannot hold"
    assert lake.quarantine("dim_location", 1) == [("1", reason)]


def test_a_record_that_contradicts_itself_is_refused(lake: Lake) -> None:
    department = lake.batch("department", 1, rows("department", {}))
    lake.commit(1, {"department": TableState(full_run=1, batch=department)})
    with pytest.raises(BadDocument, match="staff was never read"):
        lake.transform("dim_staff", 1)
    with pytest.raises(BadDocument, match="payment unread"):
        lake.transform("fact_payment", 1)
    lake.commit(2, {"staff": TableState(full_run=1), "department": TableState(full_run=1)})
    with pytest.raises(BadDocument, match="whole of staff"):
        lake.transform("dim_staff", 2)
