"""The study's findings as plain lines: aligned tables of safe text, for a log or a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from engine.wire.messages import OPINIONS, REGIMES, Metrics, RunStatus, StudyInfo
from seal_tui.text import numbers, words
from seal_tui.text.safe import Safe, fit, one_line
from seal_tui.text.tables import Tables

_STRONGEST = 8
_INDENT = "  "
_TIES = {
    "misaligned": Safe("counts as misaligned"),
    "half": Safe("counts as half aligned"),
    "exclude": Safe("is left out"),
    "separate": Safe("is neither aligned nor misaligned"),
}


def lines(metrics: Metrics, study: StudyInfo, status: RunStatus) -> Iterator[Safe]:
    """The whole summary."""
    tables = Tables(metrics)
    yield from heading(study)
    yield from alignment(tables)
    yield from regimes(tables)
    yield from _imprint(tables)
    yield from _robustness(tables, study)
    yield from left_out(status)


def heading(study: StudyInfo) -> Iterator[Safe]:
    """What was studied, and by which models."""
    yield Safe(
        f"{one_line(study.name)}: {numbers.count(study.pairs)} pairs of {one_line(study.dataset)}"
    )
    for info in study.models:
        yield Safe(f"{_INDENT}{one_line(info.role)}: {one_line(info.model)}")


def table(
    title: str, reading: str, head: Sequence[str], rows: Sequence[Sequence[str]]
) -> Iterator[Safe]:
    """A titled table of cells fit for a terminal, with its reading in a sentence: the first column
    left, the others right aligned. Nothing without rows."""
    if not rows:
        return
    widths = [max(cell_len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    yield Safe("")
    yield Safe(title)
    if reading:
        yield Safe(_INDENT + reading)
    for row in (head, *rows):
        cells = [
            fit(Safe(text), width, "right" if i else "left")
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield Safe((_INDENT + "  ".join(cells)).rstrip())


def alignment(tables: Tables) -> Iterator[Safe]:
    """How often each model sides with the people."""
    found = tables.alignment()
    rows = [
        (
            one_line(line.role),
            numbers.percent(line.alignment),
            numbers.percent(line.resistance),
            numbers.NOTHING
            if line.half_width is None
            else f"±{numbers.number(line.half_width * 100, 1)}",
            numbers.count(line.ties),
            numbers.count(line.noise_limited),
            numbers.count(line.n),
        )
        for line in found
    ]
    head = ("model", "aligned", "resistance", "95 %", "ties", "in noise", "pairs")
    shares = {line.role: line for line in found}
    pre, post = shares.get("pre"), shares.get("post")
    reading = ""
    if pre is not None and post is not None:
        reading = (
            f"The model before training on D agrees with the people in "
            f"{numbers.percent(pre.alignment)} of the pairs, the one after it in "
            f"{numbers.percent(post.alignment)}; the rest is its resistance, "
            f"{numbers.percent(post.resistance)}. A tie "
            + _TIES.get(post.tie_policy, Safe("counts as misaligned"))
            + "."
        )
    return table("Alignment with the people", reading, head, rows)


def regimes(tables: Tables) -> Iterator[Safe]:
    """What training did to the pairs, by what the labeler thinks of them."""
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
    by_regime = {
        regime: numbers.percent(sum(n for (row, _), n in counted.items() if row == regime) / total)
        for regime in REGIMES
    }
    reading = (
        f"Resistance has two parts: {by_regime['resisted']} of the pairs were misaligned before "
        f"too (resisted), {by_regime['reversed']} were aligned before (reversed)."
    )
    head = ("regime", *(words.OPINION[opinion] for opinion in OPINIONS), "all", "share")
    return table("Pairs by regime and by what the labeler prefers", reading, head, rows)


def _imprint(tables: Tables) -> Iterator[Safe]:
    strongest = sorted(tables.imprint(tables.preset), key=lambda line: -line.difference.size)
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
    title = f"Strongest imprints, reward points (preset {one_line(tables.preset)})"
    reading = (
        "How many reward points go with a feature, all others equal, and what training changed."
    )
    return table(title, reading, head, rows)


def _robustness(tables: Tables, study: StudyInfo) -> Iterator[Safe]:
    kinds = {info.name: info.kind for info in study.features}
    found = [
        line
        for line in tables.sides("robustness", tables.preset)
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
    reading = (
        "Percentage points more or less often than pairs without that change; rows with few "
        "misaligned pairs say little, and nothing here is corrected for their number."
    )
    title = "Robustness: how much more often such pairs become misaligned"
    return table(title, reading, head, rows)


def left_out(status: RunStatus) -> Iterator[Safe]:
    """Rows that did not enter, and the run's warnings."""
    rows = [
        (one_line(reason.replace("_", " ")), numbers.count(n))
        for reason, n in status.rejects.items()
    ]
    reading = "Rows of the dataset that are no usable pair."
    yield from table("Left out of the dataset", reading, ("reason", "rows"), rows)
    if status.warnings:
        yield Safe("")
    for warning in status.warnings:
        yield Safe(f"warning: {one_line(warning)}")
