"""Screen 1: the progress of the run, and its main results on one page."""

from __future__ import annotations

import json
from functools import partial
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from engine.errors import Kind, SealError
from engine.results import names, views
from engine.results.effect import Effect, effect
from engine.results.left_out import no_scores, sample
from engine.results.records import RobustnessRow, Tables
from engine.results.sentences import imprint_of
from engine.results.views import Imprint
from engine.wire.client import EngineProblem
from engine.wire.endpoints import MANIFEST
from engine.wire.messages import Metrics, RunStatus, StudyInfo
from seal_tui.explorer import filters
from seal_tui.explorer.actions import bindings
from seal_tui.explorer.screens.all_tables import AllTablesScreen
from seal_tui.explorer.screens.base import SealScreen
from seal_tui.explorer.screens.dialogs import TextScreen
from seal_tui.explorer.screens.over import RejectsScreen
from seal_tui.explorer.session import Session
from seal_tui.explorer.widgets.alignment import Alignment
from seal_tui.explorer.widgets.bars import refresh_keys
from seal_tui.explorer.widgets.interval import Axis, interval, span
from seal_tui.explorer.widgets.lines import Column, LineList, cell
from seal_tui.explorer.widgets.matrix import Matrix
from seal_tui.explorer.widgets.progress import Stages
from seal_tui.explorer.widgets.rows import RowList
from seal_tui.text import numbers, words
from seal_tui.text.results import sentence
from seal_tui.text.safe import Safe, content, one_line

_IMPRINT_HELP = (
    "The feature imprint: the reward points associated with each feature, all other features "
    "equal, before (○) and after (●) training. The largest change comes first; grey changes are "
    "not significant (adjusted p 0.05 or more). Enter opens the coefficient on the imprint screen."
)
_ROBUSTNESS_HELP = (
    "Robustness scores: how many percentage points more often a pair becomes misaligned when a "
    "rewrite makes one answer lose or gain a feature, with the half-width of the 95 % interval. "
    "Grey scores are not significant (adjusted p 0.05 or more). Enter lists the rewritten pairs."
)


def panel(title: str, *widgets: Widget, id: str) -> Vertical:
    """A titled panel."""
    frame = Vertical(*widgets, id=id, classes="panel")
    frame.border_title = title
    return frame


def _imprint_list() -> RowList:
    columns = (
        Column(Safe("feature"), 0, least=14, most=24),
        Column(Safe("pre"), 6, "right"),
        Column(Safe(""), 0, rank=1, least=15, most=61),
        Column(Safe("post"), 6, "right"),
        Column(Safe("change"), 7, "right"),
    )
    empty = Safe("no estimates")
    return RowList(columns, meaning=_IMPRINT_HELP, empty=empty, id="imprints")


def _robustness_list() -> RowList:
    columns = (
        Column(Safe("pairs with"), 0, least=30, most=48),
        Column(Safe("misaligned"), 12, "right"),
        Column(Safe("± 95 %"), 6, "right"),
        Column(Safe(""), 0, rank=1, least=15, most=61),
    )
    empty = Safe("no pairs were rewritten")
    return RowList(columns, meaning=_ROBUSTNESS_HELP, empty=empty, id="robust")


