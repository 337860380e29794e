"""What GitHub runs: scripts of ours that also run here, pinned actions, no right too many."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ops.screens import pull_comment
from tests.infra.scripts import ROOT, SCRIPTS, example_settings

pytestmark = pytest.mark.fast

FOLDER = ROOT / ".github/workflows"
WORKFLOWS = {path.name: YAML(typ="safe").load(path.read_text()) for path in sorted(FOLDER.glob("*.yml"))}
BIN = Path(sys.executable).parent
PINNED = re.compile(r"uses: (?:\./\S+|[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)")
NOT_FOR_GITHUB = {
    *(f"AWS_{n}" for n in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "ENDPOINT_URL"))
}


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, workflow in WORKFLOWS.items():
        for job, content in workflow["jobs"].items():
            yield f"{name} {job}", content


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for job, content in jobs():
        yield from ((job, step) for step in content.get("steps", []))


def zizmor(folder: Path) -> dict[str, int]:
    """Return the number of findings of each severity."""
    command = [str(BIN / "zizmor"), "--offline", "--persona", "auditor", "--format", "json", "--no-exit-codes"]
    done = subprocess.run([*command, *map(str, folder.glob("*.yml"))], capture_output=True, text=True, check=True)
    found = [each["determinations"]["severity"] for each in json.loads(done.stdout)]
    return {severity: found.count(severity) for severity in set(found)}


def is_valid(workflow: Path) -> bool:
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.github-workflows", str(workflow)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_zizmor_finds_nothing_above_low() -> None:
    assert zizmor(FOLDER).keys() <= {"Low", "Informational"}


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", "actions/checkout@v7"),
        ("run: ./infra_bash/audit.sh", "run: echo ${{ github.event.issue.title }}"),
        ("persist-credentials: false", "persist-credentials: true"),
    ],
)
def test_zizmor_would_find_it(tmp_path: Path, right: str, wrong: str) -> None:
    text = (FOLDER / "audit.yml").read_text()
    assert right in text
    (tmp_path / "audit.yml").write_text(text.replace(right, wrong))
    assert {"Medium", "High"} & zizmor(tmp_path).keys()


def test_each_is_a_workflow_as_github_takes_it(tmp_path: Path) -> None:
    broken = tmp_path / "audit.yml"
    broken.write_text((FOLDER / "audit.yml").read_text().replace("runs-on:", "run-on:"))
    assert not is_valid(broken)
    assert [path.name for path in FOLDER.glob("*.yml") if not is_valid(path)] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_nobody_has_a_right_by_default_and_every_action_is_pinned(name: str) -> None:
    assert WORKFLOWS[name]["permissions"] == {}
    used = re.findall(r"uses: .*", (FOLDER / name).read_text())
    assert used and not [line for line in used if not PINNED.fullmatch(line)]


def test_every_step_of_ours_is_one_script_that_runs_here() -> None:
    names = {script.name for script in SCRIPTS}
    ran = [step["run"] for _, step in steps() if "run" in step]
    for line in ran:
        script = re.fullmatch(r"\./infra_bash/([a-z_]+\.sh)(?: [a-z-]+)*", line)
        assert script and script[1] in names, line
    assert ran == [
        "./infra_bash/audit.sh",
        "./infra_bash/deploy.sh",
        "./infra_bash/resync.sh currency",
        "./infra_bash/plan.sh",
        "./infra_bash/test.sh",
    ]


def test_only_who_asks_aws_gets_a_token_and_each_in_its_environment() -> None:
    having = {job: content for job, content in jobs() if "id-token" in content["permissions"]}
    roles = {
        job: (content["environment"], step["with"]["role-to-assume"])
        for job, content in having.items()
        for step in content["steps"]
        if "role-to-assume" in step.get("with", {})
    }
    assert roles == {
        "deploy.yml deploy": ("prod", "${{ vars.DEPLOY_ROLE }}"),
        "plan.yml plan": ("plan", "${{ vars.PLAN_ROLE }}"),
    }
    assert having.keys() == roles.keys()
    writing = {
        job for job, content in jobs() if "write" in {v for k, v in content["permissions"].items() if k != "id-token"}
    }
    assert writing == {"plan.yml plan"}


def test_no_key_that_lasts_is_known_to_github() -> None:
    for path in FOLDER.glob("*.yml"):
        assert not re.findall(r"aws-(?:access-key-id|secret-access-key)|AWS_(?:ACCESS_KEY_ID|SECRET)", path.read_text())


def test_a_deploy_knows_every_setting() -> None:
    wanted = {name: f"${{{{ vars.{name} }}}}" for name in example_settings().keys() - NOT_FOR_GITHUB}
    assert WORKFLOWS["deploy.yml"]["jobs"]["deploy"]["env"] == wanted
    assert WORKFLOWS["plan.yml"]["jobs"]["plan"]["env"] == wanted


def test_main_is_deployed_after_its_tests_one_at_a_time_and_never_cut_off() -> None:
    workflow = WORKFLOWS["deploy.yml"]
    # YAML takes `on` for true.
    assert workflow.get("on", workflow.get(True)) == {"push": {"branches": ["main"]}}
    deploy = workflow["jobs"]["deploy"]
    assert deploy["needs"] == "test"
    assert deploy["concurrency"] == {"group": "deploy", "cancel-in-progress": False}


def test_a_fork_gets_no_token() -> None:
    assert (
        WORKFLOWS["plan.yml"]["jobs"]["plan"]["if"]
        == "github.event.pull_request.head.repo.full_name == github.repository"
    )
    assert not [path for path in FOLDER.glob("*.yml") if "pull_request_target" in path.read_text()]


# ---- the comment


class Api(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[Any] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        number = int(self.path.rpartition("=")[2])
        self._answer(self.server.comments[(number - 1) * 100 : number * 100])

    def do_POST(self) -> None:
        url = f"{self.server.url}/comments/{len(self.server.comments)}"
        self.server.comments.append({"url": url, "user": {"type": "Bot"}, "body": self._body()})
        self._answer({})

    def do_PATCH(self) -> None:
        self.server.comments[int(self.path.rpartition("/")[2])]["body"] = self._body()
        self._answer({})

    def _body(self) -> Any:
        assert self.headers["Authorization"] == "Bearer token"
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]

    def _answer(self, content: Any) -> None:
        text = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_pull_request_has_one_comment_that_is_edited(api: Api) -> None:
    api.comments += [{"url": "x", "user": {"type": "User"}, "body": f"{pull_comment.MARKER} quoted"}] * 150
    github = pull_comment.GitHubApi(api.url, "token")
    for words in ("create  queue one\n", "ok      nothing\n"):
        github.write("repos/o/r/issues/7", pull_comment.body(words, 0))
    assert len(api.comments) == 151
    assert "ok      nothing" in api.comments[-1]["body"] and "create" not in api.comments[-1]["body"]


def test_a_comment_is_text_whatever_was_said() -> None:
    said = pull_comment.body("a\n```\n<b>\x1b[31mred\x1b[0m\n````\n", 0)
    assert "\n`````text\na\n```\n<b>red\n````\n`````\n" in said
    assert pull_comment.body("x", 1).splitlines()[1] == "**The dry run failed**"
    long = pull_comment.body("a" * 70_000 + "\nFAILED  the last words", 1)
    assert len(long) < 65_536 and "FAILED  the last words" in long
