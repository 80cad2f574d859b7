"""Metric tables as readers need them: one preset, one line a feature, the scores that count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from engine.results.effect import REWARD_POINTS, Effect, effect
from engine.results.records import (
    OPINIONS,
    REGIMES,
    AlignmentRow,
    DriftRow,
    DroppedFeature,
    MisalignmentRow,
    Record,
    RobustnessRow,
    ShiftImprintRow,
    Tables,
)

R = TypeVar("R", bound=Record)
LOW_KAPPA = 0.4  # below this, agreement is usually called no better than fair
_ROLES = ("pre", "post")


def of_preset(rows: Iterable[R], preset: str) -> list[R]:
    """The rows of one preset; of a table without presets, all."""
    return [row for row in rows if getattr(row, "preset", preset) in (preset, "*")]


def narrowed(tables: Tables, preset: str) -> Tables:
    """Every table with the rows of one preset only."""
    return Tables(
        **{
            name: tuple(of_preset(getattr(tables, name), preset))
            for name in Tables.__struct_fields__
        }
    )


def alignment(tables: Tables) -> list[AlignmentRow]:
    """Before training, then after it."""
    return sorted(
        tables.alignment,
        key=lambda row: _ROLES.index(row.role) if row.role in _ROLES else len(_ROLES),
    )


def regimes(tables: Tables) -> dict[tuple[str, str], int]:
    """Pairs by regime and opinion; a cell without a row is 0. A pair without labels has another
    opinion than the three."""
    cells: dict[tuple[str, str], int] = {
        (regime, opinion): 0 for regime in REGIMES for opinion in OPINIONS
    }
    for row in tables.regimes:
        if row.regime in REGIMES:
            cells[row.regime, row.opinion] = cells.get((row.regime, row.opinion), 0) + row.n
    return cells


@dataclass(frozen=True)
class Imprint:
    """What a feature is worth to the model before and after training."""

    feature: str
    role: str
    pre: Effect
    post: Effect
    difference: Effect

    def outcome(self, name: str) -> Effect:
        return {"pre": self.pre, "post": self.post}.get(name, self.difference)


def imprints(tables: Tables, preset: str) -> list[Imprint]:
    """One line a feature, in the table's order."""
    effects: dict[str, dict[str, Effect]] = {}
    classes: dict[str, str] = {}
    for row in of_preset(tables.imprint, preset):
        effects.setdefault(row.feature, {})[row.outcome] = effect(row)
        classes.setdefault(row.feature, row.class_)
    nothing = Effect(REWARD_POINTS)
    return [
        Imprint(
            feature=name,
            role=classes[name],
            pre=outcomes.get("pre", nothing),
            post=outcomes.get("post", nothing),
            difference=outcomes.get("difference", nothing),
        )
        for name, outcomes in effects.items()
    ]


def strongest(lines: Iterable[Imprint]) -> list[Imprint]:
    """By what training changed, the most first."""
    return sorted(lines, key=lambda line: -line.difference.size)


def sides(tables: Tables, table: str, preset: str) -> list[ShiftImprintRow | MisalignmentRow]:
    """The rows of `shift_imprint` or `misalignment` of one preset."""
    rows: Sequence[ShiftImprintRow | MisalignmentRow] = (
        tables.shift_imprint if table == "shift_imprint" else tables.misalignment
    )
    return of_preset(rows, preset)


def scores(tables: Tables, preset: str) -> list[RobustnessRow]:
    """The robustness scores to show where there is room for one a flip: of all pairs, all
    strategies in one regression. The only strategy of a study counts as all."""
    rows = [row for row in of_preset(tables.robustness, preset) if row.population == "all"]
    together = [row for row in rows if row.strategy == "all"]
    return together or rows


@dataclass(frozen=True)
class Curve:
    """A robustness score by how alike rewrites and originals have to be, the least alike first."""

    feature: str
    side: str
    sign: str
    points: tuple[DriftRow, ...]


def curves(tables: Tables) -> list[Curve]:
    """Those with most points, and then the strongest where all rewrites count, come first."""
    scores_at: dict[tuple[str, str, str], list[DriftRow]] = {}
    for row in tables.robustness_drift:
        if row.population == "all":
            scores_at.setdefault((row.feature, row.side, row.sign), []).append(row)
    lines = [
        Curve(feature, side, sign, tuple(sorted(rows, key=lambda row: row.threshold)))
        for (feature, side, sign), rows in scores_at.items()
    ]
    return sorted(lines, key=lambda curve: (-len(curve.points), -effect(curve.points[0]).size))


def dropped(
    tables: Tables, table: str, preset: str, kept_out: Iterable[str] = ()
) -> list[DroppedFeature]:
    """What has no estimate in a table under a preset, each with the reason; preset `*`: under none.
    `kept_out`: features that the taxonomy keeps out of every regression."""
    rows = [row for row in of_preset(tables.dropped, preset) if row.table == table]
    named = {row.feature for row in rows}
    named |= {
        row.feature for row in of_preset(getattr(tables, table), preset) if hasattr(row, "feature")
    }
    detail = "not among the features to regress on"
    return rows + [
        DroppedFeature(table, "*", name, "*", "kept out by the taxonomy", detail)
        for name in kept_out
        if name not in named
    ]


def test_of(tables: Tables, name: str) -> float | None:
    """The p-value of a test by its name."""
    return next((row.p_value for row in tables.tests if row.name == name), None)
