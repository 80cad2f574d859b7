"""Screen 7: the plots of the paper, drawn with characters."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from engine.results import views
from engine.wire.endpoints import PLOTS
from seal_tui.explorer import filters
from seal_tui.explorer.actions import bindings
from seal_tui.explorer.screens.base import SealScreen
from seal_tui.explorer.session import Session
from seal_tui.explorer.widgets.bars import refresh_keys
from seal_tui.explorer.widgets.drift import DriftCurve
from seal_tui.explorer.widgets.heat import HeatMaps
from seal_tui.explorer.widgets.mosaic import Mosaic
from seal_tui.explorer.widgets.plot import Plot
from seal_tui.explorer.widgets.rose import Roses
from seal_tui.text.safe import one_line


class PlotsScreen(SealScreen):
    """One plot on a small terminal, two on a wide one, four on a large one."""

    TAB: ClassVar[str] = "plots"
    HELP: ClassVar[str] = "Plots of the study. t goes to the next plot, z shows one plot alone."
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("plots")]
    NOT_YET: ClassVar[tuple[str, ...]] = ("#roses", "#heat", "#mosaic", "#drift")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._front = 0
        self._zoomed = False

    def body(self) -> ComposeResult:
        yield Static(id="head", markup=False)
        with Container(id="plots"):
            yield Roses(id="roses")
            yield HeatMaps(id="heat")
            yield Mosaic(id="mosaic")
            yield DriftCurve(id="drift")
        yield Static(id="reading", markup=False)

    @property
    def plots(self) -> list[Plot]:
        return list(self.query(Plot))

    def on_mount(self) -> None:
        super().on_mount()
        self._arrange()
        self.plots[0].focus()

    async def load(self) -> None:
        metrics = await self.session.metrics()
        tables = metrics.tables
        plots = await self.session.client.ask(PLOTS())
        self.query_one(Roses).show(plots, views.alignment(tables))
        self.query_one(HeatMaps).show(plots)
        self.query_one(Mosaic).show(views.regimes(tables))
        reasons = [row.detail for row in views.dropped(tables, "robustness", metrics.preset)]
        why = "No score could be recomputed: too few rewrites."
        if reasons:
            why = f"{why} ({reasons[0]})"
        curves = views.curves(tables)
        study = self.session.study
        least = study.min_cosine if study is not None else 0.0
        self.query_one(DriftCurve).show(curves, self.session.kind, least, one_line(why))

    # ---------------------------------------------------------- layout

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> None:
        wide, tall = self.size.width >= 120, self.size.height >= 36
        many = 1 if self._zoomed or not wide else 4 if tall else 2
        first = self._front // many * many
        for place, plot in enumerate(self.plots):
            plot.display = first <= place < first + many
        for count in (1, 2, 4):
            self.set_class(count == many, f"-show{count}")
        self._say()

    def _say(self) -> None:
        names: list[str | tuple[str, str]] = []
        for place, plot in enumerate(self.plots):
            names += [" · "] if names else []
            names.append((plot.NAME, "bold" if place == self._front else "dim"))
        self.query_one("#head", Static).update(Content.assemble(*names))
        text = self.plots[self._front].interpretation()
        self.query_one("#reading", Static).update(Content(text))

    def _go(self, place: int) -> None:
        self._front = place % len(self.plots)
        self._arrange()
        self.plots[self._front].focus()

    def on_descendant_focus(self) -> None:
        super().on_descendant_focus()
        if isinstance(self.focused, Plot):
            self._front = self.plots.index(self.focused)
            self._say()

    @on(Plot.Moved)
    def _moved(self) -> None:
        self._say()
        refresh_keys(self)

    # ---------------------------------------------------------- actions

    def action_next_plot(self) -> None:
        self._go(self._front + 1)

    def action_previous_plot(self) -> None:
        self._go(self._front - 1)

    def action_zoom(self) -> None:
        self._zoomed = not self._zoomed
        self._go(self._front)

    @on(Plot.Opened)
    def _open(self, event: Plot.Opened) -> None:
        plot = event.plot
        if isinstance(plot, Mosaic):
            self.explorer.open_pairs(filters.cell(*plot.tile, self.session.tie_policy))
        elif isinstance(plot, DriftCurve):
            self.explorer.open_rewrites(filters.scored(plot.points[0], self.session.tie_policy))
