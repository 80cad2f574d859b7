"""Screen 2: the effect of each feature on the reward, with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from engine.results import names, views
from engine.results.records import DroppedFeature, Tables
from engine.results.sentences import imprint_of
from seal_tui.explorer import filters
from seal_tui.explorer.actions import bindings
from seal_tui.explorer.screens import imprint_fields as fields
from seal_tui.explorer.screens.base import SealScreen
from seal_tui.explorer.screens.imprint_fields import OUTCOMES, Compared
from seal_tui.explorer.screens.pairs import influence
from seal_tui.explorer.session import Session
from seal_tui.explorer.widgets.bars import refresh_keys
from seal_tui.explorer.widgets.lines import LineList
from seal_tui.explorer.widgets.sorted_rows import SortedList
from seal_tui.text import numbers, words
from seal_tui.text.results import sentence
from seal_tui.text.safe import Safe, content, one_line

TABLES = ("imprint", "shift_imprint", "misalignment")
TITLE = {
    "imprint": Safe("feature imprint on rewards"),
    "shift_imprint": Safe("imprint on the reward shift θ (degrees)"),
    "misalignment": Safe("features associated with misalignment after training (points)"),
}
_MEANING = {
    "imprint": (
        "Each number is the difference in reward, in points, associated with the feature, all "
        "other features equal. pre: the model before training on the dataset; post: the model "
        "after training; difference: post minus pre."
    ),
    "shift_imprint": (
        "Each number is the difference in the shift angle θ, in degrees, associated with the "
        "feature on that side. Counter-clockwise is positive; it means better alignment only if "
        "both rewards are negative, so check it against the pairs."
    ),
    "misalignment": (
        "Each number is how many percentage points more often a pair with the feature on that side "
        "is misaligned after training, all other features equal. For logistic fits it is the "
        "average marginal effect, and p is the p-value of the odds ratio."
    ),
}
_NAMED = 8
_COMMON = (
    "\n\nThe line is the 95 % interval, ● the estimate, │ zero. p is adjusted for the number of "
    "features; * is below 0.05, ** below 0.01, *** below 0.001. A VIF above 5 means that other "
    "features carry much the same information. detects: the smallest effect that would be "
    "detected with 80 % power."
    "\n\nEnter lists the pairs whose two answers differ in the feature."
)
_COMPARE = (
    "\n\nSide by side: the estimate of each preset ± the half-width of its 95 % interval; grey if "
    "not significant (adjusted p 0.05 or more). signs: the presets disagree about the sign."
)


class ImprintScreen(SealScreen):
    TAB: ClassVar[str] = "imprint"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("imprint")]
    NOT_YET: ClassVar[tuple[str, ...]] = ("#table",)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._table = TABLES[0]
        self._outcome = OUTCOMES[0]
        self._preset = ""
        self._comparing = False
        self._tables: Tables | None = None
        self._target = ""

    def body(self) -> ComposeResult:
        yield Static(id="head", markup=False)
        lines: SortedList[Any] = SortedList(empty=Safe("no estimates"), id="table")
        yield lines
        yield Static(id="reading", markup=False)
        yield Static(id="dropped", markup=False)

    @property
    def lines(self) -> SortedList[Any]:
        return self.query_one("#table", SortedList)

    @property
    def presets(self) -> tuple[str, ...]:
        study = self.session.study
        return study.presets if study is not None and study.presets else (self._preset,)

    async def load(self) -> None:
        metrics = await self.session.metrics()
        self._tables = metrics.tables
        if not self._preset:
            self._preset = self.session.preset(metrics)
        self._draw()

    def go_to(self, feature: str) -> None:
        """Move the cursor to a feature, now or when the table is loaded."""
        self._target = feature
        if self._tables is not None:
            self._table, self._comparing = TABLES[0], False
            self._draw()

    # ---------------------------------------------------------- actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "next_outcome":
            return self._table == "imprint"
        if action == "next_preset":
            return not self._comparing
        return True

    def action_next_table(self) -> None:
        self._table = words.after(TABLES, self._table)
        self._draw()
        refresh_keys(self)

    def action_next_outcome(self) -> None:
        self._outcome = words.after(OUTCOMES, self._outcome)
        self._draw()

    def action_next_preset(self) -> None:
        self._preset = words.after(self.presets, self._preset)
        self._draw()

    def action_compare(self) -> None:
        self._comparing = not self._comparing
        self._draw()
        refresh_keys(self)

    def action_next_sort(self) -> None:
        self.lines.next_order()
        self._say_head()

    def action_reverse(self) -> None:
        self.lines.reverse()
        self._say_head()

    # ---------------------------------------------------------- drawing

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        if self._tables is None:
            return
        preset = "*" if self._comparing else self._preset
        dropped = views.dropped(self._tables, self._table, preset, self.session.kept_out())
        meaning = _MEANING[self._table] + _COMMON
        self.lines.meaning = meaning + (_COMPARE if self._comparing else "") + _left_out(dropped)
        if self._comparing:
            comparisons = fields.compared(self._tables, self._table, self._outcome, self.presets)
            presets = fields.of_presets(comparisons, self.presets, self.size.width)
            self.lines.fill(presets, comparisons, lambda line: line.name)
        else:
            rows = fields.coefficients(self._tables, self._table, self._preset)
            columns = fields.of_one(rows, self._table, self._outcome, self.size.width)
            self.lines.fill(columns, rows, lambda line: line.name)
        if self._target:
            self.lines.go_to(self._target)
            self._target = ""
        self._say_head()
        self.query_one("#dropped", Static).update(self._dropped(dropped))
        self._read()

    def _say_head(self) -> None:
        how = "presets side by side" if self._comparing else f"preset {one_line(self._preset)}"
        parts: list[str | tuple[str, str]] = [
            (TITLE[self._table], "bold"),
            (f" · {how} · by {self.lines.order}", "dim"),
        ]
        if self._table == "imprint":
            what = "" if self._comparing else "p of "
            parts.append((f" · {what}{words.OUTCOME[self._outcome]}", "dim"))
        self.query_one("#head", Static).update(Content.assemble(*parts))

    @on(LineList.Moved, "#table")
    def _read(self) -> None:
        self.query_one("#reading", Static).update(Content(self.interpretation()))

    def interpretation(self) -> Safe:
        """The interpretation of the selected number."""
        line = self.lines.line
        if line is None:
            return Safe("")
        if isinstance(line, Compared):
            return fields.compared_sentence(line, self._table)
        if line.row is not None:
            return sentence(self._table, line.row, self.session.kind)
        estimate = line.effect_for(self._outcome)
        text = imprint_of(line.feature, self._outcome, estimate, self.session.kind)
        return one_line(f"{text}{self._differing(line.feature)}")

    def _differing(self, feature: str) -> str:
        """How many pairs enter lists."""
        rows = self._tables.imprint if self._tables is not None else ()
        mine = (row for row in rows if (row.feature, row.preset) == (feature, "pair-fe"))
        found = next(mine, None)
        return (
            f" The sides differ in {numbers.many(found.varies, 'pair')}."
            if found and found.varies
            else ""
        )

    def _dropped(self, dropped: Sequence[DroppedFeature]) -> Content:
        """One line per reason; the details are in the help."""
        by_reason: dict[str, dict[str, None]] = {}
        for line in dropped:
            sides = {other.side for other in dropped if other.feature == line.feature}
            features = by_reason.setdefault(names.reason(line.reason), {})
            features[_what(line, one_side=len(sides) == 1)] = None
        lines = []
        for reason, named in by_reason.items():
            first, more = list(named)[:_NAMED], len(named) - _NAMED
            tail = f" and {more} more" if more > 0 else ""
            lines.append(
                Content.assemble(
                    ("excluded ", "bold $caution"),
                    ", ".join(first) + tail,
                    " ",
                    content(f"({reason})", "dim"),
                )
            )
        return Content("\n").join(lines)

    # ---------------------------------------------------------- navigation

    @on(LineList.Opened, "#table")
    def _open(self) -> None:
        line = self.lines.line
        if line is None:
            return
        if line.side:
            self.explorer.open_pairs(filters.carried(line.feature, line.side))
        else:
            self.explorer.open_pairs(filters.differs(line.feature), influence(line.feature))


def _what(line: DroppedFeature, *, one_side: bool = True) -> str:
    if line.feature == "*":
        return one_line(line.detail)
    side = f" ({one_line(line.side)})" if one_side and line.side != "*" else ""
    return words.feature(line.feature) + side


def _left_out(dropped: Sequence[DroppedFeature]) -> str:
    """All excluded features with the reasons, for the help."""
    if not dropped:
        return ""
    lines = [
        f"  {_what(row)}: {names.reason(row.reason)}, {one_line(row.detail)}" for row in dropped
    ]
    return "\n\nExcluded:\n" + "\n".join(dict.fromkeys(lines))
