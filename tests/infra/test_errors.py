"""What people really meet: each ends with exit code 1 and a last line that says what to do."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from ops.error_hints import CALLS, FUNCTIONS, one_line
from shared.postgres.errors import not_connected

ROOT = Path(__file__).parents[2]
SETTINGS = (
    "PROJECT=totestream\nSTAGE=test\nAWS_REGION=eu-west-2\nSOURCE_SECRET=s\nWAREHOUSE_SECRET=w\nWAREHOUSE_SCHEMA=star\n"
)
SECRET = "a-secret-that-nobody-may-see"


def met(kind: str) -> list[tuple[str, str]]:
    """Return errors of the AWS CLI, botocore, AWS and functions, each with what the hint must contain."""
    lines = (Path(__file__).parent / f"errors_of_{kind}.txt").read_text().splitlines()
    return [(words, advice.strip()) for words, advice in zip(lines[::2], lines[1::2], strict=True)]


# What stands around those words: version 1, version 2, and version 2 since it names itself.
FORMS = {
    "v1": "\n{}\n",
    "v1 with usage": "usage: aws [options] <command>\nTo see help text, you can run:\n\n  aws help\n\n{}\n",
    "v2": "\n{}\n\n",
    "v2 since 2026": "\naws: [ERROR]: {}\n\nAdditional error details:\nType: User\n",
}


def words_of(part: str, kind: str = "calls") -> str:
    return next(words for words, _ in met(kind) if part in words)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(("words", "advice"), met("calls"))
def test_a_call_that_fails(words: str, advice: str, form: str) -> None:
    line = one_line("iam create-role", form.format(words), CALLS)
    words = re.sub(r"^\S+: line \d+: ", "", words).rstrip(".")
    assert line.startswith(f"iam create-role: {words}; ")
    assert advice in line.removeprefix(f"iam create-role: {words}; ")


@pytest.mark.parametrize(("words", "advice"), met("functions"))
def test_a_function_that_fails(words: str, advice: str) -> None:
    line = one_line("totestream-test-extract", words, FUNCTIONS)
    assert line.startswith(f"totestream-test-extract: {words.rstrip('.')}; ")
    assert advice in line.removeprefix(f"totestream-test-extract: {words}; ")


def test_every_row_is_met() -> None:
    for rows, kind in ((CALLS, "calls"), (FUNCTIONS, "functions")):
        for pattern, _ in rows:
            assert any(re.search(pattern, words) for words, _ in met(kind)), pattern


def test_an_unknown_error_is_printed_as_it_is() -> None:
    assert one_line("a b", "\nSomething\nelse\n", CALLS) == "a b: Something else"
    assert one_line("a b", "Traceback (most recent call last):\n  File x\nOops: no\n", CALLS) == "a b: Oops: no"
    assert one_line("a b", "", CALLS) == "a b: ended without a message"


# ---- the scripts: what people see


def run(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "settings.env").write_text(SETTINGS)
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.run(
        [str(ROOT / "infra_bash" / script), "--settings", str(folder / "settings.env")],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and SECRET not in done.stderr
    return done.stderr.splitlines()[-1]


def fake(path: Path, script: str) -> Path:
    path.write_text("#!/usr/bin/env bash\n" + script)
    path.chmod(0o755)
    return path


KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET}


@pytest.mark.parametrize(
    ("environment", "ending"),
    [
        ({}, "in settings.env or in the environment"),
        ({"AWS_PROFILE": "nobody"}, "aws configure list-profiles`"),
        (KEYS | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "infra_bash/local.sh start"),
    ],
    ids=["no credentials", "no such profile", "nobody there"],
)
def test_the_pinned_cli_itself(tmp_path: Path, environment: dict[str, str], ending: str) -> None:
    done = run("status.sh", tmp_path, **environment)
    assert last_line(done).startswith("FAILED  lambda invoke: ")
    assert last_line(done).endswith(ending)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_missing_right_is_named_whichever_cli_says_so(tmp_path: Path, form: str) -> None:
    words = words_of("(AccessDeniedException)")
    (tmp_path / "words").write_text(form.format(words))
    aws = fake(tmp_path / "aws", f"cat {tmp_path}/words >&2\nexit 254\n")
    done = run("status.sh", tmp_path, TOTESTREAM_AWS=str(aws))
    assert last_line(done) == (
        f"FAILED  lambda invoke: {words}; ask the account's administrator to allow you lambda:CreateFunction"
    )


def test_an_aws_that_is_not_there(tmp_path: Path) -> None:
    done = run("status.sh", tmp_path, TOTESTREAM_AWS="no-such-aws")
    assert last_line(done).endswith("no-such-aws: command not found; TOTESTREAM_AWS must name an AWS CLI")


def test_errors_are_worded_alike_whatever_the_person_has_set(tmp_path: Path) -> None:
    aws = fake(tmp_path / "aws", 'printf "%s" "$AWS_CLI_ERROR_FORMAT $AWS_CLI_AUTO_PROMPT" >&2\nexit 1\n')
    done = run("status.sh", tmp_path, TOTESTREAM_AWS=str(aws), AWS_CLI_ERROR_FORMAT="json", AWS_CLI_AUTO_PROMPT="on")
    assert last_line(done) == "FAILED  lambda invoke: legacy off"


def test_too_many_functions_at_once_are_waited_for_and_then_asked_for(tmp_path: Path) -> None:
    words = words_of("(TooManyRequestsException) when calling the Invoke")
    aws = fake(tmp_path / "aws", f"printf x >>{tmp_path}/asked\nprintf '\\n{words}\\n' >&2\nexit 254\n")
    fake(tmp_path / "sleep", "")
    done = run("status.sh", tmp_path, TOTESTREAM_AWS=str(aws), PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert "(L-B99A9384)" in last_line(done)
    assert len((tmp_path / "asked").read_text()) == 35
    assert done.stderr.startswith("wait    until AWS is ready for lambda invoke")


def test_a_database_that_is_not_reached_is_named_by_its_host(tmp_path: Path) -> None:
    """Expect no hint: the error itself says what to check."""
    error = not_connected("warehouse", "connecting to db.example.com:5432/warehouse as loader", TimeoutError())
    answer = tmp_path / "answer"
    answer.write_text(json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)}))
    aws = fake(tmp_path / "aws", f'cat {answer} >"${{!#}}"\nprintf \'{{"FunctionError": "Unhandled"}}\'\n')
    done = run("status.sh", tmp_path, TOTESTREAM_AWS=str(aws))
    assert last_line(done) == f"FAILED  totestream-test-inspect: {error}"
    assert "SUBNET_IDS and SECURITY_GROUP_IDS, and that the database's own security group" in last_line(done)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_only_what_is_not_there_counts_as_absent(tmp_path: Path, form: str) -> None:
    said = tmp_path / "said"
    aws = fake(tmp_path / "aws", f"cat {said} >&2\nexit 254\n")
    find = "source infra_bash/lib/script.sh; source infra_bash/lib/aws.sh; aws_find s3api get-bucket-tagging"
    for code, returncode in (("NoSuchTagSet", 0), ("404", 0), ("QueueDoesNotExist", 0), ("AccessDenied", 1)):
        said.write_text(form.format(f"An error occurred ({code}) when calling the GetBucketTagging operation: no"))
        done = subprocess.run(
            ["bash", "-c", find], cwd=ROOT, env={**os.environ, "TOTESTREAM_AWS": str(aws)}, check=False
        )
        assert done.returncode == returncode, code


def test_the_last_words_come_last_though_others_are_still_at_work() -> None:
    script = """
        source infra_bash/lib/script.sh
        source infra_bash/lib/arguments.sh
        dies() { die "first"; }
        works() { sleep 0.3; say ok "second"; }
        in_parallel a:dies b:works
        say ok "never"
    """
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert [line.split(",")[0] for line in done.stderr.splitlines()] == ["ok      second", "step    b", "FAILED  first"]
