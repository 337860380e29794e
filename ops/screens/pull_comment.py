"""Write the output of a dry run as a comment of a pull request; it replaces the comment of the previous run.

    python -m ops.screens.pull_comment NUMBER EXIT_CODE <WORDS

GITHUB_REPOSITORY, GH_TOKEN and GITHUB_API_URL come from the environment.
"""

import json
import os
import re
import sys
import urllib.request
from typing import Any

# An invisible text by which the existing comment is found.
MARKER = "<!-- what a deploy of Totestream would change -->"
TIMEOUT_S = 30.0
PAGE = 100
# GitHub takes 65,536 characters.
MAX_CHARACTERS = 60_000
# Colours and cursor movements of a terminal.
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def body(words: str, code: int) -> str:
    """Return the comment. If the output is too long, its end is kept, which says what failed."""
    text = ESCAPES.sub("", words)
    if len(text) > MAX_CHARACTERS:
        text = "…\n" + text[-MAX_CHARACTERS:]
    # A fence that no line of the text can end.
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    headline = "What a deploy would change" if code == 0 else "The dry run failed"
    return f"{MARKER}\n**{headline}**\n\n{fence}text\n{text.rstrip()}\n{fence}\n"


def existing_comment(comments: list[Any]) -> str:
    """Return the URL of our comment; "" when there is none. Comments of people that quote it do not count."""
    ours = (each["url"] for each in comments if each["user"]["type"] == "Bot" and each["body"].startswith(MARKER))
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
        existing_url = existing_comment(self.comments(issue))
        self._call("PATCH" if existing_url else "POST", existing_url or f"{self._api}/{issue}/comments", {"body": text})

    def _call(self, method: str, url: str, content: object = None) -> Any:
        headers = {"Accept": "application/vnd.github+json", "Authorization": f"Bearer {self._token}"}
        data = json.dumps(content).encode() if content else None
        # The URLs are GitHub's own: of its runner's environment and of its answers.
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
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
