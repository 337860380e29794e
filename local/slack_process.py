"""The process of Slack's stand-in: started and stopped with the rest of the stack."""

import os
from pathlib import Path

from local import places, ports, processes, slack
from local.errors import LocalError

_START_S = 10.0
_STOP_S = 10.0


class SlackProcess:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pid_file = folder / "pid"
        self._command = processes.python_command("local.slack", folder)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{ports.kept(self._folder / 'port')}"

    @property
    def webhook(self) -> str:
        """The one that is right. A secret, as Slack's are."""
        return self.url + slack.kept_path(self._folder)

    @property
    def messages(self) -> Path:
        return self._folder / "slack.jsonl"

    @property
    def running(self) -> bool:
        return processes.running_pid(self._pid_file, processes.sign_of(self._command)) is not None

    def start(self) -> None:
        if self.running:
            return
        self._folder.mkdir(mode=0o700, exist_ok=True)
        port = ports.kept(self._folder / "port")
        command = [*self._command, "--port", str(port), "--folder", str(self._folder)]
        environment = {**os.environ, "PYTHONPATH": str(places.REPOSITORY)}
        processes.spawn(command, environment, self._folder / "log", self._pid_file)
        if not processes.wait_until(lambda: ports.is_open(port), _START_S):
            raise LocalError(f"the stand-in for Slack did not start: see {self._folder / 'log'}")

    def stop(self) -> None:
        processes.terminate(self._pid_file, processes.sign_of(self._command), "the stand-in for Slack", _STOP_S)
