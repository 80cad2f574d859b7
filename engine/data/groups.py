"""Groups of pairs that share a prompt. Statistics treat the pairs of a group as one cluster."""

from __future__ import annotations

import hashlib
from collections import Counter

from engine.data.pairs import Pair


class Groups:
    """Assigns group numbers to pairs as they come."""

    def __init__(self) -> None:
        self._keys: list[bytes] = []

    def add(self, pair: Pair) -> None:
        self._keys.append(_key(pair))

    def numbers(self) -> list[int | None]:
        """The group number of every pair, from 0 in the order of their first pair; None for a pair
        that shares its prompt with no other."""
        sizes = Counter(self._keys)
        numbers: dict[bytes, int] = {}
        return [
            numbers.setdefault(key, len(numbers)) if sizes[key] > 1 else None for key in self._keys
        ]


def _key(pair: Pair) -> bytes:
    if pair.group is not None:
        return b"g" + hashlib.sha256(pair.group.encode()).digest()[:15]
    context, _ = pair.chosen.split()
    return b"p" + hashlib.sha256(" ".join(context.split()).encode()).digest()[:15]
