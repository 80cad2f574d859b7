"""Screen 5: rewritten pairs, and how the preference of the model changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from engine.errors import Kind
from engine.results import names, views
from engine.results.effect import effect
from engine.results.records import DroppedFeature, RobustnessRow
from engine.wire.client import EngineProblem
from engine.wire.endpoints import COMPLETE, REWRITE, REWRITE_ROWS, REWRITES
from engine.wire.messages import (
    CompleteRequest,
    Completion,
    Ids,
    RewriteDetail,
    RewriteQuery,
    RewriteRequest,
    RewriteRow,
    RewriteRowsRequest,
    RewriteSort,
)
from seal_tui.explorer import filters
from seal_tui.explorer.actions import bindings
from seal_tui.explorer.screens.browse import BrowseScreen
from seal_tui.explorer.session import Session
from seal_tui.explorer.widgets.bars import refresh_keys
from seal_tui.explorer.widgets.interval import Axis, interval
from seal_tui.explorer.widgets.lines import Cell, Column, LineList, cell
from seal_tui.explorer.widgets.rewrite_view import RewriteView
from seal_tui.explorer.widgets.rows import RowList
from seal_tui.text import numbers, words
from seal_tui.text.results import sentence
from seal_tui.text.safe import Safe, content, one_line

_INTERVAL = 15
_REASONS = 4
_SCORES_HELP = (
    "Robustness scores π: how many percentage points more often a pair becomes misaligned when the "
    "rewrite makes that answer lose (+) or gain (−) the feature, compared with rewrites that keep "
    "the feature. rewrites: the number with that change; misal.: how many of them became "
    "misaligned; with fewer than 10 the score is weak evidence. For logistic fits, points are the "
    "average marginal effect, and p is the p-value of the odds ratio."
)


class RobustnessScreen(BrowseScreen[RewriteQuery, RewriteRow, RewriteDetail]):
    TAB: ClassVar[str] = "robustness"
    NOUN: ClassVar[str] = "rewritten pairs"
    NOT_YET: ClassVar[tuple[str, ...]] = ("#list", "#scores-table")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("browse", "robustness", "rewrite")]
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(Safe("pair"), 6, "right"),
        Column(Safe("strategy"), 13, rank=2),
        Column(Safe("preference"), 17),
        Column(Safe("before"), 6, "right", rank=3),
        Column(Safe("after"), 6, "right"),
        Column(Safe("cosine"), 6, "right", rank=4),
        Column(Safe("flips"), 5, "right", rank=5),
        Column(Safe("left out"), 8),
        Column(Safe("answer"), 0, rank=6, least=16),
    )
    SORTS: ClassVar[dict[RewriteSort, tuple[str, bool]]] = {
        "margin_shift": ("change in margin", False),
        "cosine": ("cosine", False),
        "pair_id": ("pair", False),
    }
    VIEW_ACTIONS: ClassVar[tuple[str, ...]] = ("toggle_context", "toggle_side", "open_pair")
    HELP: ClassVar[str] = "Pairs with rewritten answers. / filters, s sorts, t shows the scores."
    LIST_HELP: ClassVar[str] = (
        "One line per rewritten pair. preference: how the preference of the post-D model changed. "
        "before and after: its margin for the original and for the rewritten answers. cosine: the "
        "similarity in meaning, the lower of the two answers. flips: the number of changed "
        "labels. left out: not counted by the scores, because the cosine is below the study's "
        "min_cosine or a label is missing.\n\n"
        "A filter consists of terms and words: strategy:neutral change:misaligned flipped:eloquent "
        "cosine<0.9 pair:12."
    )

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._scores: Sequence[RobustnessRow] = ()

    def body(self) -> ComposeResult:
        yield from super().body()
        with Vertical(id="scores"):
            yield Static(id="scores-head", markup=False)
            yield RowList(
                (
                    Column(Safe("when the answer"), 0, least=28, most=48),
                    Column(Safe("points"), 7, "right"),
                    Column(Safe("95 % interval"), _INTERVAL, rank=1),
                    Column(Safe("p"), 7, "right"),
                    Column(Safe("adj. p"), 7, "right", rank=2),
                    Column(Safe("rewrites"), 8, "right", rank=3),
                    Column(Safe("misal."), 6, "right"),
                ),
                meaning=_SCORES_HELP,
                empty=Safe("no scores; the reasons are below"),
                id="scores-table",
            )
            yield Static(id="scores-reading", markup=False)

    # ---------------------------------------------------------- the list

    def make_query(self, text: str) -> RewriteQuery:
        return RewriteQuery(filter=text, sort=self._sort, descending=self._descending)  # type: ignore[arg-type]

    async def complete(self, text: str, cursor: int) -> Sequence[Completion]:
        request = CompleteRequest(filter=text, cursor=cursor, rewrites=True)
        return await self.session.client.ask(COMPLETE(request))

    async def load(self) -> None:
        await super().load()
        try:
            metrics = await self.session.metrics()
        except EngineProblem as error:
            if error.kind is not Kind.NOT_READY:
                raise
            return
        preset = self.session.preset(metrics)
        dropped = views.dropped(metrics.tables, "robustness", preset)
        self._show_scores(views.scores(metrics.tables, preset), dropped, preset)

    async def find(self, query: RewriteQuery) -> Ids:
        return await self.session.client.ask(REWRITES(query))

    def left_out(self, found: Ids) -> Safe:
        many = found.left_out
        return Safe(f"{numbers.count(many)} left out" if many else "")

    async def rows(self, ids: Sequence[int]) -> list[RewriteRow]:
        return await self.session.client.ask(REWRITE_ROWS(RewriteRowsRequest(ids=tuple(ids))))

    async def detail(self, row_id: int) -> RewriteDetail:
        return await self.session.client.ask(REWRITE(RewriteRequest(id=row_id)))

    def make_view(self) -> RewriteView:
        return RewriteView(self.session, id="detail")

    def draw(self, row: RewriteRow) -> Sequence[Cell]:
        changed = {"misaligned": "rejected", "aligned": "chosen"}.get(row.change, "muted")
        least = self.session.study.min_cosine if self.session.study is not None else 0.0
        cosine = min(row.cosine_chosen, row.cosine_rejected)
        return (
            cell(Safe(str(row.pair_id)), "muted"),
            cell(one_line(row.strategy)),
            cell(words.change(row.change), changed),
            cell(numbers.number(row.margin_before), "muted"),
            cell(numbers.number(row.margin_after), "rejected" if row.margin_after <= 0 else ""),
            cell(numbers.number(cosine), "caution" if cosine < least else "muted"),
            cell(numbers.count(row.flips)),
            cell(words.LEFT_OUT[row.left_out] if row.left_out else Safe(""), "caution"),
            cell(one_line(row.preview)),
        )

    def action_toggle_side(self) -> None:
        self.view.toggle_side()

    def action_open_pair(self) -> None:
        if (pair_id := self.view.pair_id) is not None:
            self.explorer.open_pair(pair_id)

    # ---------------------------------------------------------- the scores

    @property
    def scores_open(self) -> bool:
        return self.has_class("-scores")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        of_list = ("filter", "next_sort", "reverse", "undo_filter", *self.VIEW_ACTIONS)
        if self.scores_open and action in of_list:
            return False
        if action == "back":
            return self.scores_open or self.in_detail
        return super().check_action(action, parameters)

    def action_back(self) -> None:
        if self.scores_open:
            self.action_toggle_scores()
        else:
            super().action_back()

    def action_toggle_scores(self) -> None:
        self.remove_class("-detail")
        self.toggle_class("-scores")
        (self.query_one("#scores-table") if self.scores_open else self.lines).focus()
        refresh_keys(self)

    def _show_scores(
        self, scores: list[RobustnessRow], dropped: Sequence[DroppedFeature], preset: str
    ) -> None:
        scores.sort(key=lambda row: -effect(row).size)
        self._scores = scores
        axis = Axis.over(value for row in scores for value in effect(row).ends())
        rows = []
        for row in scores:
            score = effect(row)
            kind = self.session.kind(row.feature)
            rows.append(
                (
                    cell(Safe(names.change(row.feature, row.side, row.sign, kind))),
                    cell(Safe(score.text()), "strong" if score.significant else "muted"),
                    interval(score, axis, _INTERVAL),
                    cell(Safe(score.power())),
                    cell(numbers.p_value(score.p_adjusted), "muted"),
                    cell(numbers.count(row.n), "muted"),
                    cell(numbers.count(row.events), "caution" if row.events < 10 else ""),
                )
            )
        keys = [f"{row.feature}/{row.side}/{row.sign}" for row in scores]
        head = Content.assemble(
            ("robustness scores π", "bold"),
            (f" · preset {one_line(preset)} · percentage points more often misaligned", "dim"),
        )
        self.query_one("#scores-head", Static).update(head)
        self.query_one("#scores-table", RowList).show(rows, keys)
        if not rows:
            # Without scores, show the reasons instead.
            why = dict.fromkeys(f"{names.reason(row.reason)}: {row.detail}" for row in dropped)
            lines = [content(text, "dim") for text in list(why)[:_REASONS]]
            self.query_one("#scores-reading", Static).update(Content("\n").join(lines))

    @on(LineList.Moved, "#scores-table")
    def _read_score(self, event: LineList.Moved) -> None:
        event.stop()
        if event.index < len(self._scores):
            text = sentence("robustness", self._scores[event.index], self.session.kind)
            self.query_one("#scores-reading", Static).update(Content(text))

    @on(LineList.Opened, "#scores-table")
    def _open_score(self, event: LineList.Opened) -> None:
        event.stop()
        line = self._scores[event.index]
        self.action_toggle_scores()
        self.filter_by(filters.scored(line, self.session.tie_policy))
