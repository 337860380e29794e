"""The product is written in plain technical English: subject, verb, object.

python -m tests.test_english     prints what each room that is not yet held has to change
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parent.parent
CODE = ("handlers", "shared", "ops", "infra_bash", "local", "benchmarks")

# Rooms whose English is still to be rewritten: paths below the root, without which the test would fail. The list only
# shrinks: a room in it that has nothing left to change fails the test, too.
NOT_YET = (
    "docs/design.md",
    "handlers",
    "infra_bash",
    "ops",
    "settings.example.env",
    "shared/aws",
    "shared/catalogue.py",
    "shared/errors.py",
    "shared/frames.py",
    "shared/lake",
    "shared/lineage",
    "shared/load",
    "shared/log.py",
    "shared/names.py",
    "shared/postgres",
    "shared/retry.py",
    "shared/settings.py",
    "shared/source",
    "shared/status",
    "shared/transform",
    "shared/warehouse",
    "shared/watch",
)

# Nobody searches for these first words, and nobody knows after them what the sentence is about.
OPENING = re.compile(r"(?:^|(?<=[.!?:;] )|(?<=\| ))(?:Of|Who|Whoever|None of|Those|Whose)\b")
# In a table a cell is a sentence, whatever letter it begins with.
CELL = re.compile(r"(?<=\| )(?:of|who|whoever|none of|those|whose)\b")

# Our metaphors, each with the field's word for it.
BANNED = {
    r"bells?": "load trigger, notification",
    r"r[iau]ngs?\b(?! buffer)": "trigger, go off",
    r"roads?": "pipeline, path",
    r"is told|are told|was told|were told": "is reported, is given",
    r"asked again|asks again|ask again|asked for again": "repeated, republished",
    r"excuses": "strict",
    r"puts? right|put right|brings? right|brought right": "repair, fix",
    r"mend(?:s|ed|ing)?": "fix, repair, correct",
    r"set aside|sets aside": "quarantined",
    r"bury|buries|buried": "send to the dead-letter queue",
    r"anew|afresh": "again, from the start",
    r"in vain": "without a result",
    r"nobody's way": "does not block",
}
BANNED_WORD = re.compile(rf"\b(?:{'|'.join(BANNED)})\b", re.IGNORECASE)

# A quoted text of bash with a blank in it.
QUOTED = re.compile(r"\"[^\"]* [^\"]*\"|'[^']* [^']*'")

# What a function's docstring may begin with. Each is a verb in the imperative.
_VERBS = """
Accept Acquire Add Adopt Allow Answer Append Apply Ask Assert Attach Await Back Begin Block Bring Build Cache Call
Cancel Change Check Choose Claim Clean Clear Close Collect Commit Compare Complete Compute Configure Connect Consume
Continue Convert Copy Count Create Cut Decide Declare Decode Delete Deliver Deploy Derive Describe Detach Detect
Disable Discard Do Download Draw Drop Empty Enable Encode End Enforce Ensure Enter Escape Evaluate Exclude Execute
Exit Expand Expect Expire Explain Extend Extract Fail Fetch Fill Filter Find Finish Fix Flag Flush Follow Forget
Format Generate Get Give Grant Group Guard Handle Hash Hide Hold Identify Ignore Import Include Infer Inherit
Initialize Insert Inspect Install Interpret Invent Invoke Issue Iterate Join Keep Kill Know Leave Let Limit Link List
Listen Load Lock Log Look Make Map Mark Mask Match Measure Merge Migrate Move Name Normalize Note Notify Observe Omit
Open Order Overwrite Pack Pad Parse Pass Pause Pick Place Poll Post Prefer Prepare Preserve Prevent Print Process
Produce Promise Publish Put Quarantine Query Quote Raise Read Recall Receive Reconcile Record Redirect Reduce Refresh
Refuse Register Reject Release Reload Remember Remove Rename Render Repair Repeat Replace Replay Report Represent
Request Require Reset Resolve Respond Restart Restore Resume Resync Retain Retry Return Reuse Revoke Roll Rotate Run
Save Scan Search Select Send Serve Set Share Show Sign Simulate Skip Sleep Sort Split Stage Start Stop Store Stream
Strip Subscribe Summarize Supersede Swap Switch Synchronize Take Tell Terminate Test Throw Tick Trace Track Transform
Translate Trigger Trim Truncate Try Turn Undo Unpack Update Upload Upsert Use Validate Verify Wait Wake Walk Warn
Watch Widen Withdraw Wrap Write Yield
"""
VERBS = frozenset(_VERBS.split())


@dataclass(frozen=True)
class Fault:
    """A sentence of `path`, at `line`, and what is wrong with it."""

    path: str
    line: int
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}: {' '.join(self.text.split())[:100]}"


def faults_of_python(path: str, code: str) -> Iterator[Fault]:
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        text = ast.get_docstring(node)
        if text is None:
            continue
        line = node.body[0].lineno
        yield from _faults_of_prose(path, line, text)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _first_word(text) not in VERBS:
            yield Fault(path, line, "the docstring does not begin with a verb of VERBS", text)
    for line, text in _comments_of_python(code):
        yield from _faults_of_prose(path, line, text)
    yield from _faults_of_messages(path, code)


def faults_of_bash(path: str, code: str) -> Iterator[Fault]:
    for line, text in _blocks(code, re.compile(r"^\s*#(?!!)(?! shellcheck) ?(.*)$")):
        yield from _faults_of_prose(path, line, text)
    for number, line_ in enumerate(code.splitlines(), 1):
        for found in [] if line_.lstrip().startswith("#") else BANNED_WORD.finditer(" ".join(QUOTED.findall(line_))):
            yield Fault(path, number, f"a message says {found[0]!r}", line_)


def faults_of_markdown(path: str, page: str) -> Iterator[Fault]:
    """Yield the faults of a page's sentences: paragraphs, list items and table cells, without its code."""
    prose = re.sub(r"^```.*?^```|^    .*?$", lambda block: "\n" * block[0].count("\n"), page, flags=re.M | re.S)
    for line, text in _blocks(prose, re.compile(r"^(.*\S.*)$")):
        yield from _faults_of_prose(path, line, text)
        yield from (Fault(path, line, f"a cell begins with {found[0]}", text) for found in CELL.finditer(text))


