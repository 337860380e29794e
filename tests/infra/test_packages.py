"""What is uploaded, and what is read from answers."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ops import answers, secret_values
from ops.package import uploads
from shared.catalogue import TABLES

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
LOGIN = json.dumps({"host": "h", "port": 1, "dbname": "d", "username": "u", "password": "it's"})
REQUEST: dict[str, object] = {"Name": "test/source"}


def test_the_catalogue_is_published_under_its_fingerprints() -> None:
    catalogue = uploads.catalogue()
    assert len(catalogue) == len(TABLES)
    (staff,) = (json.loads(body) for key, body in catalogue.items() if key.startswith("catalogue/staff/"))
    assert staff["columns"][0] == {"name": "staff_id", "kind": "integer", "nullable": False}


def test_what_the_bucket_has_is_not_uploaded_again(tmp_path: Path) -> None:
    code = tmp_path / "code-1.zip"
    code.write_bytes(b"code")

    def uploaded(folder: Path, *present: str) -> list[str]:
        (tmp_path / "catalogue.json").write_text("null")
        (tmp_path / "uploads.json").write_text(json.dumps(present))
        command = [sys.executable, "-m", "ops.package.uploads", str(folder), str(tmp_path), str(code)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.split()

    keys = uploaded(tmp_path / "first")
    assert len(keys) == 1 + len(TABLES) and (tmp_path / "first/deploy/code-1.zip").read_bytes() == b"code"
    assert uploaded(tmp_path / "second", *keys) == [] and not (tmp_path / "second").exists()


def test_a_secret_comes_from_its_file_however_it_is_quoted(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    for line in (f"SOURCE_SECRET_VALUE={LOGIN}\n", "SOURCE_SECRET_VALUE='" + LOGIN.replace("'", "'\"'\"'") + "'\n"):
        file.write_text(line)
        file.chmod(0o600)
        completed = secret_values.request_with_content(file, "create-secret", "SOURCE_SECRET", REQUEST)
        assert completed == {"Name": "test/source", "SecretString": LOGIN}


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    file.write_text(f"SOURCE_SECRET_VALUE={LOGIN}\n")
    file.chmod(0o600 | stat.S_IRGRP)
    with pytest.raises(ValueError, match="chmod 600"):
        secret_values.request_with_content(file, "create-secret", "SOURCE_SECRET", REQUEST)


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_SECRET_VALUE", LOGIN)
    completed = secret_values.request_with_content(tmp_path / "none", "put-secret-value", "SOURCE_SECRET", REQUEST)
    assert completed == {"SecretId": "test/source", "SecretString": LOGIN}


@pytest.mark.parametrize("content", ["hunter2", '{"password": "hunter2"}', '["hunter2"]'])
def test_a_complaint_never_quotes_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setenv("SOURCE_SECRET_VALUE", content)
    with pytest.raises(ValueError) as complaint:
        secret_values.request_with_content(tmp_path / "none", "create-secret", "SOURCE_SECRET", REQUEST)
    assert "hunter2" not in str(complaint.value)


STATUS = {
    "loaded_run": 3,
    "comparable": True,
    "behind": [],
    "tables": [
        {"table": "dim_staff", "last_run": 3, "expected": 20, "there": 20, "freshness_s": 4.2},
        {"table": "fact_payment", "last_run": None, "expected": 9, "there": None, "freshness_s": None},
    ],
}


def test_a_table_that_lacks_rows_is_named() -> None:
    assert answers.differing(STATUS) == "fact_payment"


def test_a_held_table_is_shown_with_its_reason_and_an_uncounted_table_does_not_differ() -> None:
    table = {"table": "dim_new", "expected": None, "there": 0, "held": "table new is not there"}
    status = {"comparable": True, "tables": [table]}
    assert answers.held(status) == "dim_new: table new is not there\n"
    assert answers.differing(status) == ""
    assert answers.differing({"comparable": True, "tables": [table | {"expected": 1}]}) == "dim_new"
    assert answers.differing({"comparable": True, "tables": [table | {"held": None}]}) == "dim_new"


def test_nothing_is_expected_at_a_run_that_was_not_counted() -> None:
    passed = STATUS | {"comparable": False}
    assert answers.differing(passed) == ""
    assert answers.progress(passed, 2) == "passed"


def test_progress_says_what_is_behind() -> None:
    waiting = STATUS | {"behind": [{"table": "fact_payment", "runs": 2}]}
    assert answers.progress(waiting, 4) == "behind: fact_payment by 2"
    silent = {"loaded_run": None, "no_answer": "nobody there", "comparable": False}
    assert answers.progress(silent, 4) == "behind: warehouse: nobody there"


def test_a_functions_error_is_one_line() -> None:
    assert answers.error({"errorType": "BadSetting", "errorMessage": "two\nlines"}) == "two lines"


DID = {
    "did": ["schema star created", "dim_staff created"],
    "counts": {"schema": 1, "rights": 1, "tables": 1, "views": 2, "columns": 1, "later": 3},
    "notes": ["dim_staff.name is integer, declared text: kept"],
}


def test_what_was_migrated_is_counted_and_what_was_not_is_said() -> None:
    assert answers.migrated(DID) == [
        ("create", "warehouse tables: 1 schema, 1 tables, 2 views, 1 columns, 1 rights, 3 later"),
        ("differs", "dim_staff.name is integer, declared text: kept"),
    ]


def test_a_second_migration_has_nothing_to_count() -> None:
    assert answers.migrated({"did": [], "said": [], "counts": {}}) == [("ok", "warehouse tables")]


def test_a_function_of_the_version_before_counts_nothing() -> None:
    assert answers.migrated({"did": ["a", "b"], "said": []}) == [("update", "warehouse tables: 2 changes")]
