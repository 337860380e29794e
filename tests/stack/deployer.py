"""Whoever deploys: a role with the policy of docs/policies/deploy.json for this stack, and no other right."""

import json
import re
import subprocess
from pathlib import Path

from ops.stack import people
from ops.stack.statements import Document
from tests.stack.sessions import clients_of, session_of, trust_in
from tests.stack.stack import LocalStack

# Not called like the stack, whose roles are its own.
ROLE, POLICY = "deployer", "deploy"
SETTINGS = "deployer/settings.env"
# What MiniStack calls AWS's actions: where AWS has one for many operations, or the emulator is mistaken.
EMULATORS = {
    "lambda:ListLayerVersions": ["lambda:ListLayers"],
    "budgets:ViewBudget": ["budgets:DescribeBudget", "budgets:DescribeNotificationsForBudget"],
    "budgets:ModifyBudget": [f"budgets:{verb}" for verb in ("CreateBudget", "UpdateBudget", "CreateNotification")],
}
# Of these it does not see what they are asked of, or by another ARN than AWS's: there it judges the action alone, and
# test_people.py the resource.
NAMELESS = ("lambda:CreateFunction", "events:", "cloudwatch:", "budgets:")
# It does not say of which function an event source is.
UNKNOWN_KEY = "lambda:FunctionArn"


def deploy(stack: LocalStack, *source: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start the local stack with this source and deploy to it as the deployer."""
    stack.python("local.stack", "start", *source)
    stack.read_settings()
    file = become(stack)
    done = stack.script("deploy", "--settings", str(file), **environment)
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-4000:]
    return done


def become(stack: LocalStack) -> Path:
    """Make the role; return a settings file with keys of a session of it."""
    root = trust_in(f"arn:aws:iam::{stack.names.account}:root")
    stack.aws("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=root)
    give(stack, policy(stack))
    return log_in(stack)


def log_in(stack: LocalStack) -> Path:
    """Return a settings file with keys of a new session of the role: the emulator forgets sessions when it stops."""
    keys = session_of(stack, ROLE)
    assert f"assumed-role/{ROLE}/" in clients_of(stack, keys)("sts").get_caller_identity()["Arn"]
    file = stack.folder / SETTINGS
    file.parent.mkdir(exist_ok=True)
    text = re.sub(r"^AWS_(ACCESS|SECRET|SESSION).*\n", "", (stack.folder / stack.file).read_text(), flags=re.MULTILINE)
    file.write_text(text + "".join(f"{name.upper()}={value}\n" for name, value in keys.items()))
    secrets = file.with_name("secrets.env")
    secrets.touch(mode=0o600)
    secrets.write_text((stack.folder / "secrets.env").read_text())
    return file


def policy(stack: LocalStack) -> Document:
    """The deployer's, in the emulator's words."""
    statements = []
    for statement in people.deployer(stack.names, stack.settings)["Statement"]:
        actions = [each for action in statement["Action"] for each in EMULATORS.get(action, [action])]
        statements.append(statement | {"Action": actions})
        if UNKNOWN_KEY in json.dumps(statement.get("Condition", {})):
            statements[-1].pop("Condition")
        if nameless := [action for action in actions if action.startswith(NAMELESS)]:
            statements.append({"Effect": "Allow", "Action": nameless, "Resource": ["*"]})
    return {"Version": "2012-10-17", "Statement": statements}


def give(stack: LocalStack, policy: Document) -> None:
    stack.aws("iam").put_role_policy(RoleName=ROLE, PolicyName=POLICY, PolicyDocument=json.dumps(policy))
