"""The door to Slack: one POST to an incoming webhook, which is a secret from its first letter to its last.

No error, log line or traceback holds any part of its URL. urllib3's errors do, so they are left behind altogether:
neither `from` them nor while one is handled is another error raised.
"""

import json
import logging
import re
import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Any

import urllib3
from tenacity import RetryCallState
from urllib3.exceptions import HTTPError

from shared.aws.clients import Sleep
from shared.aws.secrets import Webhook
from shared.errors import BadSetting, ServiceRefused, ServiceUnavailable
from shared.retry import retried

# What a try may take, all in all. Slack answers in a fraction of a second: who does not connect, or then says nothing,
# in half of it is not there.
TRY_S = 6.0
# Kept of the function's time for the e-mail: reading no answer of SNS's takes 13 s at most.
RESERVE_S = 15.0
# Slack takes a message a second: what it asks for when it does not say how long.
PACE_S = 1.0
# Slack's words are shorter by far; of another's answer no more is read.
LONGEST_ANSWER = 1000
# Status, Slack's word for it, and what Retry-After says.
Answer = tuple[int, str, str]
# Nothing that two programs could read in two ways: no user, no query, no other letters.
URL = re.compile(r"(https?)://([a-z0-9.-]+(?::[0-9]{1,5})?)/[A-Za-z0-9_/-]+")
FIX = "put a new webhook in place: deploy.sh --put-secrets"
FIXES = {
    400: "mend shared/alerts/message.py: Slack did not take what it was sent",
    410: "the channel is archived: bring it back, or " + FIX,
    413: "mend shared/alerts/message.py: Slack did not take what it was sent",
}

# urllib3 logs the path of each request, and the whole URL where it cannot read an answer's headers.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).disabled = True


class Slack:
    """`secret` is the webhook's name in errors, `hosts` the setting SLACK_HOSTS.

    Raises BadSetting when the webhook is none, or is elsewhere than at one of `hosts`.
    """

    def __init__(
        self,
        webhook: Webhook,
        secret: str,
        hosts: str,
        time_left_s: Callable[[], float],
        sleep: Sleep = time.sleep,
        try_s: float = TRY_S,
    ) -> None:
        _check(webhook, secret, hosts)
        self._webhook = webhook
        self._time_left_s = time_left_s
        self._sleep = sleep
        self._try_s = try_s

    def post(self, payload: dict[str, Any]) -> None:
        """Show it at least once. Raises ServiceUnavailable, after some tries, or ServiceRefused."""
        body = json.dumps(payload).encode()
        if self._time_left_s() < RESERVE_S + self._try_s:
            raise ServiceUnavailable("Slack", "posting", "no time is left for it")

        def is_too_late(state: RetryCallState) -> bool:
            return state.upcoming_sleep + self._try_s > self._time_left_s() - RESERVE_S

        retried(lambda: self._post(body), self._sleep, is_too_late)

    def _post(self, body: bytes) -> None:
        status, word, after = self._answer(body)
        cause = f"{status} {word}".strip()
        if status == 429:
            raise ServiceUnavailable("Slack", "posting", cause, float(after) if after.isdecimal() else PACE_S)
        if status >= 500:
            raise ServiceUnavailable("Slack", "posting", cause)
        if status != 200:
            raise ServiceRefused("Slack", "posting", cause, FIXES.get(status, FIX))

    def _answer(self, body: bytes) -> Answer:
        """In time. urllib3 limits each silence, not all of them together, and nothing limits the lookup of a name: so
        another thread waits, and who does not come back is left to the process's end. It may still be heard by Slack.
        """
        answer: Future[Answer] = Future()

        def ask() -> None:
            try:
                answer.set_result(self._asked(body))
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                answer.set_exception(error)

        Thread(target=ask, daemon=True).start()
        try:
            return answer.result(self._try_s)
        except TimeoutError:
            pass
        raise ServiceUnavailable("Slack", "posting", f"no whole answer in {self._try_s:g} s")

    def _asked(self, body: bytes) -> Answer:
        try:
            with urllib3.PoolManager() as http:
                answer = http.request(
                    "POST",
                    self._webhook.url,
                    body=body,
                    headers={"Content-Type": "application/json; charset=utf-8"},
                    timeout=urllib3.Timeout(connect=self._try_s / 2, read=self._try_s / 2),
                    retries=False,  # nor is a redirect followed
                    preload_content=False,
                )
                word = self._word(answer.read(LONGEST_ANSWER))
                answer.close()
                return answer.status, word, answer.headers.get("Retry-After", "")
        except HTTPError as error:
            cause = type(error).__name__
        raise ServiceUnavailable("Slack", "posting", cause)

    def _word(self, answer: bytes) -> str:
        """Slack's own, such as invalid_token: an answer by anyone between us may quote the request."""
        word = answer.decode(errors="replace")
        return word if re.fullmatch("[a-z_]{2,60}", word) and word not in self._webhook.url else ""


def _check(webhook: Webhook, secret: str, hosts: str) -> None:
    place = URL.fullmatch(webhook.url)
    if not place:
        raise BadSetting(f"secret {secret}", "does not hold the URL of a webhook", FIX)
    scheme, host = place.groups()
    # Plain HTTP is for a stand-in on this machine, and only where it is listed with its port.
    listed = host if scheme == "https" else f"http://{host}" if ":" in host else ""
    if listed not in re.split(r"[,\s]+", hosts.lower()) or not listed:
        raise BadSetting(f"secret {secret}", "has a webhook at a host that is not in SLACK_HOSTS", FIX)
