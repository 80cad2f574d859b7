"""A study on a page: what was studied, what was found, what was decided, provenance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.export.blocks import (
    Block,
    Bullets,
    Code,
    Data,
    Heading,
    Paragraph,
    Table,
    markdown,
    page,
)
from engine.export.figure import Estimate, Intervals
from engine.export.provenance import Provenance
from engine.results import names, numbers, views
from engine.results.columns import SCORE, Section, section
from engine.results.effect import REWARD_POINTS, Effect, effect
from engine.results.left_out import no_scores, rewrites, sample
from engine.results.names import Kinds
from engine.results.tables import TABLES, printed
from engine.wire.messages import Agreement, Metrics, StudyInfo


def rendered(path: Path, study: str, blocks: Sequence[Block]) -> str:
    """As the file's name says: a page for .html, Markdown otherwise."""
    if path.suffix.lower() == ".html":
        return page(f"Report of {study}", blocks)
    return markdown(blocks)


def blocks(
    study: StudyInfo,
    metrics: Metrics,
    warnings: Sequence[str],
    agreement: Sequence[Agreement],
    found: Provenance,
) -> list[Block]:
    kinds = names.kinds_of({info.name: info.kind for info in study.features})
    return [
        *_study(study, warnings),
        *_table("alignment", "Alignment", metrics, kinds),
        *_table("regimes", "Regimes", metrics, kinds),
        *_imprint(metrics),
        *_robustness(study, metrics, kinds),
        *_decisions(found, agreement),
        Heading(2, ("Provenance",)),
        Code(found.text()),
    ]


def _study(study: StudyInfo, warnings: Sequence[str]) -> Iterator[Block]:
    yield Heading(1, ("Report of ", Data(study.name)))
    yield Paragraph((f"{sample(study.pairs, study.usable)} of ", Data(study.dataset), "."))
    rows = [(Data(info.role), Data(info.model), Data(info.detail)) for info in study.models]
    yield Table(("model", "name", "detail"), rows)
    if warnings:
        yield Heading(2, ("Warnings",))
        yield Bullets([(Data(warning),) for warning in warnings])


def _table(name: str, title: str, metrics: Metrics, kinds: Kinds) -> Iterator[Block]:
    """A metric table with its meaning and its first section."""
    yield Heading(2, (title,))
    yield Paragraph((f"{_sentence_case(TABLES[name].meaning)}.",))
    first = next(printed(name, metrics.tables, metrics.preset, kinds), None)
    if first is not None:
        yield _rows(first)


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]


def _rows(found: Section) -> Table:
    """What is not a number may come from the data."""
    return Table(
        found.head,
        [
            [text if safe else Data(text) for text, safe in zip(row, found.numeric, strict=True)]
            for row in found.rows
        ],
    )


def _imprint(metrics: Metrics) -> Iterator[Block]:
    lines = views.strongest(views.imprints(metrics.tables, metrics.preset))
    yield Heading(2, ("Feature imprint",))
    if not lines:
        yield Paragraph(("No feature could be estimated.",))
        return
    rows = [
        (
            Data(names.feature(line.feature)),
            *(_with_interval(one) for one in (line.pre, line.post, line.difference)),
            numbers.p_value(line.difference.p_adjusted),
        )
        for line in lines
    ]
    yield Paragraph(
        (
            f"{_sentence_case(REWARD_POINTS.name)} that a feature is worth, all other features "
            f"equal, with the 95 % interval; preset {metrics.preset}.",
        )
    )
    yield Table(("feature", "pre-D", "post-D", "difference", "adj. p"), rows)
    yield Intervals(
        "Feature imprint",
        REWARD_POINTS.name,
        ("pre-D", "post-D"),
        [
            (names.feature(line.feature), [_estimate(line.pre), _estimate(line.post)])
            for line in lines
        ],
    )


def _robustness(study: StudyInfo, metrics: Metrics, kinds: Kinds) -> Iterator[Block]:
    scores = [row for row in views.scores(metrics.tables, metrics.preset) if effect(row).size >= 0]
    yield Heading(2, ("Robustness",))
    if not scores:
        rewritten, used = study.rewritten, study.rewritten_used
        why = no_scores(metrics.tables, metrics.preset, rewritten, used)
        yield Paragraph((_sentence_case(f"{why}."),))
        return
    scores.sort(key=lambda row: -effect(row).size)
    unit = effect(scores[0]).unit.name
    strategies = {row.strategy for row in scores}
    by = ("every strategy",) if strategies == {"all"} else ("strategy ", Data(scores[0].strategy))
    yield Paragraph(
        (
            f"How much more often, in {unit}, a rewritten pair becomes misaligned when an answer "
            "loses or gains a feature, with the 95 % interval; “else” is the share of the pairs "
            "without that change that became misaligned. ",
            *by,
            f", preset {metrics.preset}. ",
            f"Of {rewrites(study.rewritten, study.rewritten_used)}.",
        )
    )
    yield _rows(section("", "", SCORE, scores, kinds))
    changes = [names.change(r.feature, r.side, r.sign, kinds(r.feature)) for r in scores]
    yield Intervals(
        "Robustness",
        unit,
        ("score",),
        [(change, [_estimate(effect(row))]) for change, row in zip(changes, scores, strict=True)],
    )


def _with_interval(found: Effect) -> str:
    """+1.24 (0.80 to 1.68)"""
    interval = found.interval()
    return found.text() if interval == numbers.NOTHING else f"{found.text()} ({interval})"


def _estimate(found: Effect) -> Estimate | None:
    """An effect as it is drawn: in its printed unit."""
    if found.value is None:
        return None
    factor = found.unit.factor
    low = None if found.low is None else found.low * factor
    high = None if found.high is None else found.high * factor
    return Estimate(found.value * factor, low, high)


def _decisions(found: Provenance, agreement: Sequence[Agreement]) -> Iterator[Block]:
    yield Heading(2, ("Decisions",))
    which = ("the pairs of the filter ", Data(found.filter)) if found.filter else ("all pairs",)
    who = (" by ", Data(found.author)) if found.author else ()
    yield Paragraph(("What was decided", *who, " about ", *which, "."))
    counts = [("pairs", f"{found.pairs:,}")]
    counts += [(name, f"{count:,}") for name, count in found.counts.items()]
    yield Table(("decision", "pairs"), counts)
    if agreement:
        rows = [
            (
                Data(f"{both.author_a}, {both.author_b}"),
                f"{both.pairs:,}",
                numbers.percent(both.agreement),
                numbers.number(both.kappa),
            )
            for both in agreement
        ]
        yield Table(("reviewers", "pairs by both", "equal", "κ"), rows)
