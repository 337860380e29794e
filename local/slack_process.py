"""The process of the stand-in for Slack: started and stopped with the rest of the stack."""

from pathlib import Path

from local import folders, ports, processes, slack
from local.errors import LocalError
from local.runtime import runtime_in

_START_S = 10.0
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
        if self.running:
            return
        folders.make_home(self.home, self._user)
        folders.make_server_folder(self._data, self._user)
        port = ports.kept(self.home / "port")
        runtime = runtime_in(self.home.with_name("python"), replace=False)
        command = [str(runtime.python), *self._command[1:], "--port", str(port), "--folder", str(self._data)]
        processes.spawn(
            [*command, "--path-from-stdin"],
            runtime.environment,
            self.home / "log",
            self._pid_file,
            self._user,
            slack.kept_path(self.home),
        )
        if not processes.wait_until(lambda: ports.is_open(port), _START_S):
            raise LocalError(f"the stand-in for Slack did not start: see {self.home / 'log'}")

    def stop(self) -> None:
        processes.terminate(self._pid_file, processes.sign_of(self._command), "the stand-in for Slack", _STOP_S)

    @property
    def _data(self) -> Path:
        return self.home / "data" if self._user else self.home
