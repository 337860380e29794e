"""The deployed local stack, as a test sees it: everything through deploy.sh, the AWS API and SQL."""

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from pg8000.native import Connection

from local import folders, logins
from local.postgres import Server
from ops.settings.declarations import example_values
from shared.lake.keys import RUNS, run_of
from shared.names import Names
from shared.postgres.connection import quoted
from shared.warehouse.registry import TARGETS
from tests.road.road import place_expected, shown
from tests.stack.proc import Seen

ROOT = Path(__file__).parent.parent.parent
# Every wait in these tests ends when what is awaited is there; this is only how long a broken stack may take.
LONGEST_WAIT_S = 300.0
# These load the AWS CLI themselves and make many calls in one process of it; the others share the tests' own.
LOADS_CLI = {"deploy", "teardown"}


@dataclass
class LocalStack:
    """`checkout` is where the scripts come from that are run on it; `file` says which stage it is, `first` what
    deploy.sh said when it made it, `seen` what all users of the machine could see meanwhile."""

    folder: Path
    checkout: Path = ROOT
    file: str = "settings.env"
    first: subprocess.CompletedProcess[str] | None = None
    seen: Seen | None = None
    aws_cli: ClassVar[str] = ""

    def __post_init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.settings: dict[str, str] = {}

    # ---- the scripts

    def script(
        self, name: str, *arguments: str, typed: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run infra_bash/<name>.sh on this stack; its output is kept, its exit code is the caller's to judge.

        Lines about a function that takes longer than ten seconds are left out: they are of a slow machine.
        """
        # A CLI that writes down its calls (transcript.to) reads its configuration when it starts.
        own_cli = name in LOADS_CLI or "AWS_CONFIG_FILE" in environment
        done = subprocess.run(
            [str(self.checkout / "infra_bash" / f"{name}.sh"), *arguments],
            env=self.environment(**({} if own_cli else {"TOTESTREAM_AWS": self.aws_cli}) | environment),
            input=typed,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        done.stderr = re.sub(r"(?m)^wait    the function \S+: \d+ s\n", "", done.stderr)
        return done

    def environment(self, **extra: str) -> dict[str, str]:
        """What a script is run in."""
        impatient = {"REASK_AFTER_S": "5", "FRESHNESS_OBJECTIVE_S": "5", "WAIT_FOR_SCHEDULES": "no"}
        # An objective of seconds is refused beside a rate(…): these tests do not wait for schedules.
        impatient |= dict.fromkeys(("EXTRACT_SCHEDULE", "LOAD_SCHEDULE"), "cron(* * * * ? *)")
        return {**os.environ, "TOTESTREAM_LOCAL": str(self.folder), **impatient, **extra}

    def deploy(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """deploy.sh --local, with the source at rest afterwards."""
        done = self.script("deploy", "--local", *arguments, **environment)
        assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-4000:]
        self.python("local.stack", "tick-stop")
        self.read_settings()
        return done

    def python(self, module: str, *arguments: str) -> None:
        environment = {**os.environ, "TOTESTREAM_LOCAL": str(self.folder), "PYTHONPATH": str(self.checkout)}
        subprocess.run([str(self.checkout / ".venv/bin/python"), "-m", module, *arguments], env=environment, check=True)

    def read_settings(self) -> None:
        lines = (self.folder / self.file).read_text().splitlines()
        pairs = [line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")]
        self.settings = example_values() | {name: "".join(shlex.split(value)) for name, value in pairs}
        self.passwords = logins.kept_passwords(self.folder / "logins.json")
        account = self.aws("sts").get_caller_identity()["Account"]
        region = self.settings["AWS_REGION"]
        self.names = Names(self.settings["PROJECT"], self.settings["STAGE"], region, account)

    # ---- AWS

    def aws(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.settings["AWS_ENDPOINT_URL"],
            region_name=self.settings["AWS_REGION"],
            aws_access_key_id=self.settings["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.settings["AWS_SECRET_ACCESS_KEY"],
            config=Config(read_timeout=310, retries={"total_max_attempts": 1}),
        )

    def invoke(self, noun: str, event: dict[str, object] | None = None) -> dict[str, Any]:
        """A function's answer; its error, when it ended in one, is under `errorMessage`."""
        answer = self.aws("lambda").invoke(
            FunctionName=self.names.function(noun), Payload=json.dumps(event or {}).encode()
        )
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        return found

    def extract(self) -> int:
        """One extraction now, beside the scheduled ones; the newest run, which has all committed changes."""
        wait_for(self._extracted, "an extraction that is not busy")
        return self.newest_run()

    def _extracted(self) -> bool:
        answer = self.invoke("extract")
        assert "errorMessage" not in answer, answer
        return not answer["busy"]

    def newest_run(self) -> int:
        return run_of(self.keys("ingestion", RUNS)[-1]) or 0

    def get(self, noun: str, key: str) -> bytes:
        body = self.aws("s3").get_object(Bucket=self.names.bucket(noun), Key=key)["Body"]
        return bytes(body.read())

    def keys(self, noun: str, prefix: str) -> list[str]:
        pages = self.aws("s3").get_paginator("list_objects_v2").paginate(Bucket=self.names.bucket(noun), Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    @contextmanager
    def by_hand(self, noun: str) -> Iterator[None]:
        """The function's schedule is off: it runs when a test calls it."""
        events = self.aws("events")
        events.disable_rule(Name=self.names(noun))
        try:
            yield
        finally:
            events.enable_rule(Name=self.names(noun))

    # ---- the databases

    @property
    def server(self) -> Server:
        return Server(folders.postgres_home(self.folder))

    def source(self) -> Connection:
        return logins.connect(self.server, self.passwords, logins.SOURCE_OWNER)

    def warehouse(self) -> Connection:
        connection = logins.connect(self.server, self.passwords, logins.WAREHOUSE_OWNER)
        connection.run(f"SET search_path TO {self.settings['WAREHOUSE_SCHEMA']}")
        return connection

    def change(self, statement: str) -> None:
        connection = self.source()
        connection.run(statement)
        connection.close()

    def ask(self, question: str) -> list[list[Any]]:
        """Of the warehouse."""
        connection = self.warehouse()
        try:
            return connection.run(question) or []
        finally:
            connection.close()

    def differing(self) -> list[str]:
        """The warehouse tables that do not show what the oracle says."""
        source, there = self.source(), self.warehouse()
        try:
            return [name for name in TARGETS if _differs(source, there, name)]
        finally:
            source.close()
            there.close()

    def arrives(self) -> None:
        wait_for(lambda: self.differing() == [], "every table to equal the oracle")


def _differs(source: Connection, there: Connection, name: str) -> bool:
    target = TARGETS[name]
    place_expected(source, there, target)
    columns = ", ".join(quoted(column.name) for column in target.columns)
    ours = f"SELECT {columns} FROM {shown(target)}"
    both = f"(SELECT * FROM expected EXCEPT ALL {ours}) UNION ALL ({ours} EXCEPT ALL SELECT * FROM expected)"
    return bool(there.run(f"SELECT 1 FROM ({both}) AS differing LIMIT 1"))


def wait_for(is_there: Callable[[], object], what: str, longest_s: float = LONGEST_WAIT_S) -> None:
    deadline = time.monotonic() + longest_s
    while not is_there():
        assert time.monotonic() < deadline, f"waited {longest_s} s in vain for {what}"
        time.sleep(0.5)