def _faults_of_prose(path: str, line: int, text: str) -> Iterator[Fault]:
    plain = re.sub(r"`[^`]*`|\S*/\S*", "…", text)
    for part in re.split(r"\n\s*\n|\n(?=\s*(?:- |\d+\. |#+ |\| |\*\*))", plain):
        sentence = re.sub(r"^\s*(?:- |\d+\. |#+ )?(?:\*\*)?", "", " ".join(part.split()))
        yield from (Fault(path, line, f"begins with {found[0]}", sentence) for found in OPENING.finditer(sentence))
        yield from (Fault(path, line, f"says {found[0]!r}", sentence) for found in BANNED_WORD.finditer(sentence))


def _faults_of_messages(path: str, code: str) -> Iterator[Fault]:
    """Yield the banned words of strings of several words: messages, log phrases, comments of columns, titles."""
    tree = ast.parse(code)
    not_shown = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            if node in not_shown:
                continue
            for found in BANNED_WORD.finditer(re.sub(r"`[^`]*`|\S*/\S*", "…", node.value)):
                yield Fault(path, node.lineno, f"a message says {found[0]!r}", node.value)


def _first_word(text: str) -> str:
    return re.split(r"[\s,.:;]", text, maxsplit=1)[0]


def _comments_of_python(code: str) -> Iterator[tuple[int, str]]:
    """Yield each comment with its line; comments on lines of their own that follow each other are one."""
    found = [it for it in tokenize.generate_tokens(io.StringIO(code).readline) if it.type == tokenize.COMMENT]
    block: list[str] = []
    for number, token in enumerate(found):
        text = re.sub(r"^#+ ?|(?:noqa|type: ignore|fmt:).*$", "", token.string)
        block.append(text)
        following = found[number + 1] if number + 1 < len(found) else None
        goes_on = following and following.start[0] == token.start[0] + 1 and following.start[1] == token.start[1]
        if not (goes_on and token.line.lstrip().startswith("#")):
            yield token.start[0], "\n".join(block)
            block = []


def _blocks(page: str, wanted: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """Yield runs of neighbouring lines that match, as their first group, with the number of the first."""
    block: list[str] = []
    lines = page.splitlines()
    for number, line in enumerate([*lines, ""], 1):
        found = wanted.match(line) if number <= len(lines) else None
        if found:
            block.append(found[1])
        elif block:
            yield number - len(block), "\n".join(block)
            block = []


READERS = {".py": faults_of_python, ".sh": faults_of_bash, ".md": faults_of_markdown, ".env": faults_of_bash}
FILES = sorted(
    str(path.relative_to(ROOT))
    for path in (
        *(path for room in CODE for path in (ROOT / room).rglob("*") if path.suffix in READERS),
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        ROOT / "settings.example.env",
    )
)


def room_not_yet_held(path: str) -> str:
    """Return the entry of NOT_YET that `path` lies in; '' where it is held."""
    return next((room for room in NOT_YET if path == room or path.startswith(f"{room}/")), "")


def faults_of(path: str) -> list[Fault]:
    file = ROOT / path
    return list(READERS[file.suffix](path, file.read_text()))


@pytest.mark.parametrize("path", [path for path in FILES if not room_not_yet_held(path)])
def test_the_english_is_plain(path: str) -> None:
    assert [str(fault) for fault in faults_of(path)] == []


@pytest.mark.parametrize("room", NOT_YET)
def test_a_room_that_is_plain_by_now_is_held(room: str) -> None:
    assert [fault for path in FILES if room_not_yet_held(path) == room for fault in faults_of(path)], room


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".py", 'def run():\n    """Of a table its rows."""\n'),
        (".py", 'def run():\n    """The rows of a table."""\n'),
        (".py", 'class Run:\n    """A run. Who asks for it gets it."""\n'),
        (".py", "# A comment that goes on\n# in its next line. Whoever reads it stops.\nx = 1\n"),
        (".py", "x = 1  # Those stay.\n"),
        (".py", 'log("the table is mended")\n'),
        (".py", "# It rings a bell.\n"),
        (".sh", "#!/bin/bash\n# Reads it. None of\n# them counts.\n"),
        (".sh", 'say ok "the table is mended"\n'),
        (".md", "A page.\n\n- **Of a table** its rows.\n"),
        (".md", "A sentence that ends. Those\nbegin.\n"),
        (".md", "| who | what |\n"),
        (".md", "The row is mended.\n"),
    ],
)
def test_a_sentence_that_is_not_plain_is_found(suffix: str, text: str) -> None:
    assert list(READERS[suffix]("planted", text))


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".py", 'def run():\n    """Return the rows of a table, or of none."""\n'),
        (".sh", "# Read the rows.\nwho=1\n"),
        (".md", "The rows of a table; see `tests/road/test_of.py`.\n\n```console\n$ mend\n```\n"),
    ],
)
def test_a_plain_sentence_passes(suffix: str, text: str) -> None:
    assert list(READERS[suffix]("planted", text)) == []


if __name__ == "__main__":
    for each in NOT_YET:
        count = sum(len(faults_of(path)) for path in FILES if room_not_yet_held(path) == each)
        sys.stdout.write(f"{count:>5}  {each}\n")
