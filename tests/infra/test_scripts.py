"""The grammar of the scripts, without any AWS."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "infra_bash").glob("*.sh"))
EXAMPLE = ROOT / "settings.example.env"
MINIMUM = (
    "PROJECT=totestream\nSTAGE=test\nAWS_REGION=eu-west-2\nSOURCE_SECRET=s\nWAREHOUSE_SECRET=w\nWAREHOUSE_SCHEMA=star\n"
)


def run(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    command = [str(ROOT / "infra_bash" / script), *arguments]
    return subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=False)


def example_settings() -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))


@pytest.fixture
def aws(tmp_path: Path) -> Path:
    """An `aws` that writes down what it was asked and answers what inspect would."""
    fake = tmp_path / "aws"
    status = '{"comparable": true, "tables": [{"table": "dim_staff", "expected": 1, "there": 1}]}'
    fake.write_text(
        "#!/usr/bin/env bash\n"
        f"printf '%s\\n' \"$*\" >>{tmp_path}/asked\n"
        f"printf '%s' '{status}' >\"${{!#}}\"\n"
        "printf '{\"StatusCode\": 200}'\n"
    )
    fake.chmod(0o755)
    return fake


def settings_file(folder: Path, text: str = MINIMUM) -> str:
    file = folder / "settings.env"
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_header_is_the_help(script: Path) -> None:
    shown = run(script.name, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "Usage: " in shown.stdout
    header = script.read_text().split("\n\n", 1)[0]
    assert all(line in header for line in shown.stdout.splitlines() if line)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_wrong_usage_is_one_line_and_ends_in_2(script: Path) -> None:
    refused = run(script.name, "--no-such-thing")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["PROJECT", "STAGE", "AWS_REGION", "SOURCE_SECRET", "WAREHOUSE_SECRET"])
def test_a_missing_setting_is_named_with_its_fix(tmp_path: Path, name: str) -> None:
    text = re.sub(rf"^{name}=.*\n", "", MINIMUM, flags=re.MULTILINE)
    refused = run("status.sh", "--settings", settings_file(tmp_path, text))
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert f"setting {name} is missing; add {name}=" in refused.stderr


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("PROJET=x", "PROJET"),
        ("STAGE=Big", "STAGE is 'Big'"),
        ("LOAD_ON_MANIFEST=maybe", "yes or no"),
        ("EXTRACT_SCHEDULE=1 minute", "rate(…)"),
        ("not a setting", "is not KEY=VALUE"),
        ("SUBNET_IDS=subnet-1", "SECURITY_GROUP_IDS"),
        ("DATABASE_CA=/no/such/file", "DATABASE_CA"),
        ("STAGE=a-stage-that-is-far-too-long", "too long"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(tmp_path: Path, line: str, complaint: str) -> None:
    refused = run("status.sh", "--settings", settings_file(tmp_path, MINIMUM + line + "\n"))
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert complaint in refused.stderr


def test_a_file_that_is_not_there_is_said_with_the_way_out(tmp_path: Path) -> None:
    refused = run("status.sh", "--settings", str(tmp_path / "none.env"))
    assert refused.returncode == 2
    assert "copy settings.example.env" in refused.stderr


def test_the_example_has_every_setting_that_the_code_reads() -> None:
    text = "".join(
        path.read_text()
        for folder in ("shared", "infra_bash")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".sh")
    )
    read = set(re.findall(r'(?:settings\[|settings\.get\(|_named\([^)]*)"([A-Z][A-Z_]+)"', text))
    made = {"ACCOUNT_ID", "CODE_KEY", "CODE_SHA256", "LAYER_ARN", "TARGET"}
    assert read - made <= set(example_settings())


def test_every_setting_of_the_example_is_explained() -> None:
    blocks = EXAMPLE.read_text().strip().split("\n\n")
    assert all(block.startswith("#") for block in blocks)


def test_the_example_itself_is_accepted(tmp_path: Path, aws: Path) -> None:
    shown = run("status.sh", "--settings", str(EXAMPLE), TOTESTREAM_AWS=str(aws))
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("TABLE")


def test_the_endpoint_is_always_said_since_sqs_would_forget_it(tmp_path: Path, aws: Path) -> None:
    file = settings_file(tmp_path, MINIMUM + "AWS_ENDPOINT_URL=http://127.0.0.1:1\n")
    run("status.sh", "--settings", file, TOTESTREAM_AWS=str(aws))
    assert (tmp_path / "asked").read_text().startswith("--endpoint-url http://127.0.0.1:1 --output json lambda invoke")


def test_the_environment_wins_over_the_file(tmp_path: Path, aws: Path) -> None:
    run("status.sh", "--settings", settings_file(tmp_path), TOTESTREAM_AWS=str(aws), STAGE="other")
    assert "totestream-other-inspect" in (tmp_path / "asked").read_text()


def test_a_refusal_of_aws_is_one_line_and_ends_in_1(tmp_path: Path, aws: Path) -> None:
    aws.write_text("#!/usr/bin/env bash\nprintf '\\nAn error occurred (AccessDenied): no\\n' >&2\nexit 254\n")
    failed = run("status.sh", "--settings", settings_file(tmp_path), TOTESTREAM_AWS=str(aws))
    assert failed.returncode == 1
    assert failed.stderr == "FAILED  lambda invoke: An error occurred (AccessDenied): no \n"


def test_a_script_leaves_nothing_behind(tmp_path: Path, aws: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    run("status.sh", "--settings", settings_file(tmp_path), TOTESTREAM_AWS=str(aws), TMPDIR=str(scratch))
    assert list(scratch.iterdir()) == []


def test_a_teardown_must_be_told_which_stack() -> None:
    refused = run("teardown.sh", "--with-data")
    assert refused.returncode == 2
    assert "which stack?" in refused.stderr


def prove(loaded_run: int, **status: object) -> subprocess.CompletedProcess[str]:
    """closing.sh's proof, where the first count finds extract at work, each other is run 1, and inspect always answers
    the same."""
    table = {"table": "dim_staff", "expected": 2, "there": 1, "last_run": 1, "freshness_s": 1}
    answer = json.dumps({"loaded_run": loaded_run, "comparable": True, "tables": [table]} | status)
    script = f"""
        source infra_bash/lib/common.sh
        source infra_bash/lib/arguments.sh
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
