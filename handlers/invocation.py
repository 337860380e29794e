"""One call of a function: its settings, the time left, and the buckets and documents of its stack."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared import log
from shared.aws.bucket import S3Bucket
from shared.errors import TotestreamError
from shared.lake.manifests import Manifests
from shared.lake.run_log import RunLog
from shared.settings import Settings


@dataclass(frozen=True)
class Invocation:
    """`context` is the object that Lambda hands to a handler."""

    settings: Settings
    context: Any

    def time_left_s(self) -> float:
        """Return the seconds until Lambda ends this call."""
        return float(self.context.get_remaining_time_in_millis()) / 1000

    @property
    def ingestion(self) -> S3Bucket:
        return S3Bucket(self.settings.names.bucket("ingestion"))

    @property
    def processed(self) -> S3Bucket:
        return S3Bucket(self.settings.names.bucket("processed"))

    @property
    def run_log(self) -> RunLog:
        return RunLog(self.ingestion)

    @property
    def manifests(self) -> Manifests:
        return Manifests(self.processed)


def invocation(context: Any) -> Invocation:
    return Invocation(Settings(os.environ), context)


def utc_now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def failure_logged(phrase: str) -> Iterator[None]:
    """Log the error that ends the call under `phrase`, and let it pass: Lambda reports it to the caller."""
    try:
        yield
    except TotestreamError as error:
        log.failure(phrase, error)
        raise
