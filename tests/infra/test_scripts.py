"""The grammar of the scripts, without any AWS."""

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.infra.scripts import MINIMUM, ROOT, SCRIPTS, run, settings_file

EVERY_SCRIPT = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)


def header(script: Path) -> str:
    """Return the comment below the first line, as --help should show it."""
    lines = script.read_text().split("\n\n", 1)[0].splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[1:]) + "\n"


def help_text(script: Path) -> str:
    """The header, and the option that every script has without naming it."""
    found = re.search(r"^  --help( +)this text\n", header(script), re.MULTILINE)
    assert found
    version = f"  --version{found[1][3:]}the version; CHANGELOG.md says what it changes\n"
    return header(script).replace(found[0], found[0] + version)


def documented(script: Path) -> dict[str, str]:
    """Return the options that the header explains, each with the name of its value, if it takes one."""
    return dict(re.findall(r"^ +(--[a-z-]+) ?([A-Z/]*)", header(script), re.MULTILINE))


def is_one_line(refused: subprocess.CompletedProcess[str], script: Path) -> None:
    assert (refused.returncode, refused.stdout) == (2, "")
    assert len(refused.stderr.splitlines()) == 1
    assert refused.stderr.startswith(f"{script.name}: ")


@EVERY_SCRIPT
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_the_header_is_the_help(script: Path, option: str) -> None:
    shown = run(script.name, option)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == help_text(script)


