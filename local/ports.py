"""Ports: picked free once, then kept, so that URLs stay good over a restart."""

import random
import socket
from pathlib import Path

from local import places
from local.errors import LocalError

# Below 32768, where Linux starts handing out ports to outgoing connections: a kept port from
# that range would now and then be found taken after a stop.
_LOWEST, _HIGHEST = 20_000, 32_000
_TRIES = 100


def is_free(port: int) -> bool:
    """Whether something could listen on 127.0.0.1 at this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a closed connection's rest is no owner
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_open(port: int) -> bool:
    """Whether something answers on 127.0.0.1 at this port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def pick() -> int:
    """A port free at this moment."""
    for port in random.SystemRandom().sample(range(_LOWEST, _HIGHEST), _TRIES):
        if is_free(port):
            return port
    raise LocalError(f"no free port found between {_LOWEST} and {_HIGHEST}; stop some servers")


def kept(file: Path) -> int:
    """The port noted in this file; the first time, one that is free now."""
    if not file.exists():
        places.write_private(file, f"{pick()}\n")
    return int(file.read_text())


def require_free(port: int, whose: str) -> None:
    """Refuse to start on a port that another program took meanwhile."""
    if not is_free(port):
        raise LocalError(
            f"port {port}, kept for {whose}, is in use by another program; stop that, "
            "or begin anew with ./infra_bash/local.sh reset"
        )
