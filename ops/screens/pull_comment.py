"""Writes what a dry run said as a comment of a pull request: a new one, or over the one of the run before.

    python -m ops.screens.pull_comment NUMBER EXIT_CODE <WORDS

GITHUB_REPOSITORY, GH_TOKEN and GITHUB_API_URL come from the environment.
"""

import json
import os
import re
import sys
import urllib.request
from typing import Any

# Known by it again; people do not see it.
MARK = "<!-- what a deploy of Totestream would change -->"
ASKING_S = 30.0
PAGE = 100
# GitHub takes 65,536 characters.
MOST = 60_000
# What a terminal makes of colours and cursors.
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def body(words: str, code: int) -> str:
    """What was said last is kept when it is too much: there it says what failed."""
    text = ESCAPES.sub("", words)
    if len(text) > MOST:
        text = "…\n" + text[-MOST:]
    # A fence that no line of the text can end.
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    headline = "What a deploy would change" if code == 0 else "The dry run failed"
    return f"{MARK}\n**{headline}**\n\n{fence}text\n{text.rstrip()}\n{fence}\n"


def earlier(comments: list[Any]) -> str:
    """The address of ours, "" when there is none. People may quote it."""
    ours = (each["url"] for each in comments if each["user"]["type"] == "Bot" and each["body"].startswith(MARK))
    return next(ours, "")


class GitHubApi:
    def __init__(self, api: str, token: str) -> None:
        self._api, self._token = api, token

    def comments(self, issue: str) -> list[Any]:
        found: list[Any] = []
        page: list[Any] = [None] * PAGE
        while len(page) == PAGE:
            number = len(found) // PAGE + 1
            page = self._call("GET", f"{self._api}/{issue}/comments?per_page={PAGE}&page={number}")
            found += page
        return found

    def write(self, issue: str, text: str) -> None:
        at = earlier(self.comments(issue))
        self._call("PATCH" if at else "POST", at or f"{self._api}/{issue}/comments", {"body": text})

    def _call(self, method: str, url: str, content: object = None) -> Any:
        headers = {"Accept": "application/vnd.github+json", "Authorization": f"Bearer {self._token}"}
        data = json.dumps(content).encode() if content else None
        # The URLs are GitHub's own: of its runner's environment and of its answers.
        asked = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(asked, timeout=ASKING_S) as answer:  # noqa: S310
            return json.load(answer)


def main() -> int:
    number, code = map(int, sys.argv[1:])
    github = GitHubApi(os.environ.get("GITHUB_API_URL", "https://api.github.com"), os.environ["GH_TOKEN"])
    try:
        github.write(f"repos/{os.environ['GITHUB_REPOSITORY']}/issues/{number}", body(sys.stdin.read(), code))
    except OSError as error:
        print(f"{'FAILED':<8}GitHub does not take the comment: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
