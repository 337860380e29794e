"""The process of the stand-in for Slack: started and stopped with the rest of the stack."""

from pathlib import Path

from local import folders, ports, processes, slack
from local.errors import LocalError
from local.runtime import runtime_in

_START_S = 30.0  # 0.2 s on an idle machine
_STOP_S = 10.0


class SlackProcess:
    """One stand-in with its log, port and webhook in one folder, its home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._pid_file = home / "pid"
        self._command = processes.python_command("local.slack", home)
        self._user = folders.server_user()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{ports.kept(self.home / 'port')}"

    @property
    def webhook(self) -> str:
        """Return the URL of the valid webhook. It is a secret, like Slack's."""
        return self.url + slack.kept_path(self.home)

    @property
    def messages(self) -> Path:
        return self._data / "slack.jsonl"

    @property
    def running(self) -> bool:
        return processes.running_pid(self._pid_file, processes.sign_of(self._command)) is not None

    def start(self) -> None:
        """Start it and wait until it answers at its webhook; does nothing if it does already."""
        if self.running and self.answers:
            return
        self.stop()
        folders.make_home(self.home, self._user)
        folders.make_server_folder(self._data, self._user)
        port = ports.kept(self.home / "port")
        ports.require_free(port, "the stand-in for Slack")
        runtime = runtime_in(self.home.with_name("python"), replace=False)
        command = [str(runtime.python), *self._command[1:], "--port", str(port), "--folder", str(self._data)]
        process = processes.spawn(
            [*command, "--path-from-stdin"],
            runtime.environment,
            self.home / "log",
            self._pid_file,
            self._user,
            slack.kept_path(self.home),
        )
        processes.wait_until(lambda: process.poll() is not None or self.answers, _START_S)
        if not self.answers:
            raise LocalError(f"the stand-in for Slack did not start: see {self.home / 'log'}")

    @property
    def answers(self) -> bool:
        """Return whether it answers at this webhook, and not at another path."""
        return ports.answers(self.webhook + slack.HEALTH)

    def stop(self) -> None:
        processes.terminate(self._pid_file, processes.sign_of(self._command), "the stand-in for Slack", _STOP_S)

    @property
    def _data(self) -> Path:
        return self.home / "data" if self._user else self.home
