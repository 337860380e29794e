"""The settings: what a script says of wrong ones, and that the example is the whole truth."""

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import settings as local_settings
from ops import people, secret_values
from ops.settings import declarations
from ops.settings.declarations import CREDENTIALS, REQUIRED
from ops.settings.example import example
from ops.stack import topology
from ops.stack.resources.base import DesiredStack
from ops.stack.resources.kinds import REQUESTS
from shared.names import Names
from shared.settings import Settings
from shared.warehouse.registry import TARGETS
from shared.wording.incidents import command
from tests.infra.scripts import EXAMPLE, MINIMUM, ROOT, example_settings, run, settings_file
from tests.infra.stubs import SETTINGS

pytestmark = pytest.mark.fast

# What deploy.sh makes itself and hands on as if it were a setting.
MADE = {"CALLER", "PUT_SECRETS", "ACCOUNT_ID", "PARTITION", "CODE_KEY", "LAYER_ARN", "TARGET"}
# What bash, awk, the system and the AWS CLI bring, and what moves the whole checkout's stack or CLI.
SURROUNDINGS = {
    "BASHPID",
    "BASH_VERSION",
    *("BASH_REMATCH", "BASH_SOURCE", "EPOCHREALTIME", "EPOCHSECONDS", "SECONDS", "NF", "TMPDIR", "AWS_DATA_PATH"),
    *("NO_COLOR", "PYTHONPATH", "COMP_WORDS"),
    *("GITHUB_RUN_ID", "GITHUB_REPOSITORY", "GITHUB_API_URL", "GITHUB_TOKEN", "GH_TOKEN", "PULL_REQUEST"),
    *("TOTESTREAM_AWS", "TOTESTREAM_LOCAL"),
}


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_setting_is_named_with_its_fix(tmp_path: Path, name: str) -> None:
    text = re.sub(rf"^{name}=.*\n", "", MINIMUM, flags=re.MULTILINE)
    refused = run("status.sh", "--settings", settings_file(tmp_path, text))
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert f"setting {name} is missing; add {name}=" in refused.stderr


