"""Screen 2: what each feature is worth to the reward model, with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from seal_tui import filters, numbers, words
from seal_tui.actions import bindings
from seal_tui.screens.base import SealScreen
from seal_tui.screens.pairs import influence
from seal_tui.session import Session
from seal_tui.tables import Dropped, Estimate, Imprint, SideEstimate, Tables
from seal_tui.text import Safe, content, one_line
from seal_tui.widgets.bars import refresh_keys
from seal_tui.widgets.interval import Axis, interval
from seal_tui.widgets.lines import Cell, Column, LineList, cell
from seal_tui.widgets.rows import RowList

TABLES = ("imprint", "shift_imprint", "misalignment")
TITLE = {
    "imprint": Safe("feature imprint on rewards"),
    "shift_imprint": Safe("imprint on the reward shift θ (degrees)"),
    "misalignment": Safe("what makes a pair misaligned after training (points)"),
}
OUTCOMES = ("post", "difference", "pre")
SORTS = ("size", "value", "feature", "p")
SORT_WORDS = {
    "size": Safe("strength"),
    "value": Safe("value"),
    "feature": Safe("name"),
    "p": Safe("adjusted p"),
}
_MEANING = {
    "imprint": (
        "Each number is the change in reward, in points, that goes with having the feature, all "
        "other features equal. pre: the model before training on the dataset; post: after it; "
        "difference: post minus pre, what training taught."
    ),
    "shift_imprint": (
        "Each number is the change of the shift angle θ, in degrees, that goes with the feature on "
        "that side. Counter-clockwise is positive; it means better alignment only where both "
        "rewards are negative, so read it with the pairs at hand."
    ),
    "misalignment": (
        "Each number is how many percentage points more often a pair with the feature on that side "
        "is misaligned after training, all other features equal. Where the fit is logistic, that "
        "is its average marginal effect, and p is that of the odds."
    ),
}
_NAMED = 8
_COMMON = (
    "\n\nThe line is the 95 % interval, ● the estimate, │ zero. p is adjusted for the number of "
    "features. VIF above 5 says that other features carry much the same information."
    "\n\nEnter lists the pairs whose sides differ in the feature."
)


def _tail(estimate: Estimate) -> tuple[Cell, Cell]:
    significant = estimate.p_adjusted is not None and estimate.p_adjusted < 0.05
    inflated = estimate.vif is not None and estimate.vif > 5
    return (
        cell(numbers.p_value(estimate.p_adjusted), "" if significant else "muted"),
        cell(numbers.number(estimate.vif, 1), "caution" if inflated else "muted"),
    )


class ImprintScreen(SealScreen):
    TAB: ClassVar[str] = "imprint"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("imprint")]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._table = TABLES[0]
        self._outcome = OUTCOMES[0]
        self._sort = SORTS[0]
        self._preset = ""
        self._tables: Tables | None = None
        self._lines: Sequence[Imprint | SideEstimate] = ()
        self._wanted = ""

    def body(self) -> ComposeResult:
        yield Static(id="head", markup=False)
        yield RowList(self._columns(), empty=Safe("nothing was estimated"), id="table")
        yield Static(id="reading", markup=False)
        yield Static(id="dropped", markup=False)

    async def load(self) -> None:
        if not self._preset:
            study = self.session.study
            self._preset = study.preset if study is not None else ""
        self._tables = await self.session.tables(self._preset)
        self._preset = self._preset or self._tables.preset
        self._draw()

    def go_to(self, feature: str) -> None:
        """Puts the cursor on a feature, now or when the table has come."""
        self._wanted = feature
        if self._tables is not None:
            self._table = TABLES[0]
            self._draw()

    # ---------------------------------------------------------- actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "next_outcome":
            return self._table == "imprint"
        return True

    def action_next_table(self) -> None:
        self._table = _after(TABLES, self._table)
        self._draw()
        refresh_keys(self)

    def action_next_outcome(self) -> None:
        self._outcome = _after(OUTCOMES, self._outcome)
        self._draw()

    def action_next_sort(self) -> None:
        self._sort = _after(SORTS, self._sort)
        self._draw()

    def action_next_preset(self) -> None:
        study = self.session.study
        known = tuple(study.presets) if study is not None and study.presets else (self._preset,)
        self._preset = _after(known, self._preset)
        self._load()

    # ---------------------------------------------------------- drawing

    @property
    def _room(self) -> int:
        """The width of an interval: what a wide terminal has to spare."""
        return max(15, min(61, self.size.width - 84))

    def on_resize(self) -> None:
        self._draw()

    def _columns(self) -> tuple[Column, ...]:
        tail = (
            Column(Safe("95 % interval"), self._room, rank=2),
            Column(Safe("adj. p"), 7, "right"),
            Column(Safe("VIF"), 5, "right", rank=3),
        )
        name = Column(Safe("feature"), 0, least=18, most=30)
        if self._table != "imprint":
            unit = "degrees" if self._table == "shift_imprint" else "points"
            return (
                name,
                Column(Safe("side"), 8),
                Column(Safe(unit), 8, "right"),
                Column(Safe("± error"), 8, "right", rank=4),
                *tail,
            )
        mark = {name: "*" if name == self._outcome else "" for name in OUTCOMES}
        return (
            name,
            Column(Safe("class"), 7, rank=4),
            Column(Safe(f"pre{mark['pre']}"), 7, "right"),
            Column(Safe(f"post{mark['post']}"), 7, "right"),
            Column(Safe(f"change{mark['difference']}"), 7, "right"),
            *tail,
        )

    def _draw(self) -> None:
        if self._tables is None:
            return
        table = self.query_one("#table", RowList)
        dropped = self._tables.dropped(self._table, self._preset, self.session.study)
        table.meaning = _MEANING[self._table] + _COMMON + _left_out(dropped)
        table.set_columns(self._columns())
        if self._table == "imprint":
            self._draw_imprint(table, self._tables.imprint(self._preset))
        else:
            self._draw_sides(table, self._tables.sides(self._table, self._preset))
        if self._wanted:
            table.go_to(self._wanted)
            self._wanted = ""
        self.query_one("#head", Static).update(self._head())
        self.query_one("#dropped", Static).update(self._dropped(dropped))
        self._read()

    def _head(self) -> Content:
        parts: list[str | tuple[str, str]] = [
            (TITLE[self._table], "bold"),
            (f" · preset {one_line(self._preset)} · sorted by {SORT_WORDS[self._sort]}", "dim"),
        ]
        if self._table == "imprint":
            parts.append((f" · interval and p of {words.OUTCOME[self._outcome]} (*)", "dim"))
        return Content.assemble(*parts)

    def _order(self, name: str, estimate: Estimate) -> tuple[float, str]:
        if self._sort == "feature":
            return 0.0, words.feature(name)
        if self._sort == "p":
            return (2.0 if estimate.p_adjusted is None else estimate.p_adjusted), name
        if self._sort == "value" and estimate.estimate is not None:
            return -estimate.estimate, name
        return -estimate.size, name

    def _draw_imprint(self, table: RowList, lines: list[Imprint]) -> None:
        lines.sort(key=lambda line: self._order(line.feature, line.outcome(self._outcome)))
        self._lines = lines
        shown = [line.outcome(self._outcome) for line in lines]
        axis = Axis.over(
            [value for est in shown for value in (est.low, est.high, est.estimate)]
            + [line.pre.estimate for line in lines if self._outcome == "post"]
        )
        rows = []
        for line, estimate in zip(lines, shown, strict=True):
            before = line.pre.estimate if self._outcome == "post" else None
            style = {name: "strong" if name == self._outcome else "" for name in OUTCOMES}
            rows.append(
                (
                    cell(words.feature(line.feature)),
                    cell(one_line(line.role), "muted"),
                    cell(numbers.number(line.pre.estimate), style["pre"]),
                    cell(numbers.number(line.post.estimate), style["post"]),
                    cell(numbers.signed(line.difference.estimate), style["difference"]),
                    interval(estimate, axis, self._room, before),
                    *_tail(estimate),
                )
            )
        table.show(rows, [line.feature for line in lines])

    def _draw_sides(self, table: RowList, lines: list[SideEstimate]) -> None:
        lines.sort(key=lambda line: self._order(line.feature, line.estimate))
        self._lines = lines
        scale = 1.0 if self._table == "shift_imprint" else 100.0
        axis = Axis.over(
            value
            for line in lines
            for value in (line.estimate.low, line.estimate.high, line.estimate.estimate)
        )
        rows = []
        for line in lines:
            value, error = line.estimate.estimate, line.estimate.std_error
            rows.append(
                (
                    cell(words.feature(line.feature)),
                    cell(one_line(line.side), "rejected" if line.side == "rejected" else "chosen"),
                    cell(numbers.signed(None if value is None else value * scale, 1), "strong"),
                    cell(numbers.number(None if error is None else error * scale, 1), "muted"),
                    interval(line.estimate, axis, self._room),
                    *_tail(line.estimate),
                )
            )
        table.show(rows, [f"{line.feature}@{line.side}" for line in lines])

    @on(LineList.Moved, "#table")
    def _read(self) -> None:
        self.query_one("#reading", Static).update(Content(self.reading()))

    def reading(self) -> Safe:
        """The focused number as a sentence."""
        cursor = self.query_one("#table", RowList).cursor
        if not self._lines or cursor >= len(self._lines):
            return Safe("")
        line = self._lines[cursor]
        info = self.session.feature(line.feature)
        if isinstance(line, Imprint):
            estimate = line.outcome(self._outcome)
            return words.reward_reading(line.feature, info, self._outcome, estimate)
        read = words.shift_reading if self._table == "shift_imprint" else words.misalignment_reading
        return read(line.feature, info, line.side, line.estimate)

    def _dropped(self, dropped: Sequence[Dropped]) -> Content:
        """One line a reason; the details are in the help."""
        by_reason: dict[str, dict[str, None]] = {}
        for line in dropped:
            sides = {other.side for other in dropped if other.feature == line.feature}
            by_reason.setdefault(line.reason, {})[_what(line, one_side=len(sides) == 1)] = None
        lines = []
        for reason, names in by_reason.items():
            first, more = list(names)[:_NAMED], len(names) - _NAMED
            tail = f" and {more} more" if more > 0 else ""
            lines.append(
                Content.assemble(
                    ("left out ", "bold $caution"),
                    ", ".join(first) + tail,
                    " ",
                    content(f"({reason})", "dim"),
                )
            )
        return Content("\n").join(lines)

    # ---------------------------------------------------------- to the pairs

    @on(LineList.Opened, "#table")
    def _open(self, event: LineList.Opened) -> None:
        line = self._lines[event.index]
        if isinstance(line, SideEstimate):
            self.explorer.open_pairs(filters.carried(line.feature, line.side))
        else:
            self.explorer.open_pairs(filters.differs(line.feature), influence(line.feature))


def _what(line: Dropped, *, one_side: bool = True) -> str:
    if line.feature == "*":
        return one_line(line.detail)
    side = f" ({one_line(line.side)})" if one_side and line.side != "*" else ""
    return words.feature(line.feature) + side


def _left_out(dropped: Sequence[Dropped]) -> str:
    """What is left out and exactly why, for the help."""
    if not dropped:
        return ""
    lines = [f"  {_what(line)}: {one_line(f'{line.reason}, {line.detail}')}" for line in dropped]
    return "\n\nLeft out:\n" + "\n".join(dict.fromkeys(lines))


def _after(known: Sequence[str], now: str) -> str:
    """The one after `now`, round and round."""
    return known[(known.index(now) + 1) % len(known)] if now in known else known[0]
