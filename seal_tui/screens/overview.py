"""Screen 1: how far the run is, and when it is done, what it found, on one page."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine.messages import StudyInfo
from seal_tui import numbers, query, words
from seal_tui.actions import bindings
from seal_tui.client import EngineGone, EngineProblem
from seal_tui.screens.base import SealScreen
from seal_tui.screens.manifest import ManifestScreen
from seal_tui.session import Session
from seal_tui.tables import Alignment, Estimate, Tables
from seal_tui.text import Safe, content, fit, one_line
from seal_tui.widgets.interval import Axis, span
from seal_tui.widgets.lines import Column, LineList, cell
from seal_tui.widgets.matrix import Matrix
from seal_tui.widgets.progress import Stages, bar
from seal_tui.widgets.rows import RowList

_SPAN = 15
_IMPRINT_HELP = (
    "What the reward model learned: for each feature, how many reward points an entry gains by "
    "having it, all other features equal, before (○) and after (●) training. The strongest change "
    "comes first; a change in grey cannot be told from none (adjusted p 0.05 or more). Enter opens "
    "the coefficient on the imprint screen."
)
_ROBUSTNESS_HELP = (
    "Robustness scores: how much more often a pair becomes misaligned when a change of wording "
    "makes one answer lose or gain a feature, in percentage points with the half-width of the "
    "95 % interval. A score in grey cannot be told from none (adjusted p 0.05 or more). Enter "
    "lists the rewritten pairs."
)


def panel(title: str, *widgets: Static | Matrix | RowList, id: str) -> Vertical:
    """A titled part of the page."""
    frame = Vertical(*widgets, id=id, classes="panel")
    frame.border_title = title
    return frame


def _imprint_list() -> RowList:
    columns = (
        Column(Safe("feature"), 0, least=14, most=30),
        Column(Safe("pre"), 6, "right"),
        Column(Safe(""), _SPAN, rank=1),
        Column(Safe("post"), 6, "right"),
        Column(Safe("change in points"), 16, "right"),
    )
    empty = Safe("no estimates")
    return RowList(columns, meaning=_IMPRINT_HELP, empty=empty, id="imprints")


def _robustness_list() -> RowList:
    columns = (
        Column(Safe("pairs with"), 0, least=30, most=48),
        Column(Safe("misaligned"), 12, "right"),
        Column(Safe("±"), 6, "right"),
    )
    empty = Safe("no rewrites were scored")
    return RowList(columns, meaning=_ROBUSTNESS_HELP, empty=empty, id="robust")


class OverviewScreen(SealScreen):
    TAB: ClassVar[str] = "overview"
    AUTO_FOCUS: ClassVar[str | None] = ""
    HELP: ClassVar[str] = (
        "The whole study on one page.\n\n"
        "aligned: the share of pairs in which the reward model gives the chosen answer more than "
        "the rejected one. resistance: the rest, the pairs in which it errs against the people. "
        "pre is the model before training on the dataset, post the one after."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("overview")]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._robust: list[tuple[str, str]] = []

    def body(self) -> ComposeResult:
        with VerticalScroll(id="page", can_focus=False):
            yield Static(id="study", markup=False)
            stages = Vertical(Stages(), id="run", classes="panel")
            stages.border_title = "Run"
            yield stages
            with Container(id="numbers"):
                with Vertical(id="left"):
                    yield panel("Alignment", Static(id="alignment", markup=False), id="aligned")
                    yield panel(
                        "Pairs by regime and by what the labeler thinks", Matrix(), id="regimes"
                    )
                with Vertical(id="right"):
                    yield panel("What the reward model learned", _imprint_list(), id="learned")
                    yield panel(
                        "What moves its verdict when the wording changes",
                        _robustness_list(),
                        id="moves",
                    )
            yield Static(id="warnings", markup=False)

    def on_mount(self) -> None:
        self.query_one("#numbers").display = False
        super().on_mount()
        self.progressed()

    # ---------------------------------------------------------- the run

    def progressed(self) -> None:
        status = self.session.status
        self.query_one("#run").display = not self.session.finished
        self.query_one(Stages).show(status)
        self.query_one("#warnings", Static).update(self._warnings())

    def _warnings(self) -> Content:
        status = self.session.status
        lines: list[Content] = []
        if status is not None:
            for warning in status.warnings:
                lines.append(Content.assemble(("warning ", "bold $caution"), content(warning)))
            if status.rejects:
                total = sum(status.rejects.values())
                reasons = " · ".join(
                    f"{one_line(reason.replace('_', ' '))} {numbers.count(n)}"
                    for reason, n in status.rejects.items()
                )
                lines.append(
                    Content.assemble(
                        (f"left out {numbers.count(total)} ", "bold $caution"), reasons
                    )
                )
        return Content("\n").join(lines)

    # ---------------------------------------------------------- the results

    async def load(self) -> None:
        study = self.session.study
        if study is not None:
            self.query_one("#study", Static).update(_study_line(study))
        try:
            tables = await self.session.tables()
        except EngineProblem as error:
            # While the run is on, its stages say enough of what is missing.
            if error.not_yet and not self.session.finished:
                return
            raise
        self.show_results(tables)

    def trouble(self, error: EngineProblem | EngineGone | None) -> None:
        super().trouble(error if self.session.lost is None else None)

    def show_results(self, tables: Tables) -> None:
        preset = self.session.study.preset if self.session.study is not None else tables.preset
        numbers_box = self.query_one("#numbers")
        first, numbers_box.display = not numbers_box.display, True
        self.query_one("#alignment", Static).update(alignment_text(tables.alignment()))
        self.query_one(Matrix).show(tables.regimes())
        self._show_imprints(tables, preset)
        self._show_robustness(tables, preset)
        if first and self.focused is None:
            self.query_one(Matrix).focus(scroll_visible=False)

    def _show_imprints(self, tables: Tables, preset: str) -> None:
        lines = sorted(tables.imprint(preset), key=lambda line: -line.difference.size)
        axis = Axis.over(
            value for line in lines for value in (line.pre.estimate, line.post.estimate)
        )
        self.query_one("#imprints", RowList).show(
            [
                (
                    cell(words.feature(line.feature)),
                    cell(numbers.number(line.pre.estimate)),
                    span(line.pre.estimate, line.post.estimate, axis, _SPAN),
                    cell(numbers.number(line.post.estimate)),
                    cell(numbers.signed(line.difference.estimate), _weight(line.difference)),
                )
                for line in lines
            ],
            [line.feature for line in lines],
        )

    def _show_robustness(self, tables: Tables, preset: str) -> None:
        lines = [
            line
            for line in tables.sides("robustness", preset)
            if line.estimate.estimate is not None
        ]
        lines.sort(key=lambda line: -line.estimate.size)
        rows = []
        for line in lines:
            kind = self.session.kind(line.feature)
            low, high = line.estimate.low, line.estimate.high
            half = (high - low) / 2 if low is not None and high is not None else None
            rows.append(
                (
                    cell(words.robustness_sentence(line.feature, line.side, line.sign, kind)),
                    cell(
                        Safe(f"{numbers.points(line.estimate.estimate)} pts"),
                        _weight(line.estimate),
                    ),
                    cell(numbers.number(half * 100 if half is not None else None, 1), "muted"),
                )
            )
        self._robust = [(line.feature, line.side) for line in lines]
        keys = [f"{line.feature}/{line.side}/{line.sign}" for line in lines]
        self.query_one("#robust", RowList).show(rows, keys)

    @work(exclusive=True, group="manifest")
    async def action_show_manifest(self) -> None:
        try:
            self.app.push_screen(ManifestScreen(await self.session.client.manifest()))
        except (EngineGone, EngineProblem) as error:
            self.notify(one_line(str(error)), severity="warning", markup=False)

    # ---------------------------------------------------------- ways to the other screens

    @on(Matrix.Chosen)
    def _cell(self, event: Matrix.Chosen) -> None:
        terms = []
        if event.regime is not None:
            terms.append(query.term("regime", event.regime))
        if event.opinion is not None:
            terms.append(query.term("opinion", event.opinion))
        self.explorer.open_pairs(" ".join(terms))

    @on(LineList.Opened, "#imprints")
    def _feature(self, event: LineList.Opened) -> None:
        name = self.query_one("#imprints", RowList).current
        if name is not None:
            self.explorer.open_imprint(name)

    @on(LineList.Opened, "#robust")
    def _score(self, event: LineList.Opened) -> None:
        feature, _ = self._robust[event.index]
        self.explorer.open_rewrites(query.term("feature", feature))


def _weight(estimate: Estimate) -> str:
    """Grey for what cannot be told from nothing."""
    certain = estimate.p_adjusted is None or estimate.p_adjusted < 0.05
    return "strong" if certain else "muted"


def _study_line(study: StudyInfo) -> Content:
    models = {info.role: info.model for info in study.models}
    parts = [
        content(study.name, "bold"),
        content(f"{numbers.count(study.pairs)} pairs of {one_line(study.dataset)}"),
    ]
    if "pre" in models or "post" in models:
        pre, post = models.get("pre", "?"), models.get("post", "?")
        parts.append(content(f"pre {one_line(pre)} → post {one_line(post)}"))
    return Content.styled(" · ", "dim").join(parts)


def alignment_text(lines: list[Alignment]) -> Content:
    """Alignment before and after training, with bars and intervals."""
    shown = [Content.styled(f"{'':5}{'aligned':>8}{'':18}{'resistance':>10}", "dim")]
    for line in lines:
        half = ""
        if line.half_width is not None:
            half = f" ±{numbers.number(line.half_width * 100, 1)}"
        filled = bar(round((line.alignment or 0) * 1000), 1000, 16)
        shown.append(
            Content.assemble(
                (fit(one_line(line.role), 5), "bold"),
                fit(numbers.percent(line.alignment), 8, "right"),
                " ",
                (filled, "$chosen"),
                " ",
                fit(numbers.percent(line.resistance), 10, "right"),
                (half, "dim"),
            )
        )
    ties = [f"{numbers.count(line.ties)} {one_line(line.role)}" for line in lines if line.ties]
    shown.append(Content.styled(f"ties: {' · '.join(ties) or 'none'}", "dim"))
    return Content("\n").join(shown)
