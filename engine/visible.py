"""Foreign text made visible: for a terminal, a spreadsheet, a report.

Dataset texts, labels, model answers, file names and error messages may hold escape codes that
wipe the screen or fill the clipboard, bidi overrides, invisible characters and formulas. Here
they become characters to be seen: odd characters are evidence of what moved a reward.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

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


def fragments(text: str) -> Iterator[tuple[str, bool]]:
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


def plain(text: str) -> str:
    """`text` with every odd character visible. Newlines stay."""
    return "".join(part for part, _ in fragments(text))


def one_line(text: str) -> str:
    """`plain`, with line ends shown as ⏎ so that it fits a table cell or a title."""
    return plain(re.sub(r"\s*\n\s*", " ⏎ ", text.strip(" \n")))


def csv_cell(text: str) -> str:
    """`text` for a spreadsheet: visible control characters, and never read as a formula."""
    shown = plain(text)
    if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA):
        return "'" + shown
    return shown
