"""The local stack: a source that can tick, an empty warehouse, and AWS; all of it under one folder.

Usage: python -m local.stack start [--source-csv DIR | --orders N --seed N --today YYYY-MM-DD]
       python -m local.stack stop | reset | urls | psql [totesys | warehouse] | status
       python -m local.stack tick-start [--every SECONDS] [--seed N] | tick-stop

The folder is TOTESTREAM_LOCAL, else `.local` in the checkout. Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from pg8000.exceptions import DatabaseError, InterfaceError

from local import folders, logins, processes, settings, source, ticker
from local.errors import LocalError, Parser, end_with, reason
from local.ministack import Ministack
from local.postgres import Server
from local.slack_process import SlackProcess

_TICKER_STOP_S = 70.0  # it may wait for a locked row, at most the connection's 60 s
_START = "run ./infra_bash/local.sh start"
# As whom a person opens a database: the source's application, and who may only read the warehouse.
_PERSON = {logins.SOURCE: logins.SOURCE_OWNER, logins.WAREHOUSE: logins.READER}


class RunningStack:
    """All servers of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings_file = folder / "settings.env"
        self.secrets_file = folder / "secrets.env"
        self.chosen = {**settings.chosen(self.settings_file), **_from_environment()}
        self._ticker = processes.python_command("local.ticker", folder)

    # Where they live is decided by the first start.
    @property
    def postgres(self) -> Server:
        return Server(folders.postgres_home(self.folder))

    @property
    def ministack(self) -> Ministack:
        return Ministack(folders.ministack_home(self.folder), self.chosen["AWS_REGION"])

    @property
    def slack(self) -> SlackProcess:
        return SlackProcess(folders.slack_home(self.folder))

    @property
    def passwords(self) -> dict[str, str]:
        return logins.kept_passwords(self.folder / "logins.json")

    @property
    def ticking(self) -> bool:
        return processes.running_pid(ticker.pid_file(self.folder), processes.sign_of(self._ticker)) is not None

    def start(self, options: argparse.Namespace) -> None:
        """Start all servers that do not run; the ticker is started separately."""
        folders.make_stack_folder(self.folder)
        with _alone(self.folder):
            self._start_databases(options)
            self.ministack.start()
            _say("ok", f"AWS on {self.ministack.url}")
            self.slack.start()
            _say("ok", f"a stand-in for Slack on {self.slack.url}; its messages are in {self.slack.messages}")
            self._write_files()

    def _start_databases(self, options: argparse.Namespace) -> None:
        server = self.postgres
        server.start()
        _say("ok", f"PostgreSQL on port {server.port}")
        logins.prepare(server, self.passwords, self.chosen["WAREHOUSE_SCHEMA"])
        connection = logins.connect(server, self.passwords, logins.SOURCE_OWNER)
        try:
            _say("ok", source.ensure(connection, options))
        finally:
            connection.close()

    def _write_files(self) -> None:
        facts = settings.facts(self.ministack.url, *self.ministack.keys, self.slack.url)
        settings.write_settings(self.settings_file, facts)
        settings.write_secrets(self.secrets_file, self.postgres.port, self.passwords, self.slack.webhook)
        _say("ok", f"settings in {self.settings_file}")

    def stop(self) -> None:
        """Stop all servers and keep their data. Does nothing if they are stopped or were never started."""
        if not self.folder.is_dir():
            return
        with _alone(self.folder):
            self.stop_ticking()
            self.slack.stop()
            self.ministack.stop()
            self.postgres.stop()
        _say("ok", "the local stack is stopped")

    def reset(self) -> None:
        """Stop all servers and delete all their data."""
        self.stop()
        folders.delete_stack_folder(self.folder)
        _say("ok", f"{self.folder} is deleted")

    def start_ticking(self, every_s: float, seed: int) -> None:
        """Start the ticker; does nothing if it runs already."""
        if not self.ticking:
            self._require_started()
            command = [*self._ticker, "--every", str(every_s), "--seed", str(seed)]
            environment = {
                **os.environ,
                "TOTESTREAM_LOCAL": str(self.folder),
                "PYTHONPATH": str(folders.REPOSITORY),
            }
            processes.spawn(command, environment, self.folder / "ticker.log", ticker.pid_file(self.folder))
        _say("ok", f"the source ticks; its log is {self.folder / 'ticker.log'}")

    def stop_ticking(self) -> None:
        """Stop the ticker."""
        if processes.terminate(
            ticker.pid_file(self.folder), processes.sign_of(self._ticker), "the ticker", _TICKER_STOP_S
        ):
            _say("ok", "the ticker is stopped")

    def urls(self) -> dict[str, str]:
        """Return connection URLs by purpose, for any PostgreSQL client, and what the AWS CLI needs.

        Raises LocalError if a server that they name is stopped.
        """
        self._require_running("PostgreSQL", "MiniStack")
        databases = {
            f"{logins.DATABASE_OF[login]} ({login})": f"postgresql://{login}:{self.passwords[login]}"
            f"@127.0.0.1:{self.postgres.port}/{logins.DATABASE_OF[login]}"
            for login in logins.DATABASE_OF
        }
        key, secret = self.ministack.keys
        aws = {
            "AWS_ENDPOINT_URL": self.ministack.url,
            "AWS_DEFAULT_REGION": self.chosen["AWS_REGION"],
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
        }
        schema = {"schema of the warehouse's tables": self.chosen["WAREHOUSE_SCHEMA"]}
        return {**databases, **schema, **aws, "Slack's messages": str(self.slack.messages)}

    def psql(self, database: str) -> NoReturn:
        """Replace this process by psql: in the source with its application's rights, in the warehouse read-only."""
        self._require_running("PostgreSQL")
        login = _PERSON[database]
        self.postgres.become_psql(login, self.passwords[login], database)

    def states(self) -> dict[str, bool]:
        """Return which servers run."""
        exists = self.folder.is_dir()
        return {
            "PostgreSQL": exists and self.postgres.running,
            "MiniStack": exists and self.ministack.running and self.ministack.healthy,
            "Slack's stand-in": exists and self.slack.running,
            "ticker": exists and self.ticking,
        }

    def _require_started(self) -> None:
        if not self.secrets_file.exists():
            raise LocalError(f"there is no local stack in {self.folder}; {_START}")

    def _require_running(self, *servers: str) -> None:
        self._require_started()
        states = self.states()
        if stopped := [server for server in servers if not states[server]]:
            raise LocalError(f"the local stack in {self.folder} is stopped ({', '.join(stopped)}); {_START}")


