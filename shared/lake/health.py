"""The files in health/: what each stage leaves for others to see. None is a source of truth."""

from typing import TypeVar

import msgspec

from shared.aws.bucket import Bucket
from shared.errors import BadDocument, MissingObject, NotYet
from shared.lake.documents import decode_json

S = TypeVar("S", bound=msgspec.Struct)


class LoadProgress(msgspec.Struct, frozen=True):
    """What extract reads of health/load.json: up to which run all of a log is loaded, and what has stopped the pass."""

    log: str
    complete_run: int
    stopped: str = ""


def last_words(ingestion: Bucket, key: str, kind: type[S], *, must_be_sure: bool = False) -> S | None:
    """Return what `key` says; None when there is none, or when this code does not understand it.

    Who `must_be_sure` that there is none has S3 asked twice: for minutes after versions were first turned on it lists
    objects that it does not give. Then NotYet is raised.
    """
    try:
        return decode_json(ingestion.get(key), kind, key)
    except MissingObject as error:
        if must_be_sure and key in ingestion.list(key):
            raise NotYet(f"{error}, and is listed: S3 will give it") from error
    except BadDocument:
        pass
    return None