@EVERY_SCRIPT
def test_the_version_is_the_newest_of_the_changelog(script: Path) -> None:
    shown = run(script.name, "--version")
    assert (shown.returncode, shown.stderr) == (0, "")
    newest = re.findall(r"^## (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    assert shown.stdout == f"totestream {newest}\n"
    assert f'\nversion = "{newest}"\n' in (ROOT / "pyproject.toml").read_text()


@EVERY_SCRIPT
def test_the_header_has_what_a_person_looks_for(script: Path) -> None:
    shown = header(script)
    assert re.match(r"[A-Z].*\.\n\nUsage: infra_bash/" + re.escape(script.name), shown)
    [codes] = re.findall(r"^Exit codes: (.*)\n\Z", shown, re.MULTILINE)
    assert re.fullmatch(r"0 [^,]+, 1 [^,]+, 2 wrong usage(, 3 [^,]+)?\.", codes)


@EVERY_SCRIPT
def test_the_usage_has_every_option_that_is_explained_and_no_other(script: Path) -> None:
    usage = header(script).split("\nUsage: ", 1)[1].split("\n\n", 1)[0]
    assert dict(re.findall(r"(--[a-z-]+) ?([A-Z/]*)", usage)) | {"--help": ""} == documented(script)


@EVERY_SCRIPT
def test_every_option_is_accepted_in_both_forms_and_a_typo_of_it_gets_a_hint(script: Path, tmp_path: Path) -> None:
    """Run it on a machine that has bash, and neither Python nor .venv."""
    bare = BareMachine(tmp_path)
    for option, value in documented(script).items():
        if option == "--help":
            continue
        for form in [[option, "7"], [f"{option}=7"]] if value else [[option]]:
            refused = bare.run(script.name, *form, "--no-such-thing")
            assert refused.stderr == f"{script.name}: unknown option --no-such-thing; see --help\n"
        typo = option[:3] + option[4:]
        refused = bare.run(script.name, f"{typo}=7" if value else typo)
        assert refused.stderr == f"{script.name}: unknown option {typo} (did you mean {option}?); see --help\n"
        refused = bare.run(script.name, *[f"{option}=7"] * 2)
        problem = "is given twice" if value else "takes no value"
        assert refused.stderr == f"{script.name}: {option} {problem}; see --help\n"
    assert bare.run(script.name, "--help").stdout == help_text(script)


class BareMachine:
    """The scripts alone, with what every Debian has."""

    def __init__(self, folder: Path) -> None:
        self._root, self._programs = folder / "checkout", folder / "bin"
        shutil.copytree(ROOT / "infra_bash", self._root / "infra_bash")
        self._programs.mkdir()
        for name in ("awk", "basename", "bash", "dirname", "mkdir", "mktemp", "rm", "sed"):
            (self._programs / name).symlink_to(shutil.which(name) or name)

    def run(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self._root / "infra_bash" / script), *arguments]
        environment = {"PATH": str(self._programs)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


GRAMMAR = """#!/usr/bin/env bash
# An example.
#
# Usage: example.sh (start [--from DAY | [--orders N] [--seed N]]
#                    | stop) [--local] [--dry-run] FILE [TABLE…]
#
#   FILE   a file: any
source "{root}/infra_bash/lib/script.sh"
source "{root}/infra_bash/lib/arguments.sh"
OPTION_SEED=3
read_arguments "$@"
declare -p COMMAND FILE TABLES OPTION_FROM OPTION_ORDERS OPTION_SEED OPTION_DRY_RUN IS_LOCAL | sed 's/declare -[-a]* //'
"""
NOTHING = {"COMMAND": '"start"', "FILE": '"a"', "TABLES": "()", "OPTION_FROM": '""', "OPTION_ORDERS": '""'}
NOTHING |= {"OPTION_SEED": '""', "OPTION_DRY_RUN": '"no"', "IS_LOCAL": '"no"'}


@pytest.fixture
def example(tmp_path: Path) -> Path:
    file = tmp_path / "example.sh"
    file.write_text(GRAMMAR.format(root=ROOT))
    return file


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (["start", "a"], {}),
        (["--dry-run", "stop", "a"], {"COMMAND": '"stop"', "OPTION_DRY_RUN": '"yes"'}),
        (["start", "a", "b", "--local", "c d"], {"TABLES": '([0]="b" [1]="c d")', "IS_LOCAL": '"yes"'}),
        (["start", "--seed=5", "a", "--orders", "-7"], {"OPTION_SEED": '"5"', "OPTION_ORDERS": '"-7"'}),
        (["start", "--from=a=b c", "a"], {"OPTION_FROM": '"a=b c"'}),
        (["start", "--", "--dry-run", "--help"], {"FILE": '"--dry-run"', "TABLES": '([0]="--help")'}),
        (["start", "$(touch x)"], {"FILE": r'"\$(touch x)"'}),
    ],
)
def test_what_the_usage_names_is_set(example: Path, arguments: list[str], changed: dict[str, str]) -> None:
    command = ["bash", str(example), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert dict(line.split("=", 1) for line in done.stdout.splitlines()) == NOTHING | changed


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "start or stop is missing"),
        (["strat", "a"], "start or stop is missing"),
        (["start"], "FILE is missing (a file)"),
        (["start", ""], "FILE is missing (a file)"),
        (["--seed", "5"], "start is missing"),
        (["start", "--from", "1", "--seed", "5", "a"], "--from and --seed cannot be combined"),
        (["stop", "--seed", "5", "a"], "--seed and stop cannot be combined"),
        (["start", "stop", "a"], "start and stop cannot be combined"),
        (["--$(touch x)"], "unknown option --$(touch x)"),
        (["--x[$(touch x)]=1"], "unknown option --x[$(touch x)]"),
    ],
)
def test_what_does_not_fit_the_usage_is_refused(
    example: Path, tmp_path: Path, arguments: list[str], problem: str
) -> None:
    command = ["bash", str(example), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"example.sh: {problem}; see --help\n")
    assert not (tmp_path / "x").exists()


@EVERY_SCRIPT
@pytest.mark.parametrize("argument", ["--no-such-thing", "surplus", "-x"])
def test_wrong_usage_is_one_line_and_ends_in_2(script: Path, argument: str) -> None:
    refused = run(script.name, argument)
    is_one_line(refused, script)
    assert argument in refused.stderr or (argument == "surplus" and " is missing" in refused.stderr)


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
    if documented(script).keys() >= {"--local", "--settings"}:
        is_one_line(run(script.name, "--local", "--settings", "some.env"), script)
        is_one_line(run(script.name, "--settings", "some.env", "--settings", "other.env"), script)
        is_one_line(run(script.name, "--local", "--local"), script)


