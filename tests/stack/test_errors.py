"""What people really meet, met on the local stack: the last line says what to do."""

import os
import re
from pathlib import Path

from tests.stack.stack import ROOT, LocalStack


def test_a_person_without_rights(stack: LocalStack, tmp_path: Path) -> None:
    iam = stack.aws("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    theirs = stack.settings | {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    (tmp_path / "settings.env").write_text("".join(f"{name}={value}\n" for name, value in theirs.items()))
    done = stack.script("deploy", "--settings", str(tmp_path / "settings.env"))
    iam.delete_access_key(UserName="nobody", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="nobody")
    assert done.returncode == 1
    assert re.match(r"FAILED  .*; ask the account's administrator to allow you \w+:\w+$", done.stderr.splitlines()[-1])
    assert key["SecretAccessKey"] not in done.stderr


def test_too_many_functions_at_once_are_waited_for(stack: LocalStack, tmp_path: Path) -> None:
    """The pause between two tries is what makes room here."""
    name = stack.names.function("inspect")
    stack.aws("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    pause = tmp_path / "sleep"
    delete = f"{ROOT}/.venv/bin/aws --endpoint-url $AWS_ENDPOINT_URL lambda delete-function-concurrency"
    pause.write_text(f"#!/bin/sh\nexec {delete} --function-name {name}\n")
    pause.chmod(0o755)
    done = stack.script("status", "--local", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode in (0, 3), done.stderr
    assert done.stderr.startswith("wait    until AWS is ready for lambda invoke")
