"""Listings of what is ours in a bucket. Whatever else lies there is passed over, and named in the log once."""

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from shared import log
from shared.aws.bucket import Bucket
from shared.lake import keys

T = TypeVar("T")

# One listing answers with at most 1,000 keys: after so many strangers in a row it begins anew behind them.
PAGE = 1000
# A warm function names so many in its log, each once; status.sh shows those that are there.
MOST_TOLD = 100
_told: set[tuple[str, str]] = set()


def ours(bucket: Bucket, folder: str, after: str, parse: Callable[[str], T | None]) -> Iterator[T]:
    """Yield what `parse` makes of each key of `folder` behind `after`, in order; it makes None of a stranger."""
    start: str | None = after
    while start is not None:
        behind, start, strangers = start, None, 0
        for key in bucket.list(folder, after=behind):
            found = parse(key)
            if found is not None:
                strangers = 0
                yield found
                continue
            _tell(bucket, folder, key)
            if key >= _end(folder):
                return
            strangers += 1
            if strangers == PAGE:
                start = _behind(folder, key)
                break


def is_stranger(folder: str, key: str) -> bool:
    """Whether `key` is not ours. The folder itself, which the S3 console makes as an object, is nobody's."""
    return key != folder and keys.run_of(key) is None and keys.place_of(key) is None


def _end(folder: str) -> str:
    """What sorts behind every key of ours: they begin with a digit."""
    return f"{folder}:"


def _behind(folder: str, stranger: str) -> str:
    """The place that no key of ours between the stranger and it can have."""
    rest = stranger.removeprefix(folder)
    digits = re.match(f"[0-9]{{0,{keys.DIGITS}}}", rest)[0]  # type: ignore[index]
    number = int(digits.ljust(keys.DIGITS, "0"))
    if rest[len(digits) :] > "9" and len(digits) < keys.DIGITS:
        number += 10 ** (keys.DIGITS - len(digits))
    return max(stranger, f"{folder}{number:0{keys.DIGITS}d}" if number <= keys.LAST_RUN else _end(folder))


def _tell(bucket: Bucket, folder: str, key: str) -> None:
    if (bucket.name, key) not in _told and len(_told) < MOST_TOLD and is_stranger(folder, key):
        _told.add((bucket.name, key))
        log.warning("object that is not ours was passed over", bucket=bucket.name, key=key)
