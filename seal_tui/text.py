"""The one door through which foreign text reaches a terminal.

Dataset texts, labels, model answers, file names and error messages may hold escape codes that
wipe the screen or fill the clipboard, bidi overrides, invisible characters and markup. Textual
and Rich pass all of that on. Here it becomes visible instead: odd characters are evidence of
what moved a reward. Widgets take `Content` or `Safe` from this module and never a data `str`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NewType

from rich.cells import cell_len, set_cell_size
from textual.content import Content, Span

Safe = NewType("Safe", str)
"""A string fit for a terminal: a literal of ours, a formatted number, or `plain()` of anything."""

MARK_STYLE = "bold $caution"
TAB = "    "

# Every code point of the categories Cc (but newline), Cf, Cs, Zl and Zp, and the characters of
# other categories that draw nothing: fillers, joiners, lone variation selectors, noncharacters.
_ODD = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"
    "\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U000110bd\U000110cd\U00013430-\U00013440\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
# A joiner between two pictographs is part of one emoji and hides nothing.
_EMOJI = "\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\ufe0f"
_JOINED = re.compile(f"(?<=[{_EMOJI}])\u200d(?=[{_EMOJI}])")
_JOINER = "\ue00d"  # stands for an allowed joiner while the others are replaced
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def _shown(character: str) -> str:
    """The visible form of one odd character."""
    code = ord(character)
    if code == 0x09:
        return TAB
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"⟨U+{code:04X}⟩"


def _fragments(text: str) -> Iterable[tuple[str, bool]]:
    """`text` in order as (visible text, is a mark) with neighbouring plain parts kept whole."""
    if text.isascii() and text.isprintable():
        if text:
            yield text, False
        return
    if "\u200d" in text:
        text = _JOINED.sub(_JOINER, text.replace(_JOINER, "\ufffd"))
    position = 0
    for match in _ODD.finditer(text):
        if match.start() > position:
            yield text[position : match.start()].replace(_JOINER, "\u200d"), False
        character = match.group()
        yield _shown(character), character != "\t"
        position = match.end()
    if position < len(text):
        yield text[position:].replace(_JOINER, "\u200d"), False


def plain(text: str) -> Safe:
    """`text` for a terminal, a log or a pipe. Newlines stay."""
    return Safe("".join(part for part, _ in _fragments(text)))


def one_line(text: str) -> Safe:
    """`plain`, with line ends shown as ⏎ so that it fits a table cell or a title."""
    return Safe(plain(re.sub(r"\s*\n\s*", " ⏎ ", text.strip(" \n"))))


def content(text: str, style: str = "") -> Content:
    """`text` as something a widget may draw."""
    return pieces([(text, style)])


def pieces(parts: Iterable[tuple[str, str]]) -> Content:
    """Consecutive (foreign text, style) parts as one `Content`; marks get the warning style."""
    shown: list[str] = []
    spans: list[Span] = []
    position = 0
    for text, style in parts:
        for fragment, is_mark in _fragments(text):
            end = position + len(fragment)
            chosen = MARK_STYLE if is_mark else style
            if chosen:
                spans.append(Span(position, end, chosen))
            shown.append(fragment)
            position = end
    return Content("".join(shown), spans)


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


def csv_cell(text: str) -> Safe:
    """`text` for a spreadsheet: visible control characters, and never read as a formula."""
    shown = plain(text)
    if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA):
        return Safe("'" + shown)
    return shown
