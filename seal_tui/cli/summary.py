"""The main results as plain lines: aligned tables of safe text, for a log or a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len

from engine.results import names, numbers, views
from engine.results.columns import Column, Section, estimates, section
from engine.results.effect import effect
from engine.results.left_out import no_scores, sample
from engine.results.names import Kinds
from engine.results.records import RobustnessRow
from engine.results.tables import printed
from engine.results.views import Imprint
from engine.wire.messages import Metrics, RunStatus, StudyInfo
from seal_tui.text.safe import Safe, fit, one_line

_STRONGEST = 8
_INDENT = "  "


def lines(metrics: Metrics, study: StudyInfo, status: RunStatus) -> Iterator[Safe]:
    """The whole summary."""
    yield from heading(study)
    for name in ("alignment", "regimes"):
        for part in printed(name, metrics.tables, metrics.preset, kinds(study)):
            yield from table(part)
    yield from table(_imprint(metrics, kinds(study)))
    scores = _robustness(metrics, kinds(study))
    yield from table(scores)
    if not scores.rows:
        why = no_scores(metrics.tables, metrics.preset, study.rewritten, study.rewritten_used)
        yield Safe("")
        yield one_line(f"Robustness: {why}")
    yield from left_out(status)


def kinds(study: StudyInfo) -> Kinds:
    return names.kinds_of({info.name: info.kind for info in study.features})


def heading(study: StudyInfo) -> Iterator[Safe]:
    """The study and its models."""
    yield Safe(
        f"{one_line(study.name)}: {sample(study.pairs, study.usable)} of {one_line(study.dataset)}"
    )
    for info in study.models:
        yield Safe(f"{_INDENT}{one_line(info.role)}: {one_line(info.model)}")


def table(part: Section) -> Iterator[Safe]:
    """A titled table with its summary, first column left-aligned, the others right-aligned. Empty
    if there are no rows."""
    if not part.rows:
        return
    rows = [[one_line(text) for text in row] for row in (part.head, *part.rows)]
    widths = [max(cell_len(row[i]) for row in rows) for i in range(len(part.head))]
    yield Safe("")
    yield one_line(part.title)
    if part.summary:
        yield Safe(_INDENT + one_line(part.summary))
    for row in rows:
        cells = [
            fit(text, width, "right" if i else "left")
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield Safe((_INDENT + "  ".join(cells)).rstrip())


def _imprint(metrics: Metrics, kinds: Kinds) -> Section:
    columns: list[Column[Imprint]] = [
        Column("feature", lambda line, kinds: names.feature(line.feature)),
        Column("pre", lambda line, kinds: line.pre.text()),
        Column("post", lambda line, kinds: line.post.text()),
        Column("change", lambda line, kinds: line.difference.text()),
        Column("95 %", lambda line, kinds: line.difference.interval()),
        Column("adj. p", lambda line, kinds: numbers.p_value(line.difference.p_adjusted)),
    ]
    rows = views.strongest(views.imprints(metrics.tables, metrics.preset))[:_STRONGEST]
    title = f"Strongest imprints, reward points (preset {metrics.preset})"
    summary = (
        "Reward points associated with each feature, all others equal, and the change by training."
    )
    return section(title, summary, columns, rows, kinds)


def _robustness(metrics: Metrics, kinds: Kinds) -> Section:
    columns: list[Column[RobustnessRow]] = [
        Column(
            "pairs with",
            lambda row, of: names.answer_that(row.feature, row.side, row.sign, of(row.feature)),
        ),
        *estimates("points"),
        Column("p", lambda row, kinds: effect(row).power()),
        Column("adj. p", lambda row, kinds: numbers.p_value(effect(row).p_adjusted)),
        Column("rewrites", lambda row, kinds: numbers.count(row.n)),
        Column("misaligned", lambda row, kinds: numbers.count(row.events)),
    ]
    scores = views.scores(metrics.tables, metrics.preset)
    rows = sorted(
        (row for row in scores if effect(row).size >= 0), key=lambda row: -effect(row).size
    )
    title = "Robustness: how much more often such pairs become misaligned"
    summary = (
        "Percentage points more or less often than pairs without that change; rows with few "
        "misaligned pairs are weak evidence."
    )
    return section(title, summary, columns, rows, kinds)


def left_out(status: RunStatus) -> Iterator[Safe]:
    """The skipped rows and the run's warnings."""
    columns: list[Column[tuple[str, int]]] = [
        Column("reason", lambda row, kinds: names.reason(row[0])),
        Column("rows", lambda row, kinds: numbers.count(row[1])),
    ]
    summary = "Rows of the dataset that are not usable pairs."
    rejects = status.rejects.items()
    yield from table(
        section("Left out of the dataset", summary, columns, rejects, names.every_bool)
    )
    if status.warnings:
        yield Safe("")
    for warning in status.warnings:
        yield Safe(f"warning: {one_line(warning)}")
