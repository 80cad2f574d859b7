"""Makes untrusted text safe to display: in a terminal, a spreadsheet, a report.

Dataset texts, labels, model answers, file names and error messages may contain escape sequences
that clear the screen or fill the clipboard, bidi overrides, invisible characters and formulas.
They become visible characters and are not removed, because they may explain a reward.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator

TAB = "    "

# Every code point of the categories Cc (except newline), Cf, Cs, Zl and Zp, and invisible
# characters of other categories: fillers, joiners, lone variation selectors, noncharacters.
_UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"
    "\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U000110bd\U000110cd\U00013430-\U00013440\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
# A joiner between two pictographs is part of an emoji and hides nothing.
_EMOJI = "\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\ufe0f"
_JOINED = re.compile(f"(?<=[{_EMOJI}])\u200d(?=[{_EMOJI}])")
_JOINER = "\ue00d"  # replaces allowed joiners while the others are escaped
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def _escape(character: str) -> str:
    """The visible form of one unsafe character."""
    code = ord(character)
    if code == 0x09:
        return TAB
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"⟨U+{code:04X}⟩"


def fragments(text: str) -> Iterator[tuple[str, bool]]:
    """Splits text into (visible text, is it an escape) parts, in order."""
    if text.isascii() and text.replace("\n", "").isprintable():
        if text:
            yield text, False
        return
    if "\u200d" in text:
        text = _JOINED.sub(_JOINER, text.replace(_JOINER, "\ufffd"))
    position = 0
    for match in _UNSAFE.finditer(text):
        if match.start() > position:
            yield text[position : match.start()].replace(_JOINER, "\u200d"), False
        character = match.group()
        yield _escape(character), character != "\t"
        position = match.end()
    if position < len(text):
        yield text[position:].replace(_JOINER, "\u200d"), False


def plain(text: str) -> str:
    """`text` with every unsafe character escaped. Newlines are kept."""
    return "".join(part for part, _ in fragments(text))


def one_line(text: str) -> str:
    """`plain` on one line, for a table cell or a title: line ends become ⏎."""
    return plain(re.sub(r"\s*\n\s*", " ⏎ ", text.strip(" \n")))


def json_text(text: str) -> str:
    """JSON that says the same with every unsafe character as an escape of JSON."""
    return text if text.isascii() and "\x7f" not in text else _UNSAFE.sub(_json_escape, text)


def _json_escape(match: re.Match[str]) -> str:
    character = match.group()
    # The layout of indented JSON is no text of anybody; a tab within a string is escaped already.
    if character in "\t\r":
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def toml_string(text: str) -> str:
    """A TOML string that says `text`, with every unsafe character as an escape of TOML.

    Raises UnicodeEncodeError for a lone surrogate, such as of a path that is not UTF-8.
    """
    text.encode()
    # A JSON string is one of TOML, but not with JSON's escapes of pairs of surrogates.
    return _UNSAFE.sub(_toml_escape, json.dumps(text, ensure_ascii=False))


def _toml_escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def csv_cell(text: str) -> str:
    """`plain` for a spreadsheet, with an apostrophe before what could be a formula."""
    safe = plain(text)
    if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA):
        return "'" + safe
    return safe


def shell_word(text: object) -> str:
    """A path or other argument as one word for a shell: safe to show, and safe to paste.

    What cannot be shown as it is becomes $'…' with escaped bytes, as bash, zsh and ksh read it.
    """
    word = str(text)
    if plain(word) == word and "\n" not in word:
        return shlex.quote(word)
    escaped = "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in b"\\'" else f"\\{byte:03o}"
        for byte in os.fsencode(word)
    )
    return f"$'{escaped}'"
