"""Screen 3: the pairs, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from engine.messages import Ids, PairDetail, PairQuery, PairRow, PairSort
from seal_tui import numbers, query, words
from seal_tui.actions import bindings
from seal_tui.screens.browse import BrowseScreen
from seal_tui.text import Safe, one_line
from seal_tui.widgets.lines import Cell, Column, cell
from seal_tui.widgets.pair_view import PairView


class ResistanceScreen(BrowseScreen[PairQuery, PairRow, PairDetail]):
    TAB: ClassVar[str] = "resistance"
    NOUN: ClassVar[str] = "pairs"
    TERMS: ClassVar[str] = query.PAIR_TERMS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("resistance", "pair")]
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(Safe("pair"), 6, "right"),
        Column(Safe("regime"), 8),
        Column(Safe("labeler"), 11, rank=2),
        Column(Safe("pre"), 6, "right", rank=3),
        Column(Safe("post"), 6, "right"),
        Column(Safe("gain"), 7, "right", rank=4),
        Column(Safe("shift θ"), 7, "right", rank=5),
        Column(Safe("amb."), 5, "right", rank=7),
        Column(Safe("topic"), 12, rank=8),
        Column(Safe("answer"), 0, rank=6, least=16),
    )
    SORTS: ClassVar[dict[PairSort, tuple[str, bool]]] = {
        "margin_post": ("margin after training", False),
        "margin_pre": ("margin before training", False),
        "margin_change": ("change of margin", False),
        "theta": ("shift θ", True),
        "gain": ("gain", False),
        "ambiguity": ("ambiguity", True),
        "pair_id": ("pair", False),
    }
    VIEW_ACTIONS: ClassVar[tuple[str, ...]] = ("toggle_context", "rewrites")
    HELP: ClassVar[str] = "The pairs of the study. / filters, s sorts, enter opens."
    LIST_HELP: ClassVar[str] = (
        "pre and post are margins: the reward of the chosen answer minus that of the rejected one, "
        "before and after training. Below zero the model errs against the people.\n\n"
        "regime: stayed or got aligned, resisted or reversed. labeler: which answer the labeler "
        "would take, going by harmless and helpful alone. gain: degrees moved towards alignment. "
        "θ: the turn of the reward vector. amb.: how alike the two answers are in meaning.\n\n"
        "A filter is terms and words: regime:resisted opinion:c feature:eloquent@chosen doctor. "
        'Words are searched in both transcripts; put them in "…" to search for a colon.'
    )

    def parse(self, text: str) -> PairQuery:
        base = PairQuery(sort=self._sort, descending=self._descending)  # type: ignore[arg-type]
        return query.parse_pairs(text, self.session.feature_names(), base)

    async def find(self, query: PairQuery) -> Ids:
        return await self.session.client.pairs(query)

    async def rows(self, ids: Sequence[int]) -> list[PairRow]:
        return await self.session.client.pair_rows(ids)

    async def detail(self, row_id: int) -> PairDetail:
        return await self.session.client.pair(row_id)

    def make_view(self) -> PairView:
        return PairView(self.session, id="detail")

    def draw(self, row: PairRow) -> Sequence[Cell]:
        return (
            cell(Safe(str(row.pair_id)), "muted"),
            cell(Safe(row.regime)),
            cell(words.OPINION[row.opinion] if row.opinion else numbers.NOTHING),
            cell(numbers.number(row.margin_pre), "muted"),
            cell(numbers.number(row.margin_post), "rejected" if row.margin_post <= 0 else ""),
            cell(numbers.degrees(row.gain)),
            cell(numbers.degrees(row.theta), "muted"),
            cell(numbers.number(row.ambiguity), "muted"),
            cell(one_line(row.topic or ""), "muted"),
            cell(one_line(row.preview)),
        )

    def action_rewrites(self) -> None:
        pair_id = self.lines.current
        if pair_id is not None:
            self.explorer.open_rewrites(query.term("pair", str(pair_id)))
