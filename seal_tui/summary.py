"""The study's findings as plain lines: aligned tables of safe text, for a log or a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from engine.messages import OPINIONS, REGIMES, Metrics, RunStatus, StudyInfo
from seal_tui import numbers, words
from seal_tui.tables import Tables
from seal_tui.text import Safe, fit, one_line

_STRONGEST = 8
_INDENT = "  "


def lines(metrics: Metrics, study: StudyInfo, status: RunStatus) -> Iterator[Safe]:
    """The whole summary."""
    tables = Tables(metrics)
    yield Safe(
        f"{one_line(study.name)}: {numbers.count(study.pairs)} pairs of {one_line(study.dataset)}"
    )
    for info in study.models:
        yield Safe(f"{_INDENT}{one_line(info.role)}: {one_line(info.model)}")
    yield from _alignment(tables)
    yield from _regimes(tables)
    yield from _imprint(tables, study)
    yield from _robustness(tables, study)
    yield from _left_out(status)


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[Safe]:
    """A titled table: the first column left, the others right aligned. Nothing without rows."""
    if not rows:
        return
    widths = [max(cell_len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    yield Safe("")
    yield Safe(title)
    for row in (head, *rows):
        cells = [
            fit(Safe(text), width, "right" if i else "left")
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield Safe((_INDENT + "  ".join(cells)).rstrip())


def _alignment(tables: Tables) -> Iterator[Safe]:
    rows = [
        (
            one_line(line.role),
            numbers.percent(line.alignment),
            numbers.percent(line.resistance),
            numbers.NOTHING
            if line.half_width is None
            else f"±{numbers.number(line.half_width * 100, 1)}",
            numbers.count(line.ties),
            numbers.count(line.n),
        )
        for line in tables.alignment()
    ]
    head = ("model", "aligned", "resistance", "95 %", "ties", "pairs")
    return _table("Alignment with the people", head, rows)


def _regimes(tables: Tables) -> Iterator[Safe]:
    counted = tables.regimes()
    total = sum(counted.values())
    if not total:
        return iter(())
    rows = []
    for regime in REGIMES:
        cells = [counted[regime, opinion] for opinion in OPINIONS]
        every = sum(n for (row, _), n in counted.items() if row == regime)
        share = numbers.percent(every / total)
        rows.append((regime, *(numbers.count(n) for n in (*cells, every)), share))
    head = ("regime", *(words.OPINION[opinion] for opinion in OPINIONS), "all", "share")
    return _table("Pairs by regime and by what the labeler thinks", head, rows)


def _imprint(tables: Tables, study: StudyInfo) -> Iterator[Safe]:
    strongest = sorted(tables.imprint(study.preset), key=lambda line: -line.difference.size)
    rows = [
        (
            words.feature(line.feature),
            numbers.number(line.pre.estimate),
            numbers.number(line.post.estimate),
            numbers.signed(line.difference.estimate),
            numbers.p_value(line.difference.p_adjusted),
        )
        for line in strongest[:_STRONGEST]
    ]
    head = ("feature", "pre", "post", "change", "adj. p")
    title = f"Strongest imprints, reward points (preset {one_line(study.preset)})"
    return _table(title, head, rows)


def _robustness(tables: Tables, study: StudyInfo) -> Iterator[Safe]:
    kinds = {info.name: info.kind for info in study.features}
    found = [
        line
        for line in tables.sides("robustness", study.preset)
        if line.estimate.estimate is not None
    ]
    rows = []
    for line in sorted(found, key=lambda line: -line.estimate.size):
        kind = kinds.get(line.feature, "bool")
        low, high = line.estimate.low, line.estimate.high
        half = None if low is None or high is None else (high - low) / 2 * 100
        rows.append(
            (
                words.robustness_sentence(line.feature, line.side, line.sign, kind),
                numbers.points(line.estimate.estimate),
                numbers.NOTHING if half is None else f"±{numbers.number(half, 1)}",
                numbers.p_value(line.estimate.p),
                numbers.count(line.estimate.n),
                numbers.count(line.events),
            )
        )
    head = ("pairs with", "points", "95 %", "p", "rewrites", "misaligned")
    return _table("Robustness: how much more often such pairs become misaligned", head, rows)


def _left_out(status: RunStatus) -> Iterator[Safe]:
    rows = [
        (one_line(reason.replace("_", " ")), numbers.count(n))
        for reason, n in status.rejects.items()
    ]
    yield from _table("Left out", ("reason", "rows"), rows)
    if status.warnings:
        yield Safe("")
    for warning in status.warnings:
        yield Safe(f"warning: {one_line(warning)}")
