"""What why.sh asks and shows, without any AWS: answers as shared/lineage/answers.py declares them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from ops.screens.lineage import text
from shared.lineage.answers import (
    Arrival,
    BatchAnswer,
    Chain,
    Deletion,
    Entry,
    File,
    JourneyAnswer,
    LoadAnswer,
    ManifestAnswer,
    Message,
    RunAnswer,
    Version,
)
from tests.infra.scripts import run, settings_file

pytestmark = pytest.mark.fast

AT = datetime(2026, 3, 2, 9, 0, 1, 234567, UTC)
LATER = datetime(2026, 3, 2, 9, 0, 4, tzinfo=UTC)
LOAD = LoadAnswer(
    log="a1",
    run=42,
    load_no=0,
    status="loaded",
    mode="delta",
    manifest_sha256="9c08",
    snapshot_at=AT,
    loaded_at=LATER,
    seconds=2.765433,
)
BATCH = BatchAnswer(
    table="payment", run=42, mode="delta", reason="rows changed", rows=1, part=File(key="batches/p.parquet", rows=1)
)
RUN = RunAnswer(
    log="a1",
    run=42,
    key="runs/00000042.json",
    cause="schedule",
    attempt="0f",
    code="c0de",
    snapshot_at=AT,
    xmin=901,
    xmax=903,
    committed_at=AT,
    published_at=None,
    messages=(Message(log="a1", run=42, table="payment"),),
)
MANIFEST = ManifestAnswer(
    key="manifests/00000042/fact_payment.json",
    sha256="9c08",
    as_loaded=True,
    written_at=LATER,
    mode="delta",
    rows=2,
    quarantined=1,
    code="c0de",
    declaration="d1",
)
CHAIN = Chain(
    table="fact_payment",
    id="7",
    key="17",
    load=LOAD,
    inferred=False,
    manifest=MANIFEST,
    part=File(key="tables/p.parquet", rows=2),
    batches=(BATCH,),
    runs=(RUN,),
    notes=("something is gone",),
)
CHAIN_TEXT = """\
fact_payment, record 7, key 17 (times are UTC)
loaded      2026-03-02 09:00:04      run 42 of log a1: loaded, 2.8 s after its snapshot
manifest    2026-03-02 09:00:04      manifests/00000042/fact_payment.json: delta, 2 rows, 1 quarantined
                                     sha256 9c08, as the ledger has it
                                     code c0de, declaration d1
  part                               tables/p.parquet: 2 rows
batch                                payment of run 42: delta, 1 row: rows changed
  part                               batches/p.parquet: 1 row
run         2026-03-02 09:00:01.234  runs/00000042.json: cause schedule, attempt 0f, code c0de
  snapshot  2026-03-02 09:00:01.234  xmin 901, xmax 903
  message                            {"log": "a1", "run": 42, "table": "payment"}, not known to be published
note                                 something is gone"""
JOURNEY = JourneyAnswer(
    table="payment",
    key="17",
    arrivals=(
        Arrival(
            table="fact_payment",
            versions=(
                Version(
                    id="7",
                    valid_from=AT,
                    valid_to=LATER,
                    deleted_at=LATER,
                    load=LOAD,
                    cause="resync",
                    batches=(BATCH,),
                ),
                Version(id="8"),
            ),
            waiting=(Entry(log="a1", run=43, at=LATER, reason="currency_id is not in dim_currency"),),
            quarantined=(Entry(log="a1", run=44, at=LATER, reason="payment_date: missing"),),
            deletions=(Deletion(log="a1", run=42, deleted_at=AT, ended_run=43, ended_at=LATER),),
            behind=(45, 46),
            held="column payment.paid is missing",
        ),
        Arrival(table="dim_x", versions=(), waiting=(), quarantined=(), deletions=(), behind=(), held=None),
    ),
    others=("dim_date takes the days",),
)
JOURNEY_TEXT = """\
payment, key 17 (times are UTC)
record      2026-03-02 09:00:04      fact_payment 7: loaded by run 42, cause resync
  because                            payment delta: rows changed
  valid     2026-03-02 09:00:01.234  until 2026-03-02 09:00:04, then deleted
