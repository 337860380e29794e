"""The two databases and the five logins: four with only the rights that they need on the real servers, and one for a
person who asks the warehouse."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from pg8000.native import Connection, identifier, literal

from local import folders
from local.errors import LocalError
from local.postgres import Server
from local.tables import COLUMNS, SCHEMA

SOURCE, WAREHOUSE = "totesys", "warehouse"
SOURCE_OWNER = "totesys_owner"  # the source's application: generator, ticker, a person with psql
EXTRACT = "totestream_extract"
WAREHOUSE_OWNER = "warehouse_owner"
LOAD = "totestream_load"
READER = "warehouse_reader"
DATABASE_OF: Mapping[str, str] = {
    SOURCE_OWNER: SOURCE,
    EXTRACT: SOURCE,
    WAREHOUSE_OWNER: WAREHOUSE,
    LOAD: WAREHOUSE,
    READER: WAREHOUSE,
}

# One extract runs at a time; the rest is for previews, inspection and closing connections.
_EXTRACT_CONNECTIONS = 10


def kept_passwords(file: Path) -> dict[str, str]:
    """Return the logins' passwords, which are random and created at the first call."""
    kept = json.loads(folders.kept(file, lambda: _json(new_passwords())))
    passwords: dict[str, str] = {**new_passwords(), **kept}
    if passwords != kept:  # the file of an earlier version lacks a login
        folders.write_private(file, _json(passwords))
    return passwords


def _json(passwords: Mapping[str, str]) -> str:
    return json.dumps(passwords, indent=2) + "\n"


def new_passwords() -> dict[str, str]:
    """Return a new random password for each login."""
    return {login: secrets.token_hex(16) for login in DATABASE_OF}


def connect(server: Server, passwords: Mapping[str, str], login: str) -> Connection:
    """Open a connection of this login to its database; the caller closes it."""
    return server.connect(login, passwords[login], DATABASE_OF[login])


def prepare(server: Server, passwords: Mapping[str, str], warehouse_schema: str = "project_team_1") -> None:
    """Create logins, databases, source schema and rights where they do not exist yet. It can be repeated."""
    with server.superuser() as admin:
        _ensure_logins(admin, passwords)
        for database, owner in ((SOURCE, SOURCE_OWNER), (WAREHOUSE, WAREHOUSE_OWNER)):
            _ensure_database(admin, database, owner)
    with server.superuser(SOURCE) as admin:
        _ensure_source_schema(admin)
        _grant_source(admin)
    with server.superuser(WAREHOUSE) as admin:
        _ensure_warehouse_schema(admin, warehouse_schema)


def _ensure_logins(admin: Connection, passwords: Mapping[str, str]) -> None:
    existing = {name for (name,) in admin.run("SELECT rolname FROM pg_roles") or []}
    for login in DATABASE_OF:
        if login not in existing:
            admin.run(f"CREATE ROLE {identifier(login)}")
        admin.run(f"ALTER ROLE {identifier(login)} LOGIN PASSWORD {literal(passwords[login])}")
    admin.run(f"ALTER ROLE {EXTRACT} CONNECTION LIMIT {_EXTRACT_CONNECTIONS}")
    admin.run(f"ALTER ROLE {WAREHOUSE_OWNER} CREATEROLE")  # like an RDS master user: migrate creates the reader's login
    for login in (EXTRACT, READER):
        admin.run(f"ALTER ROLE {login} SET default_transaction_read_only = on")


def _ensure_database(admin: Connection, database: str, owner: str) -> None:
    if not admin.run("SELECT FROM pg_database WHERE datname = :name", name=database):
        admin.run(f"CREATE DATABASE {identifier(database)} OWNER {identifier(owner)}")
    for name in (database, "postgres", "template1"):
        admin.run(f"REVOKE ALL ON DATABASE {identifier(name)} FROM PUBLIC")


def _ensure_source_schema(admin: Connection) -> None:
    """Create the tables as the application would, so that it owns them. All or none."""
    if admin.run("SELECT to_regclass('public.address')") != [[None]]:
        return
    admin.run(f"BEGIN; SET LOCAL ROLE {SOURCE_OWNER}; {SCHEMA.read_text()}; COMMIT")


def _grant_source(admin: Connection) -> None:
    """Let extract read the source's tables; a table that is added later needs its own GRANT."""
    admin.run("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    admin.run(
        f"GRANT ALL ON SCHEMA public TO {SOURCE_OWNER}"
    )  # before PostgreSQL 15 the database owner does not own it
    admin.run(f"GRANT CONNECT ON DATABASE {SOURCE} TO {EXTRACT}")
    admin.run(f"GRANT USAGE ON SCHEMA public TO {EXTRACT}")
    existing = {name for (name,) in admin.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") or []}
    for table in COLUMNS:
        if table in existing:  # a person may have dropped one to test the pipeline
            admin.run(f"GRANT SELECT ON public.{identifier(table)} TO {EXTRACT}")


def _ensure_warehouse_schema(admin: Connection, schema: str) -> None:
    """Create the owner's schema. The reader may read all of it; who creates a table grants load's rights on it."""
    if schema == "public":
        raise LocalError("WAREHOUSE_SCHEMA may not be public here; name a schema of the team's own")
    admin.run("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    admin.run(f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)} AUTHORIZATION {WAREHOUSE_OWNER}")
    admin.run(f"GRANT CONNECT, TEMPORARY ON DATABASE {WAREHOUSE} TO {LOAD}")
    admin.run(f"GRANT USAGE ON SCHEMA {identifier(schema)} TO {LOAD}, {READER}")
    admin.run(f"GRANT CONNECT ON DATABASE {WAREHOUSE} TO {READER}")
    admin.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA {identifier(schema)} TO {READER}")
    later = f"ALTER DEFAULT PRIVILEGES FOR ROLE {WAREHOUSE_OWNER} IN SCHEMA {identifier(schema)}"
    admin.run(f"{later} GRANT SELECT ON TABLES TO {READER}")
    admin.run(f"ALTER DATABASE {WAREHOUSE} SET search_path = {identifier(schema)}")  # for a person's SELECT
