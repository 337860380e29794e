"""Another user of this machine, played by a child of the test."""

import os
import pickle
import pwd
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def as_nobody(do: Callable[[], T]) -> T:
    """What `do` returns, or raises, when `nobody` does it. Only root can play somebody else."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            nobody = pwd.getpwnam("nobody")
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
            said: tuple[bool, object] = (True, do())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test is told
            said = (False, error)
        os.write(writer, pickle.dumps(said))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        well, value = pickle.loads(answer.read())
    os.waitpid(child, 0)
    if not well:
        raise value
    result: T = value
    return result