def _from_environment() -> dict[str, str]:
    """Return the settings that the environment overrides, as it does for the product."""
    return {name: os.environ[name] for name in ("AWS_REGION", "WAREHOUSE_SCHEMA") if os.environ.get(name)}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock so that one command at a time starts or stops servers; the next one waits."""
    with folders.open_log(folder / "lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _say(verb: str, what: str) -> None:
    print(f"{verb:<8}{what}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    source.add_source_options(commands.add_parser("start"))
    for name in ("stop", "reset", "urls", "status", "tick-stop"):
        commands.add_parser(name)
    commands.add_parser("psql").add_argument("database", nargs="?", choices=_PERSON, default=logins.WAREHOUSE)
    ticking = commands.add_parser("tick-start")
    ticking.add_argument("--every", type=float, default=ticker.EVERY_S, metavar="SECONDS")
    ticking.add_argument("--seed", type=int, default=1)
    return parser


def _run(stack: RunningStack, options: argparse.Namespace) -> None:
    match options.command:
        case "start":
            stack.start(options)
        case "stop":
            stack.stop()
        case "reset":
            stack.reset()
        case "tick-start":
            stack.start_ticking(options.every, options.seed)
        case "tick-stop":
            stack.stop_ticking()
        case "urls":
            _print(stack.urls())
        case "psql":
            stack.psql(options.database)
        case "status":
            _print({what: "running" if runs else "stopped" for what, runs in stack.states().items()})


def _print(table: dict[str, str]) -> None:
    for name, value in table.items():
        print(f"{name:<36}{value}")


def main() -> None:
    """Run the command given on the command line."""
    options = _parser().parse_args()
    try:
        _run(RunningStack(folders.stack_folder()), options)
    except (DatabaseError, InterfaceError) as error:
        raise LocalError(f"PostgreSQL failed: {reason(error)}; {_START}") from error


if __name__ == "__main__":
    end_with(main)