record                               fact_payment 8: no load of ours made it
waiting     2026-03-02 09:00:04      fact_payment, run 43: currency_id is not in dim_currency
quarantined 2026-03-02 09:00:04      fact_payment, run 44: payment_date: missing
deleted     2026-03-02 09:00:01.234  fact_payment, run 42: its key was gone; back 2026-03-02 09:00:04, run 43
behind                               fact_payment has not loaded: run 45, 46
held                                 fact_payment: column payment.paid is missing
none                                 dim_x has no row of this key
other                                dim_date takes the days"""


@pytest.mark.parametrize(("answer", "shown"), [(CHAIN, CHAIN_TEXT), (JOURNEY, JOURNEY_TEXT)])
def test_an_answer_is_shown_in_the_order_of_its_steps(answer: Chain | JourneyAnswer, shown: str) -> None:
    assert text(msgspec.to_builtins(answer)) == shown


def test_what_is_not_as_it_was_stands_out() -> None:
    replace = msgspec.structs.replace
    other = replace(CHAIN, inferred=True, manifest=replace(MANIFEST, as_loaded=False))
    shown = text(msgspec.to_builtins(other))
    assert "loaded (inferred)" in shown and "sha256 9c08, NOT what the ledger has" in shown


@pytest.fixture
def answering(tmp_path: Path) -> Path:
    """Return an `aws` that keeps the event of the call and answers with a chain."""
    fake, chain = tmp_path / "aws", tmp_path / "chain"
    chain.write_bytes(msgspec.json.encode(CHAIN))
    fake.write_text(
        "#!/usr/bin/env bash\n"
        f'while [[ $1 != --payload ]]; do shift; done\ncp "${{2#fileb://}}" {tmp_path}/event\n'
        f'cp {chain} "${{!#}}"\nprintf \'{{"StatusCode": 200}}\'\n'
    )
    fake.chmod(0o755)
    return fake


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["fact_payment", "7"], {"table": "fact_payment", "id": "7"}),
        (["payment", "17"], {"table": "payment", "id": "17"}),
        (["--business", "17", "fact_payment"], {"table": "fact_payment", "business": "17"}),
        (["dim_staff", """a "b" 'c' $d é"""], {"table": "dim_staff", "id": """a "b" 'c' $d é"""}),
    ],
)
def test_what_is_asked(tmp_path: Path, answering: Path, arguments: list[str], asked: dict[str, str]) -> None:
    done = run("why.sh", *arguments, "--settings", settings_file(tmp_path), TOTESTREAM_AWS=str(answering))
    assert (done.returncode, done.stderr, done.stdout) == (0, "", CHAIN_TEXT + "\n")
    assert json.loads((tmp_path / "event").read_text()) == {"do": "why", **asked}


def test_for_programs_it_is_json(tmp_path: Path, answering: Path) -> None:
    file = settings_file(tmp_path)
    done = run("why.sh", "--json", "fact_payment", "7", "--settings", file, TOTESTREAM_AWS=str(answering))
    assert json.loads(done.stdout) == msgspec.json.decode(msgspec.json.encode(CHAIN))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "why.sh: TABLE is missing (a warehouse table); see --help"),
        (["fact_payment"], "why.sh: ID or --business is missing; see --help"),
        (["fact_payment", "7", "8"], "why.sh: unexpected argument 8; see --help"),
        (["fact_payment", "7", "--business", "8"], "why.sh: 7 and --business cannot be combined; see --help"),
        (["dim_staff", "--business", "1"], "why.sh: dim_staff is not a fact table; they are: fact_payment, "),
        (["payments", "1"], "why.sh: payments is not a warehouse or source table (did you mean payment?); they are: "),
    ],
)
def test_wrong_use_is_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    refused = run("why.sh", *arguments, "--settings", settings_file(tmp_path))
    assert (refused.returncode, refused.stdout, len(refused.stderr.splitlines())) == (2, "", 1)
    assert refused.stderr.startswith(said)
