"""Defaults of a login and of a database that would change what every statement means."""

from conftest import Database

# Each differs from what the session is set to.
HOSTILE = {
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kathmandu",
    "timezone_abbreviations": "India",
    "client_encoding": "LATIN1",
    "standard_conforming_strings": "off",
    "backslash_quote": "on",
    "escape_string_warning": "off",
    "row_security": "on",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "xmlbinary": "hex",
    "xmloption": "document",
    "lc_monetary": "POSIX",
    "lc_numeric": "POSIX",
    "lc_time": "POSIX",
    "quote_all_identifiers": "on",
    "gin_fuzzy_search_limit": "1",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "check_function_bodies": "off",
    "client_min_messages": "debug5",
    "statement_timeout": "5s",
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": "5s",
    "idle_session_timeout": "5s",
    "transaction_timeout": "5s",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "synchronous_commit": "off",
    "exit_on_error": "on",
    "restrict_nonsystem_relation_kind": "view",
    "tcp_keepalives_idle": "7200",
    "tcp_keepalives_interval": "75",
    "tcp_keepalives_count": "9",
    "tcp_user_timeout": "1000",
}


def set_for(database: Database, settings: dict[str, str]) -> None:
    """For the product's login in this database, and for the database."""
    with database.server.superuser(database.name) as admin:
        for name, value in settings.items():
            admin.run(f"ALTER ROLE {database.login_name} IN DATABASE {database.name} SET {name} TO '{value}'")
            admin.run(f"ALTER DATABASE {database.name} SET {name} TO '{value}'")
