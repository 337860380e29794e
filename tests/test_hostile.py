"""Names and contents that somebody chose to do harm: each is taken for what it is, or refused by name."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, String, Table

from conftest import Database
from local import csv_source
from local.tables import COLUMNS
from ops.settings.load import load
from ops.settings.setting import InvalidSetting
from ops.tables import problem
from shared.alerts.message import mail_subject, mail_text, slack_payload
from shared.alerts.notice import notice_from
from shared.errors import BadDeclaration, BadDocument, Refused
from shared.lake import keys
from shared.lake.documents import ChangeMessage, Manifest, RunRecord, decode
from shared.names import Names
from shared.postgres.connection import literal, quoted
from shared.source.request import request_from_event
from shared.transform.request import request_from_event as transform_request
from shared.transform.sqs_consumer import LONGEST_REASON, ReceivedMessage
from shared.warehouse.registry import target_from
from tests.infra.scripts import ROOT, run
from tests.shared.alerts.making import HERE
from tests.shared.transform.test_sqs_consumer import World

pytestmark = pytest.mark.fast

GOLDEN = ROOT / "tests/shared/lake/golden"
# What means something to a shell, SQL, a path, an ARN, a terminal, Slack or GitHub, among any letters.
PIECES = [
    *("'; DROP TABLE staff; --", '"', "\\", "$(touch pwned)", "`touch pwned`", "../../", "/", "\n", "\r", "\t", " "),
    *(
        "*",
        "?",
        ":",
        "arn:aws:iam::1:role/x",
        "%s",
        "{0}",
        "{}",
        "\x1b[2J",
        "\u202e",
        "\u2028",
        "ſ",
        "ı",
        "-",
        "--help",
    ),
    *("<!channel>", "<@U012AB3CD>", "<https://evil.example|here>", "@here", "&lt;", "```", "*bold*", "::add-mask::"),
]
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(st.characters(), max_size=6)), max_size=5).map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
EVERY = settings(derandomize=True, deadline=None)
FEW = settings(derandomize=True, deadline=None, max_examples=40)


# ---- documents and messages


DOCUMENTS: list[tuple[str, type[msgspec.Struct]]] = [
    ("ingestion/runs/00000002.json", RunRecord),
    ("message.json", ChangeMessage),
    *(
        (str(file.relative_to(GOLDEN)), Manifest)
        for file in sorted(GOLDEN.glob("processed/manifests/*/fact_*.json"))[:1]
    ),
]


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for name, each in inner for place in places(each, (*at, name)))]


def replaced(value: Any, place: tuple[Any, ...], by: Any) -> Any:
    if not place:
        return by
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = replaced(copy[place[0]], place[1:], by)
    return copy


@pytest.mark.parametrize(("file", "kind"), DOCUMENTS, ids=lambda value: str(value)[-20:])
def test_a_document_with_anything_in_any_place_is_read_or_refused(file: str, kind: type[msgspec.Struct]) -> None:
    right = json.loads((GOLDEN / file).read_text())
    assert decode(json.dumps(right), kind, "it")

    @EVERY
    @given(st.sampled_from(places(right)), JSON)
    def judge(place: tuple[Any, ...], by: Any) -> None:
        try:
            decode(json.dumps(replaced(right, place, by)), kind, "it")
        except BadDocument as error:
            assert str(error).startswith("it cannot be read: ")

    judge()


@FEW
@given(TEXTS | JSON.map(json.dumps) | st.fixed_dictionaries({"version": st.just(1), "run": JSON}).map(json.dumps))
@example('{"version": 1, "log": "a", "run": 1, "table": "<!channel>"}')
def test_a_message_is_taken_or_a_dead_letter(body: str) -> None:
    world = World()
    assert world.take(ReceivedMessage("id", "handle", body, 1)) == []
    assert len(world.runs) + len(world.dead_letters.sent) == 1
    for letter, attributes in world.dead_letters.sent:
        assert letter == body
        assert attributes["error"] == "BadDocument" and len(attributes["reason"]) <= LONGEST_REASON


@EVERY
@given(
    st.sampled_from([request_from_event, transform_request]),
    st.fixed_dictionaries(
        {"do": st.sampled_from(["resync", "reconcile", "new_log", "judge", "replay", "verify"]) | JSON},
        optional=dict.fromkeys(("tables", "keys", "after", "runs", "from", "to"), JSON),
    ),
)
@example(request_from_event, {"do": "resync", "tables": [{}]})
@example(transform_request, {"do": "judge", "runs": 5})
def test_an_event_is_understood_or_refused(read: Callable[[dict[str, Any]], Any], event: dict[str, Any]) -> None:
    try:
        assert read(event)
    except Refused as error:
        assert str(error)


# ---- what people read


@EVERY
@given(TEXTS, TEXTS, st.sampled_from(["begun", "open", "ended"]))
def test_nothing_that_is_told_is_markup_of_slacks(text: str, other: str, event: str) -> None:
    incident = dict.fromkeys(("kind", "subject", "title", "says", "command", "runbook"), text)
    alert = {"version": 1, "event": event, "stack": other, "region": other, "at": "2026-01-01T00:00:00Z"}
    alert["incident"] = incident | {"numbers": {other: 1}, "since": "2026-01-01T00:00:00Z"}
    for told in (notice_from(json.dumps(alert), "", HERE), notice_from(text, other, HERE)):
        payload = slack_payload(told)
        assert told.event in (event, "note")
        assert not re.search("[<>]", payload["text"])
        for found in markup_in(payload["blocks"]):
            assert found.count("```") in (0, 2), found
            link = r"<https://[\w.%~-]*\.console\.aws\.amazon\.com/[^<>|\s]*\|Dashboard>"
            assert re.fullmatch(rf"{link}|```\n[^<>]*\n```", found), found
        assert mail_subject(told).isprintable() and "\x1b" not in mail_text(told)


def markup_in(part: Any) -> list[str]:
    if isinstance(part, list):
        return [text for each in part for text in markup_in(each)]
    if not isinstance(part, dict):
        return []
    if part.get("type") == "mrkdwn":
        assert part["verbatim"] is True
        return [part["text"]]
    return [text for each in part.values() for text in markup_in(each)]


@EVERY
@given(st.sampled_from(["any", "fact", "warehouse", "source"]), TEXTS)
def test_what_is_no_table_is_no_table(kind: str, name: str) -> None:
    assert problem(kind, name).startswith(f"{name} is not a ")


# ---- names


@EVERY
@given(TEXTS)
def test_a_key_is_ours_only_in_the_form_that_we_write(rest: str) -> None:
    for prefix in (keys.RUNS, keys.PUBLISHED, keys.MANIFESTS, ""):
        for key in (
            prefix + rest,
            f"{prefix}00000007{rest}",
            f"{prefix}00000007/{rest}.json",
            f"{prefix}00000007.json{rest}",
        ):
            if run_number := keys.run_of(key):
                assert key in (keys.run_key(run_number), keys.published_key(run_number))
            if place := keys.place_of(key):
                assert key == keys.manifest_key(*place) and re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", place[1])


@EVERY
@given(st.one_of(TEXTS, st.text(st.characters(categories=("L", "N")), max_size=30)).map(lambda rest: f"dim_{rest}"))
@example("dim_" + "a" * 20)
@example("dim_größe")
@example("dim_Staff")
def test_a_warehouse_table_is_called_as_aws_and_postgresql_take_it(name: str) -> None:
    module: Any = ModuleType(name)
    module.TABLE = Table(name, MetaData(), Column("staff_id", Integer, primary_key=True), Column("first_name", String))
    setattr(module, name, lambda staff: staff)
    try:
        target = target_from(module)
    except BadDeclaration as error:
        assert "name" in str(error)
        return
    names = Names("p" * 20, "s" * 9, "eu-west-2", "123456789012")
    assert re.fullmatch("[a-z0-9_-]{1,64}", names.transform(target.name))
    assert re.fullmatch("[a-z0-9_-]{1,80}", names.dead_letter_queue(target.name))


def test_a_name_and_a_text_are_in_sql_what_they_are(warehouse: Database) -> None:
    connection = warehouse.owner()

    @EVERY
    @given(TEXTS.filter(lambda text: "\0" not in text and len(text.encode(errors="replace")) < 64).map(utf8))
    def judge(text: str) -> None:
        assert connection.run(f"SELECT {literal(text)}") == [[text]]
        if text:
            connection.run(f"SELECT 1 AS {quoted(text)}")
            assert [column["name"] for column in connection.columns or ()] == [text]

    judge()


def utf8(text: str) -> str:
    return text.encode(errors="replace").decode()


CHECKED = {
    "PROJECT": "[a-z][a-z0-9-]{0,27}",
    "STAGE": "[a-z][a-z0-9-]{0,27}",
    "EXTRACT_SCHEDULE": r"(rate|cron)\(.+\)",
    "LOAD_ON_MANIFEST": "yes|no",
    "DATABASE_PLAINTEXT": "yes|no",
    "LAMBDA_ARCH": "arm64|x86_64",
    "REASK_AFTER_S": "[1-9][0-9]*",
    "ALERT_EMAIL": r"([^@\s]+@[^@\s]+)?",
    "MONTHLY_BUDGET_USD": "([1-9][0-9]*)?",
}


@settings(derandomize=True, deadline=None, max_examples=4)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(CHECKED)), TEXTS.filter(lambda text: "\0" not in text)),
        min_size=30,
        max_size=60,
    )
)
@example([("STAGE", "a\nb"), ("PROJECT", "-a"), ("ALERT_EMAIL", "a@b"), ("ALERT_EMAIL", "a@b\nc"), ("STAGE", "ſ")])
@example([("REASK_AFTER_S", "$(touch pwned)"), ("MONTHLY_BUDGET_USD", "a[$(touch pwned)]"), ("STAGE", "ok-1")])
def test_a_setting_is_of_its_form_or_refused(pairs: list[tuple[str, str]]) -> None:
    minimum = {"PROJECT": "p", "STAGE": "s", "AWS_REGION": "eu-west-2", "WAREHOUSE_SCHEMA": "w"}
    minimum |= {"SOURCE_SECRET": "a", "WAREHOUSE_SECRET": "b"}
    for name, text in pairs:
        value = utf8(text)
        try:
            taken = load(ROOT / "settings.example.env", minimum | {name: value})
        except InvalidSetting:
            continue
        assert taken[name] == value and re.fullmatch(CHECKED[name], value, re.DOTALL), (name, value)


def test_what_bash_exports_is_what_was_typed(tmp_path: Path) -> None:
    """Nothing in a value is run, and none of its characters is lost."""
    hostile = "$(touch pwned) `touch pwned` a\nb '\" * \\ ü"
    script = f"""
        source {ROOT}/infra_bash/lib/operator.sh
        SETTINGS_FILE=$1
        load_settings
        printf '%s' "$KEEP_SUBSCRIPTIONS"
    """
    clean = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "KEEP_SUBSCRIPTIONS": hostile}
    command = ["bash", "-c", script, "x", str(ROOT / "settings.example.env")]
    done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=True)
    assert done.stdout == hostile
    assert not (tmp_path / "pwned").exists()


FILES = ["$(touch pwned)", "`touch pwned`", "a b'\"c", "-rf", "*", "a\nb", "\u202eenv.sgnittes"]


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_what_it_is_called(name: str, tmp_path: Path) -> None:
    done = run("status.sh", "--settings", f"{tmp_path}/{name}")
    assert done.returncode == 2 and "is missing" in done.stderr
    folder = tmp_path / name
    folder.mkdir()
    for table, columns in COLUMNS.items():
        (folder / f"{table}.csv").write_text(",".join(columns) + "\n")
    (folder / f"{name}.csv").write_text("evil\n1\n")
    assert csv_source.content(folder) == {table: folder / f"{table}.csv" for table in COLUMNS}
    (folder / "settings.env").write_text("STAGE=x\n$(touch pwned)=1\n")
    done = run("status.sh", "--settings", f"{folder}/settings.env")
    assert done.returncode == 2 and "line 2 is not KEY=VALUE" in done.stderr
    assert not list(tmp_path.rglob("pwned")) and not (ROOT / "pwned").exists()
