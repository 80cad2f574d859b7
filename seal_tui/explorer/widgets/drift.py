"""A robustness score as a function of the minimum cosine of the rewrites."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.content import Content

from engine.results import names
from engine.results.effect import Effect, effect
from engine.results.records import DriftRow
from engine.results.views import Curve
from seal_tui.explorer.widgets.interval import Axis
from seal_tui.explorer.widgets.plot import Plot, heading
from seal_tui.text import numbers
from seal_tui.text.safe import Safe, fit

_LABEL = 7
_MOST_STEP = 14
_AXIS_ROWS = 3


class DriftCurve(Plot):
    NAME = Safe("drift of meaning")
    HELP = (
        "Rewriting can change more than the wording. This plot recomputes a robustness score from "
        "rewrites that are closer and closer in meaning to their originals. Horizontal axis: the "
        "minimum cosine between original and rewrite. Vertical axis: how many percentage points "
        "more often such pairs become misaligned, with the 95 % interval. Below: the number of "
        "remaining rewrites. Bold: the minimum of the study, `min_cosine`, from which rewrites "
        "count.\n\n"
        "If the curve stays level, the effect is due to the feature; if it falls to zero, it is "
        "due to a change in meaning. ← and → go to another score, enter lists its rewrites. Scores "
        "with too few rewrites are not shown."
    )

    def __init__(self, id: str | None = None) -> None:
        self._curves: Sequence[Curve] = ()
        self._kind: Callable[[str], str] = lambda name: "bool"
        self._why = Safe("")
        self._least = 0.0
        super().__init__(id)

    def show(
        self, curves: Sequence[Curve], kind: Callable[[str], str], least: float, why: Safe
    ) -> None:
        """`kind` returns the kind of a feature; `least` is the study's minimum cosine; `why`
        explains an empty list of curves."""
        self._curves, self._kind, self._least, self._why = curves, kind, least, why
        self.changed()

    @property
    def items(self) -> int:
        return len(self._curves)

    @property
    def opens(self) -> bool:
        return bool(self._curves)

    @property
    def points(self) -> Sequence[DriftRow]:
        """The scores of the curve, that of the most rewrites first."""
        return self._curves[self.item].points

    def interpretation(self) -> Safe:
        if not self._curves:
            return self._why
        curve = self._curves[self.item]
        subject = names.answer_that(
            curve.feature, curve.side, curve.sign, self._kind(curve.feature)
        )
        first, last = curve.points[0], curve.points[-1]
        if len(curve.points) == 1:
            return Safe(
                f"A pair with {subject}: {effect(first).text()} points with all rewrites; too "
                f"few closer rewrites for an estimate.{_many(first)}"
            )
        own = next((row for row in curve.points if row.threshold == self._least), None)
        study = "" if own in (None, first, last) else f", {_at(own)}, as the study counts"
        return Safe(
            f"A pair with {subject}: {effect(first).text()} points for a cosine of at "
            f"least {numbers.number(first.threshold)}{study}, {_at(last)}.{_many(first)}"
        )

    def draw(self, width: int, height: int) -> Content:
        if not self._curves:
            return Content.styled("nothing to draw", "dim")
        curve = self._curves[self.item]
        change = names.change(curve.feature, curve.side, curve.sign, self._kind(curve.feature))
        place = f"{self.item + 1}/{len(self._curves)}"
        title = heading(Safe(f"{place} {change}"), width, True, self.has_focus)
        return Content("\n").join([title, *curve_lines(curve, self._least, width, height - 1)])


def _many(row: DriftRow) -> str:
    """The rewrites that enter lists."""
    near = f" and at least {numbers.number(row.threshold)}" if row.threshold > 0 else ""
    return f" Enter lists the {numbers.many(row.n, 'rewrite')} with that change{near}."


def _at(row: DriftRow) -> Safe:
    return Safe(f"{effect(row).text()} for at least {numbers.number(row.threshold)}")


def curve_lines(curve: Curve, least: float, width: int, height: int) -> list[Content]:
    """The points with vertical intervals, and zero as a line. The threshold `least` is bold."""
    rows = height - _AXIS_ROWS
    if rows < 3:
        return []
    effects = [effect(row) for row in curve.points]
    axis = Axis.over(value for estimate in effects for value in estimate.ends())
    step = min(_MOST_STEP, max(6, (width - _LABEL - 1) // max(1, len(curve.points))))
    columns = [_upright(estimate, axis, rows) for estimate in effects]
    zero = rows - 1 - axis.at(0.0, rows)
    lines = []
    for row in range(rows):
        at = axis.high - (axis.high - axis.low) * row / (rows - 1)
        label = ""
        if row in (0, rows - 1, zero):
            label = numbers.points(0.0 if row == zero else at)
        line = Content.styled(fit(Safe(label), _LABEL, "right") + " ", "dim")
        rest = "┈" if row == zero else " "
        for column in columns:
            glyph, style = column[row] if column[row][0] != " " else (rest, "dim")
            half = (step - 1) // 2
            line += Content.assemble(
                (rest * half, "dim"), (glyph, style), (rest * (step - 1 - half), "dim")
            )
        lines.append(line)
    marks = [_threshold(row.threshold) for row in curve.points]
    left = [numbers.count(row.rewrites) for row in curve.points]
    styles = ["bold" if row.threshold == least else "dim" for row in curve.points]
    for name, texts in (("cosine", marks), ("left", left)):
        cells = [
            (fit(text, step, "center"), style) for text, style in zip(texts, styles, strict=True)
        ]
        lines.append(Content.assemble((f"{name:>{_LABEL}} ", "dim"), *cells))
    return lines


def _threshold(cosine: float) -> Safe:
    """≥ 0.90, and no coarser than it is: ≥ 0.925"""
    exact = numbers.number(cosine, 3)
    return Safe(f"≥ {exact.removesuffix('0')}")


def _upright(estimate: Effect, axis: Axis, rows: int) -> list[tuple[str, str]]:
    """One point and its interval as a column of `rows` glyphs, from the top."""
    column = [(" ", "")] * rows
    if estimate.value is None:
        return column
    if estimate.low is not None and estimate.high is not None:
        for place in range(axis.at(estimate.low, rows), axis.at(estimate.high, rows) + 1):
            column[rows - 1 - place] = ("│", "")
    column[rows - 1 - axis.at(estimate.value, rows)] = ("●", "bold")
    return column
