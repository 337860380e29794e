"""The README's commands, run as they stand there."""

import re

from shared.warehouse.registry import TARGETS
from tests.stack.stack import ROOT, LocalStack

README = (ROOT / "README.md").read_text()


def commands() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def test_the_commands(stack: LocalStack) -> None:
    """In the README's order; the tests are what is running. What was stopped is where it was when it starts again."""
    assert commands()[0] == "./infra_bash/deploy.sh --local" and commands()[-1] == "./infra_bash/test.sh"
    for command in commands()[1:-1]:
        path, *arguments = command.split()
        name = path.removeprefix("./infra_bash/").removesuffix(".sh")
        done = stack.script(name, *arguments)
        # Whether all is well is another question than whether the command is right.
        assert done.returncode in ((0, 3) if name == "status" else (0,)), (command, done.stderr)
        if name == "status":
            assert all(re.search(rf"^{table}\s", done.stdout, re.MULTILINE) for table in TARGETS)
    done = stack.deploy()
    assert all(re.search(rf"^{table}\s", done.stdout, re.MULTILINE) for table in TARGETS)
    stack.change("UPDATE payment SET paid = NOT paid WHERE payment_id = 4")
    stack.extract()
    stack.arrives()


def test_ci_is_the_readmes_test_command() -> None:
    assert commands()[-1].removeprefix("./") in (ROOT / ".ci/run").read_text()
