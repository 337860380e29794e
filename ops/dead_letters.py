"""Reads dead letters as ReceiveMessage answers them, says what they are, and what is to become of each.

    python -m ops.dead_letters list FOLDER QUEUE_URL DEAD_LETTER_URL NOW
    python -m ops.dead_letters unjudged FOLDER
    python -m ops.dead_letters doubtful FOLDER TABLE
    python -m ops.dead_letters unanswered FOLDER
    python -m ops.dead_letters fates FOLDER TABLE
    python -m ops.dead_letters again FOLDER TABLE

FOLDER/taken/ has the answers of ReceiveMessage, FOLDER/judged/ those of the transform function, FOLDER/ledger/ that of
inspect. `list` prints a line a letter and writes its requests, FOLDER/{send,delete,back}/ID.json; NOW is in seconds.
`unjudged` prints the event that asks for the runs that no answer has yet, or nothing; `doubtful` the one that asks
whether the warehouse still needs those that would fail again, and `unanswered` why it did not say. `fates` prints a
line a letter: redrive, never or keep, the letter's ID, the key of the manifest to wait for or -, and words. `again`
prints, a line a letter, its manifest's key and words.
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

Json = dict[str, Any]
# What is wrong comes first, what goes on its way last: there the road must be free.
FATES = ("never", "keep", "redrive")
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
# Of a transform's answer, in the words of a line.
COMES_TO = {
    "missing": "",
    "there already": ": its manifest stands",
    "not expected": ": that run brings nothing of this table",
}

# Of a run that the ledger has, by its status there.
DONE_WITH = {
    "loaded": "is loaded",
    "superseded": "is no longer needed: a later full batch has superseded it",
}


class Letter(NamedTuple):
    """`sent_s` is when it, or the message it was moved as, was sent; `was_moved` whether SQS says that it moved it."""

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
        """What is known of it: SQS says only that it moved it, SNS little more, and one sent by hand nothing."""
        given = self.attributes
        if "error" in given:
            return f"{given['error']}: {given.get('reason', '')}"
        if "ErrorCode" in given:
            return f"SNS could not send it to the queue: {given['ErrorCode']} {given.get('ErrorMessage', '')}".strip()
        if self.was_moved:
            return f"taken {MAX_RECEIVES} times without success"
        return "nothing says why: no function of ours and no queue has moved it here"

    @property
    def receives(self) -> str:
        """Those of the message; looking at a dead letter is a receive, too, and says nothing."""
        return self.attributes.get("receives", str(MAX_RECEIVES) if self.was_moved else "-")


class Fate(NamedTuple):
    fate: str
    letter: Letter
    key: str
    words: str


def letters(answers: list[Json]) -> list[Letter]:
    """Each once, in the order of their runs: SQS may hand out one twice, and its last handle is the one that counts."""
    found = {each["MessageId"]: letter(each) for answer in answers for each in answer.get("Messages", ())}
    return sorted(found.values(), key=lambda each: (each.message.run if each.message else 0, each.id))


def letter(received: Json) -> Letter:
    given = {name: each.get("StringValue", "") for name, each in received.get("MessageAttributes", {}).items()}
    of_sqs = received.get("Attributes", {})
    sent_s = int(of_sqs.get("SentTimestamp", 0)) / 1000
    was_moved = "DeadLetterQueueSourceArn" in of_sqs and not given.keys() & {"error", "ErrorCode"}
    return Letter(received["MessageId"], received["ReceiptHandle"], received["Body"], given, sent_s, was_moved)


def age(seconds: float) -> str:
    """In its largest unit, rounded down."""
    size, unit = next(((size, unit) for size, unit in UNITS if seconds >= size), UNITS[-1])
    return f"{int(max(seconds, 0) // size)} {unit}"


def line(each: Letter, now_s: float) -> str:
    return f"{each.what}, {each.receives} receives, {age(now_s - each.sent_s)} old: {one_line(each.why)}"


def one_line(text: str) -> str:
    return " ".join(text.split())


def requests(each: Letter, queue: str, dead_letters: str) -> dict[str, Json]:
    held = {"QueueUrl": dead_letters, "ReceiptHandle": each.handle}
    table = each.message.table if each.message else ""
    attributes = {"table": {"DataType": "String", "StringValue": table}} if table else {}
    return {
        "send": {"QueueUrl": queue, "MessageBody": each.body, "MessageAttributes": attributes},
        "delete": held,
        "back": held | {"VisibilityTimeout": 0},
    }


def unjudged(found: list[Letter], judged: list[Json]) -> list[int]:
    known = {each["run"] for answer in judged for each in answer["taken"]}
    return sorted({each.message.run for each in found if each.message} - known)


def doubtful(found: list[Letter], judged: list[Json], table: str) -> Json | None:
    """The runs of letters that would fail again, to be asked of inspect."""
    log = judged[-1]["log"] if judged else ""
    ours = {each.message.run for each in found if each.message and each.message.log == log}
    runs = sorted(each["run"] for answer in judged for each in answer["taken"] if each["again"] and each["run"] in ours)
    return {"do": "taken", "table": table, "log": log, "runs": runs} if runs else None


def fates(found: list[Letter], judged: list[Json], ledger: list[Json], table: str) -> list[Fate]:
    """What is wrong first."""
    by_run = {each["run"]: each for answer in judged for each in answer["taken"]}
    log = judged[-1]["log"] if judged else ""
    statuses = {run: status for answer in ledger for run, status in answer["taken"]}
    found_fates = (fate(each, by_run, log, statuses, table) for each in found)
    return sorted(found_fates, key=lambda each: FATES.index(each.fate))


def fate(each: Letter, by_run: Mapping[int, Json], log: str, statuses: Mapping[int, str], table: str) -> Fate:
    """A letter that is of no use names no run of this log, or one that the warehouse is done with and that cannot be
    transformed any more."""
    message = each.message
    if message is None:
        return Fate("never", each, "-", f"{each.what} is no change message")
    if message.log != log:
        return Fate("never", each, "-", f"{each.what} is of another run log")
    judged = by_run[message.run]
    if judged["what"] == "no such run":
        return Fate("never", each, "-", f"{each.what} is not in the run log")
    if judged["again"] and message.run in statuses:
        return Fate("never", each, "-", f"{each.what} {DONE_WITH[statuses[message.run]]}, and would fail again")
    if judged["again"]:
        return Fate("keep", each, "-", f"{each.what} would fail again: {judged['error']}: {one_line(judged['words'])}")
    settled = judged["what"] in ("there already", "not expected")
    words = COMES_TO.get(judged["what"], f", which fails for now: {one_line(judged['words'])}")
    return Fate("redrive", each, "-" if settled else manifest_key(message.run, table), each.what + words)


def read(folder: Path) -> list[Json]:
    """Empty files are answers without a message."""
    return [json.loads(text) for file in sorted(folder.glob("*.json")) if (text := file.read_text().strip())]


def write_requests(folder: Path, found: list[Letter], queue: str, dead_letters: str) -> None:
    for each in found:
        for kind, request in requests(each, queue, dead_letters).items():
            (folder / kind).mkdir(exist_ok=True)
            (folder / kind / f"{each.id}.json").write_text(json.dumps(request))


def told(question: str, folder: Path, rest: list[str]) -> Iterator[str]:
    found, judged = letters(read(folder / "taken")), read(folder / "judged")
    match question:
        case "list":
            write_requests(folder, found, rest[0], rest[1])
            yield from (escaped(line(each, float(rest[2]))) for each in found)
        case "unjudged":
            runs = unjudged(found, judged)
            yield from [json.dumps({"do": "judge", "runs": runs})] if runs else []
        case "doubtful":
            event = doubtful(found, judged, rest[0])
            yield from [json.dumps(event)] if event else []
        case "unanswered":
            yield from (one_line(answer["no_answer"]) for answer in read(folder / "ledger") if answer["no_answer"])
        case "fates":
            settled = fates(found, judged, read(folder / "ledger"), rest[0])
            decided = ((each.fate, each.letter.id, *each[2:]) for each in settled)
            yield from ("\t".join(map(escaped, fields)) for fields in decided)
        case "again":
            known = ((each.message, escaped(one_line(each.why))) for each in found)
            yield from (f"{manifest_key(message.run, rest[0])}\t{why}" for message, why in known if message)


def main() -> None:
    question, folder, *rest = sys.argv[1:]
    for text in told(question, Path(folder), rest):
        print(text)


if __name__ == "__main__":
    main()
