"""Every metric table of a run as plain lines: title, summary, numbers."""

from __future__ import annotations

from collections.abc import Iterator

from engine.results.tables import TABLES, printed
from engine.wire.messages import Metrics, RunStatus, StudyInfo
from seal_tui.cli import summary
from seal_tui.text.safe import Safe


def lines(metrics: Metrics, study: StudyInfo, status: RunStatus) -> Iterator[Safe]:
    """The whole report; coefficient tables of one preset."""
    yield from summary.heading(study)
    for name in TABLES:
        for section in printed(name, metrics.tables, metrics.preset, summary.kinds(study)):
            yield from summary.table(section)
    yield from summary.left_out(status)
