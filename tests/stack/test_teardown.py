"""Two stages in one account, from one source into one warehouse: each goes on without the other."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.load.session import lock_key
from shared.source.readers.postgres.sql import advisory_key
from tests.infra.standing import everything
from tests.stack.stack import LocalStack

CHANGED = {
    "STAGE": "two",
    "WAREHOUSE_SCHEMA": "team_two",
    "SOURCE_SECRET": "totestream-two-source",
    "ALERT_EMAIL": "two@example.com",
}


@pytest.fixture
def two(stack: LocalStack) -> Iterator[LocalStack]:
    """A second stage beside the shared one, with a login of its own for the source and the others'."""
    made = LocalStack(stack.folder, stack.checkout, "two/settings.env")
    place = stack.folder / made.file
    place.parent.mkdir()
    changed = "".join(f"{name}={value}\n" for name, value in CHANGED.items())
    place.write_text((stack.folder / stack.file).read_text() + changed)
    secrets = place.with_name("secrets.env")
    secrets.touch(mode=0o600)
    secrets.write_text((stack.folder / "secrets.env").read_text())
    made.read_settings()
    yield made
    made.script("teardown", "--settings", str(place), "--with-data", typed="two\n")
    stack.ask(f"DROP SCHEMA IF EXISTS {CHANGED['WAREHOUSE_SCHEMA']} CASCADE")


@contextmanager
def held_up(stack: LocalStack) -> Iterator[None]:
    """The stage can neither extract nor load: somebody has its locks."""
    source, warehouse = stack.source(), stack.warehouse()
    source.run(f"SELECT pg_advisory_lock({advisory_key(stack.names.prefix)})")
    warehouse.run(f"SELECT pg_advisory_lock({lock_key(stack.settings['WAREHOUSE_SCHEMA'])})")
    yield
    source.close()
    warehouse.close()


def change(stack: LocalStack) -> None:
    """What reaches a fact, and a dimension made of two tables."""
    stack.change("UPDATE payment SET paid = NOT paid WHERE payment_id = 5")
    stack.change("UPDATE department SET location = location || '.' WHERE department_id = 2")


# In test.sh the same is shown on an emulator without functions: tests/infra/test_teardown.py.
@pytest.mark.soak
def test_two_stages_live_side_by_side_and_one_goes(stack: LocalStack, two: LocalStack) -> None:
    settings = ("--settings", str(two.folder / two.file))
    done = two.script("deploy", *settings)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "ok      secret totestream-local-warehouse\n" in done.stderr
    assert "create  alert subscription totestream-two-mail\n" in done.stderr
    with held_up(stack):
        change(stack)
        assert stack.invoke("extract")["busy"]
        two.extract()
        two.arrives()
        assert {"fact_payment", "dim_staff"} <= set(stack.differing())
    stack.extract()
    stack.arrives()
    with held_up(two):
        change(stack)
        stack.extract()
        stack.arrives()
        assert {"fact_payment", "dim_staff"} <= set(two.differing())
    two.extract()
    two.arrives()

    before = everything(stack.aws, "totestream-local")
    done = two.script("teardown", *settings, "--with-data", typed="two\n")
    assert done.returncode == 0, done.stderr
    assert all(line.startswith(("ask ", "delete ")) for line in done.stderr.splitlines())
    assert everything(stack.aws, "totestream-two") == {}
    assert everything(stack.aws, "totestream-local") == before
    assert two.differing() == []

    done = two.script("teardown", *settings, "--with-data")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    change(stack)
    stack.extract()
    stack.arrives()
