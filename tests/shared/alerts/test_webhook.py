"""Where a webhook may be: at the listed hosts and nowhere else; and that a wrong one is not named."""

import pytest

from local.slack import SlackServer
from shared.aws.secrets import Webhook
from shared.errors import BadSetting
from tests.shared.alerts.making import HELLO, WEBHOOK_PATH, NewSlack, assert_hidden, traced

pytestmark = pytest.mark.fast


def test_plain_http_is_for_the_listed_place_alone(new_slack: NewSlack, stand_in: SlackServer) -> None:
    new_slack(hosts=f"hooks.slack.com, {stand_in.place}").post(HELLO)
    for hosts in ("hooks.slack.com", "127.0.0.1", stand_in.place.removeprefix("http://"), "http://127.0.0.1", ""):
        with pytest.raises(BadSetting, match="secret the/webhook has a webhook at a host that is not in SLACK_HOSTS"):
            new_slack(hosts=hosts)
    assert stand_in.asked == 1
    for hosts in ("http://127.0.0.1", "", ","):
        with pytest.raises(BadSetting, match="not in SLACK_HOSTS"):
            new_slack("http://127.0.0.1" + WEBHOOK_PATH, hosts)


@pytest.mark.parametrize("hosts", ["hooks.slack.com", "a.example,hooks.slack.com", "a.example  Hooks.Slack.com\n"])
def test_https_is_for_the_listed_hosts(hosts: str, new_slack: NewSlack) -> None:
    new_slack("https://hooks.slack.com" + WEBHOOK_PATH, hosts)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example" + WEBHOOK_PATH,
        "https://hooks.slack.com.evil.example" + WEBHOOK_PATH,
        "https://evil.hooks.slack.com" + WEBHOOK_PATH,
        "https://hooks.slack.com:8443" + WEBHOOK_PATH,
        "http://hooks.slack.com" + WEBHOOK_PATH,
        "https://hooks.slack.com@evil.example" + WEBHOOK_PATH,
        "https://evil.example\\@hooks.slack.com" + WEBHOOK_PATH,
        "https://hooks.slack.com" + WEBHOOK_PATH + "?to=evil.example",
        "https://hooks.slack.com" + WEBHOOK_PATH + "\n",
        "https://hooks.slack.com",
        "ftp://hooks.slack.com" + WEBHOOK_PATH,
        WEBHOOK_PATH,
        "",
    ],
)
def test_a_webhook_elsewhere_is_refused_without_being_named(url: str, new_slack: NewSlack) -> None:
    with pytest.raises(BadSetting) as caught:
        new_slack(url, "hooks.slack.com")
    assert "secret the/webhook" in str(caught.value)
    assert "deploy.sh --put-secrets" in str(caught.value)
    assert_hidden(traced(caught.value))
    assert "evil" not in traced(caught.value)


def test_a_webhook_does_not_show_itself() -> None:
    webhook = Webhook("https://hooks.slack.com" + WEBHOOK_PATH)
    assert repr(webhook) == str(webhook) == f"{[webhook]}"[1:-1] == "Webhook(url=…)"
