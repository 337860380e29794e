"""Keeps the AWS CLI loaded: each call is a fork of this process and costs a third of a new `aws`.

    python -m ops.cli.server SOCKET

serves client.py until the process that started it is gone. A call is the very `aws` of this interpreter,
with the caller's arguments, environment and files; `--each FILE` is many of them, one after the other.
"""

import contextlib
import gc
import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path

from awscli.clidriver import CLIDriver, create_clidriver  # type: ignore[import-untyped]

# How soon it notices that whoever started it is gone.
LOOK_S = 1.0
MOST_BYTES = 1 << 20
FAILED = 255
# `--each FILE` in the place of a service: many calls in one process.
EACH = "--each"
# What a call reads from files before it says a word: half of its time.
SERVICES = {"events", "iam", "lambda", "logs", "s3", "secretsmanager", "sns", "sqs", "sts"}
KINDS = ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2")
COMMON = ("endpoints", "partitions")


def received(connection: socket.socket) -> tuple[list[str], dict[str, str], list[int]]:
    """A line of JSON with arguments and environment, and the caller's stdin, stdout and stderr."""
    text, files, _, _ = socket.recv_fds(connection, MOST_BYTES, 3)
    while not text.endswith(b"\n"):
        text += connection.recv(MOST_BYTES)
    arguments, environment = json.loads(text)
    return arguments, environment, files


def answer(connection: socket.socket, driver: CLIDriver) -> None:
    """Be that one call, and end."""
    code = FAILED
    try:
        arguments, environment, files = received(connection)
        for number, file in enumerate(files):
            os.dup2(file, number)
        # The CLI has put its own folder into AWS_DATA_PATH when it was loaded.
        environment["AWS_DATA_PATH"] = os.environ["AWS_DATA_PATH"]
        os.environ.clear()
        os.environ.update(environment)
        code = each(driver, arguments) if EACH in arguments else driver.main(arguments)
        sys.stdout.flush()
    except Exception:  # noqa: BLE001 - whatever it is: it is told, and this process ends
        traceback.print_exc()
    finally:
        connection.sendall(bytes([code & 255]))
        os._exit(0)


def each(driver: CLIDriver, arguments: list[str]) -> int:
    """Make the calls that a file lists, where the answer goes and the arguments with tabs, until one fails."""
    *common, _, calls = arguments
    for line in Path(calls).read_text().splitlines():
        answer_file, *call = line.split("\t")
        with Path(answer_file).open("w") as out, contextlib.redirect_stdout(out):
            if code := driver.main([*common, *call]):
                return int(code)
    return 0


def loaded() -> CLIDriver:
    """The CLI with its descriptions of the services, which keeps no profile and no credentials: those are a call's."""
    driver = create_clidriver()
    loader = driver.session.get_component("data_loader")
    for kind in KINDS:
        for service in SERVICES & set(loader.list_available_services(kind)):
            loader.load_service_model(service, kind)
    for name in COMMON:
        loader.load_data(name)
    # A child that counted references in these would copy them all.
    gc.freeze()
    return driver


def serve(path: str) -> None:
    driver = loaded()
    parent = os.getppid()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # When all are told to end, whoever started it still has to put back what it has paused.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        # Its folder is the caller's alone, and so is the socket.
        listener.bind(path)
        listener.listen()
        listener.settimeout(LOOK_S)
        while os.getppid() == parent:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                if os.fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    connection.settimeout(None)
                    answer(connection, driver)


if __name__ == "__main__":
    serve(sys.argv[1])
