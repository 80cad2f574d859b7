"""The stages of a run, with progress, rate and remaining time."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from engine.wire.messages import RunStatus, StageProgress
from seal_tui.text import numbers, words
from seal_tui.text.safe import Safe, content, fit, one_line


def bar(done: int, total: int, width: int) -> Safe:
    """`██████░░░░`"""
    filled = round(min(done, total) / total * width) if total > 0 else 0
    return Safe("█" * filled + "░" * (width - filled))


def stage_words(stage: StageProgress) -> Safe:
    """`1,204 of 2,312 pairs · 34 pairs/s · 33s left · on cuda:0`"""
    unit = one_line(stage.unit)
    parts = []
    if stage.total:
        parts.append(f"{numbers.count(stage.done)} of {numbers.count(stage.total)} {unit}".rstrip())
    elif stage.done:
        parts.append(f"{numbers.count(stage.done)} {unit}".rstrip())
    if stage.state == "running" and stage.waits_for:
        # The rate, and what follows from it, no longer hold.
        waited = numbers.duration(stage.waits_s)
        parts.append(f"waiting {waited} for {one_line(stage.waits_for)}")
    elif stage.state == "running":
        if stage.rate is not None:
            parts.append(numbers.rate(stage.rate))
        if stage.eta_s is not None:
            parts.append(f"{numbers.duration(stage.eta_s)} left")
        if stage.where:
            parts.append(f"on {one_line(stage.where)}")
    elif stage.state == "done" and stage.seconds:
        parts.append(numbers.duration(stage.seconds))
    if stage.note:
        parts.append(one_line(stage.note))
    return Safe(" · ".join(parts))


class Stages(Widget):
    """One line per stage."""

    _status: RunStatus | None = None

    def show(self, status: RunStatus | None) -> None:
        taller = len(status.stages) if status is not None else 0
        before = len(self._status.stages) if self._status is not None else 0
        error_changed = (status and status.error) != (self._status and self._status.error)
        self._status = status
        self.refresh(layout=taller != before or error_changed)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        if self._status is None:
            return 1
        return max(1, len(self._status.stages)) + (1 if self._status.error else 0)

    def render(self) -> Content:
        status = self._status
        if status is None:
            return Content.styled(" Waiting for the engine…", "dim")
        wide = self.size.width >= 100
        room = 3 + max((cell_len(one_line(stage.label)) for stage in status.stages), default=0)
        lines = [self._line(stage, min(room, 30), 20 if wide else 8) for stage in status.stages]
        if status.error:
            lines.append(Content.assemble((" error ", "bold $caution"), content(status.error)))
        if not lines:
            lines.append(Content.styled(" No stage has started.", "dim"))
        return Content("\n").join(lines)

    def _line(self, stage: StageProgress, room: int, width: int) -> Content:
        style = {"running": "bold", "failed": "bold $caution"}.get(stage.state, "dim")
        filled = bar(stage.done, stage.total, width)
        if stage.state == "done" and not stage.total:
            filled = Safe("█" * width)
        line = Content.assemble(
            (fit(Safe(f" {one_line(stage.label)}"), room), style),
            (fit(words.STAGE_STATE[stage.state], 8), style),
            (filled, "" if stage.state == "running" else "dim"),
            " ",
            (stage_words(stage), "" if stage.state == "running" else "dim"),
        )
        return line.truncate(self.size.width, ellipsis=True)
