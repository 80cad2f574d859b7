"""Names of keys: as people write them, and as Textual does."""

from __future__ import annotations

from textual.keys import (
    KEY_NAME_REPLACEMENTS,
    Keys,
    _character_to_key,
    format_key,
    key_to_character,
)

from seal_tui.text.safe import Safe, one_line

_MODIFIERS = frozenset({"ctrl", "alt", "shift", "super", "hyper", "meta"})
_NAMES = frozenset(
    [*(key.value for key in Keys if key.value.isalnum()), *KEY_NAME_REPLACEMENTS.values()]
)


def read(written: str) -> str:
    """The key as Textual names it, or an empty string if it is none: `?` is `question_mark`."""
    before, plus, key = written.rpartition("+")
    if plus and not key:  # the key + itself
        before, key = before.removesuffix("+"), "+"
    modifiers = before.split("+") if before else []
    if len(set(modifiers)) < len(modifiers) or not set(modifiers) <= _MODIFIERS:
        return ""
    if len(key) == 1:
        key = _character_to_key(key)
    elif key not in _NAMES and key_to_character(key) is None:
        return ""
    return "+".join([*sorted(modifiers), key])


def show(key: str) -> Safe:
    """A key of Textual as people write it."""
    return one_line(format_key(key))
