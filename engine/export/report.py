"""A study's findings on a page: what it is, what it found, what was decided, where it is from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

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
from engine.wire.messages import OPINIONS, REGIMES, Agreement, Metrics, StudyInfo

NOTHING = "–"
_OPINION = {"c": "prefers chosen", "i": "indifferent", "r": "prefers rejected"}
Record = Mapping[str, Any]


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
    return [
        *_study(study, warnings),
        *_alignment(metrics),
        *_regimes(metrics),
        *_imprint(metrics),
        *_robustness(metrics),
        *_decisions(found, agreement),
        Heading(2, ("Provenance",)),
        Code(found.text()),
    ]


def _study(study: StudyInfo, warnings: Sequence[str]) -> Iterator[Block]:
    yield Heading(1, ("Report of ", Data(study.name)))
    yield Paragraph((f"{study.pairs:,} preference pairs of ", Data(study.dataset), "."))
    rows = [(Data(info.role), Data(info.model), Data(info.detail)) for info in study.models]
    yield Table(("model", "name", "detail"), rows)
    if warnings:
        yield Heading(2, ("Warnings",))
        yield Bullets([(Data(warning),) for warning in warnings])


def _alignment(metrics: Metrics) -> Iterator[Block]:
    rows = [
        (
            Data(row["role"]),
            _percent(row["alignment"]),
            f"{_percent(row['ci_low'])} to {_percent(row['ci_high'])}",
            _percent(row["resistance"]),
            f"{row['ties']:,}",
            f"{row['n']:,}",
        )
        for row in metrics.tables["alignment"]
    ]
    yield Heading(2, ("Alignment",))
    yield Paragraph(("Pairs on which a reward model sides with the person who chose.",))
    yield Table(("reward model", "aligned", "95 %", "resistance", "ties", "pairs"), rows)


def _regimes(metrics: Metrics) -> Iterator[Block]:
    counted = {(row["regime"], row["opinion"]): row["n"] for row in metrics.tables["regimes"]}
    unlabeled = any(opinion not in OPINIONS for _, opinion in counted)
    columns = [*OPINIONS, *(("unlabeled",) if unlabeled else ())]
    rows = []
    for regime in REGIMES:
        cells = [counted.get((regime, opinion), 0) for opinion in columns]
        rows.append((regime, *(f"{n:,}" for n in (*cells, sum(cells)))))
    head = ("regime", *(_OPINION.get(opinion, opinion) for opinion in columns), "all")
    yield Heading(2, ("Regimes",))
    yield Paragraph(("Before and after training, by what the labeler thinks of the pair.",))
    yield Table(head, rows)


def _imprint(metrics: Metrics) -> Iterator[Block]:
    by_feature: dict[str, dict[str, Record]] = {}
    for row in metrics.tables["imprint"]:
        if row["preset"] == metrics.preset:
            by_feature.setdefault(row["feature"], {})[row["outcome"]] = row
    yield Heading(2, ("Feature imprint",))
    if not by_feature:
        yield Paragraph(("No feature could be estimated.",))
        return
    outcomes = ("pre", "post", "difference")
    found = sorted(by_feature.items(), key=lambda item: -_size(item[1].get("difference")))
    rows = [
        (
            Data(feature),
            *(_interval(of.get(outcome)) for outcome in outcomes),
            _p(of.get("difference")),
        )
        for feature, of in found
    ]
    yield Paragraph(
        (
            "Reward points that a feature is worth, all other features equal, with its 95 % "
            f"interval; preset {metrics.preset}.",
        )
    )
    yield Table(("feature", "pre-D", "post-D", "difference", "adjusted p"), rows)
    yield Intervals(
        "Feature imprint",
        "reward points",
        ("pre-D", "post-D"),
        [(feature, [_estimate(of.get("pre")), _estimate(of.get("post"))]) for feature, of in found],
    )


def _robustness(metrics: Metrics) -> Iterator[Block]:
    known = [
        row
        for row in metrics.tables["robustness"]
        if row["preset"] == metrics.preset
        and row["population"] == "all"
        and row["estimate"] is not None
    ]
    yield Heading(2, ("Robustness",))
    if not known:
        yield Paragraph(("Nothing was rewritten, or too little to estimate a score.",))
        return
    known.sort(key=lambda row: -_size(row))
    scale = "log odds" if known[0]["scale"] == "log_odds" else "share of pairs"
    rows = [
        (
            Data(_change(row)),
            Data(row["strategy"]),
            _interval(row),
            _p(row),
            f"{row['events']:,} of {row['n']:,}",
        )
        for row in known
    ]
    yield Paragraph(
        (
            "How much more often a rewritten pair becomes misaligned when the wording gains or "
            f"loses a feature, in {scale}, with its 95 % interval; preset {metrics.preset}.",
        )
    )
    head = ("an answer that", "rewritten", "score", "adjusted p", "misaligned")
    yield Table(head, rows)
    whole = [row for row in known if row["strategy"] == known[0]["strategy"]]
    yield Intervals(
        "Robustness", scale, ("score",), [(_change(row), [_estimate(row)]) for row in whole]
    )


def _change(row: Record) -> str:
    return f"{row['side']} {'loses' if row['sign'] == '+' else 'gains'} {row['feature']}"


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
                _percent(both.agreement),
                _number(both.kappa),
            )
            for both in agreement
        ]
        yield Table(("reviewers", "pairs by both", "equal", "κ"), rows)


# ---------------------------------------------------------------- numbers


def _number(value: Any, digits: int = 2) -> str:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return NOTHING
    shown = f"{value:.{digits}f}"
    return (shown.lstrip("-") if float(shown) == 0 else shown).replace("-", "−")


def _percent(share: Any) -> str:
    return NOTHING if share is None else f"{_number(share * 100, 1)} %"


def _interval(row: Record | None) -> str:
    if row is None or row["estimate"] is None:
        return NOTHING
    shown = _number(row["estimate"])
    if row["ci_low"] is None or row["ci_high"] is None:
        return shown
    return f"{shown} [{_number(row['ci_low'])}, {_number(row['ci_high'])}]"


def _p(row: Record | None) -> str:
    value = None if row is None else row["p_adjusted"]
    if value is None:
        return NOTHING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _size(row: Record | None) -> float:
    return abs(row["estimate"]) if row is not None and row["estimate"] is not None else 0.0


def _estimate(row: Record | None) -> Estimate | None:
    if row is None or row["estimate"] is None:
        return None
    return Estimate(row["estimate"], row["ci_low"], row["ci_high"])
