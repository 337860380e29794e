"""The product is written in plain technical English: subject, verb, object."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import prose

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parent.parent
CODE = ("handlers", "shared", "ops", "infra_bash", "local", "benchmarks")

# Nobody searches for these first words, and nobody knows after them what the sentence is about.
_OPENINGS = "Of|Who|Whoever|None of|Those|Whose"
OPENING = re.compile(rf"(?:^(?i:{_OPENINGS})|(?<=[.!?:;] )(?:{_OPENINGS}))\b")
# In a table a cell is a sentence, whatever letter it begins with.
CELL = re.compile(rf"(?<=\| )(?i:{_OPENINGS})\b")
# Code and paths in a sentence.
CODE_SPAN = re.compile(r"`[^`]*`|\S*/\S*")

# Our metaphors, each with the field's word for it.
BANNED = {
    r"bells?": "load trigger, notification",
    r"r[iau]ngs?\b(?! buffer)": "trigger, go off",
    r"roads?": "pipeline, path",
    r"told": "reported, given",
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

# What a function's docstring may begin with. Each is a verb in the imperative.
_VERBS = """
Accept Acquire Add Adopt Allow Answer Append Apply Ask Assert Attach Await Back Begin Block Bring Build Cache Call
Cancel Change Check Choose Claim Clean Clear Close Collect Commit Compare Complete Compute Configure Connect Consume
Continue Convert Copy Count Create Cut Decide Declare Decode Delete Deliver Deny Deploy Derive Describe Detach Detect
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
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _faults_of_docstring(path, node)
    for line, text in prose.comments_of_python(code):
        yield from _faults_of_prose(path, line, text)
    for line, text in (*prose.messages_of_python(tree), *prose.names_of_python(tree)):
        yield from _banned(path, line, text)


def _faults_of_docstring(
    path: str, node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
) -> Iterator[Fault]:
    text = ast.get_docstring(node)
    if text is not None:
        yield from _faults_of_prose(path, node.body[0].lineno, text)
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function and re.split(r"[\s,.:;]", text, maxsplit=1)[0] not in VERBS:
            yield Fault(path, node.body[0].lineno, "the docstring does not begin with a verb of VERBS", text)


def faults_of_bash(path: str, code: str) -> Iterator[Fault]:
    for line, text in prose.comments_of_bash(code):
        yield from _faults_of_prose(path, line, text)
    for line, text in prose.messages_of_bash(code):
        yield from _banned(path, line, text)


def faults_of_markdown(path: str, page: str) -> Iterator[Fault]:
    for line, text in prose.paragraphs(page):
        yield from _faults_of_prose(path, line, text)
        yield from (Fault(path, line, f"a cell begins with {found[0]}", text) for found in CELL.finditer(text))


def _faults_of_prose(path: str, line: int, text: str) -> Iterator[Fault]:
    plain = CODE_SPAN.sub("…", text)
    for part in re.split(r"\n\s*\n|\n(?=\s*(?:- |\d+\. |#+ |\| |\*\*))", plain):
        sentence = re.sub(r"^\s*(?:- |\d+\. |#+ )?(?:\*\*)?", "", " ".join(part.split()))
        yield from (Fault(path, line, f"begins with {found[0]}", sentence) for found in OPENING.finditer(sentence))
        yield from _banned(path, line, sentence)


def _banned(path: str, line: int, text: str) -> Iterator[Fault]:
    for found in BANNED_WORD.finditer(CODE_SPAN.sub("…", text)):
        yield Fault(path, line, f"says {found[0]!r}", text)


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


def faults_of(path: str) -> list[Fault]:
    file = ROOT / path
    return list(READERS[file.suffix](path, file.read_text()))


@pytest.mark.parametrize("path", FILES)
def test_the_english_is_plain(path: str) -> None:
    assert [str(fault) for fault in faults_of(path)] == []


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
        (".py", "x = 1  # of another\n"),
        (".py", "def ring_bell():\n    pass\n"),
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
