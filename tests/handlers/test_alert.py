"""The alert function as SNS calls it: moto's SNS and Secrets Manager, and Slack's stand-in behind real HTTP."""

import json
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from handlers import alert
from local import ports
from local.slack import SlackServer
from shared.errors import BadSetting, ServiceRefused, ServiceUnavailable
from shared.retry import TRIES
from tests.shared.alerts.making import CANARIES, WEBHOOK_PATH, alarm, published, sns_event
from tests.shared.alerts.making import alert as an_alert

pytestmark = pytest.mark.fast

SECRET = "the/webhook"
EVENT = sns_event(published(an_alert()))
TITLE = "🔴 fact_payment: Messages that nobody could read"
SETTINGS = {
    "PROJECT": "totestream",
    "STAGE": "test",
    "ACCOUNT_ID": "123456789012",
    "SLACK_SECRET": SECRET,
    "ALERT_EMAIL": "someone@example.com",
}


class Context:
    def __init__(self, left_ms: int = 60_000) -> None:
        self.left_ms = left_ms

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


class Account:
    """moto's secret and MAIL topic, whose mailbox is a queue."""

    def __init__(self) -> None:
        self.manager: Any = boto3.client("secretsmanager")
        self.sns: Any = boto3.client("sns")
        self.sqs: Any = boto3.client("sqs")
        self.topic = self.sns.create_topic(Name="totestream-test-mail")["TopicArn"]
        self.box = self.sqs.create_queue(QueueName="box")["QueueUrl"]
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-west-2:123456789012:box")
        self.manager.create_secret(Name=SECRET, SecretString="{}")

    def keep(self, secret: str) -> None:
        self.manager.put_secret_value(SecretId=SECRET, SecretString=secret)

    def keep_webhook(self, url: str) -> None:
        self.keep(json.dumps({"url": url}))

    def mails(self) -> list[tuple[str, str]]:
        """Subject and text of each."""
        found = self.sqs.receive_message(QueueUrl=self.box, MaxNumberOfMessages=10).get("Messages", [])
        bodies = [json.loads(message["Body"]) for message in found]
        return [(body["Subject"], body["Message"]) for body in bodies]


@pytest.fixture
def slack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackServer]:
    with SlackServer(tmp_path, path=WEBHOOK_PATH) as running:
        for name, value in (SETTINGS | {"SLACK_HOSTS": f"hooks.slack.com {running.place}"}).items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def account(aws: None, slack: SlackServer) -> Account:
    made = Account()
    made.keep_webhook(slack.url)
    return made