class OverviewScreen(SealScreen):
    TAB: ClassVar[str] = "overview"
    AUTO_FOCUS: ClassVar[str | None] = ""
    HELP: ClassVar[str] = (
        "The whole study on one page.\n\n"
        "aligned: the share of pairs in which the reward of the chosen answer is higher than that "
        "of the rejected answer. resistance: the share of the other pairs. pre: the model before "
        "training on the dataset; post: the model after training."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("overview")]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._imprints: list[Imprint] = []
        self._robust: list[RobustnessRow] = []

    def body(self) -> ComposeResult:
        with VerticalScroll(id="page", can_focus=False):
            yield Static(id="study", markup=False)
            yield panel("Run", Stages(), id="run")
            with Container(id="numbers"):
                with Vertical(id="left"):
                    yield panel("Alignment", Alignment(id="alignment"), id="aligned")
                    yield panel(
                        "Pairs by regime and by the labeler's preference", Matrix(), id="regimes"
                    )
                    yield panel("Caveats", Static(id="notes", markup=False), id="noted")
                with Vertical(id="right"):
                    yield panel(
                        "What the reward model learned, in reward points",
                        _imprint_list(),
                        id="learned",
                    )
                    yield panel(
                        "Effect of changes in wording",
                        _robustness_list(),
                        id="moves",
                    )
        yield Static(id="reading", markup=False)
        yield Static(id="warned", markup=False)

    def on_mount(self) -> None:
        self.query_one("#numbers").display = False
        super().on_mount()
        self.progressed()
        self._read()

    # ---------------------------------------------------------- the run

    def progressed(self) -> None:
        status = self.session.status
        self.query_one("#run").display = not self.session.finished
        self.tick()
        self.query_one("#study", Static).update(_study_lines(self.session.study, status))
        warnings = status.warnings if status is not None else ()
        lines = [_warning(warning) for warning in warnings]
        self.set_class(bool(lines), "-warned")
        self.query_one("#notes", Static).update(Content("\n").join(lines))
        if lines:
            many = f"{len(lines)} warnings" if len(lines) > 1 else "1 warning"
            self.query_one("#warned", Static).update(
                Content.assemble(
                    (many, "bold $caution"), " · ", ("w", "bold"), " ", content(warnings[0], "dim")
                )
            )
        refresh_keys(self)

    def tick(self) -> None:
        status = self.session.now
        self.query_one("#run").border_title = _run_title(status)
        self.query_one(Stages).show(status)

    # ---------------------------------------------------------- dialogs

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        status = self.session.status
        if action == "warnings":
            return status is not None and bool(status.warnings)
        if action == "rejects":
            return status is not None and bool(status.rejects)
        if action == "tables":
            return self.is_mounted and self.query_one("#numbers").display
        return True

    def action_warnings(self) -> None:
        status = self.session.status
        if status is not None:
            lines = [_warning(warning) for warning in status.warnings]
            self.app.push_screen(TextScreen(Safe("warnings"), Content("\n\n").join(lines)))

    def action_rejects(self) -> None:
        self.app.push_screen(RejectsScreen(self.session))

    def action_tables(self) -> None:
        self.app.push_screen(AllTablesScreen(self.session))

    # ---------------------------------------------------------- the results

    async def load(self) -> None:
        self.progressed()
        try:
            metrics = await self.session.metrics()
        except EngineProblem as error:
            # During a run, the stages already show what is missing.
            if error.kind is Kind.NOT_READY and not self.session.finished:
                return
            raise
        self.show_results(metrics)

    def trouble(self, error: SealError | None) -> None:
        super().trouble(error if self.session.lost is None else None)

    def show_results(self, metrics: Metrics) -> None:
        tables, preset = metrics.tables, self.session.preset(metrics)
        numbers_box = self.query_one("#numbers")
        first, numbers_box.display = not numbers_box.display, True
        self.query_one(Alignment).show(tables)
        self.query_one(Matrix).show(views.regimes(tables))
        self._show_imprints(tables, preset)
        self._show_robustness(tables, preset)
        if first and self.focused is None:
            self.query_one(Matrix).focus(scroll_visible=False)
        self._read()
        refresh_keys(self)

    def _show_imprints(self, tables: Tables, preset: str) -> None:
        lines = views.strongest(views.imprints(tables, preset))
        self._imprints = lines
        axis = Axis.over(value for line in lines for value in (line.pre.value, line.post.value))
        self.query_one("#imprints", RowList).show(
            [
                (
                    cell(words.feature(line.feature)),
                    cell(Safe(line.pre.text())),
                    partial(span, line.pre.value, line.post.value, axis),
                    cell(Safe(line.post.text())),
                    cell(Safe(line.difference.text()), _weight(line.difference)),
                )
                for line in lines
            ],
            [line.feature for line in lines],
        )

    def _show_robustness(self, tables: Tables, preset: str) -> None:
        scores = [row for row in views.scores(tables, preset) if effect(row).size >= 0]
        scores.sort(key=lambda row: -effect(row).size)
        axis = Axis.over(value for row in scores for value in effect(row).ends())
        rows = []
        for row in scores:
            score, kind = effect(row), self.session.kind(row.feature)
            rows.append(
                (
                    cell(Safe(names.answer_that(row.feature, row.side, row.sign, kind))),
                    cell(Safe(f"{score.text()} pts"), _weight(score)),
                    cell(Safe(score.half()), "muted"),
                    partial(interval, score, axis),
                )
            )
        self._robust = scores
        keys = [f"{row.feature}/{row.side}/{row.sign}" for row in scores]
        lines = self.query_one("#robust", RowList)
        lines.empty = self._no_scores(tables, preset)
        lines.show(rows, keys)

    def _no_scores(self, tables: Tables, preset: str) -> Safe:
        """Why there is no robustness score."""
        study = self.session.study
        rewritten, used = (study.rewritten, study.rewritten_used) if study else (0, 0)
        return one_line(no_scores(tables, preset, rewritten, used))

    # ---------------------------------------------------------- the manifest

    @work(exclusive=True, group="manifest")
    async def action_show_manifest(self) -> None:
        try:
            manifest = await self.session.client.ask(MANIFEST())
        except SealError as error:
            self.notify(one_line(str(error)), severity="warning", markup=False)
            return
        text = content(json.dumps(manifest, indent=2, ensure_ascii=False))
        title = Safe("manifest.json: what produced these results")
        self.app.push_screen(TextScreen(title, text))

    # ---------------------------------------------------------- interpretation

    @on(LineList.Moved)
    @on(Matrix.Moved)
    def _read(self) -> None:
        line = self.query_one("#reading", Static)
        line.display = self.query_one("#numbers").display
        line.update(Content(self.interpretation()))

    def on_descendant_focus(self) -> None:
        super().on_descendant_focus()
        self._read()

    def interpretation(self) -> Safe:
        """The interpretation of the selected number."""
        focused = self.focused
        if isinstance(focused, Matrix):
            return focused.explain()
        if not isinstance(focused, RowList) or not focused.count:
            return Safe("")
        if focused.id == "imprints":
            line = self._imprints[focused.cursor]
            estimate = line.difference
            return one_line(imprint_of(line.feature, "difference", estimate, self.session.kind))
        return sentence("robustness", self._robust[focused.cursor], self.session.kind)

    # ---------------------------------------------------------- navigation

    @on(Matrix.Chosen)
    def _cell(self, event: Matrix.Chosen) -> None:
        self.explorer.open_pairs(filters.cell(event.regime, event.opinion, self.session.tie_policy))

    @on(LineList.Opened, "#imprints")
    def _feature(self, event: LineList.Opened) -> None:
        name = self.query_one("#imprints", RowList).current
        if name is not None:
            self.explorer.open_imprint(name)

    @on(LineList.Opened, "#robust")
    def _score(self, event: LineList.Opened) -> None:
        self.explorer.open_rewrites(
            filters.scored(self._robust[event.index], self.session.tie_policy)
        )


