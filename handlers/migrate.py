"""Make the warehouse's tables as declared: `{}`, or say what that would do: `{"do": "preview"}`. The loader asks for
`{"do": "foreign_keys", "tables": […]}`.
"""

import os
from functools import partial
from typing import Any

from shared import log
from shared.aws.secrets import find_login, get_login, put_login
from shared.errors import TotestreamError
from shared.load.migrate import Report
from shared.load.reader import ReaderSecret, migrate_with_reader
from shared.postgres.connection import connect
from shared.settings import Settings


def handler(event: dict[str, Any], context: Any) -> dict[str, list[str]]:
    try:
        report = migrated(event, Settings(os.environ), float(context.get_remaining_time_in_millis()) / 1000)
    except TotestreamError as error:
        log.failure("migration failed", error)
        raise
    log.info("migration done", **report.facts)
    return report.facts


def migrated(event: dict[str, Any], settings: Settings, timeout_s: float) -> Report:
    """The owner's login makes the tables, and gives the loader's and the reader's their rights; the first two may be
    one."""
    loader = get_login(settings["WAREHOUSE_SECRET"])
    owner = get_login(settings.get("WAREHOUSE_OWNER_SECRET") or settings["WAREHOUSE_SECRET"])
    secret = settings["WAREHOUSE_READER_SECRET"]
    opened = partial(
        connect, "warehouse", ca=settings.get("DATABASE_CA"), plaintext=settings.plaintext, timeout_s=timeout_s
    )
    with opened(owner) as connection:
        return migrate_with_reader(
            connection,
            settings["WAREHOUSE_SCHEMA"],
            loader,
            event,
            settings.names.bucket("reader"),
            ReaderSecret(find_login(secret), partial(put_login, secret)),
            lambda login: opened(login).close(),
        )
