"""What AWS says of an address that has not agreed yet, of alarms and of budgets, and no emulator does."""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from ops.stack.resources.base import DesiredStack, StackState
from ops.stack.resources.kinds import KINDS, REQUESTS
from ops.teardown.foreign import Foreign
from tests.infra import stubs
from tests.infra.fake_aws import FakeAws

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
WRITTEN = ("topics", "alert_subscriptions", "alarms", "dashboards", "budgets", "budget_changes", "budget_notifications")
SNS = "arn:aws:sns:eu-west-2:123456789012:totestream-test"
LAMBDA = "arn:aws:lambda:eu-west-2:123456789012:function:totestream-test"
HEARD = f"{SNS}-alerts {SNS}-alerts:1 lambda {LAMBDA}-alert"
NAME = "totestream-test-monthly"


class Plan:
    """A folder of wanted requests and of what AWS has answered."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        (folder / "actual").mkdir(parents=True)
        requests = DesiredStack(stubs.SETTINGS | settings, stubs.TARGETS)
        for kind in WRITTEN:
            (folder / kind).mkdir()
            for name, request in REQUESTS[kind](requests):
                self.write(f"{kind}/{name}.json", request)

    def write(self, name: str, content: Any) -> None:
        (self.folder / name).write_text(content if isinstance(content, str) else json.dumps(content))

    def wanted(self, kind: str) -> dict[str, Any]:
        return StackState(self.folder).desired(kind)

    def differences(self, kind: str) -> list[tuple[str, str, str]]:
        return list(KINDS[kind].difference(StackState(self.folder)))

    def listeners(self, *lines: str) -> list[tuple[str, str, str]]:
        """Return which subscriptions are created and which are deleted."""
        self.write("actual/subscriptions.txt", "".join(f"{line}\n" for line in lines).replace(" ", "\t"))
        foreign = [(line.action, line.name, line.id) for line in Foreign(self.folder, ()).lines()]
        return self.differences("alert_subscriptions") + foreign


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path / "plan")


# ---- who hears


def test_an_address_that_is_not_confirmed_yet_is_not_subscribed_again(plan: Plan) -> None:
    assert plan.listeners(HEARD, f"{SNS}-mail PendingConfirmation email someone@example.com") == [
        ("ok", "totestream-test-alert", ""),
        ("ok", "totestream-test-mail", ""),
    ]


def test_one_that_is_going_is_none(plan: Plan) -> None:
    assert plan.listeners(HEARD, f"{SNS}-mail Deleted email someone@example.com")[1:] == [
        ("create", "totestream-test-mail", "")
    ]


def test_another_address_takes_the_place_of_the_old_one(plan: Plan) -> None:
    """Keep a subscription that was never confirmed: it cannot be deleted, and AWS forgets it after some days."""
    old = f"{SNS}-mail {SNS}-mail:2 email old@example.com"
    older = f"{SNS}-mail PendingConfirmation email older@example.com"
    assert plan.listeners(HEARD, older, old) == [
        ("ok", "totestream-test-alert", ""),
        ("create", "totestream-test-mail", ""),
        ("stays", "totestream-test-mail", "PendingConfirmation"),
        ("delete", "totestream-test-mail", f"{SNS}-mail:2"),
    ]


def test_without_an_address_nobody_is_written_to(tmp_path: Path) -> None:
    plan = Plan(tmp_path / "plan", ALERT_EMAIL="")
    assert plan.listeners(HEARD, f"{SNS}-mail {SNS}-mail:2 email old@example.com") == [
        ("ok", "totestream-test-alert", ""),
        ("delete", "totestream-test-mail", f"{SNS}-mail:2"),
    ]


# ---- alarms and dashboard


def standing(plan: Plan) -> list[dict[str, Any]]:
    """Write the alarms as CloudWatch returns them: with a state, without tags."""
    alarms = [{**alarm, "StateValue": "OK", "InsufficientDataActions": []} for alarm in plan.wanted("alarms").values()]
    for alarm in alarms:
        del alarm["Tags"]
    return alarms


def test_alarms_as_wanted_are_left_alone_also_when_an_empty_list_is_left_out(plan: Plan) -> None:
    alarms = standing(plan)
    for alarm in alarms:
        if not alarm["Dimensions"]:
            del alarm["Dimensions"]
    plan.write("actual/alarms.json", {"MetricAlarms": alarms})
    assert {action for action, _, _ in plan.differences("alarms")} == {"ok"}


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("Threshold", 5.0),
        ("TreatMissingData", "missing"),
        ("ActionsEnabled", False),
        ("OKActions", []),
        ("Dimensions", [{"Name": "FunctionName", "Value": "other"}]),
        ("AlarmDescription", "Nothing to see"),
    ],
)
def test_what_somebody_has_changed_of_an_alarm_is_named(plan: Plan, what: str, value: object) -> None:
    first, *others = standing(plan)
    plan.write("actual/alarms.json", {"MetricAlarms": [{**first, what: value}, *others]})
    changed = [(name, differs) for action, name, differs in plan.differences("alarms") if action == "update"]
    assert changed == [(first["AlarmName"], what)]


def test_a_dashboard_is_compared_by_its_content(plan: Plan) -> None:
    (wanted,) = plan.wanted("dashboards").values()
    spaced = json.dumps(json.loads(wanted["DashboardBody"]), indent=4)
    plan.write("actual/dashboard.json", wanted | {"DashboardBody": spaced})
    assert plan.differences("dashboards") == [("ok", "totestream-test", "")]
    plan.write("actual/dashboard.json", wanted | {"DashboardBody": spaced.replace("Dead letters", "Dead")})
    assert plan.differences("dashboards") == [("update", "totestream-test", "DashboardBody")]


# ---- the budget


def budget(amount: str) -> dict[str, Any]:
    limit = {"Amount": amount, "Unit": "USD"}
    return {"Budget": {"BudgetName": NAME, "BudgetLimit": limit, "TimeUnit": "MONTHLY", "BudgetType": "COST"}}


@pytest.mark.parametrize(("amount", "action"), [("10", "ok"), ("10.0", "ok"), ("11.0", "update")])
def test_a_limit_is_compared_as_a_number(plan: Plan, amount: str, action: str) -> None:
    plan.write("actual/budget.json", budget(amount))
    assert [(said, name) for said, name, _ in plan.differences("budgets")] == [(action, NAME)]


def test_a_budget_that_is_not_asked_for_any_more_goes(tmp_path: Path) -> None:
    plan = Plan(tmp_path / "plan", MONTHLY_BUDGET_USD="")
    plan.write("actual/budget.json", budget("10.0"))
    assert plan.differences("budgets") == [("delete", NAME, "")]


def test_a_notification_that_is_gone_comes_back_and_a_persons_own_stays(plan: Plan) -> None:
    own = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 50.0}
    forecasted = {"NotificationType": "FORECASTED", "ComparisonOperator": "GREATER_THAN", "Threshold": 100.0}
    plan.write("actual/budget_notifications.json", {"Notifications": [own, forecasted]})
    assert plan.differences("budget_notifications") == [
        ("create", f"{NAME}.actual", ""),
        ("ok", f"{NAME}.forecasted", ""),
    ]


# ---- what deploy.sh asks

DEPLOY = """
    source infra_bash/lib/script.sh
    for part in arguments settings aws state invoke ../aws/sns ../aws/secrets ../aws/budgets; do
      source infra_bash/lib/$part.sh
    done
    SETTINGS_FILE=$1
    load_settings
    read_account
    cp -r "$2/." "$STATE"
