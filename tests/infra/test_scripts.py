"""The grammar of the scripts, without any AWS."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.infra.scripts import MINIMUM, ROOT, SCRIPTS, run, settings_file

EVERY_SCRIPT = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
SHARED = {"--local", "--settings"}


def header(script: Path) -> str:
    """The comment below the first line, as it should be shown."""
    lines = script.read_text().split("\n\n", 1)[0].splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[1:]) + "\n"


def documented(script: Path) -> dict[str, str]:
    """The options that the header explains, each with the name of its value, if it takes one."""
    return dict(re.findall(r"^ +(--[a-z-]+) ?([A-Z]*)\b", header(script), re.MULTILINE))


def accepted(script: Path) -> set[str]:
    """The options that the script takes: its own case patterns, and what arguments.sh takes for it."""
    code = script.read_text().split("\n\n", 1)[1]
    patterns = " ".join(re.findall(r"^ +((?:\S+ \| )*\S+)\)(?: |$)", code, re.MULTILINE))
    found = set(re.findall(r"--[a-z-]+", patterns))
    if re.search(r"^ *read_stack_and_dry_run ", code, re.MULTILINE):
        return found | SHARED | {"--dry-run"}
    return found | (SHARED if re.search(r"^ *read_argument ", code, re.MULTILINE) else set())


def is_one_line(refused: subprocess.CompletedProcess[str], script: Path) -> None:
    assert (refused.returncode, refused.stdout) == (2, "")
    assert len(refused.stderr.splitlines()) == 1
    assert refused.stderr.startswith(f"{script.name}: ")


@EVERY_SCRIPT
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_the_header_is_the_help(script: Path, option: str) -> None:
    shown = run(script.name, option)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == header(script)


@EVERY_SCRIPT
def test_the_header_has_what_a_person_looks_for(script: Path) -> None:
    shown = header(script)
    assert re.match(r"[A-Z].*\.\n\nUsage: infra_bash/" + re.escape(script.name), shown)
    [codes] = re.findall(r"^Exit codes: (.*)\n\Z", shown, re.MULTILINE)
    assert re.fullmatch(r"0 [^,]+, 1 [^,]+, 2 wrong usage(, 3 [^,]+)?\.", codes)


@EVERY_SCRIPT
def test_the_header_has_every_option_and_no_other(script: Path) -> None:
    usage = header(script).split("\nUsage: ", 1)[1].split("\n\n", 1)[0]
    refused = {"--settings"} if script.name == "demo.sh" else set()
    assert documented(script).keys() == accepted(script) - refused | {"--help"}
    assert set(re.findall(r"--[a-z-]+", usage)) == documented(script).keys() - {"--help"}


@EVERY_SCRIPT
@pytest.mark.parametrize("argument", ["--no-such-thing", "surplus", "-x"])
def test_wrong_usage_is_one_line_and_ends_in_2(script: Path, argument: str) -> None:
    refused = run(script.name, argument)
    is_one_line(refused, script)
    assert argument in refused.stderr


@EVERY_SCRIPT
def test_an_option_without_its_value_is_refused(script: Path) -> None:
    first = ["start"] if script.name == "local.sh" else []
    for option in (option for option, value in documented(script).items() if value):
        for rest in ([], ["--help"], [""]):
            refused = run(script.name, *first, option, *rest)
            is_one_line(refused, script)
            assert f"{option} needs a value" in refused.stderr


@EVERY_SCRIPT
def test_a_script_works_on_one_stack(script: Path) -> None:
    if accepted(script) >= SHARED:
        is_one_line(run(script.name, "--local", "--settings", "some.env"), script)
        is_one_line(run(script.name, "--settings", "some.env", "--settings", "other.env"), script)
        is_one_line(run(script.name, "--local", "--local"), script)


def test_a_test_run_has_one_speed() -> None:
    is_one_line(run("test.sh", "--fast", "--soak"), ROOT / "infra_bash/test.sh")


@pytest.mark.parametrize(
    "arguments", [[], ["start", "--fast"], ["stop", "now"], ["stop", "--orders", "1"], ["--no-tick"]]
)
def test_the_local_stack_is_told_one_thing_at_a_time(arguments: list[str]) -> None:
    is_one_line(run("local.sh", *arguments), ROOT / "infra_bash/local.sh")


def test_a_value_that_makes_no_sense_is_one_line_too(tmp_path: Path) -> None:
    refused = run("local.sh", "start", "--orders", "many", TOTESTREAM_LOCAL=str(tmp_path / "none"))
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1 and "--orders" in refused.stderr
    is_one_line(run("demo.sh", "--local", "--within", "long"), ROOT / "infra_bash/demo.sh")


def test_what_the_source_is_filled_with_is_for_the_local_stack() -> None:
    refused = run("deploy.sh", "--source-csv", "folder")
    is_one_line(refused, ROOT / "infra_bash/deploy.sh")
    assert "--source-csv needs --local" in refused.stderr


def test_a_teardown_must_be_told_which_stack() -> None:
    refused = run("teardown.sh", "--with-data")
    assert refused.returncode == 2
    assert "which stack?" in refused.stderr


def test_only_the_local_source_is_written_to(tmp_path: Path) -> None:
    for arguments in ([], ["--settings", settings_file(tmp_path)]):
        refused = run("demo.sh", *arguments)
        is_one_line(refused, ROOT / "infra_bash/demo.sh")
        assert "--local" in refused.stderr and "may only read" in refused.stderr


def test_a_demo_without_a_stack_says_what_to_run(tmp_path: Path) -> None:
    failed = run("demo.sh", "--local", TOTESTREAM_LOCAL=str(tmp_path / "none"))
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("FAILED  ") and failed.stderr.endswith("run ./infra_bash/deploy.sh --local\n")
    assert len(failed.stderr.splitlines()) == 1


def test_a_source_table_is_answered_with_its_warehouse_tables(tmp_path: Path, recorder: Path) -> None:
    for given, complaint in {
        "staff": "staff is a source table; its warehouse tables are: dim_staff",
        "fact_paymnt": "fact_paymnt is not a warehouse table (is fact_payment meant?); they are: dim_counterparty, ",
    }.items():
        refused = run(
            "status.sh", "dim_staff", given, "--settings", settings_file(tmp_path), TOTESTREAM_AWS=str(recorder)
        )
        is_one_line(refused, ROOT / "infra_bash/status.sh")
        assert complaint in refused.stderr
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize(
    ("table", "option", "shown"),
    [("dim_staff", ["--json"], True), ("fact_payment", ["--json"], False), ("fact_payment", [], False)],
)
def test_the_status_of_some_tables(tmp_path: Path, recorder: Path, table: str, option: list[str], shown: bool) -> None:
    """inspect knows only dim_staff here."""
    file = settings_file(tmp_path)
    done = run("status.sh", table, *option, "--settings", file, TOTESTREAM_AWS=str(recorder))
    assert done.returncode == 0, done.stderr
    assert ("dim_staff" in done.stdout) == shown


def test_a_refusal_of_aws_is_one_line_and_ends_in_1(tmp_path: Path, recorder: Path) -> None:
    recorder.write_text("#!/usr/bin/env bash\nprintf '\\nAn error occurred (AccessDenied): no\\n' >&2\nexit 254\n")
    failed = run("status.sh", "--settings", settings_file(tmp_path), TOTESTREAM_AWS=str(recorder))
    assert failed.returncode == 1
    assert failed.stderr == "FAILED  lambda invoke: An error occurred (AccessDenied): no\n"


def test_the_endpoint_is_always_said_since_sqs_would_forget_it(tmp_path: Path, recorder: Path) -> None:
    # 3.11 is refused for Lambda's sake alone.
    file = settings_file(tmp_path, MINIMUM + "AWS_ENDPOINT_URL=http://127.0.0.1:1\nLAMBDA_PYTHON=3.11\n")
    run("status.sh", "--settings", file, TOTESTREAM_AWS=str(recorder))
    assert (tmp_path / "asked").read_text().startswith("--endpoint-url http://127.0.0.1:1 --output json lambda invoke")


def test_a_script_leaves_nothing_behind(tmp_path: Path, recorder: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    run("status.sh", "--settings", settings_file(tmp_path), TOTESTREAM_AWS=str(recorder), TMPDIR=str(scratch))
    assert list(scratch.iterdir()) == []


def prove(loaded_run: int, **status: object) -> subprocess.CompletedProcess[str]:
    """closing.sh's proof, where the first count finds extract at work, each other is run 1, and inspect always answers
    the same."""
    table = {"table": "dim_staff", "expected": 2, "there": 1, "last_run": 1, "freshness_s": 1}
    answer = json.dumps({"loaded_run": loaded_run, "comparable": True, "tables": [table]} | status)
    script = f"""
        source infra_bash/lib/script.sh
        source infra_bash/lib/arguments.sh
        source infra_bash/lib/follow.sh
        source infra_bash/lib/closing.sh
        invoke() {{ if [[ $1 == extract ]]; then counted; else printf '%s' '{answer}'; fi; }}
        counted() {{ cat "$WORK/answer"; printf '{{"run": 1, "busy": false}}' >"$WORK/answer"; }}
        printf '{{"run": null, "busy": true}}' >"$WORK/answer"
        read_argument --local
        prove
    """
    return subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_proof_that_differs_fails_and_names_the_table() -> None:
    proof = prove(loaded_run=1)
    assert proof.returncode == 1
    assert proof.stderr == "FAILED  expected and there differ: dim_staff; run infra_bash/status.sh --local\n"


def test_a_later_run_is_not_compared_with_what_was_counted_before_it() -> None:
    proof = prove(loaded_run=2)
    assert "the warehouse is past run 1 already; counting again" in proof.stderr


def test_a_source_that_is_never_still_fails_the_proof_and_says_what_to_run() -> None:
    proof = prove(loaded_run=2, comparable=False)
    assert proof.returncode == 1
    assert proof.stdout.startswith("TABLE")
    waits, failed = proof.stderr.splitlines()[:-1], proof.stderr.splitlines()[-1]
    assert len(waits) == 5
    assert failed.startswith("FAILED  ") and "infra_bash/status.sh --local" in failed


CLASS = ["bucket", "zip", "log policy", "log group", "role", "function", "rule", "target"]


def test_every_function_that_the_readme_names_for_the_deployment_class_exists() -> None:
    section = (ROOT / "README.md").read_text().split("\n## Coming from a deployment class\n", 1)[1].split("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]
    assert [row[0] for row in rows] == CLASS
    ops = "\n".join(path.read_text() for path in (ROOT / "ops").rglob("*.py"))
    for _, functions, file, wanted in rows:
        code = (ROOT / "infra_bash" / file.strip("`")).read_text()
        for function in re.findall(r"`(\w+)`", functions):
            assert re.search(rf"^{function}\(\) \{{$", code, re.MULTILINE), (function, file)
        for name in re.findall(r"`([\w.]+)`", wanted):
            *owner, method = filter(None, name.split("."))
            assert re.search(rf"def {method}\(", ops), name
            assert not owner or re.search(rf"class {owner[0]}\b", ops), name


def test_watching_shows_one_screen_after_the_other_until_it_is_told_to_end(tmp_path: Path, recorder: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [str(ROOT / "infra_bash/status.sh"), "--watch", "--settings", settings_file(tmp_path)]
    environment = {"PATH": os.environ["PATH"], "TOTESTREAM_AWS": str(recorder), "TMPDIR": str(scratch)}
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Who runs the tests in the background has them ignore Ctrl-C, and bash cannot trap what it was born to ignore.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as watching:
        assert watching.stdout and watching.stderr
        shown = [watching.stdout.readline() for _ in range(2)]
        os.killpg(watching.pid, signal.SIGINT)
        assert watching.wait(timeout=60) == 130, watching.stderr.read()
    assert shown[0].startswith("all is well; run 1") and shown[1].startswith("TABLE")
    assert list(scratch.iterdir()) == []
