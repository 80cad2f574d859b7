"""The client's state of one engine: last status, study, metrics. No widgets here."""

from __future__ import annotations

from engine.wire.client import EngineClient, Lost
from engine.wire.endpoints import METRICS, STUDY
from engine.wire.messages import FeatureInfo, Metrics, MetricsRequest, RunStatus, StudyInfo
from seal_tui.explorer.place import Place, View


class Session:
    """One attachment to an engine. Screens read it; only the app's event worker feeds it.

    `author` signs decisions. `place` is the saved place of this run, `views` the current views.
    `blind` hides the human preference. `epoch` grows whenever results may have changed; a screen
    that shows an older epoch reloads.
    """

    def __init__(self, client: EngineClient, author: str = "") -> None:
        self.client = client
        self.author = author
        self.place = Place()
        self.blind = False
        self.views: dict[str, View] = {}
        self.status: RunStatus | None = None
        self.lost: Lost | None = None
        self.study: StudyInfo | None = None
        self.epoch = 0
        self._finished: frozenset[str] = frozenset()
        self._metrics: dict[str, Metrics] = {}
        self._study_epoch = -1

    def note(self, event: RunStatus | Lost) -> bool:
        """Process an event. True if results may have changed since the previous one."""
        if isinstance(event, Lost):
            self.lost = event
            return False
        gone = self.lost is not None and not self.lost.silent
        attached_again = gone or self.status is None
        finished = frozenset(stage.name for stage in event.stages if stage.state == "done")
        changed = attached_again or finished != self._finished
        if self.status is not None and self.status.state != event.state:
            changed = True
        self.lost, self.status, self._finished = None, event, finished
        if changed:
            self.epoch += 1
            self._metrics.clear()
        return changed

    def return_to(self, place: Place) -> None:
        self.place, self.blind, self.views = place, place.blind, dict(place.views)

    def where(self, pane: str) -> Place:
        """The place to save, with this pane open."""
        return Place(pane=pane, views=self.views, blind=self.blind)

    @property
    def running(self) -> bool:
        return self.status is not None and self.status.state == "running"

    @property
    def finished(self) -> bool:
        return self.status is not None and self.status.state == "done"

    @property
    def changed(self) -> bool:
        """Whether the study has changed since the last run."""
        return self.study is not None and self.study.changed

    async def load_study(self) -> StudyInfo:
        """The study, fetched once per epoch: its number of pairs grows while data is read."""
        if self.study is None or self._study_epoch != self.epoch:
            epoch = self.epoch
            self.study = await self.client.ask(STUDY())
            self._study_epoch = epoch
        return self.study

    async def metrics(self, preset: str = "") -> Metrics:
        """The metric tables of one preset, fetched once per epoch."""
        if preset not in self._metrics:
            epoch = self.epoch
            metrics = await self.client.ask(METRICS(MetricsRequest(preset=preset or None)))
            if epoch != self.epoch:
                return metrics
            self._metrics[preset] = metrics
        return self._metrics[preset]

    def preset(self, metrics: Metrics) -> str:
        """The default preset of the study."""
        return self.study.preset if self.study is not None else metrics.preset

    @property
    def tie_policy(self) -> str:
        return self.study.tie_policy if self.study is not None else "misaligned"

    def kept_out(self) -> list[str]:
        """The features that the taxonomy excludes from all regressions."""
        features = self.study.features if self.study is not None else ()
        return [info.name for info in features if not info.regress]

    def feature(self, name: str) -> FeatureInfo | None:
        if self.study is None:
            return None
        return next((info for info in self.study.features if info.name == name), None)

    def feature_names(self) -> list[str]:
        return [info.name for info in self.study.features] if self.study is not None else []

    def kind(self, name: str) -> str:
        info = self.feature(name)
        return info.kind if info is not None else "bool"
