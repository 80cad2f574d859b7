"""The client's state of one engine: last status, study, metrics. No widgets here."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.wire.client import EngineClient, Lost, new_session
from engine.wire.endpoints import MARK_LOG, METRICS, STUDY
from engine.wire.messages import (
    FeatureInfo,
    LogRequest,
    MarkEvent,
    Metrics,
    MetricsRequest,
    RunStatus,
    StudyInfo,
)
from seal_tui.explorer import clock
from seal_tui.explorer.place import Place, View
from seal_tui.text.safe import Safe

NO_NEWS = Safe("")


class Session:
    """One attachment to an engine. Screens read it; only the app's event worker feeds it.

    `author` signs decisions. `name` tells this client from others in their log, for undo.
    `revision` is the length of that log as far as it was followed; `marks_epoch` grows whenever
    marks may have changed; `news` is a line about what others decided, empty after a while. `place`
    is the saved place of this run, `views` the current views. `blind` hides the human preference.
    `epoch` grows whenever results may have changed; a screen that shows an older epoch reloads.
    `clock` counts seconds.
    """

    def __init__(self, client: EngineClient, author: str = "") -> None:
        self.client = client
        self.author = author
        self.name = new_session()
        self.revision = 0
        self.marks_epoch = 0
        self.news = NO_NEWS
        self.place = Place()
        self.blind = False
        self.views: dict[str, View] = {}
        self.status: RunStatus | None = None
        self.lost: Lost | None = None
        self.study: StudyInfo | None = None
        self.epoch = 0
        self.clock: Callable[[], float] = time.monotonic
        self._heard = 0.0
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
        if self.status is None or event.revision < self.revision:
            self.revision = event.revision
        finished = frozenset(stage.name for stage in event.stages if stage.state == "done")
        changed = attached_again or finished != self._finished
        if self.status is not None and self.status.state != event.state:
            changed = True
        self.lost, self.status, self._finished = None, event, finished
        self._heard = self.clock()
        if changed:
            self.epoch += 1
            self._metrics.clear()
        return changed

    async def decided_elsewhere(self) -> list[MarkEvent]:
        """What others decided since the last call, newest first. Raises SealError."""
        at = self.status.revision if self.status is not None else 0
        request = LogRequest(after=self.revision, author=self.author, blind=self.blind)
        log = await self.client.ask(MARK_LOG(request))
        self.revision = max(at, log[0].number + 1 if log else 0)
        elsewhere = [event for event in log if event.session != self.name]
        self.marks_epoch += bool(elsewhere)
        return elsewhere

    def return_to(self, place: Place) -> None:
        self.place, self.blind, self.views = place, place.blind, dict(place.views)

    def where(self, pane: str) -> Place:
        """The place to save, with this pane open."""
        return Place(pane=pane, views=self.views, blind=self.blind)

    @property
    def behind(self) -> bool:
        """Whether something was decided that was not followed yet."""
        return self.status is not None and self.status.revision > self.revision

    @property
    def running(self) -> bool:
        return self.status is not None and self.status.state == "running"

    @property
    def now(self) -> RunStatus | None:
        """The last status, with the seconds since then."""
        if self.status is None or not self.running or self.lost is not None:
            return self.status
        return clock.later(self.status, self.clock() - self._heard)

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
