"""Counts what fault tests did to the program and what came of it, by kind of fault.

A test takes the fixture `tally` and says what it tried; its kind is that of its marker
(`@pytest.mark.fault("kills")`, or `pytestmark` of a file). The table is printed at the end of any
pytest run that counted something, under pytest-xdist too; FAULT_JSON=PATH writes it as JSON. A
figure that must be 0 and is not fails the run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any

import pytest

MARK = "fault"
OTHER = "other"


@dataclass
class Tally:
    """What was tried and what came of it. `lost` and `doubled` are rows or decisions; `leaked` are
    bytes or keys that reached where they may not; `raw` are exceptions shown as they were raised;
    `hangs` are waits without a limit or a word."""

    tried: int = 0
    survived: int = 0  # it went on, with the right results
    refused: int = 0  # in one line
    lost: int = 0
    doubled: int = 0
    leaked: int = 0
    raw: int = 0
    hangs: int = 0

    def add(
        self,
        tried: int,
        *,
        survived: int = 0,
        refused: int = 0,
        lost: int = 0,
        doubled: int = 0,
        leaked: int = 0,
        raw: int = 0,
        hangs: int = 0,
    ) -> None:
        self.plus(Tally(tried, survived, refused, lost, doubled, leaked, raw, hangs))

    def plus(self, other: Tally) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    @property
    def short(self) -> int:
        """How many were neither survived nor refused."""
        return max(0, self.tried - self.survived - self.refused)

    @property
    def zeros(self) -> tuple[int, ...]:
        """What must be 0."""
        return (self.short, self.lost, self.doubled, self.leaked, self.raw, self.hangs)


_OF_TEST = pytest.StashKey[Tally]()
_KINDS: dict[str, Tally] = {}
COLUMNS = ("tried", "survived", "refused", "lost", "doubled", "leaked", "raw", "hangs", "short")


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    return request.node.stash.setdefault(_OF_TEST, Tally())


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", f"{MARK}(kind): the kind of fault that a test's tally counts"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, Any]:
    report = yield
    found = item.stash.get(_OF_TEST, None)
    if found is not None and call.when == "call":
        if report.failed and not any(found.zeros):
            found.add(1)  # the test fell short of what it tried, whatever else it had counted
        mark = item.get_closest_marker(MARK)
        report.fault = [mark.args[0] if mark else OTHER, *astuple(found)]
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    # A process of pytest-xdist sends its reports to the one that started it.
    found = getattr(report, "fault", None)
    if found is not None and "PYTEST_XDIST_WORKER" not in os.environ:
        kind, *figures = found
        _KINDS.setdefault(kind, Tally()).plus(Tally(*figures))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if any(any(found.zeros) for found in _KINDS.values()):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _KINDS:
        return
    whole = Tally()
    for found in _KINDS.values():
        whole.plus(found)
    shown = {**dict(sorted(_KINDS.items())), "all": whole}
    terminalreporter.section("faults")
    for line in table(shown):
        terminalreporter.line(line)
    if path := os.environ.get("FAULT_JSON"):
        figures = {kind: {**asdict(one), "short": one.short} for kind, one in shown.items()}
        Path(path).write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


def table(shown: dict[str, Tally]) -> Iterator[str]:
    width = max(map(len, shown))
    yield " " * width + "".join(f"{name:>10}" for name in COLUMNS)
    for kind, found in shown.items():
        figures = "".join(f"{getattr(found, name):>10,}" for name in COLUMNS)
        yield f"{kind:<{width}}{figures}{'' if not any(found.zeros) else '   <- not 0'}"
