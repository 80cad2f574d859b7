"""Screen 6: agreement between labelers, and its effect on the coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from engine.results import names, views
from engine.results.effect import Effect, Unit, effect, under_labelers
from engine.results.records import StabilityImprintRow, StabilityRow, Tables
from engine.results.views import LOW_KAPPA
from seal_tui.explorer import filters
from seal_tui.explorer.actions import bindings
from seal_tui.explorer.screens.base import SealScreen
from seal_tui.explorer.session import Session
from seal_tui.explorer.widgets.bars import refresh_keys
from seal_tui.explorer.widgets.interval import Axis, interval
from seal_tui.explorer.widgets.lines import Cell, LineList, cell
from seal_tui.explorer.widgets.sorted_rows import Field, SortedList
from seal_tui.text import numbers, words
from seal_tui.text.results import sentence
from seal_tui.text.safe import Safe, content, fit, one_line

OUTCOMES = ("post", "difference", "pre")
_INTERVAL = 13
_KAPPA = Unit("κ", "κ", 1.0, 2)
_AGREEMENT_HELP = (
    "Agreement of two labelers on the same entries, feature by feature.\n\n"
    "agree: the share of entries with the same label. It is high for every rare feature, because "
    "both labels are mostly “no”. κ (Cohen) corrects for chance: 1 is full agreement, 0 is no "
    "better than chance; the line is its 95 % interval over pairs, │ zero. PABAK: the value of κ "
    "if all labels were equally common. The last two columns are the mean label of each labeler."
    "\n\n"
    "A κ below 0.4 (marked) is usually called fair or worse: interpret results about that feature "
    "with caution. With three or more labelers, the last page shows all of them together "
    "(Fleiss' κ).\n\n"
    "Enter lists the pairs on which the labelers disagree."
)
_COEFFICIENTS_HELP = (
    "The imprint coefficient (pair-fe, reward points) estimated from the labels of each labeler, "
    "on the pairs that both labeled, and the difference with its 95 % interval (paired "
    "bootstrap).\n\n"
    "SIGN: the estimates have opposite signs, and both are significant. sign: opposite signs, but "
    "not both significant. differs: the same sign, but a significant difference.\n\n"
    "Enter lists the pairs on which the labelers disagree."
)


class LabelersScreen(SealScreen):
    TAB: ClassVar[str] = "labelers"
    HELP: ClassVar[str] = "All results about features depend on the labels."
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("labelers")]
    NOT_YET: ClassVar[tuple[str, ...]] = ("#agreement", "#coefficients")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._tables: Tables | None = None
        self._two: tuple[str, str] = ("", "")
        self._outcome = OUTCOMES[0]

    def body(self) -> ComposeResult:
        yield Static(id="head", markup=False)
        with Horizontal(id="both"):
            agreement: SortedList[StabilityRow] = SortedList(
                meaning=_AGREEMENT_HELP, empty=Safe("no labels to compare"), id="agreement"
            )
            coefficients: SortedList[StabilityImprintRow] = SortedList(
                meaning=_COEFFICIENTS_HELP,
                empty=Safe("no coefficient could be estimated"),
                id="coefficients",
            )
            yield agreement
            yield coefficients
        yield Static(id="reading", markup=False)
        yield Static(id="dropped", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self.agreement.focus()

    @property
    def agreement(self) -> SortedList[Any]:
        return self.query_one("#agreement", SortedList)

    @property
    def coefficients(self) -> SortedList[Any]:
        return self.query_one("#coefficients", SortedList)

    @property
    def in_coefficients(self) -> bool:
        return self.has_class("-coefficients")

    @property
    def _current(self) -> SortedList[Any]:
        return self.coefficients if self.in_coefficients else self.agreement

    async def load(self) -> None:
        self._tables = (await self.session.metrics()).tables
        pairs = self._pairs()
        if self._two not in pairs:
            self._two = pairs[0] if pairs else ("", "")
        self._draw()

    def _pairs(self) -> list[tuple[str, str]]:
        """Every two labelers, and last all of them, if there are such rows."""
        if self._tables is None:
            return []
        return list(dict.fromkeys(_labelers(row) for row in self._tables.stability))

    # ---------------------------------------------------------- actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "next_two":
            return len(self._pairs()) > 1
        if action == "next_outcome":
            return self.in_coefficients or self.has_class("-wide")
        return True

    def action_next_two(self) -> None:
        pairs = self._pairs()
        self._two = pairs[(pairs.index(self._two) + 1) % len(pairs)]
        self._draw()

    def action_next_table(self) -> None:
        feature = self._current.current
        self.toggle_class("-coefficients")
        if feature is not None:
            self._current.go_to(feature)
        self._current.focus()
        self._say()
        refresh_keys(self)

    def action_next_outcome(self) -> None:
        self._outcome = words.after(OUTCOMES, self._outcome)
        self._draw()

    def action_next_sort(self) -> None:
        self._current.next_order()
        self._say()

    def action_reverse(self) -> None:
        self._current.reverse()
        self._say()

    # ---------------------------------------------------------- drawing

    def on_descendant_focus(self) -> None:
        super().on_descendant_focus()
        # On a wide terminal, tab switches between the lists.
        if self.focused is not None and self.focused.id in ("agreement", "coefficients"):
            self.set_class(self.focused.id == "coefficients", "-coefficients")
            self._say()

    def _draw(self) -> None:
        if self._tables is None:
            return
        agreements = [row for row in self._tables.stability if _labelers(row) == self._two]
        imprints = [
            row
            for row in self._tables.stability_imprint
            if _labelers(row) == self._two and row.outcome == self._outcome
        ]
        self.agreement.fill(_agreement(*self._two), agreements, lambda line: line.feature)
        self.coefficients.fill(
            _coefficients(imprints, *self._two), imprints, lambda line: line.feature
        )
        self._say()

    def _say(self) -> None:
        """The lines above and below the lists."""
        self.query_one("#head", Static).update(self._head())
        self.query_one("#reading", Static).update(Content(self.interpretation()))
        self.query_one("#dropped", Static).update(self._left_out())

    def _head(self) -> Content:
        pairs = self._pairs()
        if self._tables is None:
            return Content("")
        if not pairs:
            return Content.styled("only one labeler", "bold")
        first, second = self._two
        fleiss = any(line.statistic == "fleiss" for line in self.agreement.lines)
        who = f"all {len(self._labelers())} labelers" if fleiss else f"{first} × {second}"
        place = f" · {pairs.index(self._two) + 1} of {len(pairs)}" if len(pairs) > 1 else ""
        what = (
            f"coefficients, {words.OUTCOME[self._outcome]}"
            if self.in_coefficients
            else "agreement on the labels"
        )
        order = f" · by {self._current.order}" if self._current.count else ""
        return Content.assemble((one_line(who), "bold"), (f"{place} · {what}{order}", "dim"))

    def _labelers(self) -> list[str]:
        study = self.session.study
        roles = [info.role for info in study.models] if study is not None else []
        names = [role.removeprefix("labeler ") for role in roles]
        return [name for name, role in zip(names, roles, strict=True) if name != role]

    def interpretation(self) -> Safe:
        """The interpretation of the selected line."""
        if self._tables is not None and not self._pairs():
            return Safe(
                "There is only one labeler, so there is no agreement to show. Add a second one to "
                "the study, for example [labelers.gold] with human labels, and run it again."
            )
        line = self._current.line
        if line is None:
            return Safe("")
        table = "stability" if isinstance(line, StabilityRow) else "stability_imprint"
        return sentence(table, line, self.session.kind)

    def _left_out(self) -> Content:
        if self._tables is None or not self._pairs():
            return Content("")
        rows = views.dropped(self._tables, "stability_imprint", "pair-fe")
        if not rows:
            return Content("")
        features = dict.fromkeys(words.feature(row.feature) for row in rows if row.feature != "*")
        reasons = dict.fromkeys(names.reason(row.reason) for row in rows)
        return Content.assemble(
            ("without coefficients ", "bold $caution"),
            ", ".join(features) or "any feature",
            " ",
            content(f"({', '.join(reasons)})", "dim"),
        )

    @on(LineList.Moved)
    def _moved(self, event: LineList.Moved) -> None:
        """Keep both lists on the same feature, if both contain it."""
        moved = event.lines
        if isinstance(moved, SortedList) and moved is self._current:
            other = self.agreement if moved is self.coefficients else self.coefficients
            if moved.current is not None:
                other.go_to(moved.current)
            self._say()

    # ---------------------------------------------------------- navigation

    @on(LineList.Opened)
    def _open(self) -> None:
        line = self._current.line
        if line is not None:
            self.explorer.open_pairs(filters.disagrees(line.feature, self._two, self._labelers()))


# ---------------------------------------------------------------- columns


def _feature(line: StabilityRow | StabilityImprintRow) -> Cell:
    return cell(words.feature(line.feature))


def _name(line: StabilityRow | StabilityImprintRow) -> str:
    return words.feature(line.feature)


def _agreement(first: str, second: str) -> list[Field[StabilityRow]]:
    axis = Axis(-0.2, 1.0)

    def kappa(line: StabilityRow) -> Cell:
        value = line.kappa
        low = value is not None and value < LOW_KAPPA
        text = Safe(f"{numbers.number(value):>5}{' low' if low else ''}")
        return cell(text, "caution" if low else "strong")

    def mean(place: int) -> Field[StabilityRow]:
        who = fit(one_line((first, second)[place]), 7).rstrip()

        def share(line: StabilityRow) -> float | None:
            return (line.prevalence_a, line.prevalence_b)[place]

        return Field(
            Safe(f"mean {who}"),
            lambda line: cell(numbers.number(share(line)), "muted"),
            share,
            width=9,
            align="right",
            rank=3 + place,
        )

    return [
        Field(Safe("    κ"), kappa, lambda line: line.kappa, width=9, descending=False),
        Field(Safe("feature"), _feature, _name, least=18, most=28, descending=False),
        Field(
            Safe("95 % of κ"), lambda line: interval(_kappa(line), axis, _INTERVAL), width=_INTERVAL
        ),
        Field(
            Safe("agree"),
            lambda line: cell(numbers.percent(line.agreement)),
            lambda line: line.agreement,
            width=7,
            align="right",
            rank=1,
            descending=False,
        ),
        Field(
            Safe("PABAK"),
            lambda line: cell(numbers.number(line.pabak), "muted"),
            lambda line: line.pabak,
            width=6,
            align="right",
            rank=2,
            descending=False,
        ),
        mean(0),
        mean(1),
    ]


def _coefficients(
    lines: Sequence[StabilityImprintRow], first: str, second: str
) -> list[Field[StabilityImprintRow]]:
    axis = Axis.over(
        value for line in lines for value in (line.difference_low, line.difference_high)
    )

    def by(place: int) -> Field[StabilityImprintRow]:
        return Field(
            Safe(fit(one_line((first, second)[place]), 8).rstrip()),
            lambda line: _value(under_labelers(line)[place]),
            lambda line: under_labelers(line)[place].value,
            width=9,
            align="right",
            rank=place and 1,
        )

    def flag(line: StabilityImprintRow) -> Cell:
        if line.sign_change_clear:
            return cell(Safe("SIGN"), "caution")
        return cell(Safe("sign" if line.sign_change else "differs" if line.differs else ""))

    return [
        Field(Safe("strength"), key=_strength),
        Field(Safe("feature"), _feature, _name, least=18, most=28, descending=False),
        by(0),
        by(1),
        Field(
            Safe("change"),
            lambda line: cell(Safe(effect(line).text()), "strong" if line.differs else "muted"),
            lambda line: line.difference,
            width=8,
            align="right",
        ),
        Field(
            Safe("95 % interval"),
            lambda line: interval(effect(line), axis, _INTERVAL),
            width=_INTERVAL,
            rank=2,
        ),
        Field(
            Safe("flag"),
            flag,
            lambda line: float(line.sign_change) + line.sign_change_clear + line.differs / 2,
            width=7,
        ),
    ]


def _labelers(row: StabilityRow | StabilityImprintRow) -> tuple[str, str]:
    return row.labeler_a, row.labeler_b


def _kappa(row: StabilityRow) -> Effect:
    """κ with its interval."""
    return Effect(_KAPPA, row.kappa, low=row.kappa_low, high=row.kappa_high)


def _strength(row: StabilityImprintRow) -> float | None:
    return None if row.difference is None else abs(row.difference)


def _value(estimate: Effect) -> Cell:
    """Grey if not significant."""
    return cell(Safe(estimate.text()), "" if estimate.significant else "muted")
