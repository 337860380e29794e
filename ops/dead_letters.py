"""Describe the dead letters that ReceiveMessage has returned, and decide what to do with each.

    python -m ops.dead_letters list FOLDER QUEUE_URL DEAD_LETTER_URL NOW
    python -m ops.dead_letters check_event FOLDER
    python -m ops.dead_letters ledger_event FOLDER TABLE
    python -m ops.dead_letters ledger_problem FOLDER
    python -m ops.dead_letters decisions FOLDER TABLE
    python -m ops.dead_letters failures FOLDER TABLE

FOLDER/received/ has the answers of ReceiveMessage, FOLDER/checked/ those of the transform function, FOLDER/ledger/ that
of inspect.

`list` prints a line per letter and writes its requests, FOLDER/{send,delete,return}/ID.json; NOW is in seconds.
`check_event` prints the event with which the transform checks the runs that are not checked yet, or nothing.
`ledger_event` prints the event with which inspect says whether the warehouse still needs the runs that would fail
again, or nothing; `ledger_problem` why inspect could not say it.
`decisions` prints a line per letter: useless, keep or redrive, the letter's ID, the key of the manifest to wait for or
-, and words.
`failures` prints a line per letter: the key of its manifest, and the reason.
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
# In the order in which they are applied. `redrive` is last, because it fails where no transform consumes the queue.
DECISIONS = ("useless", "keep", "redrive")
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
# The remark about a letter that is redriven, by the outcome of its check.
REDRIVEN = {
    "missing": "",
    "exists": ": its manifest exists",
    "not_expected": ": that run has nothing for this table",
}
# The remark about a run, by its status in the ledger.
STATUSES = {
    "loaded": "is loaded",
    "superseded": "is no longer needed: a later full batch superseded it",
}


class DeadLetter(NamedTuple):
    """A dead letter. `sent_s` is when it was sent to the queue or the dead-letter queue; `was_moved` says whether SQS
    moved it."""

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
    def subject(self) -> str:
        message = self.message
        return f"run {message.run} ({message.table})" if message else f"message {self.id}"

    @property
    def reason(self) -> str:
        """Return why it is a dead letter, as our function, SNS or SQS recorded it."""
        attributes = self.attributes
        if "error" in attributes:
            return f"{attributes['error']}: {attributes.get('reason', '')}"
        if "ErrorCode" in attributes:
            code, message = attributes["ErrorCode"], attributes.get("ErrorMessage", "")
            return f"SNS could not send it to the queue: {code} {message}".strip()
        if self.was_moved:
            return f"received {MAX_RECEIVES} times without success"
        return "unknown: neither our function nor SQS moved it here"

    @property
    def receives(self) -> str:
        """Return how often the message was received; receives of the dead letter itself do not count."""
        return self.attributes.get("receives", str(MAX_RECEIVES) if self.was_moved else "-")


class Decision(NamedTuple):
    """What retry.sh does with a letter; `key` is the manifest to wait for, or -."""

    decision: str
    letter: DeadLetter
    key: str
    words: str


def letters(answers: list[Json]) -> list[DeadLetter]:
    """Return each letter once, in the order of runs. SQS may deliver one twice: only its last handle is valid."""
    found = {each["MessageId"]: letter(each) for answer in answers for each in answer.get("Messages", ())}
    return sorted(found.values(), key=lambda each: (each.message.run if each.message else 0, each.id))


def letter(received: Json) -> DeadLetter:
    attributes = {name: each.get("StringValue", "") for name, each in received.get("MessageAttributes", {}).items()}
    sqs_attributes = received.get("Attributes", {})
    sent_s = int(sqs_attributes.get("SentTimestamp", 0)) / 1000
    was_moved = "DeadLetterQueueSourceArn" in sqs_attributes and not attributes.keys() & {"error", "ErrorCode"}
    return DeadLetter(received["MessageId"], received["ReceiptHandle"], received["Body"], attributes, sent_s, was_moved)


def age(seconds: float) -> str:
    """Return an age in its largest unit, rounded down."""
    size, unit = next(((size, unit) for size, unit in UNITS if seconds >= size), UNITS[-1])
    return f"{int(max(seconds, 0) // size)} {unit}"


def line(each: DeadLetter, now_s: float) -> str:
    return f"{each.subject}, {each.receives} receives, {age(now_s - each.sent_s)} old: {one_line(each.reason)}"


def requests(each: DeadLetter, queue: str, dead_letters: str) -> dict[str, Json]:
    received_letter = {"QueueUrl": dead_letters, "ReceiptHandle": each.handle}
    table = each.message.table if each.message else ""
    attributes = {"table": {"DataType": "String", "StringValue": table}} if table else {}
    return {
        "send": {"QueueUrl": queue, "MessageBody": each.body, "MessageAttributes": attributes},
        "delete": received_letter,
        "return": received_letter | {"VisibilityTimeout": 0},
    }


def unchecked_runs(found: list[DeadLetter], checked: list[Json]) -> list[int]:
    known = {each["run"] for answer in checked for each in answer["results"]}
    return sorted({each.message.run for each in found if each.message} - known)


def ledger_event(found: list[DeadLetter], checked: list[Json], table: str) -> Json | None:
    """Return the event for inspect with the runs of letters that would fail again; None when there are none."""
    log = checked[-1]["log"] if checked else ""
    ours = {each.message.run for each in found if each.message and each.message.log == log}
    results = (each for answer in checked for each in answer["results"])
    runs = sorted(each["run"] for each in results if each["is_permanent"] and each["run"] in ours)
    return {"do": "taken", "table": table, "log": log, "runs": runs} if runs else None


def decisions(found: list[DeadLetter], checked: list[Json], ledger: list[Json], table: str) -> list[Decision]:
    """Return the decision about each letter, in the order of DECISIONS."""
    by_run = {each["run"]: each for answer in checked for each in answer["results"]}
    log = checked[-1]["log"] if checked else ""
    statuses = {run: status for answer in ledger for run, status in answer["taken"]}
    found_decisions = (decision(each, by_run, log, statuses, table) for each in found)
    return sorted(found_decisions, key=lambda each: DECISIONS.index(each.decision))


def decision(
    each: DeadLetter, by_run: Mapping[int, Json], log: str, statuses: Mapping[int, str], table: str
) -> Decision:
    """Return the decision about a letter. It is `useless` when it names no run of this log, or a run that the warehouse
    does not need and that cannot be transformed any more."""
    message = each.message
    if message is None:
        return Decision("useless", each, "-", f"{each.subject} is not a change message")
    if message.log != log:
        return Decision("useless", each, "-", f"{each.subject} belongs to another run log")
    result = by_run[message.run]
    if result["outcome"] == "no_such_run":
        return Decision("useless", each, "-", f"{each.subject} is not in the run log")
    if result["is_permanent"] and message.run in statuses:
        return Decision("useless", each, "-", f"{each.subject} {STATUSES[statuses[message.run]]}, and would fail again")
    if result["is_permanent"]:
        return Decision("keep", each, "-", f"{each.subject} would fail again: {failure(result)}")
    is_done = result["outcome"] in ("exists", "not_expected")
    words = REDRIVEN.get(result["outcome"], f", which fails for now: {failure(result)}")
    return Decision("redrive", each, "-" if is_done else manifest_key(message.run, table), each.subject + words)


def read(folder: Path) -> list[Json]:
    """Return the answers in `folder`; an empty file is an answer without a message."""
    return [json.loads(text) for file in sorted(folder.glob("*.json")) if (text := file.read_text().strip())]


def write_requests(folder: Path, found: list[DeadLetter], queue: str, dead_letters: str) -> None:
    for each in found:
        for kind, request in requests(each, queue, dead_letters).items():
            (folder / kind).mkdir(exist_ok=True)
            (folder / kind / f"{each.id}.json").write_text(json.dumps(request))


def answer_lines(question: str, folder: Path, rest: list[str]) -> Iterator[str]:
    found, checked = letters(read(folder / "received")), read(folder / "checked")
    match question:
        case "list":
            write_requests(folder, found, rest[0], rest[1])
            yield from (escaped(line(each, float(rest[2]))) for each in found)
        case "check_event":
            runs = unchecked_runs(found, checked)
            yield from [json.dumps({"do": "check", "runs": runs})] if runs else []
        case "ledger_event":
            event = ledger_event(found, checked, rest[0])
            yield from [json.dumps(event)] if event else []
        case "ledger_problem":
            yield from (one_line(answer["no_answer"]) for answer in read(folder / "ledger") if answer["no_answer"])
        case "decisions":
            for each in decisions(found, checked, read(folder / "ledger"), rest[0]):
                yield "\t".join(map(escaped, (each.decision, each.letter.id, each.key, each.words)))
        case "failures":
            known = ((each.message, escaped(one_line(each.reason))) for each in found)
            yield from (f"{manifest_key(message.run, rest[0])}\t{reason}" for message, reason in known if message)


def main() -> None:
    question, folder, *rest = sys.argv[1:]
    for text in answer_lines(question, Path(folder), rest):
        print(text)


if __name__ == "__main__":
    main()
