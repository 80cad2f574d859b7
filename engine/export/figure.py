"""Draws estimates with their intervals: as SVG for HTML, as characters for Markdown."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from engine.visible import one_line

# Distinguishable by people with colour blindness: blue, orange, grey.
_COLOURS = ("#0072b2", "#d55e00", "#555555")
_SIGNS = "●○◆"
_LABEL, _PLOT, _ROW = 260, 420, 26
_CELLS = 49


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval, if there is one."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Intervals:
    """One row per label with one mark per series; None for a missing estimate."""

    title: str
    unit: str
    series: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Estimate | None]]]


def _range(figure: Intervals) -> tuple[float, float]:
    """The ends of the axis. It includes zero and is never empty."""
    ends = [0.0]
    for _, estimates in figure.rows:
        for estimate in estimates:
            if estimate is not None:
                ends += [
                    end for end in (estimate.value, estimate.low, estimate.high) if end is not None
                ]
    low, high = min(ends), max(ends)
    return (low, high) if high > low else (-1.0, 1.0)


def as_svg(figure: Intervals) -> str:
    """The figure as an SVG element."""
    low, high = _range(figure)
    height = _ROW * (len(figure.rows) + 3)

    def x(value: float) -> str:
        return f"{_LABEL + (value - low) / (high - low) * _PLOT:.1f}"

    parts = [
        f'<svg role="img" width="{_LABEL + _PLOT + 20}" height="{height}">',
        f"<title>{_escape(figure.title)}</title>",
        f'<text x="0" y="14">{_escape(figure.title)}, {_escape(figure.unit)}</text>',
    ]
    for place, name in enumerate(figure.series):
        left = _LABEL + place * 110
        parts.append(f'<circle cx="{left}" cy="30" r="4" fill="{_COLOURS[place]}"/>')
        parts.append(f'<text x="{left + 8}" y="34">{_escape(name)}</text>')
    bottom = _ROW * (len(figure.rows) + 2)
    parts.append(f'<line x1="{x(0)}" x2="{x(0)}" y1="40" y2="{bottom}" stroke="#999"/>')
    for number, (label, estimates) in enumerate(figure.rows):
        middle = _ROW * (number + 2) + 8
        parts.append(f'<text x="0" y="{middle + 4}">{_escape(_shorten(label))}</text>')
        for place, estimate in enumerate(estimates):
            if estimate is None:
                continue
            y, colour = middle + (place - (len(estimates) - 1) / 2) * 6, _COLOURS[place]
            if estimate.low is not None and estimate.high is not None:
                parts.append(
                    f'<line x1="{x(estimate.low)}" x2="{x(estimate.high)}" y1="{y}" y2="{y}" '
                    f'stroke="{colour}" stroke-width="2"/>'
                )
            parts.append(f'<circle cx="{x(estimate.value)}" cy="{y}" r="3.5" fill="{colour}"/>')
    for value, anchor in ((low, "start"), (high, "end")):
        parts.append(
            f'<text x="{x(value)}" y="{bottom + 14}" text-anchor="{anchor}">{value:.2f}</text>'
        )
    return "\n".join([*parts, "</svg>"])


def as_text(figure: Intervals) -> str:
    """The figure as lines of plain text."""
    low, high = _range(figure)

    def cell(value: float) -> int:
        return round((value - low) / (high - low) * (_CELLS - 1))

    width = max((len(_shorten(label)) for label, _ in figure.rows), default=0)
    key = "  ".join(f"{sign} {name}" for sign, name in zip(_SIGNS, figure.series, strict=False))
    lines = [f"{figure.title}, {figure.unit}: {key}"]
    for label, estimates in figure.rows:
        for place, estimate in enumerate(estimates):
            if estimate is None:
                continue
            cells = [" "] * _CELLS
            cells[cell(0)] = "│"
            if estimate.low is not None and estimate.high is not None:
                for number in range(cell(estimate.low), cell(estimate.high) + 1):
                    cells[number] = "─" if cells[number] == " " else "┼"
            cells[cell(estimate.value)] = _SIGNS[place]
            name = _shorten(label) if place == 0 else ""
            lines.append(f"{name:<{width}}  {''.join(cells)}  {estimate.value:+.2f}")
    lines.append(f"{'':<{width}}  {low:<{_CELLS // 2}.2f}{high:>{_CELLS - _CELLS // 2}.2f}")
    return "\n".join(line.rstrip() for line in lines)


def _shorten(label: str) -> str:
    text = one_line(label)
    return text if len(text) <= 34 else text[:33] + "…"


def _escape(text: str) -> str:
    return html.escape(one_line(text))
