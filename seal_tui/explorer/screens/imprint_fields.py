"""The lines and columns of the imprint screen: one preset in full, or all presets side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.results import views
from engine.results.effect import (
    DEGREES,
    PERCENTAGE_POINTS,
    REWARD_POINTS,
    Effect,
    Unit,
    effect,
)
from engine.results.records import MisalignmentRow, ShiftImprintRow, Tables
from seal_tui.explorer.widgets.interval import Axis, interval
from seal_tui.explorer.widgets.lines import Cell, Part, cell
from seal_tui.explorer.widgets.sorted_rows import Field
from seal_tui.text import numbers, words
from seal_tui.text.safe import Safe, one_line

OUTCOMES = ("post", "difference", "pre")
UNITS = {
    "imprint": REWARD_POINTS,
    "shift_imprint": DEGREES,
    "misalignment": PERCENTAGE_POINTS,
}
_SHORT = {"difference": "change"}
_LEAST_INTERVAL, _MOST_INTERVAL = 15, 61


@dataclass(frozen=True)
class Coefficient:
    """One line: a feature (of one side) with its effects by outcome. Tables without outcomes have
    one effect, with the key \"\", and its row."""

    feature: str
    side: str
    role: str
    by_outcome: dict[str, Effect]
    row: ShiftImprintRow | MisalignmentRow | None = None

    @property
    def name(self) -> str:
        return f"{self.feature}@{self.side}" if self.side else self.feature

    def effect_for(self, outcome: str) -> Effect:
        return self.by_outcome[outcome if "" not in self.by_outcome else ""]


@dataclass(frozen=True)
class Compared:
    """One line: a feature (of one side) with its estimates under all presets, in order."""

    feature: str
    side: str
    estimates: tuple[Effect, ...]
    presets: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.feature}@{self.side}" if self.side else self.feature

    @property
    def signs_differ(self) -> bool:
        signs = {one.value > 0 for one in self.estimates if one.value}
        return len(signs) > 1


def coefficients(tables: Tables, table: str, preset: str) -> list[Coefficient]:
    """The lines of a table under one preset."""
    if table == "imprint":
        return [
            Coefficient(
                line.feature,
                "",
                line.role,
                {"pre": line.pre, "post": line.post, "difference": line.difference},
            )
            for line in views.imprints(tables, preset)
        ]
    return [
        Coefficient(row.feature, row.side, "", {"": effect(row)}, row)
        for row in views.sides(tables, table, preset)
    ]


def compared(tables: Tables, table: str, outcome: str, presets: Sequence[str]) -> list[Compared]:
    """The lines of a table under all presets."""
    by_preset = [
        {line.name: line for line in coefficients(tables, table, preset)} for preset in presets
    ]
    names = dict.fromkeys(name for lines in by_preset for name in lines)
    rows = []
    for name in names:
        by_name = [lines.get(name) for lines in by_preset]
        line = next(one for one in by_name if one is not None)
        nothing = Effect(UNITS[table])
        estimates = tuple(
            one.effect_for(outcome) if one is not None else nothing for one in by_name
        )
        rows.append(Compared(line.feature, line.side, estimates, tuple(presets)))
    return rows


# ---------------------------------------------------------------- columns


def stars(p: float | None) -> Safe:
    """Stars for significance, shown next to the p-value."""
    levels = (0.001, 0.01, 0.05)
    return Safe("*" * sum(p < level for level in levels) if p is not None else "")


def _p(estimate: Effect) -> Cell:
    p, style = estimate.p_adjusted, "" if estimate.significant else "muted"
    # The stars have a fixed width, so that the numbers are aligned.
    return (Part(Safe(f"{numbers.p_value(p):>6} {stars(p):<3}"), style),)


def _vif(estimate: Effect) -> Cell:
    inflated = estimate.vif is not None and estimate.vif > 5
    return cell(numbers.number(estimate.vif, 1), "caution" if inflated else "muted")


def of_one(
    lines: Sequence[Coefficient], table: str, outcome: str, width: int
) -> list[Field[Coefficient]]:
    """The columns for one preset on a terminal of this width."""
    return [
        Field(Safe("strength"), key=_by(outcome, lambda est: est.size if est.size >= 0 else None)),
        _feature(least=18),
        *(_outcomes(outcome) if table == "imprint" else _one_side(UNITS[table])),
        _interval(lines, table, outcome, width),
        *_inference(outcome, "" if table != "imprint" else _SHORT.get(outcome, outcome)),
    ]


def _by(
    outcome: str, read: Callable[[Effect], float | None]
) -> Callable[[Coefficient], float | None]:
    """A sort key: a number of the effect of this outcome."""
    return lambda line: read(line.effect_for(outcome))


def _feature(least: int) -> Field[Any]:
    return Field(
        Safe("feature"),
        lambda line: cell(words.feature(line.feature)),
        lambda line: words.feature(line.feature),
        least=least,
        most=30,
        descending=False,
    )


def _interval(
    lines: Sequence[Coefficient], table: str, outcome: str, width: int
) -> Field[Coefficient]:
    """The intervals on a shared axis; those after training also mark the value before it."""
    room = max(_LEAST_INTERVAL, min(_MOST_INTERVAL, width - 96))
    with_before = table == "imprint" and outcome == "post"
    axis = Axis.over(value for line in lines for value in line.effect_for(outcome).ends())
    if with_before:
        before = Axis.over(line.effect_for("pre").value for line in lines)
        axis = Axis(min(axis.low, before.low), max(axis.high, before.high))

    def draw(line: Coefficient) -> Cell:
        earlier = line.effect_for("pre").value if with_before else None
        return interval(line.effect_for(outcome), axis, room, earlier)

    return Field(Safe("95 % interval"), draw, width=room, rank=2)


