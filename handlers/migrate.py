"""Make the warehouse's tables as declared: `{}`. `{"do": "preview"}` only reports what that would do, and the loader
sends `{"do": "foreign_keys", "tables": […]}`.
"""

from functools import partial
from typing import Any

from handlers.databases import open_database
from handlers.invocation import Invocation, failure_logged, invocation
from shared import log
from shared.aws.secrets import find_login, get_login, put_login
from shared.load.schema.reader import ReaderSecret, migrate_with_reader
from shared.load.schema.runner import Report


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    with failure_logged("migration failed"):
        report = migrate(event, invocation(context))
    log.info("migration done", **report.facts)
    return report.facts


def migrate(event: dict[str, Any], call: Invocation) -> Report:
    """Make the tables with the owner's login, and grant the loader's and the reader's login their rights.

    Owner and loader may be one login.
    """
    settings = call.settings
    loader = get_login(settings["WAREHOUSE_SECRET"])
    owner = get_login(settings.get("WAREHOUSE_OWNER_SECRET") or settings["WAREHOUSE_SECRET"])
    secret = settings["WAREHOUSE_READER_SECRET"]
    with open_database("warehouse", owner, call) as connection:
        return migrate_with_reader(
            connection,
            settings["WAREHOUSE_SCHEMA"],
            loader,
            event,
            settings.names.bucket("reader"),
            ReaderSecret(find_login(secret), partial(put_login, secret)),
            lambda login: open_database("warehouse", login, call).close(),
        )
