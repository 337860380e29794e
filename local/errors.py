"""The one error of this package: something a person can put right, said on one line with the way out."""

import argparse
from typing import NoReturn


class LocalError(Exception):
    """What is wrong and what to do about it; printed as it is, without a traceback."""


class Parser(argparse.ArgumentParser):
    """Wrong usage is one line, too; the scripts in infra_bash have the --help that a person sees."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{message}; see --help\n")
