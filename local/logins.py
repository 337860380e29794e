"""The two databases and the four logins, each with only the rights that it needs on the real servers."""

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
DATABASE_OF: Mapping[str, str] = {
    SOURCE_OWNER: SOURCE,
    EXTRACT: SOURCE,
    WAREHOUSE_OWNER: WAREHOUSE,
    LOAD: WAREHOUSE,
}

# One extract runs at a time; the rest is for previews, inspection and closing connections.
_EXTRACT_CONNECTIONS = 10


def kept_passwords(file: Path) -> dict[str, str]:
    """Return the logins' passwords, which are random and created at the first call."""
    if not file.exists():
        folders.write_private(file, json.dumps(new_passwords(), indent=2) + "\n")
    passwords: dict[str, str] = json.loads(file.read_text())
    return passwords


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
    admin.run(f"ALTER ROLE {EXTRACT} SET default_transaction_read_only = on")


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
    """Create the owner's schema. The creator of a table grants load's rights on it."""
    if schema == "public":
        raise LocalError("WAREHOUSE_SCHEMA may not be public here; name a schema of the team's own")
    admin.run("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    admin.run(f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)} AUTHORIZATION {WAREHOUSE_OWNER}")
    admin.run(f"GRANT CONNECT, TEMPORARY ON DATABASE {WAREHOUSE} TO {LOAD}")
    admin.run(f"GRANT USAGE ON SCHEMA {identifier(schema)} TO {LOAD}")
