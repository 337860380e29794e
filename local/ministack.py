"""MiniStack, which stands in for AWS: start, stop and health of one server. What it does and does not: README.md."""

import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from local import ports, processes
from local.errors import LocalError

# MiniStack takes whoever signs with this key for the account's root user, and does not check the secret.
ROOT_KEY, ROOT_SECRET = "test", "test"

_START_S = 30.0  # 0.2 s on an idle machine
_STOP_S = 60.0  # it writes all its state before it ends


class Ministack:
    """One MiniStack with its state, objects, log and port in one folder, its home."""

    def __init__(self, home: Path, region: str = "eu-west-2") -> None:
        self.home = home
        self._region = region
        self._command = processes.python_command("ministack", home)
        self._sign = processes.sign_of(self._command)

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1, picked when first asked for and kept."""
        return ports.kept(self.home / "port")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def running(self) -> bool:
        return processes.running_pid(self._pid_file, self._sign) is not None

    @property
    def healthy(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def start(self) -> None:
        """Start it and wait until it answers; running already is fine."""
        if self.running and self.healthy:
            return
        self.stop()
        self.home.mkdir(parents=True, exist_ok=True)
        ports.require_free(self.port, "MiniStack")
        self._sweep()
        process = processes.spawn(self._command, self._environment(), self.log, self._pid_file)
        processes.wait_until(lambda: process.poll() is not None or self.healthy, _START_S)
        if not self.healthy:
            raise LocalError(f"MiniStack did not come up; its log is {self.log}")

    def stop(self) -> None:
        """Ask it to write its state and end. Only so is the state kept: killed, it keeps the S3 objects alone."""
        processes.terminate(self._pid_file, self._sign, "MiniStack", _STOP_S)

    @property
    def _pid_file(self) -> Path:
        return self.home / "pid"

    @property
    def _scratch(self) -> Path:
        return self.home / "tmp"

    def _sweep(self) -> None:
        """Empty its TMPDIR: every warm function leaves some 100 MB there when MiniStack ends."""
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir()

    def _environment(self) -> Mapping[str, str]:
        """All that it gets to see of the environment, for the functions inherit every bit of it.

        A PYTHONDONTWRITEBYTECODE, a proxy or an AWS profile of the person's would reach them.
        """
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
            "HOME": str(self._scratch),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "TMPDIR": str(self._scratch),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": self._region,
            "AWS_ACCESS_KEY_ID": ROOT_KEY,
            "AWS_SECRET_ACCESS_KEY": ROOT_SECRET,
            "AUTH": "true",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.home / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.home / "s3"),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }
