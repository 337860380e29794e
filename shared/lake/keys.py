"""Where everything lies in the two buckets. No other module spells a key.

Ingestion bucket: runs/, published/, batches/, catalogue/, health/. Processed bucket: tables/, manifests/,
quarantine/. Only health/ is ever overwritten, and nothing in it is a source of truth.
"""

import hashlib
import re
from datetime import datetime

RUNS = "runs/"
PUBLISHED = "published/"
MANIFESTS = "manifests/"
LATEST_HINT = "health/latest.json"
EXTRACT_HEALTH = "health/extract.json"
LOAD_HEALTH = "health/load.json"
WATCH_HEALTH = "health/watch.json"
INCIDENTS = "health/incidents.json"
ASKED = "health/asked.json"
# Written by pause.sh and taken away by resume.sh: since when.
PAUSED = "health/paused.json"


def _number(run: int) -> str:
    # Eight digits keep keys in the order of runs for 190 years of one a minute.
    return f"{run:08d}"


def run_key(run: int) -> str:
    return f"{RUNS}{_number(run)}.json"


def published_key(run: int) -> str:
    return f"{PUBLISHED}{_number(run)}.json"


def run_of(key: str) -> int:
    """The run that a key under runs/, published/ or manifests/ belongs to."""
    found = re.search(r"/(\d{8})[./]", key)
    if found is None:
        raise ValueError(f"{key} names no run")
    return int(found[1])


def content_hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def batch_part_key(table: str, snapshot: datetime, run: int, attempt: str, part: int, sha256: str) -> str:
    day = f"{snapshot:%Y/%m/%d}"
    return f"batches/{table}/{day}/{_number(run)}-{attempt}/part-{part:05d}-{sha256[:16]}.parquet"


def table_part_key(table: str, snapshot: datetime, run: int, part: int, sha256: str) -> str:
    return f"tables/{table}/{snapshot:%Y/%m/%d}/{_number(run)}/part-{part:05d}-{sha256[:16]}.parquet"


def manifest_key(run: int, table: str) -> str:
    return f"{MANIFESTS}{_number(run)}/{table}.json"


def quarantine_key(table: str, run: int, sha256: str) -> str:
    # With its content's hash, like a part: two code versions may judge one row differently.
    return f"quarantine/{table}/{_number(run)}-{sha256[:16]}.parquet"


def catalogue_key(table: str, fingerprint: str) -> str:
    return f"catalogue/{table}/{fingerprint}.json"
