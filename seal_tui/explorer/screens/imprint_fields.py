"""The lines and columns of the imprint screen: one preset in full, or all presets side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seal_tui.explorer.widgets.interval import Axis, interval
from seal_tui.explorer.widgets.lines import Cell, Part, cell
from seal_tui.explorer.widgets.sorted_rows import Field
from seal_tui.text import numbers, words
from seal_tui.text.safe import Safe, one_line
from seal_tui.text.tables import Estimate, Tables

OUTCOMES = ("post", "difference", "pre")
_NONE = Estimate()
_LEAST_INTERVAL, _MOST_INTERVAL = 15, 61


@dataclass(frozen=True)
class Coefficient:
    """One line: a feature (of one side) with its estimates by outcome; the tables without
    outcomes have one under \"\"."""

    feature: str
    side: str
    role: str
    by_outcome: dict[str, Estimate]

    @property
    def name(self) -> str:
        return f"{self.feature}@{self.side}" if self.side else self.feature

    def shown(self, outcome: str) -> Estimate:
        return self.by_outcome.get(outcome if "" not in self.by_outcome else "", _NONE)


@dataclass(frozen=True)
class Compared:
    """One line: a feature (of one side) with its estimate under every preset, in their order."""

    feature: str
    side: str
    estimates: tuple[Estimate, ...]
    presets: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.feature}@{self.side}" if self.side else self.feature

    @property
    def signs_differ(self) -> bool:
        signs = {one.estimate > 0 for one in self.estimates if one.estimate}
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
            for line in tables.imprint(preset)
        ]
    return [
        Coefficient(line.feature, line.side, "", {"": line.estimate})
        for line in tables.sides(table, preset)
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
        estimates = tuple(one.shown(outcome) if one is not None else _NONE for one in there)
        made.append(Compared(line.feature, line.side, estimates, tuple(presets)))
    return made


# ---------------------------------------------------------------- columns


def stars(p: float | None) -> Safe:
    """Beside the number, never in its place."""
    levels = (0.001, 0.01, 0.05)
    return Safe("*" * sum(p < level for level in levels) if p is not None else "")


def _p(estimate: Estimate) -> Cell:
    p = estimate.p_adjusted
    certain = p is not None and p < 0.05
    # The stars have a place of their own, so that the numbers stay below each other.
    return (Part(Safe(f"{numbers.p_value(p):>6} {stars(p):<3}"), "" if certain else "muted"),)


def _vif(estimate: Estimate) -> Cell:
    inflated = estimate.vif is not None and estimate.vif > 5
    return cell(numbers.number(estimate.vif, 1), "caution" if inflated else "muted")


def _scale(table: str) -> tuple[float, int]:
    """By what the numbers of a table are multiplied, and their decimals."""
    return {"imprint": (1.0, 2), "shift_imprint": (1.0, 1)}.get(table, (100.0, 1))


def _times(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def of_one(
    lines: Sequence[Coefficient], table: str, outcome: str, width: int
) -> list[Field[Coefficient]]:
    """The columns for one preset on a terminal of this width."""
    scale, digits = _scale(table)
    room = max(_LEAST_INTERVAL, min(_MOST_INTERVAL, width - 96))
    with_before = table == "imprint" and outcome == "post"
    axis = Axis.over(
        value
        for line in lines
        for est in (line.shown(outcome),)
        for value in (est.low, est.high, est.estimate)
    )
    if with_before:
        before = Axis.over(line.shown("pre").estimate for line in lines)
        axis = Axis(min(axis.low, before.low), max(axis.high, before.high))

    def draw_interval(line: Coefficient) -> Cell:
        was = line.shown("pre").estimate if with_before else None
        return interval(line.shown(outcome), axis, room, was)

    def by(read: Callable[[Estimate], float | None]) -> Callable[[Coefficient], float | None]:
        return lambda line: read(line.shown(outcome))

    def least_found(line: Coefficient) -> Cell:
        return cell(numbers.number(_times(line.shown(outcome).mde, scale), digits), "muted")

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
        *(_outcomes(outcome) if table == "imprint" else _one_side(table, scale, digits)),
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
        form = numbers.signed if name == "difference" else numbers.number
        return Field(
            Safe({"difference": "change"}.get(name, name) + ("*" if name == outcome else "")),
            lambda line: cell(form(line.shown(name).estimate), "strong" if name == outcome else ""),
            lambda line: line.shown(name).estimate,
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


def _one_side(table: str, scale: float, digits: int) -> list[Field[Coefficient]]:
    unit = "degrees" if table == "shift_imprint" else "points"
    return [
        Field(
            Safe("side"),
            lambda line: cell(one_line(line.side), _side_style(line.side)),
            lambda line: line.side,
            width=8,
            descending=False,
        ),
        Field(
            Safe(unit),
            lambda line: cell(
                numbers.signed(_times(line.shown("").estimate, scale), digits), "strong"
            ),
            lambda line: line.shown("").estimate,
            width=9,
            align="right",
        ),
        Field(
            Safe("± error"),
            lambda line: cell(
                numbers.number(_times(line.shown("").std_error, scale), digits), "muted"
            ),
            lambda line: line.shown("").std_error,
            width=8,
            align="right",
            rank=4,
        ),
    ]


def _side_style(side: str) -> str:
    return "rejected" if side == "rejected" else "chosen"


def of_presets(
    lines: Sequence[Compared], table: str, presets: Sequence[str], width: int
) -> list[Field[Compared]]:
    """The columns for all presets on a terminal of this width."""
    scale, digits = _scale(table)
    axis = Axis.over(
        value
        for line in lines
        for est in line.estimates
        for value in (est.low, est.high, est.estimate)
    )
    sided = any(line.side for line in lines)
    room = min(25, (width - 40 - 9 * sided - 18 * len(presets)) // max(1, len(presets)) - 1)

    def of_preset(place: int) -> list[Field[Compared]]:
        value: Field[Compared] = Field(
            one_line(presets[place]),
            lambda line: _value(line.estimates[place], scale, digits),
            lambda line: line.estimates[place].estimate,
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


def _value(estimate: Estimate, scale: float, digits: int) -> Cell:
    """`+0.33 ± 0.12`, in grey where it cannot be told from none."""
    if estimate.estimate is None:
        return cell(numbers.NOTHING, "muted")
    shown = numbers.signed(estimate.estimate * scale, digits)
    if estimate.low is not None and estimate.high is not None:
        half = numbers.number((estimate.high - estimate.low) / 2 * scale, digits)
        shown = Safe(f"{shown} ± {half:>4}")
    certain = estimate.p_adjusted is None or estimate.p_adjusted < 0.05
    return cell(shown, "strong" if certain else "muted")


def compared_reading(line: Compared, table: str) -> Safe:
    """A coefficient under every preset as a sentence."""
    scale, digits = _scale(table)
    unit = {"shift_imprint": "degrees"}.get(table, "points")
    parts = []
    for preset, estimate in zip(line.presets, line.estimates, strict=True):
        if estimate.estimate is None:
            parts.append(f"not estimated by {one_line(preset)}")
            continue
        value = numbers.signed(estimate.estimate * scale, digits)
        p = estimate.p_adjusted
        said = f" (adjusted p {numbers.p_value(p)})" if p is not None else ""
        parts.append(f"{value} by {one_line(preset)}{said}")
    side = f" in the {one_line(line.side)} answer" if line.side else ""
    tail = " They do not agree on the direction." if line.signs_differ else ""
    return Safe(f"“{words.feature(line.feature)}”{side}, in {unit}: {', '.join(parts)}.{tail}")