def test_a_test_run_has_one_speed() -> None:
    is_one_line(run("test.sh", "--fast", "--soak"), ROOT / "infra_bash/test.sh")


@pytest.mark.parametrize(
    "arguments", [[], ["start", "--fast"], ["stop", "now"], ["stop", "--orders", "1"], ["--no-tick"]]
)
def test_the_local_stack_takes_one_command_at_a_time(arguments: list[str]) -> None:
    is_one_line(run("local.sh", *arguments), ROOT / "infra_bash/local.sh")


def test_a_command_with_a_typing_error_gets_a_hint() -> None:
    refused = run("local.sh", "strat")
    assert refused.stderr == "local.sh: unexpected argument strat (did you mean start?); see --help\n"


def test_a_value_that_makes_no_sense_is_one_line_too(tmp_path: Path) -> None:
    refused = run("local.sh", "start", "--orders", "many", TOTESTREAM_LOCAL=str(tmp_path / "none"))
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1 and "--orders" in refused.stderr
    is_one_line(run("demo.sh", "--local", "--within", "long"), ROOT / "infra_bash/demo.sh")


def test_what_the_source_is_filled_with_is_for_the_local_stack() -> None:
    refused = run("deploy.sh", "--source-csv", "folder")
    is_one_line(refused, ROOT / "infra_bash/deploy.sh")
    assert "--source-csv needs --local" in refused.stderr


def test_a_teardown_requires_the_name_of_its_stack() -> None:
    refused = run("teardown.sh", "--with-data")
    assert refused.returncode == 2
    assert "--local or --settings is missing" in refused.stderr


def test_only_the_local_source_is_written_to(tmp_path: Path) -> None:
    refused = run("demo.sh", "--settings", settings_file(tmp_path))
    assert (refused.returncode, refused.stderr) == (2, "demo.sh: unknown option --settings; see --help\n")
    refused = run("demo.sh")
    is_one_line(refused, ROOT / "infra_bash/demo.sh")
    assert "--local is missing" in refused.stderr and "may only read" in refused.stderr


def test_a_demo_without_a_stack_says_what_to_run(tmp_path: Path) -> None:
    failed = run("demo.sh", "--local", TOTESTREAM_LOCAL=str(tmp_path / "none"))
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("FAILED  ") and failed.stderr.endswith("run ./infra_bash/deploy.sh --local\n")
    assert len(failed.stderr.splitlines()) == 1


