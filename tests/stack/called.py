"""Who is called by the deployed stack."""

import json
from dataclasses import dataclass

from local import folders
from local.slack_process import SlackProcess
from tests.stack.stack import LocalStack


@dataclass
class Called:
    """Those who are called: the stand-in for Slack, from now on."""

    stack: LocalStack

    def __post_init__(self) -> None:
        self._file = SlackProcess(folders.slack_home(self.stack.folder)).messages
        self._seen = len(self._lines())

    def _lines(self) -> list[str]:
        return self._file.read_text().splitlines() if self._file.exists() else []

    @property
    def text(self) -> str:
        """All that was ever told them."""
        return self._file.read_text()

    def heard(self, *words: str) -> bool:
        messages = [json.dumps(json.loads(line)["message"], ensure_ascii=False) for line in self._lines()[self._seen :]]
        return any(all(word in message for word in words) for message in messages)
