"""A pytest plugin for whole runs: how far it is at least every 20 seconds, failures at once, the slowest tests last.

    python -m pytest -p tests.progress

Plain lines, for a terminal and for a pipe. It takes the place of pytest's dots.
"""

import os
import threading
import time
from collections.abc import Sequence
from typing import Any, TextIO

import pytest

EVERY_S = 15.0  # a late thread on a busy machine still keeps to 20
SLOWEST = 20


def line(done: int, total: int, failures: int, seconds: float) -> str:
    """Return one line of progress; `total` is 0 until the tests are known."""
    tests = f"{done} of {total} tests" if total else "collecting tests"
    minutes, rest = divmod(int(seconds), 60)
    return f"progress  {tests}, {failures} failed, {minutes} min {rest:02d} s"


class Progress(threading.Thread):
    """Counts tests as they end, and prints a line at regular times until the run is over."""

    def __init__(self, out: TextIO, every_s: float) -> None:
        super().__init__(daemon=True)
        self._out, self._every_s = out, every_s
        self._began, self._over = time.monotonic(), threading.Event()
        self._done, self._total = 0, 0
        self._failed: set[str] = set()

    def run(self) -> None:
        while not self._over.wait(self._every_s):
            self._print(self._line())

    def _line(self) -> str:
        return line(self._done, self._total, len(self._failed), time.monotonic() - self._began)

    def _print(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._total = len(session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        """All processes of pytest-xdist collect the same tests."""
        self._total = len(ids)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and report.nodeid not in self._failed:
            self._failed.add(report.nodeid)
            self._print(f"FAILED    {report.nodeid} ({report.when})")
        if report.when == "teardown":
            self._done += 1

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Keep pytest's categories and leave out its dots and letters."""
        if report.when == "call" and report.outcome != "skipped":
            return report.outcome, "", ""
        return ("error", "", "") if report.failed else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        self._over.set()
        self.join()
        self._print(self._line())
        self._out.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--progress-every", type=float, default=EVERY_S, metavar="SECONDS", help="default: %(default)s")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):  # one of pytest-xdist's processes: the one that started it tells
        return
    config.option.durations = SLOWEST
    # A file of its own: while a test runs, pytest catches what is written to stdout.
    progress = Progress(os.fdopen(os.dup(1), "w"), config.getoption("--progress-every"))
    config.pluginmanager.register(progress, "progress-lines")
    progress.start()
