"""Read dead letters as ReceiveMessage returns them, describe them, and decide what becomes of each.

    python -m ops.dead_letters list FOLDER QUEUE_URL DEAD_LETTER_URL NOW
    python -m ops.dead_letters unchecked FOLDER
    python -m ops.dead_letters doubtful FOLDER TABLE
    python -m ops.dead_letters unanswered FOLDER
    python -m ops.dead_letters fates FOLDER TABLE
    python -m ops.dead_letters again FOLDER TABLE

FOLDER/taken/ holds the answers of ReceiveMessage, FOLDER/checked/ those of the transform function, FOLDER/ledger/ that
of inspect. `list` prints a line per letter and writes its requests, FOLDER/{send,delete,back}/ID.json; NOW is in
seconds. `unchecked` prints the event that checks the runs which no answer has yet, or nothing; `doubtful` the event
that asks whether the warehouse still needs the runs that would fail again, and `unanswered` why it did not answer.
`fates` prints a line per letter: redrive, never or keep, the letter's ID, the key of the manifest to wait for or -, and
words. `again` prints a line per letter: its manifest's key, and words.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ops.screens.terminal import escaped
from shared.errors import BadDocument
from shared.lake.documents import ChangeMessage, decode
from shared.lake.keys import manifest_key
from shared.retry import MAX_RECEIVES
from shared.wording.replays import failure, one_line

Json = dict[str, Any]
# In this order: what is redriven needs a queue whose transform runs, so that comes last.
FATES = ("never", "keep", "redrive")
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
# By the outcome of a check, what is said of a letter that is redriven.
REDRIVEN = {
    "missing": "",
    "exists": ": its manifest exists",
    "not_expected": ": that run brings nothing for this table",
}
# By a run's status in the ledger.
SETTLED = {
    "loaded": "is loaded",
    "superseded": "is no longer needed: a later full batch superseded it",
}


class Letter(NamedTuple):
    """A dead letter. `sent_s` is when it was sent to either queue; `was_moved` whether SQS says that it moved it."""

    id: str
    handle: str
    body: str
    attributes: Mapping[str, str]
    sent_s: float
    was_moved: bool = False

    @property
    def message(self) -> ChangeMessage | None:
        try:
            return decode(self.body, ChangeMessage, self.id)
        except BadDocument:
            return None

    @property
    def what(self) -> str:
        message = self.message
        return f"run {message.run} ({message.table})" if message else f"message {self.id}"

    @property
    def why(self) -> str:
        """Return why it is a dead letter, as far as our function, SNS or SQS recorded it."""
        given = self.attributes
        if "error" in given:
            return f"{given['error']}: {given.get('reason', '')}"
        if "ErrorCode" in given:
            return f"SNS could not send it to the queue: {given['ErrorCode']} {given.get('ErrorMessage', '')}".strip()
        if self.was_moved:
            return f"received {MAX_RECEIVES} times without success"
        return "unknown: neither our function nor SQS moved it here"

    @property
    def receives(self) -> str:
        """Return how often the message was received; receives of the dead letter itself do not count."""
        return self.attributes.get("receives", str(MAX_RECEIVES) if self.was_moved else "-")


class Fate(NamedTuple):
    fate: str
    letter: Letter
    key: str
    words: str


def letters(answers: list[Json]) -> list[Letter]:
    """Return each letter once, in the order of runs. SQS may deliver one twice: only its last handle is valid."""
    found = {each["MessageId"]: letter(each) for answer in answers for each in answer.get("Messages", ())}
    return sorted(found.values(), key=lambda each: (each.message.run if each.message else 0, each.id))


def letter(received: Json) -> Letter:
    given = {name: each.get("StringValue", "") for name, each in received.get("MessageAttributes", {}).items()}
    of_sqs = received.get("Attributes", {})
    sent_s = int(of_sqs.get("SentTimestamp", 0)) / 1000
    was_moved = "DeadLetterQueueSourceArn" in of_sqs and not given.keys() & {"error", "ErrorCode"}
    return Letter(received["MessageId"], received["ReceiptHandle"], received["Body"], given, sent_s, was_moved)


def age(seconds: float) -> str:
    """Return an age in its largest unit, rounded down."""
    size, unit = next(((size, unit) for size, unit in UNITS if seconds >= size), UNITS[-1])
    return f"{int(max(seconds, 0) // size)} {unit}"


def line(each: Letter, now_s: float) -> str:
    return f"{each.what}, {each.receives} receives, {age(now_s - each.sent_s)} old: {one_line(each.why)}"


def requests(each: Letter, queue: str, dead_letters: str) -> dict[str, Json]:
    held = {"QueueUrl": dead_letters, "ReceiptHandle": each.handle}
    table = each.message.table if each.message else ""
    attributes = {"table": {"DataType": "String", "StringValue": table}} if table else {}
    return {
        "send": {"QueueUrl": queue, "MessageBody": each.body, "MessageAttributes": attributes},
        "delete": held,
        "back": held | {"VisibilityTimeout": 0},
    }


def unchecked(found: list[Letter], checked: list[Json]) -> list[int]:
    known = {each["run"] for answer in checked for each in answer["results"]}
    return sorted({each.message.run for each in found if each.message} - known)


def doubtful(found: list[Letter], checked: list[Json], table: str) -> Json | None:
    """Return the event for inspect with the runs of letters that would fail again, None when there are none."""
    log = checked[-1]["log"] if checked else ""
    ours = {each.message.run for each in found if each.message and each.message.log == log}
    results = (each for answer in checked for each in answer["results"])
    runs = sorted(each["run"] for each in results if each["is_permanent"] and each["run"] in ours)
    return {"do": "taken", "table": table, "log": log, "runs": runs} if runs else None


def fates(found: list[Letter], checked: list[Json], ledger: list[Json], table: str) -> list[Fate]:
    """Return what becomes of each letter, in the order of FATES."""
    by_run = {each["run"]: each for answer in checked for each in answer["results"]}
    log = checked[-1]["log"] if checked else ""
    statuses = {run: status for answer in ledger for run, status in answer["taken"]}
    found_fates = (fate(each, by_run, log, statuses, table) for each in found)
    return sorted(found_fates, key=lambda each: FATES.index(each.fate))


def fate(each: Letter, by_run: Mapping[int, Json], log: str, statuses: Mapping[int, str], table: str) -> Fate:
    """Return what becomes of a letter. It is useless (`never`) when it names no run of this log, or a run that the
    warehouse has settled and that cannot be transformed any more."""
    message = each.message
    if message is None:
        return Fate("never", each, "-", f"{each.what} is no change message")
    if message.log != log:
        return Fate("never", each, "-", f"{each.what} is of another run log")
    result = by_run[message.run]
    if result["outcome"] == "no_such_run":
        return Fate("never", each, "-", f"{each.what} is not in the run log")
    if result["is_permanent"] and message.run in statuses:
        return Fate("never", each, "-", f"{each.what} {SETTLED[statuses[message.run]]}, and would fail again")
    if result["is_permanent"]:
        return Fate("keep", each, "-", f"{each.what} would fail again: {failure(result)}")
    settled = result["outcome"] in ("exists", "not_expected")
    words = REDRIVEN.get(result["outcome"], f", which fails for now: {failure(result)}")
    return Fate("redrive", each, "-" if settled else manifest_key(message.run, table), each.what + words)


def read(folder: Path) -> list[Json]:
    """Return the answers in `folder`; an empty file is an answer without a message."""
    return [json.loads(text) for file in sorted(folder.glob("*.json")) if (text := file.read_text().strip())]


def write_requests(folder: Path, found: list[Letter], queue: str, dead_letters: str) -> None:
    for each in found:
        for kind, request in requests(each, queue, dead_letters).items():
            (folder / kind).mkdir(exist_ok=True)
            (folder / kind / f"{each.id}.json").write_text(json.dumps(request))


def answered(question: str, folder: Path, rest: list[str]) -> Iterator[str]:
    found, checked = letters(read(folder / "taken")), read(folder / "checked")
    match question:
        case "list":
            write_requests(folder, found, rest[0], rest[1])
            yield from (escaped(line(each, float(rest[2]))) for each in found)
        case "unchecked":
            runs = unchecked(found, checked)
            yield from [json.dumps({"do": "check", "runs": runs})] if runs else []
        case "doubtful":
            event = doubtful(found, checked, rest[0])
            yield from [json.dumps(event)] if event else []
        case "unanswered":
            yield from (one_line(answer["no_answer"]) for answer in read(folder / "ledger") if answer["no_answer"])
        case "fates":
            settled = fates(found, checked, read(folder / "ledger"), rest[0])
            decided = ((each.fate, each.letter.id, *each[2:]) for each in settled)
            yield from ("\t".join(map(escaped, fields)) for fields in decided)
        case "again":
            known = ((each.message, escaped(one_line(each.why))) for each in found)
            yield from (f"{manifest_key(message.run, rest[0])}\t{why}" for message, why in known if message)


def main() -> None:
    question, folder, *rest = sys.argv[1:]
    for text in answered(question, Path(folder), rest):
        print(text)


if __name__ == "__main__":
    main()
