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
from ops import secret_values
from ops.stack import topology
from ops.stack.requests import Requests
from shared.names import Names
from shared.warehouse.registry import TARGETS
from tests.infra.scripts import EXAMPLE, MINIMUM, ROOT, example_settings, run, settings_file
from tests.infra.stubs import SETTINGS

pytestmark = pytest.mark.fast

# What deploy.sh makes itself and hands on as if it were a setting.
MADE = {"ACCOUNT_ID", "PARTITION", "CODE_KEY", "LAYER_ARN", "TARGET"}
# What bash, awk, the system and the AWS CLI bring, and what moves the whole checkout's stack or CLI.
SURROUNDINGS = {
    *("BASH_REMATCH", "BASH_SOURCE", "EPOCHREALTIME", "EPOCHSECONDS", "SECONDS", "NF", "TMPDIR", "AWS_DATA_PATH"),
    *("NO_COLOR", "PYTHONPATH"),
    *("GITHUB_RUN_ID", "GITHUB_REPOSITORY", "GITHUB_API_URL", "GITHUB_TOKEN", "GH_TOKEN", "PULL_REQUEST"),
    *("TOTESTREAM_AWS", "TOTESTREAM_LOCAL"),
}
BASH = (ROOT / "infra_bash/lib/settings.sh").read_text()


def listed(name: str) -> set[str]:
    """A list of names in settings.sh."""
    [names] = re.findall(rf"^{name}=\((.*)\)$", BASH, re.MULTILINE)
    return set(names.split())


REQUIRED, CREDENTIALS = listed("REQUIRED"), listed("CREDENTIALS")


@pytest.mark.parametrize("name", sorted(REQUIRED))
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
    """In a checkout of its own: where the tests run there may be a settings.env."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in ("infra_bash", "ops", "shared", "settings.example.env", ".venv"):
        (copy / name).symlink_to(ROOT / name)
    environment = dict(line.split("=", 1) for line in MINIMUM.split())
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TOTESTREAM_AWS": str(recorder)}
    status = f"cd {copy} && source infra_bash/lib/operating.sh && ROOT={copy} SETTINGS_FILE={copy}/settings.env"
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
    """All that is asked for when everything is wanted: topology, policies, requests."""
    noting = Noting()
    requests = Requests(noting, TARGETS)
    for kind in (name for kinds in Requests.__bases__ for name in vars(kinds) if not name.startswith("_")):
        list(getattr(requests, kind)())
    return noting.asked


def trees(*folders: str) -> Iterator[ast.AST]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from ast.walk(ast.parse(path.read_text()))


def constant(node: ast.AST) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def asked_of(node: ast.AST, holders: set[str]) -> list[object]:
    """[name] or [name, default] when the node is holder["NAME"] or holder.get("NAME", default)."""
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
    """What handlers ask their environment for; `self` is shared/settings.py."""
    found = read_in({"settings", "environ"}, "handlers")
    text = (ROOT / "shared/settings.py").read_text()
    return found | set(re.findall(r'self(?:\.get\(|\[)"([A-Z_]+)"', text))


def read_by_bash() -> set[str]:
    """The capital variables that scripts use and do not set. settings.sh only looks whether a value makes sense."""
    used, made = set(), set()
    for path in (ROOT / "infra_bash").rglob("*.sh"):
        if path.name != "settings.sh":
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
    assert read - MADE - SURROUNDINGS == example_settings().keys() - CREDENTIALS


def test_what_functions_ask_for_is_what_they_are_told() -> None:
    names = Names("totestream", "test", "eu-west-2", "123456789012")
    functions = topology.functions(names, SETTINGS, TARGETS)
    told = {name for function in functions for name in function.environment}
    # The region, and locally the endpoint, are Lambda's own to tell.
    assert told | {"AWS_REGION", "AWS_ENDPOINT_URL"} == read_by_functions()


def test_the_example_has_the_settings_that_the_local_stack_writes() -> None:
    written = local_settings._CHOICES.keys() | local_settings.facts("", "", "", "").keys()
    assert written == example_settings().keys() - {"AWS_PROFILE", "AWS_SESSION_TOKEN"}


# Where the local stack is not the AWS that the example is for.
LOCAL_ONLY = {
    "CREATE_ONLY",
    "WAREHOUSE_READER_SECRET",
    "WAREHOUSE_OWNER_SECRET",
    "DATABASE_PLAINTEXT",
    "SLACK_SECRET",
    "TRANSFORMS_AT_ONCE",
}


def defaults() -> Iterator[tuple[str, object]]:
    """Every default of a setting that stands in the code: in .get(NAME, default), and in dicts of settings."""
    for node in trees("shared", "handlers", "ops", "local"):
        if len(asked := asked_of(node, {"settings", "self", "environ"})) == 2:
            yield str(asked[0]), asked[1]
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key and isinstance(constant(key), str) and isinstance(constant(value), str):
                    yield str(constant(key)), constant(value)


def test_a_default_in_the_code_is_the_examples() -> None:
    example = example_settings()
    found = [(n, v) for n, v in defaults() if n in example.keys() - REQUIRED - LOCAL_ONLY]
    assert {name for name, _ in found} >= {"REASK_AFTER_S", "EXTRACT_SCHEDULE", "LOAD_ON_MANIFEST"}
    assert [(name, value) for name, value in found if value != example[name]] == []


def test_every_setting_of_the_example_is_explained() -> None:
    blocks = EXAMPLE.read_text().strip().split("\n\n")
    assert all(block.startswith("#") for block in blocks)
    assert len(re.findall(r"^[A-Z]", EXAMPLE.read_text(), re.MULTILINE)) == len(example_settings())


def test_what_the_example_says_must_be_set_must_be() -> None:
    [sentence] = re.findall(r"^# (.*) must be set; the rest may$", EXAMPLE.read_text(), re.MULTILINE)
    assert set(re.findall(r"[A-Z_]{3,}", sentence)) == REQUIRED


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
    assert 'SOURCE_SECRET_VALUE={"host":' in (ROOT / "README.md").read_text()
