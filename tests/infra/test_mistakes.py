"""A mistake in a module ends a deploy with one line that names it, before anything is made."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.recipe import module, module_path
from tests.stack.checkout import copied

MODULE = module("dim_country", "dim_a_mistake")
SETTINGS = (
    "PROJECT=totestream\nSTAGE=test\nAWS_REGION=eu-west-2\nSOURCE_SECRET=s\nWAREHOUSE_SECRET=w\nWAREHOUSE_SCHEMA=star\n"
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copied(tmp_path_factory.mktemp("checkout"))
    (folder / "settings.env").write_text(SETTINGS)
    return folder


def deploy(checkout: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Return an `aws` that knows the account and answers nothing else."""
    (checkout / module_path("dim_a_mistake")).write_text(text)
    (checkout / "aws").write_text(
        f"#!/usr/bin/env bash\nprintf '%s\\n' \"$*\" >>{checkout}/asked\n"
        "printf '123456789012\\tarn:aws:iam::123456789012:user/me'\n"
    )
    (checkout / "aws").chmod(0o755)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "TOTESTREAM_AWS": str(checkout / "aws"),
        # Python would take a module of the same size and second for the one that it has compiled.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    script = [str(checkout / "infra_bash/deploy.sh")]
    return subprocess.run(script, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("TABLE =", "TABEL =", "the module must hold TABLE, a Table of this name, and a function dim_a_mistake"),
        ("def dim_a_mistake(", "def dim_amistake(", "the module must hold TABLE, a Table of this name"),
        ('"dim_a_mistake",', '"dim_currency",', "the module must hold TABLE, a Table of this name"),
        ("(address:", "(adress:", "adress is not a source table; they are address, counterparty"),
        ("(address:", "(payment: Frame, address:", "payment is transactional, and only reference tables can be joined"),
        ("required(", 'key("city", String), required(', "the primary key must be one column, not 2"),
        ("-> Frame:", "-> Frame", "it cannot be imported (SyntaxError: expected ':' (dim_a_mistake.py, line "),
    ],
)
def test_a_mistake(checkout: Path, right: str, wrong: str, said: str) -> None:
    done = deploy(checkout, MODULE.replace(right, wrong, 1))
    *before, last = done.stderr.splitlines()
    assert done.returncode == 1 and last.startswith(f"FAILED  dim_a_mistake: {said}"), done.stderr
    assert last.endswith("; correct shared/warehouse/dim_a_mistake.py")
    assert all(line.startswith(("ok ", "create ", "step ", "later ")) for line in before)
    asked = {" ".join(line.split()[2:4]) for line in (checkout / "asked").read_text().splitlines()}
    assert asked == {"sts get-caller-identity", "lambda get-account-settings", "secretsmanager describe-secret"}
