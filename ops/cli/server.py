"""Keep the AWS CLI loaded: each call is a fork of this process and takes a third of the time of a new `aws`.

    python -m ops.cli.server SOCKET

serves client.py until the process that started it has ended. A call is the `aws` of this interpreter with the caller's
arguments, environment, stdin, stdout and stderr; `--each FILE` makes several calls, one after the other.
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

# How often it checks whether the process that started it has ended.
PARENT_CHECK_S = 1.0
MAX_BYTES = 1 << 20
FAILED = 255
# `--each FILE` in place of a service and operation: many calls in one process.
EACH = "--each"
# The service descriptions that a call reads from files first, which takes half of its time.
SERVICES = {"events", "iam", "lambda", "logs", "s3", "secretsmanager", "sns", "sqs", "sts"}
KINDS = ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2")
COMMON = ("endpoints", "partitions")


def received(connection: socket.socket) -> tuple[list[str], dict[str, str], list[int]]:
    """Return the caller's arguments, its environment, and its stdin, stdout and stderr. They come as a line of JSON."""
    text, files, _, _ = socket.recv_fds(connection, MAX_BYTES, 3)
    while not text.endswith(b"\n"):
        text += connection.recv(MAX_BYTES)
    arguments, environment = json.loads(text)
    return arguments, environment, files


def answer(connection: socket.socket, driver: CLIDriver) -> None:
    """Make the call in this forked process, send its exit code, and end."""
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
    except Exception:  # noqa: BLE001 - any error is printed, and this process ends
        traceback.print_exc()
    finally:
        connection.sendall(bytes([code & 255]))
        os._exit(0)


def each(driver: CLIDriver, arguments: list[str]) -> int:
    """Make the calls of a file, until one fails: lines of the file for the answer and the arguments, with tabs."""
    *common, _, calls = arguments
    for line in Path(calls).read_text().splitlines():
        answer_file, *call = line.split("\t")
        with Path(answer_file).open("w") as out, contextlib.redirect_stdout(out):
            if code := driver.main([*common, *call]):
                return int(code)
    return 0


def loaded() -> CLIDriver:
    """Return the CLI with its service descriptions loaded. Profile and credentials are not: they belong to a call."""
    driver = create_clidriver()
    loader = driver.session.get_component("data_loader")
    for kind in KINDS:
        for service in SERVICES & set(loader.list_available_services(kind)):
            loader.load_service_model(service, kind)
    for name in COMMON:
        loader.load_data(name)
    # Without this the garbage collector of a child would copy all these pages.
    gc.freeze()
    return driver


def serve(path: str) -> None:
    """Serve each connection to the socket at `path` in a process of its own."""
    driver = loaded()
    parent = os.getppid()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # On a signal to the whole group the script that started it still needs it, to restore what it has paused.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        # Only the caller can read its folder, and so the socket.
        listener.bind(path)
        listener.listen()
        listener.settimeout(PARENT_CHECK_S)
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
