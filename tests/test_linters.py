"""The linters that look for what is unsafe: clean on this checkout, and each finds a planted fault.

ruff's S rules are run by test.sh with the rest of ruff.
"""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.infra.scripts import ROOT

pytestmark = pytest.mark.fast

BIN = ROOT / ".venv/bin"
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.y*ml"))
PRODUCT = ("shared", "handlers", "infra_bash", "local", "benchmarks", "conftest.py")
# Nothing above low in the eyes of the strictest of zizmor's personas; nothing is looked up.
ZIZMOR = ("zizmor", "--offline", "--no-config", "--persona", "auditor", "--min-severity", "medium")
SCHEMA = ("check-jsonschema", "--builtin-schema", "vendor.github-workflows")
BANDIT = ("bandit", "--quiet", "--recursive", "--configfile", str(ROOT / "pyproject.toml"))
RUFF_S = ("ruff", "check", "--quiet", "--select", "S", "--config", str(ROOT / "pyproject.toml"))
# What secrets look like by themselves. Words beside a value, and chance, are everywhere in tests and hashes.
SECRET = re.compile(
    r"""\b(?:AKIA|ASIA)(?!IOSFODNN7EXAMPLE)[A-Z0-9]{16}\b   # AWS, but for the key that its documentation invents
    | hooks\.slack\.com/services/T\w{8,}/B\w{8,}/\w{20,} | \bxox[abeoprs]-[\w-]{10,}
    | -----BEGIN\ (?:[A-Z]+\ )*PRIVATE\ KEY-----
    | \b(?:gh[oprsu]_\w{36} | github_pat_\w{22,} | glpat-[\w-]{20} | pypi-AgEI\w{50,} | npm_\w{36})
    | \beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}          # a JSON web token
    | \w+://[^\s/:@{}<>$"'`]+:(?![^\s/@]*[.…]{3})[^\s/:@{}<>$"'`]{6,}@   # a password in a URL
    """,
    re.VERBOSE,
)

GOOD_WORKFLOW = """\
name: planted
on: push
permissions: {}
concurrency: {group: planted, cancel-in-progress: false}
jobs:
  one:
    name: One
    runs-on: ubuntu-24.04
    steps:
      - name: Say
        run: echo one
"""


def found(tool: Sequence[str], *arguments: object) -> str:
    """Return what a tool says, and nothing where it ended well."""
    command = [str(BIN / tool[0]), *tool[1:], *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr or "failed"


def secrets_in(folder: Path, names: Sequence[str]) -> list[str]:
    texts = {name: (folder / name).read_bytes().decode(errors="replace") for name in names}
    return [
        f"{name}:{text.count(chr(10), 0, each.start()) + 1}"
        for name, text in texts.items()
        for each in SECRET.finditer(text)
    ]


def test_bandit_finds_nothing() -> None:
    assert found(BANDIT, *PRODUCT) == ""


def test_no_file_has_a_secret() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = [name for name in listed.split("\0") if (ROOT / name).is_file()]
    assert len(names) > 300
    assert secrets_in(ROOT, names) == []


def test_the_workflows_are_what_github_takes_and_give_nothing_away() -> None:
    assert WORKFLOWS
    assert found(SCHEMA, *WORKFLOWS) == ""
    assert found(ZIZMOR, *WORKFLOWS) == ""


@pytest.mark.parametrize(
    ("tool", "right", "wrong"),
    [
        (BANDIT, "import hashlib\n", "import yaml\n\nyaml.load('x', Loader=yaml.Loader)\n"),
        (RUFF_S, "import hashlib\n", "import subprocess\n\nsubprocess.run('ls $x', shell=True)\n"),
    ],
    ids=["bandit", "ruff"],
)
def test_a_planted_fault_of_python_is_found(tool: Sequence[str], right: str, wrong: str, tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text(right)
    assert found(tool, planted) == ""
    planted.write_text(wrong)
    assert "planted.py" in found(tool, planted)


@pytest.mark.parametrize(
    ("tool", "right", "wrong"),
    [
        (ZIZMOR, "run: echo one", "run: echo ${{ github.event.head_commit.message }}"),
        (ZIZMOR, "run: echo one", "uses: actions/checkout@v4"),
        (ZIZMOR, "permissions: {}", "permissions: write-all"),
        (SCHEMA, "    runs-on: ubuntu-24.04\n", ""),
        (SCHEMA, "on: push", "on: pusch"),
    ],
    ids=["injection", "unpinned", "permissions", "incomplete", "event"],
)
def test_a_planted_fault_of_a_workflow_is_found(tool: Sequence[str], right: str, wrong: str, tmp_path: Path) -> None:
    planted = tmp_path / "planted.yml"
    planted.write_text(GOOD_WORKFLOW)
    assert found(tool, planted) == ""
    planted.write_text(GOOD_WORKFLOW.replace(right, wrong))
    assert "planted.yml" in found(tool, planted)


@pytest.mark.parametrize(
    "secret",
    [
        "AWS_ACCESS_KEY_ID=" + "AKIA" + "Q3EGT2YJ7LMNPRSU",
        "https://hooks.slack.com/services/" + "T0123ABCD/B0123ABCD/abcdefghijklmnopqrstuvwx",
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "GH=" + "ghp_" + "a1b2c3d4" * 4 + "e5f6",
        "postgresql://totesys:" + "Tr0ub4dor@db.example.com/totesys",
    ],
    ids=["aws", "slack", "key", "github", "url"],
)
def test_a_planted_secret_is_found(secret: str, tmp_path: Path) -> None:
    planted = tmp_path / "planted.env"
    planted.write_text("NOTHING=here\n")
    assert secrets_in(tmp_path, [planted.name]) == []
    planted.write_text(f"NOTHING=here\n{secret}\n")
    assert secrets_in(tmp_path, [planted.name]) == ["planted.env:2"]
