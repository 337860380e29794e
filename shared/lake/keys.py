"""The keys of all objects in the two buckets. No other module spells a key.

Ingestion bucket: runs/, published/, batches/, catalogue/, health/. Processed bucket: tables/, manifests/,
quarantine/. Only objects in health/ are overwritten, and none of them is a source of truth.
"""

import hashlib
import re
from datetime import date, datetime
from typing import NamedTuple

RUNS = "runs/"
PUBLISHED = "published/"
BATCHES = "batches/"
CATALOGUE = "catalogue/"
MANIFESTS = "manifests/"
TABLES = "tables/"
QUARANTINE = "quarantine/"
HEALTH = "health/"
LATEST_HINT = "health/latest.json"
EXTRACT_HEALTH = "health/extract.json"
LOAD_HEALTH = "health/load.json"
WATCH_HEALTH = "health/watch.json"
INCIDENTS = "health/incidents.json"
# Its name is that of the first version, whose object is still read.
REPUBLISHED = "health/asked.json"
# What was removed because of RETENTION_DAYS; each bucket has its own.
EXPIRED = "health/expired.json"
# Written by pause.sh and deleted by resume.sh: since when the flow is paused.
PAUSED = "health/paused.json"


# With eight digits keys sort in the order of runs for 190 years of one run a minute.
DIGITS = 8
LAST_RUN = 10**DIGITS - 1


def _number(run: int) -> str:
    return f"{run:0{DIGITS}d}"


def run_key(run: int) -> str:
    return f"{RUNS}{_number(run)}.json"


def published_key(run: int) -> str:
    return f"{PUBLISHED}{_number(run)}.json"


def run_of(key: str) -> int | None:
    """Return the run whose record or marker has this key; None for keys that are not ours."""
    found = re.fullmatch(rf"(?:{RUNS}|{PUBLISHED})([0-9]{{{DIGITS}}})\.json", key)
    return (int(found[1]) or None) if found else None


def place_of(key: str) -> tuple[int, str] | None:
    """Return the run and the warehouse table whose manifest has this key; None for keys that are not ours."""
    found = re.fullmatch(rf"{MANIFESTS}([0-9]{{{DIGITS}}})/([A-Za-z_][A-Za-z0-9_]*)\.json", key)
    return (int(found[1]), found[2]) if found and int(found[1]) else None


_PART = re.compile(
    rf"(?:{BATCHES}|{TABLES})([A-Za-z_][A-Za-z0-9_]*)/([0-9]{{4}})/([0-9]{{2}})/([0-9]{{2}})"
    rf"/([0-9]{{{DIGITS}}})(?:-[^/]+)?/part-[0-9]{{5,}}-[0-9a-f]{{16}}\.parquet"
)


class PartKey(NamedTuple):
    """The table, day and run in a part's key. The day is that of the run's snapshot."""

    table: str
    day: date
    run: int


def part_of(key: str) -> PartKey | None:
    """Return what a part's key says, of a batch or a warehouse table; None for keys that are not ours."""
    found = _PART.fullmatch(key)
    if not found:
        return None
    try:
        day = date(int(found[2]), int(found[3]), int(found[4]))
    except ValueError:
        return None
    return PartKey(found[1], day, int(found[5]))


def content_hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def batch_part_key(table: str, snapshot: datetime, run: int, attempt: str, part: int, sha256: str) -> str:
    day = f"{snapshot:%Y/%m/%d}"
    return f"{BATCHES}{table}/{day}/{_number(run)}-{attempt}/part-{part:05d}-{sha256[:16]}.parquet"


def table_part_key(table: str, snapshot: datetime, run: int, part: int, sha256: str) -> str:
    return f"{TABLES}{table}/{snapshot:%Y/%m/%d}/{_number(run)}/part-{part:05d}-{sha256[:16]}.parquet"


def manifest_key(run: int, table: str) -> str:
    return f"{MANIFESTS}{_number(run)}/{table}.json"


def quarantine_key(table: str, run: int, sha256: str) -> str:
    # With its content's hash, like a part: two versions of the code may validate a row differently.
    return f"{QUARANTINE}{table}/{_number(run)}-{sha256[:16]}.parquet"


def catalogue_key(table: str, fingerprint: str) -> str:
    return f"{CATALOGUE}{table}/{fingerprint}.json"