SECRETS = ("SOURCE", "WAREHOUSE", "WAREHOUSE_OWNER", "WAREHOUSE_READER", "SLACK")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("PROJET=x", "PROJET"),
        ("STAGE=Big", "STAGE is 'Big'"),
        ("LOAD_ON_MANIFEST=maybe", "yes or no"),
        ("TRANSFORMS_AT_ONCE=1", "a number of 2 to 1000, none, or empty"),
        ("TRANSFORMS_AT_ONCE=1001", "a number of 2 to 1000"),
        ("TRANSFORMS_AT_ONCE=no", "a number of 2 to 1000"),
        ("EXTRACT_SCHEDULE=1 minute", "rate(…)"),
        ("ACCOUNT_EXPIRES=tomorrow", "a time in UTC such as 2026-12-02T09:00Z"),
        ("ACCOUNT_EXPIRES=2026-02-30T09:00Z", "ACCOUNT_EXPIRES is 2026-02-30T09:00Z: day"),
        ("not a setting", "is not KEY=VALUE"),
        ("SUBNET_IDS=subnet-1", "SECURITY_GROUP_IDS"),
        ("DATABASE_CA=/no/such/file", "DATABASE_CA"),
        ("STAGE=a-stage-that-is-far-too-long", "too long"),
        ("FRESHNESS_OBJECTIVE_S=5 minutes", "a number of seconds"),
        (
            "EXTRACT_SCHEDULE=rate(5 minutes)",
            "EXTRACT_SCHEDULE is rate(5 minutes); make it longer than these 300 seconds",
        ),
        ("LOAD_SCHEDULE=rate(1 hour)", "FRESHNESS_OBJECTIVE_S is 300, and LOAD_SCHEDULE is rate(1 hour)"),
        ("FRESHNESS_OBJECTIVE_S=60", "FRESHNESS_OBJECTIVE_S is 60, and EXTRACT_SCHEDULE is rate(1 minute)"),
        ("ALERT_EMAIL=someone", "one address"),
        ("ALERT_EMAIL=a@b.c, d@e.f", "one address"),
        ("MONTHLY_BUDGET_USD=10.5", "a number of dollars"),
        *((f"{name}_SECRET=team/*", f"{name}_SECRET is 'team/*'") for name in SECRETS),
        *((f"WAREHOUSE_SECRET=a{sign}b", "the name of a secret") for sign in "?:${} "),
        ("WAREHOUSE_READER_SECRET=w", "as WAREHOUSE_SECRET is"),
        ("SLACK_SECRET=totestream-test-reader", "as SLACK_SECRET is"),
        ("AWS_REGION=*", "a region's name"),
        ("CREATE_ONLY=true", "yes or no"),
        ("LAMBDA_PYTHON=3.10", "3.11, 3.12 or 3.13"),
        ("LAMBDA_PYTHON=3.14", "3.11, 3.12 or 3.13"),
        ("LAMBDA_PYTHON=3.11", "set 3.12 or 3.13"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(tmp_path: Path, line: str, complaint: str) -> None:
    refused = run("status.sh", "--settings", settings_file(tmp_path, MINIMUM + line + "\n"))
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert complaint in refused.stderr


@pytest.mark.parametrize(
    "lines",
    [
        "EXTRACT_SCHEDULE=rate(4 minutes)",
        "EXTRACT_SCHEDULE=rate(30 minutes)\nFRESHNESS_OBJECTIVE_S=1801",
        # A person's business: what is not asked at night needs an objective of a night.
        "EXTRACT_SCHEDULE=cron(0 6 * * ? *)",
    ],
)
def test_an_objective_that_outlasts_the_schedules_is_accepted(tmp_path: Path, recorder: Path, lines: str) -> None:
    file = settings_file(tmp_path, f"{MINIMUM}{lines}\n")
    shown = run("status.sh", "--settings", file, TOTESTREAM_AWS=str(recorder))
    assert shown.returncode == 0, shown.stderr


def test_a_file_that_is_not_there_is_said_with_the_way_out(tmp_path: Path) -> None:
    refused = run("status.sh", "--settings", str(tmp_path / "none.env"))
    assert refused.returncode == 2
    assert "copy settings.example.env" in refused.stderr


def test_a_file_need_not_be_there_where_the_environment_has_all(tmp_path: Path, recorder: Path) -> None:
    """Run it in a checkout of its own: where the tests run there may be a settings.env."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in ("infra_bash", "ops", "shared", "settings.example.env", ".venv"):
        (copy / name).symlink_to(ROOT / name)
    environment = dict(line.split("=", 1) for line in MINIMUM.split())
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TOTESTREAM_AWS": str(recorder)}
    status = f"cd {copy} && source infra_bash/lib/operator.sh && ROOT={copy} SETTINGS_FILE={copy}/settings.env"
    command = ["bash", "-c", f"{status}\nload_settings\nprintf '%s' $STAGE"]

    def shown(given: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=clean | given, capture_output=True, text=True, check=False)

    assert shown(environment).stdout == "test"
    for name in REQUIRED:
        refused = shown({key: value for key, value in environment.items() if key != name})
        assert refused.returncode == 2 and name in refused.stderr


def test_the_environment_wins_over_the_file(tmp_path: Path, recorder: Path) -> None:
    run("status.sh", "--settings", settings_file(tmp_path), TOTESTREAM_AWS=str(recorder), STAGE="other")
    assert "totestream-other-inspect" in (tmp_path / "asked").read_text()


class Noting(dict[str, str]):
    """Settings that know which of them were asked for."""

    def __init__(self) -> None:
        super().__init__(SETTINGS)
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def read_by_the_plan() -> set[str]:
    """Return the settings that topology, policies and requests read when everything is desired."""
    noting = Noting()
    requests = DesiredStack(noting, TARGETS)
    for made in REQUESTS.values():
        list(made(requests))
    return noting.asked


def trees(*folders: str) -> Iterator[ast.AST]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from ast.walk(ast.parse(path.read_text()))


def constant(node: ast.AST) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def asked_of(node: ast.AST, holders: set[str]) -> list[object]:
    """Return [name] or [name, default] when the node is holder["NAME"] or holder.get("NAME", default)."""
    match node:
        case ast.Subscript(value=ast.Name(id=holder) | ast.Attribute(attr=holder), slice=name) if holder in holders:
            return [constant(name)]
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id=holder) | ast.Attribute(attr=holder), attr="get"), args=arguments
        ) if holder in holders:
            return [constant(argument) for argument in arguments]
    return []


def read_in(holders: set[str], *folders: str) -> set[str]:
    return {str(asked[0]) for node in trees(*folders) if (asked := asked_of(node, holders)) and asked[0]}


def read_by_functions() -> set[str]:
    """Return the variables that handlers read from their environment; `self` is shared/settings.py."""
    found = read_in({"settings", "environ"}, "handlers")
    text = (ROOT / "shared/settings.py").read_text()
    return found | set(re.findall(r'self(?:\.get\(|\[)"([A-Z_]+)"', text))


def named_by_usage(script: str) -> set[str]:
    """Return the variables that arguments.sh sets for a script."""
    [usage] = re.findall(r"(?ms)^# Usage: (.*?)^#$", script) or [""]
    options = {"OPTION_" + option.replace("-", "_").upper() for option in re.findall(r"--([a-z-]+)", usage)}
    words = re.findall(r"(?<![\w-])([A-Z|]+)(…?)(?=[] )\n])", usage)
    return options | {name.replace("|", "_OR_") + ("S" if several else "") for name, several in words}


def read_by_bash() -> set[str]:
    """Return the capital variables that scripts use and do not set."""
    used, made = set(), set()
    for path in (ROOT / "infra_bash").rglob("*.sh"):
        if path.name != "settings.sh":
            made |= named_by_usage(path.read_text())
            code = re.sub(r"(?m)(^|\s)#.*$", "", path.read_text())
            used |= set(re.findall(r"\$\{?[!#]?([A-Z][A-Z0-9_]*)", code))
            made |= set(re.findall(r"\b([A-Z][A-Z0-9_]*)(?:\[[^]]*\])?\+?=", code))
            made |= set(re.findall(r"exec \{([A-Z_]+)\}", code))
            made |= set(" ".join(re.findall(r"read -r ([A-Z0-9_ ]+)", code)).split())
    return used - made


def test_the_example_has_every_setting_that_is_read_and_no_other() -> None:
    read = read_by_the_plan() | read_by_functions() | read_by_bash()
    read |= read_in({"environ", "chosen"}, "local", "ops")
    assert len(read) > 20
    assert read - MADE - SURROUNDINGS == example_settings().keys() - set(CREDENTIALS)


def test_the_variables_that_functions_read_are_those_of_their_environment() -> None:
    names = Names("totestream", "test", "eu-west-2", "123456789012")
    functions = topology.functions(names, SETTINGS, TARGETS)
    expected = {name for function in functions for name in function.environment}
    # The region, and locally the endpoint, are Lambda's own to tell.
    assert expected | {"AWS_REGION", "AWS_ENDPOINT_URL"} == read_by_functions()


def test_the_local_stack_writes_no_default_of_the_product() -> None:
    written = local_settings._CHOICES
    required = {"PROJECT", "AWS_REGION"}  # must be written, and are as in the example
    assert written.keys() <= example_settings().keys()
    assert {name for name, value in written.items() if example_settings()[name] == value} == required


def literals() -> Iterator[tuple[str, object]]:
    """Yield every value that is written beside a setting's name: in .get(NAME, value), and in dicts."""
    for node in trees("shared", "handlers", "ops"):
        if len(asked := asked_of(node, {"settings", "self", "environ"})) == 2:
            yield str(asked[0]), asked[1]
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key and isinstance(constant(key), str) and isinstance(constant(value), str):
                    yield str(constant(key)), constant(value)


SECRETS_OF_POLICIES = ("WAREHOUSE_OWNER_SECRET", "WAREHOUSE_READER_SECRET", "SLACK_SECRET")


def test_only_the_declarations_have_a_default() -> None:
    """Allow defaults only for a function whose environment is older than a setting, and for docs/policies."""
    found = {(name, value) for name, value in literals() if name in example_settings() and value}
    invented = {(name, people.FICTITIOUS[name]) for name in SECRETS_OF_POLICIES}
    assert found == {("DATABASE_PLAINTEXT", "no")} | invented


def test_bash_names_no_setting_to_check_it() -> None:
    named = re.findall(r"[A-Z_]{4,}", (ROOT / "infra_bash/lib/settings.sh").read_text())
    assert set(named) & example_settings().keys() == set()


def test_the_example_is_what_the_declarations_make() -> None:
    """Fail when the example is not up to date; then run: python -m ops.settings.example"""
    assert EXAMPLE.read_text() == example()


def test_no_setting_is_declared_twice() -> None:
    assert len({setting.name for setting in declarations.SETTINGS}) == len(declarations.SETTINGS)


def test_every_default_is_of_its_form() -> None:
    assert [setting.name for setting in declarations.SETTINGS if not setting.form.accepts(setting.example)] == []


@pytest.mark.parametrize(
    ("named", "options"), [(("--settings", "prod.env"), "--settings prod.env"), (("--local",), "--local"), ((), "")]
)
def test_a_message_names_the_stack_as_its_deploy_did(tmp_path: Path, named: tuple[str, ...], options: str) -> None:
    """Follow it from the arguments of a script by the environment of the deployed function to an incident's command."""
    for name in ("prod.env", "settings.env"):
        (tmp_path / name).write_text(MINIMUM)
    script = """
        # Usage: deploy.sh [--local | --settings FILE]
        cd "$FOLDER" && source "$CHECKOUT/infra_bash/lib/operator.sh"
        read_arguments "$@"
        load_settings
        printf '%s' "$COMMAND_OPTIONS"
    """
    file = tmp_path / "deploy.sh"
    file.write_text("#!/usr/bin/env bash\n" + "\n".join(line.strip() for line in script.strip().splitlines()) + "\n")
    environment = {"PATH": os.environ["PATH"], "FOLDER": str(tmp_path), "CHECKOUT": str(ROOT)}
    environment |= {"TOTESTREAM_LOCAL": str(tmp_path), **dict(line.split("=", 1) for line in MINIMUM.split())}
    done = subprocess.run(["bash", file, *named], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == options
    names = Names("totestream", "test", "eu-west-2", "123456789012")
    deployed = topology.functions(names, SETTINGS | {"COMMAND_OPTIONS": done.stdout}, TARGETS)
    [watch] = [function for function in deployed if function.name == "totestream-test-watch"]
    expected = Settings(watch.environment).command_options
    assert (
        command("status.sh {subject}", "dim_staff", "", (), expected)
        == f"./infra_bash/status.sh dim_staff {options}".strip()
    )


def test_every_setting_of_the_example_is_explained() -> None:
    blocks = EXAMPLE.read_text().strip().split("\n\n")
    assert all(block.startswith("#") for block in blocks)
    assert len(re.findall(r"^[A-Z]", EXAMPLE.read_text(), re.MULTILINE)) == len(example_settings())


def test_the_example_itself_is_accepted(recorder: Path) -> None:
    shown = run("status.sh", "--settings", str(EXAMPLE), TOTESTREAM_AWS=str(recorder))
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[1].startswith("TABLE")


@pytest.mark.parametrize(
    ("setting", "shown"), [("SOURCE_SECRET", '"dbname": "totesys"'), ("SLACK_SECRET", '"url": "https://')]
)
def test_a_line_of_secrets_env_that_the_example_shows_is_accepted(tmp_path: Path, setting: str, shown: str) -> None:
    [line] = re.findall(rf"^# ({setting}_VALUE={{.*}})", EXAMPLE.read_text(), re.MULTILINE)
    file = tmp_path / "secrets.env"
    file.write_text(line + "\n")
    file.chmod(0o600)
    completed = secret_values.request_with_content(file, "create-secret", setting, {"Name": "s"})
    assert completed is not None
    assert shown in str(completed["SecretString"])


def test_the_example_and_the_readme_name_every_line_of_secrets_env() -> None:
    for setting in topology.secrets(SETTINGS | {"WAREHOUSE_OWNER_SECRET": "owner"}):
        assert f"{setting}_VALUE" in EXAMPLE.read_text()
    assert 'SOURCE_SECRET_VALUE={"host":' in (ROOT / "docs/deploy.md").read_text()
