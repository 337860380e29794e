"""Ports: picked free once, then kept, so that URLs stay valid across restarts."""

import random
import socket
import urllib.error
import urllib.request
from pathlib import Path

from local import folders
from local.errors import LocalError

# Below 32768, where Linux starts to assign ports to outgoing connections: a kept port from that range
# would sometimes be in use after a stop.
_LOWEST, _HIGHEST = 20_000, 32_000
_TRIES = 100
_ANSWER_S = 5.0
_WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a person's proxy is not for us


def is_free(port: int) -> bool:
    """Return whether a server could listen on 127.0.0.1 at this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ignores closed connections in TIME_WAIT
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_open(port: int) -> bool:
    """Return whether a server answers on 127.0.0.1 at this port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers(request: str | urllib.request.Request) -> bool:
    """Return whether a server on this machine answers the request with status 200."""
    try:
        with _WITHOUT_PROXY.open(request, timeout=_ANSWER_S) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def pick() -> int:
    """Return a port that is free at this moment."""
    for port in random.SystemRandom().sample(range(_LOWEST, _HIGHEST), _TRIES):
        if is_free(port):
            return port
    raise LocalError(f"no free port found between {_LOWEST} and {_HIGHEST}; stop some servers")


def kept(file: Path) -> int:
    """Return the port noted in this file; the first time, one that is free now."""
    return int(folders.kept(file, lambda: f"{pick()}\n"))


def require_free(port: int, whose: str) -> None:
    """Raise LocalError if another program uses the port."""
    if not is_free(port):
        raise LocalError(
            f"port {port}, kept for {whose}, is in use by another program; stop that, "
            "or delete the stack with ./infra_bash/local.sh reset"
        )
