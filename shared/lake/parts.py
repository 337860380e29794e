"""Objects that a record or a manifest names: read with their checksums, or known to have been removed by age."""

import msgspec

from shared.aws.bucket import Bucket
from shared.errors import CorruptObject, MissingObject, Removed
from shared.lake import keys
from shared.lake.health import last_words


class Expired(msgspec.Struct, frozen=True):
    """health/expired.json: of the runs up to `run` the bucket's parts were removed, being loaded and `days` old; but
    not those of the runs in `kept`, by table. Written before anything is deleted."""

    run: int
    days: int
    kept: dict[str, int]


def get_verified(bucket: Bucket, key: str, sha256: str) -> bytes:
    """An object whose bytes are what its record says. Raises MissingObject, and of a part that is too old Removed;
    CorruptObject."""
    try:
        body = bucket.get(key)
    except MissingObject as error:
        raise _explained(bucket, error) from error
    if keys.content_hash(body) != sha256:
        raise CorruptObject(f"s3://{bucket.name}/{key}", "its bytes are not those that its record was made of")
    return body


def last_expired(bucket: Bucket) -> Expired | None:
    return last_words(bucket, keys.EXPIRED, Expired)


def _explained(bucket: Bucket, error: MissingObject) -> MissingObject | Removed:
    part, expired = keys.part_of(error.key), last_expired(bucket)
    if part is None or expired is None or part.run > expired.run or expired.kept.get(part.table) == part.run:
        return error
    return Removed(bucket.name, error.key, expired.days, expired.run)
