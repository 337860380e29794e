"""List our keys in a bucket. Foreign objects are skipped, and logged once."""

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from shared import log
from shared.aws.bucket import Bucket
from shared.lake import keys

T = TypeVar("T")

# A listing returns at most 1,000 keys: after so many foreign keys in a row it starts again behind them.
PAGE = 1000
# A warm function logs so many, each once; status.sh shows those that exist.
MOST_LOGGED = 100
_logged: set[tuple[str, str]] = set()


def ours(bucket: Bucket, folder: str, after: str, parse: Callable[[str], T | None]) -> Iterator[T]:
    """Yield `parse(key)` for each key of `folder` behind `after`, in order. It returns None for a foreign key."""
    start: str | None = after
    while start is not None:
        behind, start, foreign = start, None, 0
        for key in bucket.list(folder, after=behind):
            found = parse(key)
            if found is not None:
                foreign = 0
                yield found
                continue
            _log(bucket, folder, key)
            if key >= _end(folder):
                return
            foreign += 1
            if foreign == PAGE:
                start = _behind(folder, key)
                break


def is_foreign(folder: str, key: str) -> bool:
    """Return whether `key` is foreign. The folder itself, an object that the S3 console creates, does not count."""
    return key != folder and keys.run_of(key) is None and keys.place_of(key) is None


def _end(folder: str) -> str:
    """Return a key that sorts behind all of ours, which begin with a digit."""
    return f"{folder}:"


def _behind(folder: str, stranger: str) -> str:
    """Return a key such that none of ours can be between the foreign key and it."""
    rest = stranger.removeprefix(folder)
    digits = re.match(f"[0-9]{{0,{keys.DIGITS}}}", rest)[0]  # type: ignore[index]
    number = int(digits.ljust(keys.DIGITS, "0"))
    if rest[len(digits) :] > "9" and len(digits) < keys.DIGITS:
        number += 10 ** (keys.DIGITS - len(digits))
    return max(stranger, f"{folder}{number:0{keys.DIGITS}d}" if number <= keys.LAST_RUN else _end(folder))


def _log(bucket: Bucket, folder: str, key: str) -> None:
    if (bucket.name, key) not in _logged and len(_logged) < MOST_LOGGED and is_foreign(folder, key):
        _logged.add((bucket.name, key))
        log.warning("foreign object was skipped", bucket=bucket.name, key=key)
