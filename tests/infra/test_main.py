"""What ends a command without a fault of the product ends without a traceback."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.infra.scripts import ROOT

pytestmark = pytest.mark.fast

MANY_LINES = "for number in range(100_000):\n    print(number)\n"


def command(folder: Path, text: str) -> list[str]:
    (folder / "module.py").write_text(text)
    return [sys.executable, "-m", "ops.main", "module"]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}:{folder}"}


@pytest.mark.parametrize(
    ("text", "code", "last"),
    [
        ("print('all is well')\n", 0, ""),
        ("import sys\nsys.exit(3)\n", 3, ""),
        ("def half(:\n", 1, "module.py, line 1: invalid syntax"),
        ("from ops.main import nothing\n", 1, "module cannot be imported: cannot import name 'nothing'"),
    ],
)
def test_it_ends_as_the_module_does(text: str, code: int, last: str, tmp_path: Path) -> None:
    done = subprocess.run(
        command(tmp_path, text), env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (code, 1 if last else 0)
    assert last in done.stderr


def test_an_output_that_nothing_reads_any_more(tmp_path: Path) -> None:
    with subprocess.Popen(
        command(tmp_path, MANY_LINES), env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_ctrl_c(tmp_path: Path) -> None:
    text = "import time\nprint('begun', flush=True)\ntime.sleep(60)\n"
    with subprocess.Popen(
        ["env", "--default-signal=INT", *command(tmp_path, text)],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"begun\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b""
    assert process.returncode == 130


def test_other_errors_keep_their_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        command(tmp_path, "1 / 0\n"), env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr


def test_a_slip_in_a_table_s_module_stops_no_script_for_another(tmp_path: Path) -> None:
    script = """
        source infra_bash/lib/script.sh
        source infra_bash/lib/tables.sh
        python() { printf 'FAILED  shared/warehouse/dim_new.py, line 3: invalid syntax\\n' >&2; return 1; }
        require_tables warehouse dim_staff
        printf 'goes on\\n'
    """
    done = subprocess.run(["bash", "-c", script, "retry.sh"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "goes on\n")
    assert done.stderr.startswith("warn    the names of tables are not checked: FAILED  shared/warehouse/dim_new.py")
