"""The one error of this package: a problem that a person can fix, in one line with the remedy."""

import argparse
from typing import NoReturn


class LocalError(Exception):
    """A problem and its remedy; printed as it is, without a traceback."""


class Parser(argparse.ArgumentParser):
    """An argument parser that reports wrong usage in one line; the scripts in infra_bash have the --help for people."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{message}; see --help\n")