def _inference(outcome: str, of: str) -> list[Field[Coefficient]]:
    """`of`: what they are about, where a line has several effects."""
    return [
        Field(
            Safe(f"p {of}" if of else "adj. p"),
            lambda line: _p(line.effect_for(outcome)),
            _by(outcome, lambda est: est.p_adjusted),
            width=10,
            descending=False,
        ),
        Field(
            Safe("VIF"),
            lambda line: _vif(line.effect_for(outcome)),
            _by(outcome, lambda est: est.vif),
            width=5,
            align="right",
            rank=3,
        ),
        Field(
            Safe("detects"),
            lambda line: cell(Safe(line.effect_for(outcome).detects()), "muted"),
            _by(outcome, lambda est: est.mde),
            width=8,
            align="right",
            rank=5,
        ),
    ]


def _outcomes(outcome: str) -> list[Field[Coefficient]]:
    def number(name: str) -> Field[Coefficient]:
        style = "strong" if name == outcome else ""
        return Field(
            Safe(_SHORT.get(name, name)),
            lambda line: cell(Safe(line.effect_for(name).text()), style),
            lambda line: line.effect_for(name).value,
            width=8,
            align="right",
        )

    feature_class: Field[Coefficient] = Field(
        Safe("class"),
        lambda line: cell(one_line(line.role), "muted"),
        lambda line: line.role,
        width=8,
        rank=4,
        descending=False,
    )
    return [feature_class, number("pre"), number("post"), number("difference")]


def _one_side(unit: Unit) -> list[Field[Coefficient]]:
    return [
        Field(
            Safe("side"),
            lambda line: cell(one_line(line.side), _side_style(line.side)),
            lambda line: line.side,
            width=8,
            descending=False,
        ),
        Field(
            Safe(unit.short),
            lambda line: cell(Safe(line.effect_for("").text()), "strong"),
            lambda line: line.effect_for("").value,
            width=9,
            align="right",
        ),
        Field(
            Safe("± error"),
            lambda line: cell(Safe(line.effect_for("").error()), "muted"),
            lambda line: line.effect_for("").std_error,
            width=8,
            align="right",
            rank=4,
        ),
    ]


def _side_style(side: str) -> str:
    return "rejected" if side == "rejected" else "chosen"


def of_presets(
    lines: Sequence[Compared], presets: Sequence[str], width: int
) -> list[Field[Compared]]:
    """The columns for all presets on a terminal of this width."""
    axis = Axis.over(value for line in lines for est in line.estimates for value in est.ends())
    sided = any(line.side for line in lines)
    room = min(25, (width - 40 - 9 * sided - 18 * len(presets)) // max(1, len(presets)) - 1)

    def of_preset(place: int) -> list[Field[Compared]]:
        value: Field[Compared] = Field(
            one_line(presets[place]),
            lambda line: _value(line.estimates[place]),
            lambda line: line.estimates[place].value,
            width=17,
            align="right",
        )
        picture: Field[Compared] = Field(
            Safe(""), lambda line: interval(line.estimates[place], axis, room), width=room, rank=2
        )
        return [value, picture] if room >= 9 else [value]

    side: Field[Compared] = Field(
        Safe("side"),
        lambda line: cell(one_line(line.side), _side_style(line.side)),
        lambda line: line.side,
        width=8,
        descending=False,
    )
    return [
        Field(Safe("strength"), key=lambda line: max(one.size for one in line.estimates)),
        _feature(least=14 if sided else 17),
        *([side] if sided else []),
        *(field for place in range(len(presets)) for field in of_preset(place)),
        Field(
            Safe("signs"),
            lambda line: cell(Safe("differ" if line.signs_differ else ""), "caution"),
            lambda line: float(line.signs_differ),
            width=6,
            rank=3,
        ),
    ]


def _value(estimate: Effect) -> Cell:
    """`+0.33 ± 0.12`, grey if not significant."""
    if estimate.value is None:
        return cell(numbers.NOTHING, "muted")
    text = estimate.text()
    if estimate.low is not None and estimate.high is not None:
        text = f"{text} ± {estimate.half():>4}"
    return cell(Safe(text), "strong" if estimate.significant else "muted")


def compared_sentence(line: Compared, table: str) -> Safe:
    """The interpretation of a coefficient under all presets."""
    parts = []
    for preset, estimate in zip(line.presets, line.estimates, strict=True):
        if estimate.value is None:
            parts.append(f"not estimated by {one_line(preset)}")
            continue
        p = estimate.p_adjusted
        certainty = f" (adjusted p {numbers.p_value(p)})" if p is not None else ""
        parts.append(f"{estimate.text()} by {one_line(preset)}{certainty}")
    side = f" in the {one_line(line.side)} answer" if line.side else ""
    tail = " The signs differ." if line.signs_differ else ""
    name, unit = words.feature(line.feature), UNITS[table].name
    return Safe(f"“{name}”{side}, in {unit}: {', '.join(parts)}.{tail}")
