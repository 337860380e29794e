"""Completion in a person's bash: what the Usage of each script names."""

import os
import pty
import select
import shlex
import subprocess
import time
from pathlib import Path

import pytest

from tests.infra.scripts import ROOT, SCRIPTS
from tests.infra.test_scripts import documented

pytestmark = pytest.mark.fast

LOADED = f"source <({ROOT}/infra_bash/completion.sh)"


def completed(*words: str, folder: Path = ROOT) -> set[str]:
    """What bash offers for the last of these words, in a shell that has loaded the completion."""
    line = " ".join(map(shlex.quote, words))
    script = f"""
        {LOADED}
        compopt() {{ :; }}
        COMP_WORDS=({line})
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _totestream "${{COMP_WORDS[0]}}" "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_option_that_the_help_explains_is_offered(script: Path) -> None:
    assert completed(f"infra_bash/{script.name}", "--") == {*documented(script), "--version"}


def test_commands_are_offered_and_what_begins_otherwise_is_not() -> None:
    assert {"start", "stop", "reset", "urls"} < completed("./infra_bash/local.sh", "")
    assert completed("./infra_bash/local.sh", "st") == {"start", "stop"}


def test_a_file_is_offered_where_the_usage_has_one(tmp_path: Path) -> None:
    (tmp_path / "prod.env").write_text("")
    assert completed("infra_bash/status.sh", "--settings", "pr", folder=tmp_path) == {"prod.env"}
    assert completed("infra_bash/status.sh", "--settings", "=", "pr", folder=tmp_path) == {"prod.env"}
    assert completed("infra_bash/status.sh", "--settings", "=", folder=tmp_path) == {"prod.env"}
    assert completed("infra_bash/deploy.sh", "--orders", "pr", folder=tmp_path) == set()


@pytest.mark.parametrize("typed", ["infra_bash/status.sh", "./infra_bash/status.sh", f"{ROOT}/infra_bash/status.sh"])
def test_the_tab_key_completes_in_an_interactive_shell(typed: str) -> None:
    """As a person does it; the prompt is what comes before and after."""
    terminal, end = pty.openpty()
    environment = os.environ | {"TERM": "dumb", "PS1": "ready> ", "HISTFILE": "/dev/null"}
    command = ["bash", "--norc", "--noprofile", "-i"]
    shell = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=end, stdout=end, stderr=end, start_new_session=True
    )
    os.close(end)
    try:
        until(terminal, "ready> ")
        os.write(terminal, f"{LOADED}\n".encode())
        until(terminal, "\nready> ")
        os.write(terminal, f"{typed} --wat\t".encode())
        until(terminal, "status.sh --watch ")
    finally:
        shell.kill()
        shell.wait()
        os.close(terminal)


def until(terminal: int, expected: str) -> str:
    """What the shell writes, up to what is expected at its end."""
    text, end = "", time.monotonic() + 60
    while not text.replace("\r", "").endswith(expected):
        assert time.monotonic() < end, text
        if select.select([terminal], [], [], 1)[0]:
            text += os.read(terminal, 4096).decode()
    return text.replace("\r", "")