def _weight(estimate: Effect) -> str:
    """Grey if not significant."""
    return "strong" if estimate.significant else "muted"


def _warning(warning: str) -> Content:
    return Content.assemble(("warning ", "bold $caution"), content(warning))


def _run_title(status: RunStatus | None) -> str:
    if status is None or not status.elapsed_s:
        return "Run"
    title = f"Run · {numbers.duration(status.elapsed_s)}"
    if status.left_s is None:
        return title
    least = "at least " if status.left_at_least else ""
    return f"{title} · {least}{numbers.duration(status.left_s)} left in all"


def _study_lines(study: StudyInfo | None, status: RunStatus | None) -> Content:
    """The study and its counts, one line each."""
    lines = []
    if study is not None:
        models = {info.role: info.model for info in study.models}
        parts = [content(study.name, "bold"), content(f"pairs of {one_line(study.dataset)}")]
        if "pre" in models or "post" in models:
            pre, post = models.get("pre", "?"), models.get("post", "?")
            parts.append(content(f"pre {one_line(pre)} → post {one_line(post)}"))
        lines.append(Content.styled(" · ", "dim").join(parts))
    if status is not None and (counted := _counts(status)):
        lines.append(Content.styled(" · ", "dim").join(counted))
    return Content("\n").join(lines)


def _counts(status: RunStatus) -> list[Content]:
    """The available counts of rows, pairs and entries."""
    counts = status.counts
    parts = []
    if "rows" in counts:
        parts.append(Content(f"{numbers.count(counts['rows'])} rows"))
    left = sum(status.rejects.values())
    if left:
        parts.append(
            Content.assemble(
                (f"{numbers.count(left)} skipped", "$caution"), " (", ("x", "bold"), ")"
            )
        )
    if "pairs" in counts:
        pairs, usable = counts["pairs"], counts.get("usable pairs", 0)
        parts.append(content(sample(pairs, usable), "$caution" if usable > pairs else ""))
    if "scored pairs" in counts:
        parts.append(Content(f"{numbers.count(counts['scored pairs'])} scored"))
    if counts.get("truncated"):
        parts.append(Content(f"{numbers.count(counts['truncated'])} truncated"))
    if counts.get("rewritten pairs"):
        used = numbers.count(counts.get("rewritten pairs used", 0))
        parts.append(Content(f"{numbers.count(counts['rewritten pairs'])} rewritten, {used} used"))
    return parts
