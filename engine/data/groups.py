"""Groups of pairs that share a prompt. Statistics treat the pairs of a group as one cluster."""

from __future__ import annotations

import hashlib
from array import array
from typing import TYPE_CHECKING

from engine.data.options import Grouping
from engine.data.pairs import Pair

if TYPE_CHECKING:
    from engine.data.near import NearDuplicates

_ALONE = -1


class Groups:
    """Assigns group numbers to pairs as they come.

    Pairs belong together if their prompts are equal but for white space, with `near` also if they
    are nearly equal (see engine/data/near.py), and if the source puts them together, such as those
    of one N-best row; what belongs to the same pair belongs together. With `named`, the study names
    the column of the group: for the rows that have one, that alone counts.
    """

    def __init__(self, grouping: Grouping, named: bool = False) -> None:
        self._grouping = grouping
        self._named = named
        self._sets = _Sets()
        self._members = array("i")  # of every pair a member of its set, or _ALONE
        self._places: dict[int, int] = {}  # prompts by their number in `near`
        self._near = _near_duplicates() if grouping == "near" else None

    def add(self, pair: Pair) -> None:
        members = []
        if pair.group is not None:
            members.append(self._sets.number(_key(b"g", pair.group)))
        if self._grouping != "none" and not (members and self._named):
            members.append(self._prompt(pair))
        self._members.append(members[0] if members else _ALONE)
        for other in members[1:]:
            self._sets.join(members[0], other)

    def numbers(self) -> list[int | None]:
        """The group number of every pair, from 0 in the order of their first pair; None for a pair
        that belongs to no other."""
        if self._near is not None:
            for one, other in self._near.pairs():
                self._sets.join(self._places[one], self._places[other])
        roots = array("i", map(self._sets.root, self._members))
        sizes = array("i", bytes(roots.itemsize * (len(self._sets) + 1)))  # the last of those alone
        for root in roots:
            sizes[root] += 1
        sizes[_ALONE] = 1
        numbers: dict[int, int] = {}
        return [
            numbers.setdefault(root, len(numbers)) if sizes[root] > 1 else None for root in roots
        ]

    def _prompt(self, pair: Pair) -> int:
        context, _ = pair.chosen.split()
        known = len(self._sets)
        number = self._sets.number(_key(b"p", " ".join(context.split())))
        if self._near is not None and number == known:
            from engine.data.near import Prompt

            self._places[self._near.add(Prompt.of(pair.chosen))] = number
        return number


class _Sets:
    """Sets of keys that are joined as it turns out what belongs together."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._parents = array("i")

    def __len__(self) -> int:
        return len(self._parents)

    def number(self, key: bytes) -> int:
        number = self._numbers.setdefault(key, len(self._parents))
        if number == len(self._parents):
            self._parents.append(number)
        return number

    def root(self, number: int) -> int:
        if number == _ALONE:
            return _ALONE
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    def join(self, one: int, other: int) -> None:
        self._parents[self.root(one)] = self.root(other)


def _near_duplicates() -> NearDuplicates:
    from engine.data.near import NearDuplicates  # numpy is needed for this alone

    return NearDuplicates()


def _key(kind: bytes, text: str) -> bytes:
    return kind + hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:15]