def test_a_source_table_is_answered_with_its_warehouse_tables(tmp_path: Path, recorder: Path) -> None:
    for given, complaint in {
        "staff": "staff is a source table; its warehouse tables are: dim_staff",
        "fact_paymnt": "fact_paymnt is not a warehouse table (did you mean fact_payment?); they are: dim_co",
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
    """Answer for inspect, which knows only dim_staff here."""
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
    """Run `prove`: the first count finds extract running, each other is run 1, and inspect always answers the same."""
    table = {"table": "dim_staff", "expected": 2, "there": 1, "last_run": 1, "freshness_s": 1}
    answer = json.dumps({"loaded_run": loaded_run, "comparable": True, "tables": [table]} | status)
    script = f"""
        source infra_bash/lib/script.sh
        source infra_bash/lib/arguments.sh
        source infra_bash/lib/follow.sh
        source infra_bash/lib/proof.sh
        invoke() {{ if [[ $1 == extract ]]; then counted; else printf '%s' '{answer}'; fi; }}
        counted() {{ cat "$WORK/answer"; printf '{{"run": 1, "busy": false}}' >"$WORK/answer"; }}
        printf '{{"run": null, "busy": true}}' >"$WORK/answer"
        IS_LOCAL=yes
        prove
    """
    return subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_proof_that_differs_fails_and_names_the_table() -> None:
    proof = prove(loaded_run=1)
    assert proof.returncode == 1
    busy, failed = proof.stderr.splitlines()
    assert re.fullmatch(r"wait    another extraction is running \(\d of at most 600 s\)", busy)
    assert failed == "FAILED  the rows of source and warehouse differ: dim_staff; run infra_bash/status.sh --local"


def test_a_later_run_is_not_compared_with_what_was_counted_before_it() -> None:
    proof = prove(loaded_run=2)
    assert "the warehouse has loaded a later run than 1 already; counting again" in proof.stderr


def test_a_source_that_is_never_still_fails_the_proof_and_says_what_to_run() -> None:
    proof = prove(loaded_run=2, comparable=False)
    assert proof.returncode == 1
    assert proof.stdout.startswith("TABLE")
    waits, failed = proof.stderr.splitlines()[:-1], proof.stderr.splitlines()[-1]
    assert len(waits) == 6
    assert failed.startswith("FAILED  ") and "infra_bash/status.sh --local" in failed


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("5 1 advice count 1", 0, []),
        ("5 1 advice count 3", 0, ["wait    at 1 (0 of at most 5 s)", "wait    at 2 (1 of at most 5 s)"]),
        ("1 1 'run this' count 9", 1, ["wait    at 1 (0 of at most 1 s)", "FAILED  gave up after 1 s: at 2; run this"]),
        ("1 1 '' count 9", 0, ["wait    at 1 (0 of at most 1 s)", "ok      at 2"]),
        ("0 1 '' count 9", 0, ["ok      at 1"]),
        ("5 1 advice fails", 7, []),
    ],
)
def test_a_wait_says_what_is_missing_and_ends(arguments: str, code: int, said: list[str]) -> None:
    """Run the probe with a clock that advances only while it sleeps."""
    script = f"""
        source infra_bash/lib/script.sh
        sleep() {{ SECONDS=$((SECONDS + $1)); }}
        SEEN=0
        count() {{ SEEN=$((SEEN + 1)); ((SEEN >= $1)) || PENDING="at $SEEN"; }}
        fails() {{ (exit 7); PENDING="not reached"; }}
        wait_for {arguments}
        [[ -z $PENDING ]] || say ok "$PENDING"
    """
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()) == (code, said)


def test_a_long_wait_for_the_same_thing_is_never_silent_for_longer_than_ten_seconds() -> None:
    script = """
        source infra_bash/lib/script.sh
        sleep() { SECONDS=$((SECONDS + $1)); }
        never() { PENDING="nothing"; }
        wait_for 30 5 '' never
    """
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert re.findall(r"nothing \((\d+) of at most 30 s\)", done.stderr) == ["0", "10", "20"]


CLASS = ["bucket", "zip", "log policy", "log group", "role", "function", "rule", "target"]


def test_every_function_that_the_readme_names_for_the_deployment_class_exists() -> None:
    section = (
        (ROOT / "CONTRIBUTING.md").read_text().split("\n## Coming from a deployment class\n", 1)[1].split("\n## ")[0]
    )
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
            assert re.search(rf"(def {method}\(|class {method}\b)", ops), name
            assert not owner or re.search(rf"class {owner[0]}\b", ops), name


def test_watch_shows_one_screen_after_the_other_until_it_is_ended(tmp_path: Path, recorder: Path) -> None:
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
        # Tests in the background ignore Ctrl-C, and bash cannot trap a signal that was ignored when it started.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as watching:
        assert watching.stdout and watching.stderr
        shown = [watching.stdout.readline() for _ in range(2)]
        os.killpg(watching.pid, signal.SIGINT)
        assert watching.wait(timeout=60) == 130, watching.stderr.read()
    assert shown[0].startswith("healthy; run 1") and shown[1].startswith("TABLE")
    assert list(scratch.iterdir()) == []