"""


class Deploy:
    """The parts of deploy.sh that make these."""

    def __init__(self, folder: Path) -> None:
        self.aws = FakeAws(folder / "aws")
        self.folder = folder

    def __call__(self, what: str, **settings: str) -> tuple[int, list[str]]:
        plan = Plan(Path(tempfile.mkdtemp(dir=self.folder)), **settings)
        named = {name: stubs.SETTINGS[name] for name in ("PROJECT", "STAGE", "AWS_REGION", "SOURCE_SECRET")}
        named |= {"WAREHOUSE_SECRET": "w", "WAREHOUSE_SCHEMA": "star", "ALERT_EMAIL": "someone@example.com"} | settings
        file = self.folder / "settings.env"
        file.write_text("".join(f"{name}={value}\n" for name, value in named.items()))
        command = ["bash", "-c", DEPLOY + what, "deploy.sh", str(file), str(plan.folder)]
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TOTESTREAM_AWS": str(self.aws.program)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr.splitlines()


@pytest.fixture
def deploy(tmp_path: Path) -> Deploy:
    return Deploy(tmp_path)


def test_a_second_deploy_neither_asks_a_pending_address_nor_removes_one(deploy: Deploy) -> None:
    pending = [f"{SNS}-mail PendingConfirmation email {who}@example.com" for who in ("someone", "old")]
    heard = json.dumps([line.split() for line in (HEARD, *pending)])
    deploy.aws.answers("sns list-subscriptions-by-topic", heard, "[]", "[]")
    expected = deploy("ensure_subscriptions; ensure_alert_subscriptions")
    assert expected == (0, ["ok      alert subscriptions: 2"])
    asked = [line.split()[1] for line in deploy.aws.asked]
    assert asked == ["get-caller-identity", *["list-subscriptions-by-topic"] * 3]


@pytest.mark.parametrize(
    ("via", "reason", "line"),
    [
        ("slack", "", "ok      alerts arrive in Slack"),
        ("mail", "", "ok      alerts go by e-mail"),
        (
            "mail",
            "Slack: asking was refused (404)",
            "warn    alerts go by e-mail, because Slack: asking was refused (404)",
        ),
        ("nobody", "neither is set", "nobody  receives alerts: neither is set"),
    ],
)
def test_a_deploy_says_where_alerts_go(via: str, reason: str, line: str, deploy: Deploy) -> None:
    deploy.aws.answers("lambda invoke", json.dumps({"via": via, "reason": reason}))
    assert deploy("prove_alerts") == (0, [line])


@pytest.mark.parametrize(
    ("webhook", "option", "asked"),
    [("SLACK_SECRET", "no", "test"), ("SLACK_SECRET", "yes", "check"), ("SOURCE_SECRET", "no", "check")],
)
def test_a_new_webhook_gets_a_test_message(webhook: str, option: str, asked: str, deploy: Deploy) -> None:
    deploy.aws.answers("lambda invoke", json.dumps({"via": "slack", "reason": ""}))
    events = "cat $WORK/answer.*.event >&2"
    code, said = deploy(f"OPTION_QUIET_ALERTS={option}; note_webhook {webhook}; prove_alerts; {events}")
    assert (code, json.loads(said[-1])) == (0, {"do": asked})


def test_an_account_that_lets_nobody_see_a_budget_is_fine_when_none_is_asked_for(deploy: Deploy) -> None:
    deploy.aws.answers("budgets describe-budget", "!AccessDeniedException")
    assert deploy("ensure_budgets; ensure_budget_notifications", MONTHLY_BUDGET_USD="") == (0, [])
    assert len(deploy.aws.asked_for("budgets describe-budget")) == 1


def test_an_account_that_lets_nobody_make_a_budget_is_said_with_the_way_out(deploy: Deploy) -> None:
    deploy.aws.answers("budgets describe-budget", "!AccessDeniedException when calling the DescribeBudget operation")
    code, said = deploy("ensure_budgets; ensure_budget_notifications")
    assert code == 1
    assert said[-1].startswith("FAILED  budgets describe-budget: ") and "MONTHLY_BUDGET_USD" in said[-1]


def test_a_new_budget_comes_with_what_it_tells(deploy: Deploy) -> None:
    deploy.aws.answers("budgets describe-budget", "!NotFoundException")
    assert deploy("ensure_budgets; ensure_budget_notifications") == (0, [f"create  budget {NAME}"])
    assert [line.split()[1] for line in deploy.aws.asked] == ["get-caller-identity", "describe-budget", "create-budget"]
