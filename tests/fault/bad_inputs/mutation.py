"""Good inputs changed at random: bytes turned, cut, repeated, swapped for other values."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

_WORDS = (
    *(b"null", b"NaN", b"-1", b"1e999", b"[]", b"{}", b"true", b'""', b"\x00", b"\xff", b"\n"),
    *(b'"', b"[", b"{", b",", b"=", b"9" * 400, b"\xed\xa0\x80", b"\\u0000", b"2024-02-31", b"''"),
)


def changed(content: bytes, dice: random.Random) -> bytes:
    """The content after one to three changes."""
    for _ in range(dice.randint(1, 3)):
        content = dice.choice((_turned, _cut, _without, _repeated, _swapped))(content, dice)
    return content


def _turned(content: bytes, dice: random.Random) -> bytes:
    if not content:
        return b"\xff"
    at = dice.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << dice.randrange(8)]) + content[at + 1 :]


def _cut(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.randint(0, len(content))]


def _without(content: bytes, dice: random.Random) -> bytes:
    at = dice.randint(0, len(content))
    return content[:at] + content[at + dice.randint(1, 40) :]


def _repeated(content: bytes, dice: random.Random) -> bytes:
    at = dice.randint(0, len(content))
    part = content[at : at + dice.randint(1, 200)]
    return content[:at] + part * dice.randint(2, 4) + content[at + len(part) :]


def _swapped(content: bytes, dice: random.Random) -> bytes:
    at = dice.randint(0, len(content))
    return content[:at] + dice.choice(_WORDS) + content[at + dice.randint(0, 6) :]


_VALUES = (None, True, -1, 0, 10**12, 1.5, "", "x", "\x00", [], {}, [1], {"a": 1}, ["x"] * 3)


def swapped_value(content: bytes, dice: random.Random) -> bytes:
    """JSON with one value, however deep, swapped for another or left out."""
    tree = json.loads(content)
    place, key = dice.choice(list(_places(tree)))
    if dice.random() < 0.2:
        del place[key]
    else:
        place[key] = dice.choice(_VALUES)
    return json.dumps(tree).encode()


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with each of its keys; of long ones the first keys."""
    keys = list(tree)[:20] if isinstance(tree, dict) else list(range(len(tree)))[:20]
    for key in keys:
        yield tree, key
        if isinstance(tree[key], (dict, list)):
            yield from _places(tree[key])
