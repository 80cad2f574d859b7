"""The shares of pairs that agree with the human preference, before and after training."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from engine.results import views
from engine.results.records import AlignmentRow, Tables
from seal_tui.explorer.widgets.progress import bar
from seal_tui.text import numbers
from seal_tui.text.safe import Safe, fit, one_line

_CHANGE = "mcnemar aligned pre against post"
_NAME, _SHARE, _RESISTANCE, _ERROR = 8, 8, 10, 5
_LEAST_BAR, _MOST_BAR = 6, 48


class Alignment(Widget):
    """One line a model, with a bar as wide as there is room."""

    _tables: Tables | None = None

    def show(self, tables: Tables) -> None:
        self._tables = tables
        self.refresh(layout=True)

    def render(self) -> Content:
        if self._tables is None:
            return Content("")
        return alignment_text(self._tables, self.size.width)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        if self._tables is None:
            return 1
        text = alignment_text(self._tables, width)
        return len(text.wrap(width)) if width > 0 else 1


def alignment_text(tables: Tables, width: int) -> Content:
    """Alignment before and after training, with bars, intervals and the change."""
    rows = views.alignment(tables)
    room = width - _NAME - _SHARE - _RESISTANCE - _ERROR - 2
    room = max(_LEAST_BAR, min(_MOST_BAR, room))
    head = f"{'':{_NAME}}{'aligned':>{_SHARE}}{'':{room + 2}}{'resistance':>{_RESISTANCE}}"
    lines = [Content.styled(head, "dim")]
    for row in rows:
        half = numbers.half_width(row.ci_low, row.ci_high, 1, 100)
        lines.append(_line(one_line(row.role), row.alignment, row.resistance, half, room))
        if row.held_out is not None:
            half = numbers.half_width(row.held_out_low, row.held_out_high, 1, 100)
            lines.append(_line(Safe("held out"), row.held_out, 1 - row.held_out, half, room))
    lines.append(Content.styled(" · ".join(_beside(tables, rows)), "dim"))
    return Content("\n").join(lines)


def _line(
    name: Safe, alignment: float | None, resistance: float | None, half: Safe, room: int
) -> Content:
    return Content.assemble(
        (fit(name, _NAME), "bold"),
        fit(numbers.percent(alignment), _SHARE, "right"),
        " ",
        (bar(round((alignment or 0) * 1000), 1000, room), "$chosen"),
        " ",
        fit(numbers.percent(resistance), _RESISTANCE, "right"),
        (f" ±{half}", "dim"),
    )


def _beside(tables: Tables, rows: list[AlignmentRow]) -> list[str]:
    """The line below the two shares: change, ties and noise."""
    parts = []
    shares = [row.alignment for row in rows]
    if len(shares) == 2 and shares[0] is not None and shares[1] is not None:
        p = views.test_of(tables, _CHANGE)
        certainty = f" (p {numbers.p_value(p)})" if p is not None else ""
        parts.append(f"change {numbers.points(shares[1] - shares[0])} points{certainty}")
    arrow = " → "
    parts.append(f"ties {arrow.join(numbers.count(row.ties) for row in rows)}")
    if any(row.noise_limited for row in rows):
        noisy = arrow.join(numbers.count(row.noise_limited) for row in rows)
        parts.append(f"within the noise {noisy}")
    return parts
