"""What a session is set to before its first statement, whatever the login, the database or the server have as defaults.

Every setting that changes what a statement means, what it returns or how long it may take is set by name. Left alone
are those that change only a plan, a place on a disk or the server's log, and what only a superuser may change: of the
latter, the three that change rows are checked. Pure: text only.
"""

from collections.abc import Iterable, Mapping, Sequence

# The order matters: a time-out of the login's would end this very batch.
_ALWAYS: Mapping[str, str] = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    # ---- how text and values are written
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "timezone_abbreviations": "Default",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "xmlbinary": "base64",
    "xmloption": "content",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "quote_all_identifiers": "off",
    # ---- what is seen: an error in place of rows that a policy or an index scan leaves out, which would look deleted
    "row_security": "off",
    "gin_fuzzy_search_limit": "0",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "check_function_bodies": "on",
    "backslash_quote": "safe_encoding",
    "escape_string_warning": "on",
    "client_min_messages": "error",  # nobody reads them, and a login's `debug5` sends thousands
    # ---- transactions
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "exit_on_error": "off",
    # A server that is gone, and a client that is: both are found out after a minute of silence. A function that was
    # killed would else leave its session, and so its advisory lock, on the server.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "0",
}
# The source is only read. The warehouse's COMMIT is on its disk before the ledger is believed.
_OF_DATABASE: Mapping[str, Mapping[str, str]] = {
    "source": {"default_transaction_read_only": "on"},
    "warehouse": {"default_transaction_read_only": "off", "synchronous_commit": "on"},
}
# What not every version knows: 14 has the first, 17 the second, and the latest of each the third.
_WHERE_KNOWN: Mapping[str, str] = {
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "restrict_nonsystem_relation_kind": "",
}
# What a superuser may have set for a login that cannot set it back, and the values with which no row goes wrong.
_SUPERUSERS: Mapping[str, Sequence[str]] = {
    "session_replication_role": ("origin", "local"),
    "zero_damaged_pages": ("off",),
    "ignore_checksum_failure": ("off",),
}


# Only PostgreSQL's own names: no function or operator of `public` can stand in the place of one of those.
OWN_NAMES = "pg_catalog, pg_temp"


def begin_session(database: str, encoding: str, path: str = OWN_NAMES, *, read_only: bool = False) -> str:
    """Return the batch that sets the session of `database`, "source" or "warehouse"; `path` is its search_path, and
    `read_only` is for whoever only asks.

    These are utility statements, which look nothing up: whatever path the login came with, they mean what they say.
    """
    settings = {**_ALWAYS, **_OF_DATABASE[database]}
    if read_only:
        settings["default_transaction_read_only"] = "on"
    if (database, encoding) == ("source", "SQL_ASCII"):
        # Such a database holds any bytes. Asked for UTF-8 it would refuse a table for one of them; as they are, the
        # decoder says which row's they are.
        settings["client_encoding"] = "SQL_ASCII"
    statements = [f"SET {name} TO '{value}'" for name, value in settings.items()]
    return "; ".join([*statements, "SET ROLE NONE", f"SET search_path TO {path}"])


_SET_WHERE_KNOWN = " ".join(
    f"WHEN '{name}' THEN pg_catalog.set_config(name, '{value}', false)" for name, value in _WHERE_KNOWN.items()
)
CHECK_SESSION = f"""
SELECT name, setting, CASE name {_SET_WHERE_KNOWN} END
FROM pg_catalog.pg_settings
WHERE name IN ({", ".join(f"'{name}'" for name in (*_WHERE_KNOWN, *_SUPERUSERS))})
"""  # noqa: S608 - the names are this module's own


def forbidden(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return what the session is set to and may not be, from the answer to CHECK_SESSION."""
    return [f"{name} is {value}" for name, value, *_ in rows if name in _SUPERUSERS and value not in _SUPERUSERS[name]]
