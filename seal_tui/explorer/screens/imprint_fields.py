"""The lines and columns of the imprint screen: one preset in full, or all presets side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
_LEAST_INTERVAL, _MOST_INTERVAL = 15, 61


@dataclass(frozen=True)
class Coefficient:
    """One line: a feature (of one side) with its effects by outcome; the tables without outcomes
    have one under \"\", and the row that it is of."""

    feature: str
    side: str
    role: str
    by_outcome: dict[str, Effect]
    row: ShiftImprintRow | MisalignmentRow | None = None

    @property
    def name(self) -> str:
        return f"{self.feature}@{self.side}" if self.side else self.feature

    def shown(self, outcome: str) -> Effect:
        return self.by_outcome[outcome if "" not in self.by_outcome else ""]


@dataclass(frozen=True)
class Compared:
    """One line: a feature (of one side) with its estimate under every preset, in their order."""

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
    found = [
        {line.name: line for line in coefficients(tables, table, preset)} for preset in presets
    ]
    names = dict.fromkeys(name for lines in found for name in lines)
    made = []
    for name in names:
        there = [lines.get(name) for lines in found]
        line = next(one for one in there if one is not None)
        nothing = Effect(UNITS[table])
        estimates = tuple(one.shown(outcome) if one is not None else nothing for one in there)
        made.append(Compared(line.feature, line.side, estimates, tuple(presets)))
    return made


# ---------------------------------------------------------------- columns


def stars(p: float | None) -> Safe:
    """Beside the number, never in its place."""
    levels = (0.001, 0.01, 0.05)
    return Safe("*" * sum(p < level for level in levels) if p is not None else "")


def _p(found: Effect) -> Cell:
    p, style = found.p_adjusted, "" if found.significant else "muted"
    # The stars have a place of their own, so that the numbers stay below each other.
    return (Part(Safe(f"{numbers.p_value(p):>6} {stars(p):<3}"), style),)


def _vif(found: Effect) -> Cell:
    inflated = found.vif is not None and found.vif > 5
    return cell(numbers.number(found.vif, 1), "caution" if inflated else "muted")


def of_one(
    lines: Sequence[Coefficient], table: str, outcome: str, width: int
) -> list[Field[Coefficient]]:
    """The columns for one preset on a terminal of this width."""
    room = max(_LEAST_INTERVAL, min(_MOST_INTERVAL, width - 96))
    with_before = table == "imprint" and outcome == "post"
    axis = Axis.over(value for line in lines for value in line.shown(outcome).ends())
    if with_before:
        before = Axis.over(line.shown("pre").value for line in lines)
        axis = Axis(min(axis.low, before.low), max(axis.high, before.high))

    def draw_interval(line: Coefficient) -> Cell:
        was = line.shown("pre").value if with_before else None
        return interval(line.shown(outcome), axis, room, was)

    def by(read: Callable[[Effect], float | None]) -> Callable[[Coefficient], float | None]:
        return lambda line: read(line.shown(outcome))

    def least_found(line: Coefficient) -> Cell:
        return cell(Safe(line.shown(outcome).detects()), "muted")

    return [
        Field(Safe("strength"), key=by(lambda est: est.size if est.size >= 0 else None)),
        Field(
            Safe("feature"),
            lambda line: cell(words.feature(line.feature)),
            lambda line: words.feature(line.feature),
            least=18,
            most=30,
            descending=False,
        ),
        *(_outcomes(outcome) if table == "imprint" else _one_side(UNITS[table])),
        Field(Safe("95 % interval"), draw_interval, width=room, rank=2),
        Field(
            Safe("adj. p"),
            lambda line: _p(line.shown(outcome)),
            by(lambda est: est.p_adjusted),
            width=10,
            descending=False,
        ),
        Field(
            Safe("VIF"),
            lambda line: _vif(line.shown(outcome)),
            by(lambda est: est.vif),
            width=5,
            align="right",
            rank=3,
        ),
        Field(
            Safe("detects"),
            least_found,
            by(lambda est: est.mde),
            width=8,
            align="right",
            rank=5,
        ),
    ]


def _outcomes(outcome: str) -> list[Field[Coefficient]]:
    def number(name: str) -> Field[Coefficient]:
        style = "strong" if name == outcome else ""
        return Field(
            Safe({"difference": "change"}.get(name, name) + ("*" if name == outcome else "")),
            lambda line: cell(Safe(line.shown(name).text()), style),
            lambda line: line.shown(name).value,
            width=8,
            align="right",
        )

    role: Field[Coefficient] = Field(
        Safe("class"),
        lambda line: cell(one_line(line.role), "muted"),
        lambda line: line.role,
        width=8,
        rank=4,
        descending=False,
    )
    return [role, number("pre"), number("post"), number("difference")]


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
            lambda line: cell(Safe(line.shown("").text()), "strong"),
            lambda line: line.shown("").value,
            width=9,
            align="right",
        ),
        Field(
            Safe("± error"),
            lambda line: cell(Safe(line.shown("").error()), "muted"),
            lambda line: line.shown("").std_error,
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
        drawn: Field[Compared] = Field(
            Safe(""), lambda line: interval(line.estimates[place], axis, room), width=room, rank=2
        )
        return [value, drawn] if room >= 9 else [value]

    side: Field[Compared] = Field(
        Safe("side"),
        lambda line: cell(one_line(line.side), _side_style(line.side)),
        lambda line: line.side,
        width=8,
        descending=False,
    )
    return [
        Field(Safe("strength"), key=lambda line: max(one.size for one in line.estimates)),
        Field(
            Safe("feature"),
            lambda line: cell(words.feature(line.feature)),
            lambda line: words.feature(line.feature),
            least=14 if sided else 17,
            most=30,
            descending=False,
        ),
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


def _value(found: Effect) -> Cell:
    """`+0.33 ± 0.12`, in grey where it is not significant."""
    if found.value is None:
        return cell(numbers.NOTHING, "muted")
    text = found.text()
    if found.low is not None and found.high is not None:
        text = f"{text} ± {found.half():>4}"
    return cell(Safe(text), "strong" if found.significant else "muted")


def compared_sentence(line: Compared, table: str) -> Safe:
    """A coefficient under every preset as a sentence."""
    parts = []
    for preset, found in zip(line.presets, line.estimates, strict=True):
        if found.value is None:
            parts.append(f"not estimated by {one_line(preset)}")
            continue
        p = found.p_adjusted
        certainty = f" (adjusted p {numbers.p_value(p)})" if p is not None else ""
        parts.append(f"{found.text()} by {one_line(preset)}{certainty}")
    side = f" in the {one_line(line.side)} answer" if line.side else ""
    tail = " They do not agree on the direction." if line.signs_differ else ""
    name, unit = words.feature(line.feature), UNITS[table].name
    return Safe(f"“{name}”{side}, in {unit}: {', '.join(parts)}.{tail}")
