"""The one error of this package, a problem that a person can fix, and how its programs end."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import NoReturn

_INTERRUPTED, _PIPE_CLOSED = 130, 141  # as a shell reports SIGINT and SIGPIPE


class LocalError(Exception):
    """A problem and its remedy; printed as it is, without a traceback."""


class Parser(argparse.ArgumentParser):
    """An argument parser that reports wrong usage in one line; the scripts in infra_bash have the --help for people."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{message}; see --help\n")


def reason(error: Exception) -> str:
    """Return the message of PostgreSQL, of the operating system, or of another error."""
    facts = error.args[0] if error.args else ""
    if isinstance(facts, dict) and "M" in facts:
        return str(facts["M"])
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(facts) or type(error).__name__


def end_with(main: Callable[[], int | None]) -> NoReturn:
    """Run a program and exit with its code. What ends it early is one line, or none for Ctrl-C and a closed output."""
    try:
        code = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BrokenPipeError:
        # Otherwise Python reports the same error again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
        code = _PIPE_CLOSED
    except (LocalError, OSError) as error:
        print(f"{'FAILED':<8}{error if isinstance(error, LocalError) else reason(error)}", file=sys.stderr)
        code = 1
    sys.exit(code)
