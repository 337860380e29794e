"""What becomes of a record: Slack, else e-mail, else an error; one line in the log for each; none stops another."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.alerts.deliver import DeliveryDependencies, deliver
from shared.errors import PermanentError, ServiceRefused, ServiceUnavailable, TotestreamError
from tests.shared.alerts.making import CANARIES, HERE, alarm, alert, assert_hidden, published, sns_event, traced

pytestmark = pytest.mark.fast

BUSY = ServiceUnavailable("Slack", "posting", "500")
REFUSED = ServiceRefused("Slack", "posting", "403 invalid_token", "put a new webhook in place")
NO_MAIL = ServiceUnavailable("SNS", "publishing", "InternalError")
ALERT, ALARM = published(alert()), json.dumps(alarm())


@dataclass
class People:
    """Those whom both ways lead to; `slack` and `mail` are the errors of each, one a call, before it works."""

    slack: list[Exception] = field(default_factory=list)
    mail: list[Exception] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)

    def post(self, payload: dict[str, Any]) -> None:
        if self.slack:
            raise self.slack.pop(0)
        self.seen.append(("slack", payload["text"].splitlines()[0]))

    def publish(self, texts: Sequence[str], subject: str = "") -> None:
        if self.mail:
            raise self.mail.pop(0)
        self.seen += [(subject, text) for text in texts]

    def outside(
        self, post: Callable[[dict[str, Any]], None] | None, address: str = "someone@example.com"
    ) -> DeliveryDependencies:
        return DeliveryDependencies(HERE, post, self, address, clock=iter(range(100)).__next__)


def told(people: People, *messages: str, address: str = "someone@example.com") -> None:
    deliver(sns_event(*messages)["Records"], people.outside(people.post, address))


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_slack_is_told_and_nobody_else(capsys: pytest.CaptureFixture[str]) -> None:
    people = People()
    told(people, ALERT)
    assert people.seen == [("slack", "🔴 fact_payment: Messages that nobody could read")]
    assert lines(capsys) == [
        {
            "level": "info",
            "message": "alert was handled",
            "stack": "totestream-test",
            "event": "begun",
            "kind": "dead_letters",
            "subject": "fact_payment",
            "via": "slack",
            "seconds": 1,
        }
    ]


@pytest.mark.parametrize(("error", "level"), [(BUSY, "warning"), (REFUSED, "error")])
def test_when_slack_is_not_reached_it_is_an_e_mail_that_says_why(
    error: Exception, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    people = People(slack=[error])
    told(people, ALERT)
    [(subject, text)] = people.seen
    assert subject == "[totestream-test] BEGUN fact_payment: Messages that nobody could read"
    assert f"because Slack was not reached: {error}" in text.splitlines()[6]
    [line] = lines(capsys)
    assert (line["level"], line["via"], line["slack"]) == (level, "mail", str(error))


def test_without_slack_it_is_an_e_mail_and_no_excuse(capsys: pytest.CaptureFixture[str]) -> None:
    people = People()
    deliver(sns_event(ALERT)["Records"], people.outside(None))
    [(_, text)] = people.seen
    assert "Slack" not in text
    [line] = lines(capsys)
    assert (line["level"], line["via"], "slack" in line) == ("info", "mail", False)


def test_when_both_fail_it_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    people = People(slack=[REFUSED], mail=[NO_MAIL])
    with pytest.raises(ServiceUnavailable) as caught:
        told(people, ALERT)
    assert caught.value is NO_MAIL
    assert caught.value.__context__ is None
    [line] = lines(capsys)
    assert (line["level"], line["via"]) == ("warning", "nothing")
    assert (line["slack"], line["mail"]) == (str(REFUSED), str(NO_MAIL))


@pytest.mark.parametrize(("error", "level"), [(BUSY, "warning"), (REFUSED, "error")])
def test_without_an_address_the_topic_of_the_e_mails_is_nobody(
    error: Exception, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It takes all the same what nobody hears; whoever listens in another way has it."""
    people = People(slack=[error])
    with pytest.raises(TotestreamError) as caught:
        told(people, ALERT, ALARM, address="")
    assert caught.value is error
    assert [way.partition(" ")[0] for way, _ in people.seen] == ["[totestream-test]", "slack"]
    line, other = lines(capsys)
    assert (line["level"], line["via"], line["slack"]) == (level, "nothing", str(error))
    assert (other["level"], other["via"]) == ("info", "slack")


def test_a_stack_that_has_neither_has_chosen_so(capsys: pytest.CaptureFixture[str]) -> None:
    people = People()
    deliver(sns_event(ALERT)["Records"], people.outside(None, address=""))
    assert len(people.seen) == 1
    [line] = lines(capsys)
    assert (line["level"], line["via"]) == ("info", "nobody")


@pytest.mark.parametrize("which", [0, 1, 2])
def test_one_that_reaches_nobody_does_not_stop_the_others(which: int, capsys: pytest.CaptureFixture[str]) -> None:
    class Choosy(People):
        def post(self, payload: dict[str, Any]) -> None:
            number = len(self.seen) + len(self.slack)
            if number == which and not self.slack:
                self.slack.append(BUSY)
                raise BUSY
            self.seen.append(("slack", payload["text"].splitlines()[0]))

    people = Choosy(mail=[NO_MAIL])
    with pytest.raises(ServiceUnavailable):
        told(people, ALERT, ALARM, "a drill")
    assert len(people.seen) == 2
    assert [line["via"] for line in lines(capsys)] == ["nothing" if at == which else "slack" for at in range(3)]


def test_a_bug_on_one_way_leaves_the_other_and_tells_only_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    people = People(slack=[ValueError(f"cannot parse {CANARIES[2]}")])
    told(people, ALERT)
    [(_, text)] = people.seen
    [line] = lines(capsys)
    assert line["slack"] == "a bug: ValueError"
    assert CANARIES[2] not in text


def test_a_bug_that_reaches_nobody_is_raised_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    people = People(slack=[ValueError(f"cannot parse {CANARIES[2]}")])
    with pytest.raises(PermanentError, match="^a bug: ValueError$") as caught:
        told(people, ALERT, address="")
    assert_hidden(traced(caught.value))


def test_anything_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    people = People()
    deliver([{}, {"Sns": {}}, *sns_event("not JSON", subject="a drill")["Records"]], people.outside(people.post))
    unknown = ("slack", "🔵 A message that this version does not know")
    assert people.seen == [unknown, unknown, ("slack", "🔵 a drill")]
    assert {line["kind"] for line in lines(capsys)} == {"message"}


def test_of_a_new_alarm_nobody_hears_that_it_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    """CloudWatch calls it so when the alarm has its first data."""
    people = People()
    told(people, json.dumps(alarm("OK", OldStateValue="INSUFFICIENT_DATA")))
    assert (people.seen, lines(capsys)[0]["via"]) == ([], "nobody")
    told(people, json.dumps(alarm("OK", OldStateValue="ALARM")))
    assert len(people.seen) == 1
