"""Read the objects that a record or a manifest names: check their checksums, or report that retention removed them."""

import msgspec

from shared.aws.bucket import Bucket
from shared.errors import CorruptObject, MissingObject, Removed
from shared.lake import keys
from shared.lake.health import last_words


class Expired(msgspec.Struct, frozen=True):
    """health/expired.json: what retention has removed from a bucket. Written before anything is deleted.

    All parts of the runs up to `run` were removed, being loaded and `days` old, except those of the runs in `kept`, by
    table.
    """

    run: int
    days: int
    kept: dict[str, int]


def get_verified(bucket: Bucket, key: str, sha256: str) -> bytes:
    """Return an object whose bytes have the checksum that its record names.

    Raises MissingObject, or Removed when retention has removed it, and CorruptObject.
    """
    try:
        body = bucket.get(key)
    except MissingObject as error:
        raise _missing(bucket, error) from error
    if keys.content_hash(body) != sha256:
        raise CorruptObject(f"s3://{bucket.name}/{key}", "its bytes are not those that its record was made of")
    return body


def last_expired(bucket: Bucket) -> Expired | None:
    """Return what retention has removed from the bucket; None when it has removed nothing."""
    return last_words(bucket, keys.EXPIRED, Expired)


def _missing(bucket: Bucket, error: MissingObject) -> MissingObject | Removed:
    part, expired = keys.part_of(error.key), last_expired(bucket)
    if part is None or expired is None or part.run > expired.run or expired.kept.get(part.table) == part.run:
        return error
    return Removed(bucket.name, error.key, expired.days, expired.run)