@pytest.fixture(autouse=True)
def _nothing_shows_the_webhook(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Not even to who would listen to every library."""
    # Only botocore's debug lines hold what Secrets Manager answered: they are not ours, and Lambda has them off.
    caplog.set_level(logging.INFO, "botocore")
    for name in ("", "urllib3", "urllib3.connection", "urllib3.connectionpool"):
        caplog.set_level(logging.DEBUG, name)
    yield
    captured = capfd.readouterr()
    logged = [record.getMessage() for record in caplog.get_records("call")]
    assert_hidden("\n".join([captured.out, captured.err, *logged]))


def assert_hidden(text: str) -> None:
    assert not [canary for canary in CANARIES if canary in text]


def log_line(capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    [line] = capfd.readouterr().out.splitlines()
    assert_hidden(line)
    read: dict[str, Any] = json.loads(line)
    return read


def test_an_alert_is_shown_in_slack(account: Account, slack: SlackServer, capfd: pytest.CaptureFixture[str]) -> None:
    assert alert.handler(EVENT, Context()) == {"told": 1}
    assert [message["text"].splitlines()[0] for message in slack.messages()] == [TITLE]
    assert account.mails() == []
    line = log_line(capfd)
    assert (line["via"], line["stack"], line["kind"]) == ("slack", "totestream-test", "dead_letters")


def test_each_of_several_is_shown(account: Account, slack: SlackServer) -> None:
    event = sns_event(published(an_alert("ended")), json.dumps(alarm()), published(an_alert(version=2)), "a drill")
    assert alert.handler(event, Context()) == {"told": 4}
    assert [message["text"][0] for message in slack.messages()] == ["🟢", "🔴", "🔵", "🔵"]


def test_without_a_secret_it_is_an_e_mail(
    account: Account, slack: SlackServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLACK_SECRET", "")
    monkeypatch.delenv("SLACK_HOSTS")
    assert alert.handler(EVENT, Context()) == {"told": 1}
    [(subject, text)] = account.mails()
    assert subject == "[totestream-test] BEGUN fact_payment: Messages that nobody could read"
    assert "Slack" not in text
    assert (log_line(capfd)["level"], slack.request_count) == ("info", 0)


def test_a_webhook_that_was_replaced_works_at_once(account: Account, slack: SlackServer, tmp_path: Path) -> None:
    account.keep_webhook(slack.place + WEBHOOK_PATH + "old")
    alert.handler(EVENT, Context())
    account.keep_webhook(slack.url)
    alert.handler(EVENT, Context())
    assert len(slack.messages()) == 1
    [(_, text)] = account.mails()
    assert "Slack: posting was refused (403 invalid_token); store a new webhook: deploy.sh --put-secrets" in text


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("not JSON " + WEBHOOK_PATH, "secret the/webhook is not Slack's webhook"),
        (json.dumps({"address": WEBHOOK_PATH}), "secret the/webhook is not Slack's webhook"),
        (json.dumps({"url": "https://evil.example" + WEBHOOK_PATH}), "at a host that is not in SLACK_HOSTS"),
        (json.dumps({"url": WEBHOOK_PATH}), "secret the/webhook does not hold the URL of a webhook"),
    ],
)
def test_a_secret_that_is_none_is_said_by_e_mail(
    secret: str, why: str, account: Account, slack: SlackServer, capfd: pytest.CaptureFixture[str]
) -> None:
    account.keep(secret)
    assert alert.handler(EVENT, Context()) == {"told": 1}
    [(_, text)] = account.mails()
    assert why in text
    assert "deploy.sh --put-secrets" in text
    assert_hidden(text)
    assert "evil" not in text
    line = log_line(capfd)
    assert (line["level"], line["via"], slack.request_count) == ("error", "mail", 0)


def test_a_secret_that_is_not_there_is_said_by_e_mail(account: Account) -> None:
    account.manager.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    alert.handler(EVENT, Context())
    [(_, text)] = account.mails()
    assert "Secrets Manager: reading secret the/webhook was refused (ResourceNotFoundException)" in text


@pytest.mark.parametrize("how", ["status", "garble"])
def test_when_slack_is_down_it_is_an_e_mail(
    how: Any, account: Account, slack: SlackServer, capfd: pytest.CaptureFixture[str]
) -> None:
    slack.misbehave(how, times=99)
    assert alert.handler(EVENT, Context()) == {"told": 1}
    [(_, text)] = account.mails()
    assert "because Slack was not reached: Slack: posting failed for now" in text
    assert_hidden(text)
    line = log_line(capfd)
    assert (line["level"], line["via"]) == ("warning", "mail")


def test_too_little_time_is_left_to_the_e_mail(account: Account, slack: SlackServer) -> None:
    alert.handler(EVENT, Context(left_ms=20_000))
    assert (slack.request_count, len(account.mails())) == (0, 1)


def test_when_nobody_is_reached_it_raises_and_lambda_calls_again(
    account: Account, slack: SlackServer, capfd: pytest.CaptureFixture[str]
) -> None:
    slack.misbehave("status", status=403, word="invalid_token", times=99)
    account.sns.delete_topic(TopicArn=account.topic)
    with pytest.raises(ServiceRefused, match="SNS: publishing was refused") as caught:
        alert.handler(EVENT, Context())
    assert_hidden("".join(traceback.format_exception(caught.value)))
    out = capfd.readouterr().out
    assert_hidden(out)
    handled, failed = (json.loads(line) for line in out.splitlines())
    assert (handled["via"], handled["level"]) == ("nothing", "error")
    assert failed["message"] == "alerts have reached nobody"


def test_without_an_address_lambda_calls_again_until_slack_is_back(
    account: Account, slack: SlackServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALERT_EMAIL", "")
    slack.misbehave("status", times=TRIES)
    with pytest.raises(ServiceUnavailable, match="Slack: posting failed for now"):
        alert.handler(EVENT, Context())
    handled, failed = (json.loads(line) for line in capfd.readouterr().out.splitlines())
    assert (handled["via"], failed["message"]) == ("nothing", "alerts have reached nobody")
    assert alert.handler(EVENT, Context()) == {"told": 1}
    assert [message["text"].splitlines()[0] for message in slack.messages()] == [TITLE]


def test_slack_on_a_port_where_nobody_listens_is_an_e_mail(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = f"http://127.0.0.1:{ports.pick()}"
    monkeypatch.setenv("SLACK_HOSTS", nobody)
    account.keep_webhook(nobody + WEBHOOK_PATH)
    alert.handler(EVENT, Context())
    [(_, text)] = account.mails()
    assert "Slack: posting failed for now (NewConnectionError)" in text
    assert nobody.removeprefix("http://") not in text


def test_without_its_settings_it_raises(
    account: Account, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("STAGE")
    with pytest.raises(BadSetting, match="setting STAGE is missing"):
        alert.handler(EVENT, Context())
    assert log_line(capfd)["error"] == "BadSetting"


def test_an_event_without_records_is_nothing_to_tell(account: Account) -> None:
    assert alert.handler({}, Context()) == {"told": 0}


class TestReach:
    """Where a message would go, found out without sending one."""

    def test_slack(self, account: Account, slack: SlackServer) -> None:
        assert alert.handler({"do": "check"}, Context()) == {"via": "slack", "reason": ""}
        assert (slack.messages(), account.mails(), slack.request_count) == ([], [], 1)

    def test_a_webhook_that_slack_does_not_know(self, account: Account, slack: SlackServer) -> None:
        account.keep_webhook(slack.url + "old")
        found = alert.handler({"do": "check"}, Context())
        assert found["via"] == "mail"
        assert "Slack: asking was refused (403 invalid_token); store a new webhook" in found["reason"]

    @pytest.mark.parametrize("status", [404, 410])
    def test_one_that_is_gone(self, status: int, account: Account, slack: SlackServer) -> None:
        slack.misbehave("status", status=status, word="no_service")
        assert alert.handler({"do": "check"}, Context())["via"] == "mail"

    def test_one_that_takes_no_more_this_second_works(self, account: Account, slack: SlackServer) -> None:
        slack.misbehave("status", status=429, word="rate_limited")
        assert alert.handler({"do": "check"}, Context())["via"] == "slack"

    def test_an_empty_path(self, account: Account, slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> None:
        account.keep_webhook(slack.place)
        monkeypatch.setenv("ALERT_EMAIL", "")
        found = alert.handler({"do": "check"}, Context())
        assert found["via"] == "nobody"
        assert "secret the/webhook does not hold the URL of a webhook" in found["reason"]

    def test_an_address_that_has_not_confirmed(
        self, account: Account, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SLACK_SECRET", "")
        [subscription] = account.sns.list_subscriptions_by_topic(TopicArn=account.topic)["Subscriptions"]
        account.sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
        assert alert.handler({"do": "check"}, Context()) == {
            "via": "nobody",
            "reason": "someone@example.com has not confirmed its subscription: the e-mail from AWS has the link",
        }

    def test_a_stack_with_neither(self, account: Account, slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SLACK_SECRET", "")
        monkeypatch.setenv("ALERT_EMAIL", "")
        assert alert.handler({"do": "check"}, Context()) == {
            "via": "nobody",
            "reason": "neither SLACK_SECRET nor ALERT_EMAIL is set",
        }

    def test_a_test_message(self, account: Account, slack: SlackServer) -> None:
        assert alert.handler({"do": "test"}, Context()) == {"via": "slack", "reason": ""}
        [message] = slack.messages()
        assert "This is a test: nothing is wrong." in json.dumps(message)

    def test_a_test_message_that_reaches_nobody(self, account: Account, slack: SlackServer) -> None:
        slack.misbehave("status", status=403, word="invalid_token", times=99)
        account.sns.delete_topic(TopicArn=account.topic)
        assert alert.handler({"do": "test"}, Context())["via"] == "nobody"
