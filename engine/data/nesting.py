"""How deeply a parsed value is nested: whatever walks through rows may rely on a small number."""

from __future__ import annotations

from typing import Any

MOST = 100


def is_deep(value: Any, brackets: int) -> bool:
    """Whether lists and objects are nested more than `MOST` deep in a value whose text has this
    many opening brackets."""
    if brackets <= MOST:
        return False
    level = [value]
    for _ in range(MOST):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        level = [part for item in inner for part in item if isinstance(part, (dict, list))]
        if not level:
            return False
    return True
