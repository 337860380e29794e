"""The settings of a session before its first statement, whatever defaults the login, the database or the server have.

Every setting that changes what a statement means, what it returns or how long it may take is set by name. Settings that
change only a plan, a place on a disk or the server's log are left alone, and so are those that only a superuser may
change: of these, the three that change rows are checked. Pure: text only.
"""

from collections.abc import Iterable, Mapping, Sequence

# The order matters: a time-out that the login has would end this batch.
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
    # ---- visibility: an error instead of rows that a policy or an index scan leaves out, which would look deleted
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
    # A server or a client that disappeared is detected after a minute without an answer. Otherwise a function that was
    # killed would leave its session, and its advisory lock, on the server.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "0",
}
# The source is only read. A COMMIT of the warehouse must be on its disk before the ledger counts.
_OF_DATABASE: Mapping[str, Mapping[str, str]] = {
    "source": {"default_transaction_read_only": "on"},
    "warehouse": {"default_transaction_read_only": "off", "synchronous_commit": "on"},
}
# Not in every version: the first is in 14 and later, the second in 17, the third in the latest release of each.
_WHERE_KNOWN: Mapping[str, str] = {
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "restrict_nonsystem_relation_kind": "",
}
# What only a superuser can set for a login or reset, and the values with which no row is wrong.
_SUPERUSERS: Mapping[str, Sequence[str]] = {
    "session_replication_role": ("origin", "local"),
    "zero_damaged_pages": ("off",),
    "ignore_checksum_failure": ("off",),
}


# Only PostgreSQL's own names: no function or operator in `public` can replace one of them.
OWN_NAMES = "pg_catalog, pg_temp"


def begin_session(database: str, encoding: str, path: str = OWN_NAMES, *, read_only: bool = False) -> str:
    """Return the batch that sets up the session of `database`, "source" or "warehouse", with the search_path `path`.

    `read_only` makes its transactions read-only. These are utility statements, which look nothing up, so that the
    login's search_path does not affect them.
    """
    settings = {**_ALWAYS, **_OF_DATABASE[database]}
    if read_only:
        settings["default_transaction_read_only"] = "on"
    if (database, encoding) == ("source", "SQL_ASCII"):
        # Such a database holds any bytes. Converted to UTF-8, one wrong byte fails its table. Read as they are, the
        # decoder reports the row.
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
    """Return the settings that a session must not have, from the answer to CHECK_SESSION."""
    return [f"{name} is {value}" for name, value, *_ in rows if name in _SUPERUSERS and value not in _SUPERUSERS[name]]
