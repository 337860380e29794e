"""Send one POST to Slack's incoming webhook, whose whole URL is a secret.

No error, log line or traceback contains any part of the URL. urllib3's errors do, so none of them is chained: no other
error is raised `from` one, nor while one is handled.
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

# The limit of one try. Slack answers in a fraction of a second, so half of it is enough to connect, and half to answer.
TRY_S = 6.0
# The function's time that is reserved for the e-mail: an SNS call without an answer takes at most 13 s.
RESERVE_S = 15.0
# Slack accepts a message a second; used when it gives no Retry-After.
PACE_S = 1.0
# Slack's error codes are much shorter; no more of another answer is read.
LONGEST_ANSWER = 1000
# Status, Slack's error code, and Retry-After.
Answer = tuple[int, str, str]
# Nothing that two programs could parse differently: no user, no query, no other characters.
URL = re.compile(r"(https?)://([a-z0-9.-]+(?::[0-9]{1,5})?)/[A-Za-z0-9_/-]+")
EMPTY, EMPTY_ANSWERS = b"{}", ("no_text", "invalid_payload")
FIX = "store a new webhook: deploy.sh --put-secrets"
FIXES = {
    400: "fix shared/alerts/message.py: Slack rejected the payload",
    410: "the channel is archived: restore it, or " + FIX,
    413: "fix shared/alerts/message.py: Slack rejected the payload",
}

# urllib3 logs the path of each request, and the whole URL if it cannot parse an answer's headers.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).disabled = True


class Slack:
    """A Slack webhook. `secret` is its secret's name, for errors; `hosts` is the setting SLACK_HOSTS.

    Raises BadSetting if the secret is not a webhook's URL, or if its host is not one of `hosts`.
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
        check_webhook(webhook, secret, hosts)
        self._webhook = webhook
        self._time_left_s = time_left_s
        self._sleep = sleep
        self._try_s = try_s

    def post(self, payload: dict[str, Any]) -> None:
        """Post the payload, at least once. Raises ServiceUnavailable after some tries, or ServiceRefused."""
        body = json.dumps(payload).encode()
        if self._time_left_s() < RESERVE_S + self._try_s:
            raise ServiceUnavailable("Slack", "posting", "no time is left")

        def is_too_late(state: RetryCallState) -> bool:
            return state.upcoming_sleep + self._try_s > self._time_left_s() - RESERVE_S

        retried(lambda: self._post(body), self._sleep, is_too_late)

    def probe(self) -> None:
        """Ask Slack, without sending a message, whether it knows the webhook. Raises as `post` does, and tries once.

        Slack answers a message without text with 400 and no_text where the webhook works, and with 403 or 404 where
        it does not.
        """
        status, word, _ = self._answer(EMPTY)
        if (status == 400 and word in EMPTY_ANSWERS) or status == 429:
            return
        cause = f"{status} {word}".strip()
        if status >= 500:
            raise ServiceUnavailable("Slack", "asking", cause)
        raise ServiceRefused("Slack", "asking", cause, FIX if status == 400 else FIXES.get(status, FIX))

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
        """Return Slack's answer, or raise ServiceUnavailable after the time limit.

        urllib3 limits each wait for data, not their sum, and nothing limits a DNS lookup. So another thread does the
        request, and is abandoned after the limit; Slack may still receive that request.
        """
        answer: Future[Answer] = Future()

        def work() -> None:
            try:
                answer.set_result(self._exchange(body))
            except BaseException as error:  # noqa: BLE001 - raised again by result()
                answer.set_exception(error)

        Thread(target=work, daemon=True).start()
        try:
            return answer.result(self._try_s)
        except TimeoutError:
            pass
        raise ServiceUnavailable("Slack", "posting", f"no whole answer in {self._try_s:g} s")

    def _exchange(self, body: bytes) -> Answer:
        try:
            with urllib3.PoolManager() as http:
                answer = http.request(
                    "POST",
                    self._webhook.url,
                    body=body,
                    headers={"Content-Type": "application/json; charset=utf-8"},
                    timeout=urllib3.Timeout(connect=self._try_s / 2, read=self._try_s / 2),
                    retries=False,  # and no redirects
                    preload_content=False,
                )
                word = self._word(answer.read(LONGEST_ANSWER))
                answer.close()
                return answer.status, word, answer.headers.get("Retry-After", "")
        except HTTPError as error:
            cause = type(error).__name__
        raise ServiceUnavailable("Slack", "posting", cause)

    def _word(self, answer: bytes) -> str:
        """Return Slack's error code, such as invalid_token; '' for any other text, because an intermediary may quote
        the request.
        """
        word = answer.decode(errors="replace")
        return word if re.fullmatch("[a-z_]{2,60}", word) and word not in self._webhook.url else ""


def check_webhook(webhook: Webhook, secret: str, hosts: str) -> None:
    """Raise BadSetting if the secret does not hold a webhook's URL at one of `hosts`, the setting SLACK_HOSTS."""
    place = URL.fullmatch(webhook.url)
    if not place:
        raise BadSetting(f"secret {secret}", "does not hold the URL of a webhook", FIX)
    scheme, host = place.groups()
    # Plain HTTP is for a stand-in on this machine, and must be listed with its port.
    listed = host if scheme == "https" else f"http://{host}" if ":" in host else ""
    if listed not in re.split(r"[,\s]+", hosts.lower()) or not listed:
        raise BadSetting(f"secret {secret}", "has a webhook at a host that is not in SLACK_HOSTS", FIX)
