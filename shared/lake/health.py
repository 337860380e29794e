"""Read the objects in health/, in which each stage reports its state. None is a source of truth."""

from typing import TypeVar

import msgspec

from shared.aws.bucket import Bucket
from shared.errors import BadDocument, MissingObject, NotYet
from shared.json import decode_json

S = TypeVar("S", bound=msgspec.Struct)


class LoadProgress(msgspec.Struct, frozen=True):
    """What extract reads of health/load.json: the run up to which a log is completely loaded, and the code of the error
    that stopped the pass."""

    log: str
    complete_run: int
    stopped: str = ""


def last_words(ingestion: Bucket, key: str, kind: type[S], *, must_be_sure: bool = False) -> S | None:
    """Return the health document at `key`, or None if it does not exist or cannot be parsed.

    With `must_be_sure`, raise NotYet when S3 lists the object but does not return it, as it may for minutes after
    versioning was first turned on.
    """
    try:
        return decode_json(ingestion.get(key), kind, key)
    except MissingObject as error:
        if must_be_sure and key in ingestion.list(key):
            raise NotYet(f"{error}, but is listed: S3 will return it") from error
    except BadDocument:
        pass
    return None
