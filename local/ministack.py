"""MiniStack, the stand-in for AWS: start, stop and health of one server. README.md says what it does not do."""

import json
import os
import secrets
import shutil
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local import folders, ports, processes
from local.errors import LocalError
from local.runtime import Runtime, runtime_in

_START_S = 30.0  # 0.2 s on an idle machine
_STOP_S = 60.0  # it writes all its state before it ends


class Ministack:
    """One MiniStack with its log, port, keys and state in one folder, its home."""

    def __init__(self, home: Path, region: str = "eu-west-2") -> None:
        self.home = home
        self._region = region
        self._command = processes.python_command("local.emulator", home)
        self._sign = processes.sign_of(self._command)
        self._user = folders.server_user()

    @property
    def port(self) -> int:
        """Return the TCP port on 127.0.0.1, picked at the first call and kept."""
        return ports.kept(self.home / "port")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def keys(self) -> tuple[str, str]:
        """Return the root user's access key and secret, which are random, created at the first call and kept."""
        kept = folders.kept(self.home / "keys.json", lambda: json.dumps([_new_key(), secrets.token_urlsafe(30)]) + "\n")
        key, secret = json.loads(kept)
        return key, secret

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def running(self) -> bool:
        return processes.running_pid(self._pid_file, self._sign) is not None

    @property
    def healthy(self) -> bool:
        """Return whether it answers a request signed with its keys."""
        signed = AWSRequest("GET", f"{self.url}/_ministack/health")
        SigV4Auth(Credentials(*self.keys), "ministack", self._region).add_auth(signed)
        return ports.answers(urllib.request.Request(str(signed.url), headers=dict(signed.headers)))

    def start(self) -> None:
        """Start it and wait until it answers; does nothing if it runs already."""
        if self.running and self.healthy:
            return
        self.stop()
        folders.make_home(self.home, self._user)
        folders.make_server_folder(self._data, self._user)
        folders.make_server_folder(self._scratch, self._user)
        ports.require_free(self.port, "MiniStack")
        runtime = runtime_in(self.home.with_name("python"), replace=True)
        process = processes.spawn(
            [str(runtime.python), *self._command[1:]],
            self._environment(runtime),
            self.log,
            self._pid_file,
            self._user,
            " ".join(self.keys),
        )
        processes.wait_until(lambda: process.poll() is not None or self.healthy, _START_S)
        if not self.healthy:
            raise LocalError(f"MiniStack did not come up; its log is {self.log}")

    def stop(self) -> None:
        """Ask it to write its state and end. If it is killed instead, only the S3 objects are kept."""
        processes.terminate(self._pid_file, self._sign, "MiniStack", _STOP_S)
        shutil.rmtree(self._scratch, ignore_errors=True)  # the layer, and what MiniStack unpacked for each function

    @property
    def _pid_file(self) -> Path:
        return self.home / "pid"

    @property
    def _data(self) -> Path:
        return self.home / "data" if self._user else self.home

    @property
    def _scratch(self) -> Path:
        return self.home / "tmp"

    def _environment(self, runtime: Runtime) -> Mapping[str, str]:
        """Return its whole environment, which all functions inherit.

        Otherwise a person's PYTHONDONTWRITEBYTECODE, proxy or AWS profile would reach them.
        """
        return {
            **runtime.environment,
            "PATH": f"{runtime.python.parent}:{os.defpath}",
            "HOME": str(self._scratch),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "TMPDIR": str(self._scratch),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": self._region,
            "AUTH": "true",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self._data / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self._data / "s3"),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }


@contextmanager
def throw_away() -> Iterator[Ministack]:
    """Start a server for a test, and delete it afterwards."""
    with folders.temporary_home(in_memory=False) as folder:  # beside our Python, which is linked and not copied there
        server = Ministack(folder / "ministack")
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _new_key() -> str:
    """Return a key in AWS's format: programs recognise an access key by its prefix and length."""
    return "AKIA" + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16))
