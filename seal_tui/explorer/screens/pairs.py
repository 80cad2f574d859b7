"""The two lists of pairs: resistance and the review queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.content import Content

from engine.errors import SealError
from engine.wire.client import EngineProblem
from engine.wire.endpoints import (
    BLIND_PAIR,
    BLIND_ROWS,
    COMPLETE,
    MARK_PROGRESS,
    PAIR,
    PAIR_ROWS,
    PAIRS,
    SAVE_FILTER,
    SAVED_FILTERS,
)
from engine.wire.messages import (
    BlindPair,
    BlindRow,
    CompleteRequest,
    Completion,
    Ids,
    MarkProgress,
    PairDetail,
    PairQuery,
    PairRequest,
    PairRow,
    PairRowsRequest,
    ProgressRequest,
    SavedFilter,
    SaveFilter,
)
from seal_tui.explorer.actions import Action, bindings
from seal_tui.explorer.blind import CLOSED
from seal_tui.explorer.screens.browse import BrowseScreen
from seal_tui.explorer.screens.dialogs import ChoiceScreen
from seal_tui.explorer.screens.export import ExportScreen
from seal_tui.explorer.screens.log import filter_line
from seal_tui.explorer.screens.prompts import PromptScreen
from seal_tui.explorer.screens.triage import Triage
from seal_tui.explorer.session import Session
from seal_tui.explorer.widgets.bars import refresh_keys
from seal_tui.explorer.widgets.lines import Cell, Column, cell
from seal_tui.explorer.widgets.pair_view import PairView
from seal_tui.text import missing, numbers, words
from seal_tui.text.safe import Safe, one_line

AnyRow = PairRow | BlindRow
AnyPair = PairDetail | BlindPair

_INFLUENCE = "influence:"


def influence(feature: str) -> str:
    """The sort order by influence of a pair on the coefficient of a feature."""
    return f"{_INFLUENCE}{feature}"


class PairsScreen(BrowseScreen[PairQuery, AnyRow, AnyPair], Triage):
    """A list of pairs with a detail view and decisions.

    In blind mode the engine refuses filters and sort orders that tell what was chosen, and answers
    with rows and pairs that do not say it.
    """

    NOUN: ClassVar[str] = "pairs"
    NOT_YET: ClassVar[tuple[str, ...]] = ("#list",)
    VIEW_ACTIONS: ClassVar[tuple[str, ...]] = ("toggle_context", "rewrites")
    SORTS: ClassVar[dict[str, tuple[str, bool]]] = {
        "margin_post": ("margin after training", False),
        "margin_pre": ("margin before training", False),
        "margin_change": ("change in margin", False),
        "theta": ("shift θ", True),
        "gain": ("gain", False),
        "ambiguity": ("ambiguity", True),
        "pair_id": ("pair", False),
        "margin_human": ("human margin", False),
        "votes": ("agreement of the annotators", False),
        "group": ("group", False),
        "margin_size": ("size of the margin", False),
        "random": ("random audit", False),
        "residual": ("misfit", True),
    }
    BLIND_SORTS: ClassVar[tuple[str, ...]] = (
        "pair_id",
        "margin_size",
        "random",
        "residual",
        "group",
    )
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(Safe("pair"), 6, "right"),
        Column(Safe("mark"), 5),
        Column(Safe("regime"), 8, rank=1),
        Column(Safe("labeler"), 11, rank=4),
        Column(Safe("pre"), 6, "right", rank=3),
        Column(Safe("post"), 6, "right"),
        Column(Safe("gain"), 7, "right", rank=5),
        Column(Safe("shift θ"), 7, "right", rank=6),
        Column(Safe("amb."), 5, "right", rank=2),
        Column(Safe("human"), 6, "right", rank=10),
        Column(Safe("votes"), 5, rank=9),
        Column(Safe("topic"), 12, rank=8),
        Column(Safe("answer"), 0, rank=7, least=16),
    )
    BLIND_COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(Safe("pair"), 6, "right"),
        Column(Safe("mark"), 5),
        Column(Safe("topic"), 16, rank=1),
        Column(Safe("prompt"), 0, least=16),
    )
    BLIND_HELP: ClassVar[str] = (
        "Blind mode: nothing that tells what was chosen, what a model prefers or what others "
        "decided is shown, counted, filtered or sorted by.\n\n"
        "mark: your decision (A or B is better, ✗ drop, = tie, ! discuss), ⚑ flagged, ✎ note, "
        "# tag. prompt: the last question before the answers."
    )
    LIST_HELP: ClassVar[str] = (
        "pre and post: the margin (reward of the chosen answer minus reward of the rejected one) "
        "before and after training. A pair with a negative margin is misaligned.\n\n"
        "mark: your decision (✓ keep, ⇄ flip, ✗ drop, = tie, ! discuss), ⚑ flagged, ✎ note, # tag. "
        "regime: stayed or got aligned, resisted or reversed. labeler: the answer that the labeler "
        "prefers, judging only harmless and helpful. gain: rotation towards alignment in degrees. "
        "θ: the rotation of the reward vector; its sign is a direction, not an improvement. amb.: "
        "ambiguity, how unclear the preference is; a sort key, not a judgement. human: by how much "
        "the human preferred the chosen answer. votes: annotators for the chosen and for the "
        "rejected answer. Both are as the data says, where it does.\n\n"
        "A filter consists of terms and words: regime:resisted eloquent:r>c margin<0.5 doctor. "
        "Completions appear while you type."
    )

    def __init__(self, session: Session) -> None:
        self._blind = False  # the mode of what is shown
        self._read_at = -1  # the version of the status when rows were read
        super().__init__(session)

    def make_query(self, text: str) -> PairQuery:
        return PairQuery(
            filter=text,
            sort=self._sort,
            descending=self._descending,
            author=self.session.author,
            blind=self.session.blind,
        )

    @property
    def sorts(self) -> Mapping[str, tuple[str, bool]]:
        if not self.session.blind:
            return self.SORTS
        return {name: self.SORTS[name] for name in self.BLIND_SORTS}

    def order(self, sort: str) -> tuple[str, bool]:
        if sort.startswith(_INFLUENCE):
            return f"influence on {words.feature(sort.removeprefix(_INFLUENCE))}", True
        return super().order(sort)

    async def complete(self, text: str, cursor: int) -> Sequence[Completion]:
        request = CompleteRequest(
            filter=text, cursor=cursor, author=self.session.author, blind=self.session.blind
        )
        return await self.session.client.ask(COMPLETE(request))

    async def find(self, query: PairQuery) -> Ids:
        return await self.session.client.ask(PAIRS(query))

    def missing(self) -> Safe:
        return missing.pairs(self.session.status)

    def tick(self) -> None:
        """Show what was computed in the meantime."""
        status = self.session.status
        if self._ids.pending and status is not None and status.version != self._read_at:
            self._read_at = status.version
            self.lines.renew()
            if self.detail_is_shown:
                self._show_detail()

    def left_out(self, found: Ids) -> Safe:
        if found.pending:
            return Safe("not measured yet")
        study = self.session.study
        missing = 0 if study is None else study.pairs - found.of
        return Safe(f"{numbers.count(missing)} not scored" if missing > 0 else "")

    async def rows(self, ids: Sequence[int]) -> Sequence[AnyRow]:
        request = PairRowsRequest(ids=tuple(ids), author=self.session.author)
        if self.session.blind:
            return await self.session.client.ask(BLIND_ROWS(request))
        return await self.session.client.ask(PAIR_ROWS(request))

    async def detail(self, row_id: int) -> AnyPair:
        request = PairRequest(id=row_id, author=self.session.author)
        if self.session.blind:
            return await self.session.client.ask(BLIND_PAIR(request))
        return await self.session.client.ask(PAIR(request))

    def make_view(self) -> PairView:
        return PairView(self.session, id="detail")

    def draw(self, row: AnyRow) -> Sequence[Cell]:
        if isinstance(row, BlindRow):
            return (
                cell(Safe(str(row.pair_id)), "muted"),
                cell(words.mark(row.mark), "strong"),
                cell(one_line(row.topic or ""), "muted"),
                cell(one_line(row.prompt)),
            )
        return (
            cell(Safe(str(row.pair_id)), "muted"),
            cell(words.mark(row.mark), "strong"),
            cell(Safe(row.regime) if row.regime else numbers.NOTHING),
            cell(words.OPINION[row.opinion] if row.opinion else numbers.NOTHING),
            cell(numbers.number(row.margin_pre), "muted"),
            cell(numbers.number(row.margin_post), _wrong(row.margin_post)),
            cell(numbers.degrees(row.gain)),
            cell(numbers.degrees(row.theta), "muted"),
            cell(numbers.number(row.ambiguity), "muted"),
            cell(numbers.number(row.margin_human), "muted"),
            cell(words.vote_counts(row.votes), "muted"),
            cell(one_line(row.topic or ""), "muted"),
            cell(one_line(row.preview)),
        )

    # ---------------------------------------------------------- blind mode

    def on_mount(self) -> None:
        super().on_mount()
        self._follow_mode()

    def on_screen_resume(self) -> None:
        self._follow_mode()
        super().on_screen_resume()

    def action_blind(self) -> None:
        self.session.blind = not self.session.blind
        message = "blind mode on: what people chose is hidden; decide with < and >"
        self.notify(message if self.session.blind else "blind mode off", markup=False)
        self._follow_mode()

    def _follow_mode(self) -> None:
        """Show the list as the mode has it. What was loaded in the other mode is gone at once."""
        if self._blind == self.session.blind:
            return
        self._blind = self.session.blind
        for group in ("detail", "progress", "try"):
            self.workers.cancel_group(self, group)
        keep = self.lines.current
        self.lines.set_columns(self.BLIND_COLUMNS if self._blind else self.COLUMNS)
        self.lines.meaning = self.BLIND_HELP if self._blind else self.LIST_HELP
        self.lines.show(())
        self.view.forget(Content(""))
        self.bar.say(Content(""), Content(""))
        if self._sort not in self.sorts:
            self._order_by(next(iter(self.sorts)))
        if not self._open_target:
            self._target = keep
        self._next_ids = None
        if self.session.status is not None:
            self._load()
        refresh_keys(self)

    async def load(self) -> None:
        try:
            await super().load()
        except EngineProblem as error:
            if not self.session.blind or error.start is None:
                raise
            self.notify(one_line(f"filter removed: {error}"), markup=False)
            self._filter = ""
            await super().load()
        self._load_progress()

    def unbound(self, key: Safe, action: Action | None) -> Safe:
        if self.session.blind and action is not None and action.name.startswith("decide"):
            return Safe(f"{key}: {action.label} is off in blind mode; decide with < and >")
        return super().unbound(key, action)

    # ---------------------------------------------------------- decisions

    @property
    def dataset(self) -> str:
        return self._ids.dataset

    @property
    def revision(self) -> int:
        return self._ids.revision

    def marks_changed(self) -> None:
        self.lines.renew()
        self._show_detail()
        self._load_progress()

    @work(exclusive=True, group="progress", exit_on_error=False)
    async def _load_progress(self) -> None:
        request = ProgressRequest(
            filter=self._filter, author=self.session.author, blind=self.session.blind
        )
        call = MARK_PROGRESS(request)
        progress: MarkProgress | None = await self._answer(call)
        if progress is None:
            return
        # The list keeps its rows while they are decided, though the filter may not select them now.
        gone = len(self.lines.ids) - progress.pairs
        if self._filter and gone:
            what = "no longer match the filter" if gone > 0 else "more match the filter now"
            self.bar.add(Content.styled(f"{numbers.count(abs(gone))} {what}", "dim"))
        else:
            self.bar.add(self.progress_text(progress))

    def progress_text(self, progress: MarkProgress) -> Content:
        parts = [f"{numbers.count(progress.decided)} decided"]
        if progress.flagged:
            parts.append(f"{numbers.count(progress.flagged)} flagged")
        return Content.styled(" · ".join(parts), "dim")

    @work(group="decide")
    async def action_next_undecided(self) -> None:
        """Go to the next undecided pair below the cursor."""
        text = f"({self._filter}) is:undecided" if self._filter else "is:undecided"
        matches: Ids | None = await self._answer(PAIRS(self.make_query(text)))
        if matches is None:
            return
        undecided = set(matches.ids)
        ids = self.lines.ids
        ahead = range(self.lines.cursor + 1, len(ids))
        place = next((i for i in ahead if ids[i] in undecided), None)
        if place is None:
            self.notify("no undecided pairs below", markup=False)
        else:
            self.lines.cursor = place

    @work(group="decide")
    async def action_saved_filters(self) -> None:
        """Load a saved filter, or save the current one."""
        saved: list[SavedFilter] | None = await self._answer(SAVED_FILTERS())
        if saved is None:
            return
        lines = [(one.name, filter_line(one.name, one.filter)) for one in saved]
        if self._filter:
            lines.append(("", Content.styled("save the current filter …", "bold")))
        if not lines:
            self.notify(
                "no saved filters; set a filter first, then press F to save it", markup=False
            )
            return
        name = await self.app.push_screen_wait(ChoiceScreen(Safe("saved filters"), lines))
        if name:
            self.filter_by(f"@{name}")
        elif name == "":
            prompt = PromptScreen(Safe("name of the filter"), self._save_filter)
            await self.app.push_screen_wait(prompt)

    async def _save_filter(self, name: str) -> str | None:
        """Save the current filter under a name; the reason if that is not possible."""
        if not name:
            return "a filter needs a name"
        try:
            await self.session.client.ask(SAVE_FILTER(SaveFilter(name=name, filter=self._filter)))
        except SealError as error:
            return str(error)
        self.notify(one_line(f"saved; type @{name}"), markup=False)
        return None

    def action_export(self) -> None:
        if self.session.blind:
            # The preview counts what was kept and what was flipped.
            self.notify(f"exports are {CLOSED}", markup=False)
            return
        study = self.session.study
        if study is None or not study.export_formats:
            self.notify("not connected to the engine yet", markup=False)
            return
        self.app.push_screen(ExportScreen(self.session, study.export_formats, self._filter))

    def action_rewrites(self) -> None:
        pair_id = self.lines.current
        if pair_id is not None:
            self.explorer.open_rewrites(f"pair:{pair_id}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "decide" and self.session.blind and parameters[:1] in (("keep",), ("flip",)):
            return None  # disabled: in blind mode decide with < and >
        if action == "better" and self.is_mounted and self.lines.selected:
            return False
        return super().check_action(action, parameters)


def _wrong(margin: float | None) -> str:
    """The style of a margin."""
    return "rejected" if margin is not None and margin <= 0 else ""


class ResistanceScreen(PairsScreen):
    TAB: ClassVar[str] = "resistance"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("browse", "triage", "pair")]
    HELP: ClassVar[str] = "The pairs of the study. / filters, s sorts, enter opens."


class AmbiguousScreen(PairsScreen):
    """The review queue: the most ambiguous pairs first, with progress."""

    TAB: ClassVar[str] = "ambiguous"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("browse", "triage", "ambiguous", "pair")]
    HELP: ClassVar[str] = (
        "The review queue, the most ambiguous pairs first. o changes its order: a random audit "
        "sample can reveal problems that no score shows; misfits are the pairs whose rewards the "
        "features explain least."
    )
    SORTS: ClassVar[dict[str, tuple[str, bool]]] = {
        "ambiguity": ("ambiguity", True),
        "random": ("random audit", False),
        "residual": ("misfit", True),
        **{name: sort for name, sort in PairsScreen.SORTS.items() if name != "ambiguity"},
    }
    BLIND_SORTS: ClassVar[tuple[str, ...]] = (
        "margin_size",
        "random",
        "residual",
        "pair_id",
        "group",
    )

    def progress_text(self, progress: MarkProgress) -> Content:
        return words.queue(progress)

    def action_next_queue(self) -> None:
        first = "margin_size" if self.session.blind else "ambiguity"
        queues = (first, "random", "residual")
        place = queues.index(self._sort) if self._sort in queues else -1
        self.sort_by(queues[(place + 1) % len(queues)])
