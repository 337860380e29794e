"""The whole stack by its script: up twice, killed, up again, gone."""

import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import folders, ports
from local.processes import wait_until
from local.stack import RunningStack

SCRIPTS = folders.REPOSITORY / "infra_bash"


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningStack]:
    """A stack of this test's own, beside any other on the machine."""
    monkeypatch.setenv("TOTESTREAM_LOCAL", str(tmp_path / "stack"))
    yield RunningStack(tmp_path / "stack")
    local("reset")


def local(*arguments: str, typed: str = "", path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    command, environment = [str(SCRIPTS / "local.sh"), *arguments], {**os.environ, "PATH": path}
    return subprocess.run(command, input=typed, env=environment, capture_output=True, text=True, check=False)


def path_without(program: str, folder: Path) -> str:
    """Make a folder that has each program of PATH but this one."""
    folder.mkdir()
    for place in reversed(os.environ["PATH"].split(os.pathsep)):
        for file in Path(place).glob("*"):
            (folder / file.name).unlink(missing_ok=True)
            if file.name != program:
                (folder / file.name).symlink_to(file)
    return str(folder)


def demo_is_refused(why: str) -> None:
    done = subprocess.run([SCRIPTS / "demo.sh", "--local"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"FAILED  {why}; run ./infra_bash/deploy.sh --local\n"


def test_a_stack_starts_twice_outlives_a_kill_and_is_reset(stack: RunningStack, tmp_path: Path) -> None:
    for _ in range(2):
        done = local("start", "--orders", "20")
        assert done.returncode == 0, done.stderr
        assert all(stack.states().values())
    before = local("urls").stdout
    assert before.count("postgresql://") == 5 and stack.ministack.url in before
    assert "project_team_1" in before
    psql_is_open_to_a_person(path_without("psql", tmp_path / "bin"))
    is_closed_to_others(stack)
    assert account_by_hand(before) == "000000000000"
    demo_is_refused("nothing is deployed on the local stack")
    kill(stack)
    assert not any(stack.states().values())
    demo_is_refused("the local stack is not running")
    for command in ("urls", "psql"):
        is_stopped(command)
    done = local("start", "--no-tick")
    assert done.returncode == 0 and "source as before (20 invented orders" in done.stderr
    assert local("urls").stdout == before
    assert local("start", "--orders", "21").returncode == 1
    home, unpacked = stack.postgres.home, stack.ministack.home / "tmp"
    assert unpacked.is_dir() and local("stop").returncode == 0 and not unpacked.exists()
    assert local("reset").returncode == 0
    assert not stack.folder.exists() and not home.exists()


def psql_is_open_to_a_person(path: str) -> None:
    asked = "SELECT current_user || '/' || current_schema || '/' || current_setting('transaction_read_only')"
    for arguments, answer in (
        ((), "warehouse_reader/project_team_1/on"),
        (("warehouse",), "warehouse_reader/project_team_1/on"),
        (("totesys",), "totesys_owner/public/off"),
    ):
        done = local("psql", *arguments, typed=f"\\t\n{asked};", path=path)
        assert (done.returncode, done.stdout.split()[-1], done.stderr) == (0, answer, "")


def is_stopped(command: str) -> None:
    done = local(command)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is stopped (PostgreSQL" in done.stderr and "local.sh start" in done.stderr


def is_closed_to_others(stack: RunningStack) -> None:
    """Others read none of its files, and what answers others is not root."""
    own = {stack.folder, folders.servers_folder(stack.folder)}
    for top in own:
        for place, inner, files in os.walk(top):
            inner[:] = [name for name in inner if name not in ("python", "programs")]  # no data of the stack
            assert stat.S_IMODE(Path(place).stat().st_mode) & ~0o011 == 0o700
            assert not [name for name in files if Path(place, name).stat().st_mode & 0o077]
    assert stat.S_IMODE(stack.folder.stat().st_mode) == 0o700
    user = folders.server_user()
    pids = [int((home / "pid").read_text()) for home in (stack.ministack.home, stack.slack.home)]
    for pid in (stack.postgres.pid, *pids):
        assert Path(f"/proc/{pid}").stat().st_uid == (user.pw_uid if user else os.getuid())


def account_by_hand(urls: str) -> str:
    """As the AWS CLI says it to who copies what `urls` prints."""
    told: dict[str, str] = dict(line.split() for line in urls.splitlines() if line.startswith("AWS_"))
    command = f"{folders.REPOSITORY}/.venv/bin/aws sts get-caller-identity --query Account --output text".split()
    return subprocess.run(command, env=told, capture_output=True, text=True, check=True).stdout.strip()


def kill(stack: RunningStack) -> None:
    """End all of it with no time to say goodbye."""
    postmaster, aws_port = stack.postgres.pid, stack.ministack.port
    assert postmaster is not None
    files = (stack.folder / "ticker.pid", stack.ministack.home / "pid", stack.slack.home / "pid")
    pids = [int(file.read_text()) for file in files]
    for pid in (postmaster, *pids):
        os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: ports.is_free(aws_port) and not any(stack.states().values()), 10)


@pytest.mark.parametrize("arguments", [[], ["begin"], ["stop", "now"], ["start", "--fast"], ["start", "--seed"]])
def test_wrong_usage_is_exit_code_two(arguments: list[str]) -> None:
    done = local(*arguments)
    assert done.returncode == 2 and "--help" in done.stderr


def test_nothing_to_stop_is_fine_and_urls_of_nothing_are_not(stack: RunningStack) -> None:
    assert local("stop").returncode == 0
    done = local("urls")
    assert done.returncode == 1 and "local.sh start" in done.stderr
