"""The only way for untrusted text to reach a terminal.

Dataset texts, labels, model answers, file names and error messages may hold escape codes that
wipe the screen or fill the clipboard, bidi overrides, invisible characters and markup. Textual
and Rich pass all of that on. Here it becomes visible instead: odd characters may explain a
reward. Widgets take `Content` or `Safe` from this module and never a `str` from the data.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NewType

from rich.cells import cell_len, set_cell_size
from textual.content import Content, Span

from engine import visible

Safe = NewType("Safe", str)
"""A string that is safe on a terminal: a literal, a formatted number, or the result of `plain`."""

MARK_STYLE = "bold $caution"


def plain(text: str) -> Safe:
    """`text` made safe for a terminal, a log or a pipe. Keeps newlines."""
    return Safe(visible.plain(text))


def one_line(text: str) -> Safe:
    """`plain`, with line ends shown as ⏎ so that it fits a table cell or a title."""
    return Safe(visible.one_line(text))


def shell_word(text: object) -> Safe:
    """A path or other argument as one word of a command line that can be pasted."""
    return Safe(visible.shell_word(text))


def content(text: str, style: str = "") -> Content:
    """`text` as `Content` for a widget."""
    return pieces([(text, style)])


def pieces(parts: Iterable[tuple[str, str]]) -> Content:
    """Consecutive (untrusted text, style) parts as one `Content`; escapes get the warning style."""
    fragments: list[str] = []
    spans: list[Span] = []
    position = 0
    for text, style in parts:
        for fragment, is_mark in visible.fragments(text):
            end = position + len(fragment)
            chosen = MARK_STYLE if is_mark else style
            if chosen:
                spans.append(Span(position, end, chosen))
            fragments.append(fragment)
            position = end
    return Content("".join(fragments), spans)


def fit(text: Safe, width: int, align: str = "left") -> Safe:
    """`text` cut or padded to exactly `width` terminal cells; a cut ends in an ellipsis."""
    if width <= 0:
        return Safe("")
    length = cell_len(text)
    if length > width:
        return Safe(set_cell_size(text, width - 1) + "…")
    gap = " " * (width - length)
    if align == "right":
        return Safe(gap + text)
    if align == "center":
        half = len(gap) // 2
        return Safe(gap[:half] + text + gap[half:])
    return Safe(text + gap)
