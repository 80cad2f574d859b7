"""Finds prompts that are nearly equal: the same but for case, punctuation and a few words.

MinHash signatures of triples of words, compared within the bands in which they agree. Written here
rather than taken from a library: datasketch takes minutes and a gigabyte for the 160,800 prompts of
hh-rlhf, and the signatures of faster ones may change with their version, and so would the groups.
Texts are not kept; a prompt takes 600 bytes.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from engine.data.conversation import Conversation

# Two texts are nearly equal if they share this part of their triples of words: in a text of 60
# words one may differ, and shorter texts may differ in case and punctuation only.
NEAR = 0.9
_HASHES = 64
_ROWS = 8  # hashes per band: of two texts at 0.9, 98.9 % agree in one of the eight bands
_CHUNK = 250  # texts whose words are in memory at once
_REACH = 16  # how many that follow it in a band a prompt is compared with

_WORD = re.compile(rb"[\w\x80-\xff]+")
_DICE = np.random.Generator(np.random.PCG64(2408))
_FACTORS = _DICE.integers(1, 2**32, _HASHES, np.uint32) | np.uint32(1)
_OFFSETS = _DICE.integers(0, 2**32, _HASHES, np.uint32)
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)

UInt32 = NDArray[np.uint32]
UInt64 = NDArray[np.uint64]


class Prompt(NamedTuple):
    """A prompt to compare: the roles of its messages, all of its text, and its last message."""

    roles: str
    whole: str
    last: str

    @staticmethod
    def of(conversation: Conversation) -> Prompt:
        """The prompt of a conversation that ends in a response."""
        messages = conversation.messages[:-1]
        roles = " ".join(message.role for message in messages)
        contents = [message.content for message in messages]
        return Prompt(roles, "\n".join(contents), contents[-1] if contents else "")


class NearDuplicates:
    """Compares prompts as they come. What it finds does not depend on their order."""

    def __init__(self) -> None:
        self._count = 0
        self._roles = array("Q")
        self._pending: list[Prompt] = []
        self._whole: list[UInt32] = []
        self._last: list[UInt32] = []

    def add(self, prompt: Prompt) -> int:
        """The number of the prompt."""
        self._pending.append(prompt)
        self._count += 1
        if len(self._pending) == _CHUNK:
            self._sign()
        return self._count - 1

    def pairs(self) -> list[tuple[int, int]]:
        """Numbers of prompts that are nearly equal, two by two; not all of them where many are,
        but enough to connect them."""
        self._sign()
        if not self._count:
            return []
        whole, last = np.concatenate(self._whole), np.concatenate(self._last)
        roles = np.frombuffer(self._roles, np.uint64)
        found: set[tuple[int, int]] = set()
        for start in range(0, _HASHES, _ROWS):
            found |= _near_in_band(whole, last, roles, slice(start, start + _ROWS))
        return sorted(found)

    def _sign(self) -> None:
        if self._pending:
            self._roles.extend(crc32(prompt.roles.encode()) for prompt in self._pending)
            whole = signatures([prompt.whole for prompt in self._pending])
            last = whole.copy()
            longer = [at for at, prompt in enumerate(self._pending) if prompt.whole != prompt.last]
            if longer:
                last[longer] = signatures([self._pending[at].last for at in longer])
            self._whole.append(whole)
            self._last.append(last)
            self._pending.clear()


def _near_in_band(whole: UInt32, last: UInt32, roles: UInt64, band: slice) -> set[tuple[int, int]]:
    """The pairs of prompts that agree in this band of their signatures and in their roles, and are
    nearly equal. A band is sorted by what is in it, never by the order of the prompts."""
    keys = roles * _MIX[0]
    for column in whole[:, band].T:
        keys = (keys ^ column) * _MIX[1]
        keys ^= keys >> np.uint64(29)
    order = np.lexsort((*last[:, :2].T, *whole[:, : _ROWS + 1].T, keys))
    ordered = keys[order]
    found: set[tuple[int, int]] = set()
    for step in range(1, min(_REACH, len(order) - 1) + 1):
        places = np.flatnonzero(ordered[:-step] == ordered[step:])
        if not len(places):
            break
        one, other = order[places], order[places + step]
        near = _alike(whole, one, other) & _alike(last, one, other)
        near &= roles[one] == roles[other]
        found.update(zip(one[near].tolist(), other[near].tolist(), strict=True))
    return found


def _alike(of: UInt32, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.bool_]:
    alike: NDArray[np.bool_] = (of[one] == of[other]).mean(axis=1) >= NEAR
    return alike


def signatures(texts: Sequence[str]) -> UInt32:
    """The MinHash signature of each text: uint32[n, 64]. The share of equal values in two rows
    estimates the share of the triples of words that the two texts have in common."""
    words, starts = array("Q"), [0]
    for text in texts:
        found = list(map(crc32, _words(text)))
        # A text of fewer than three words is one triple, and an empty one has one too.
        found.extend([0] * (3 - len(found)))
        words.extend(found)
        starts.append(len(words))
    hashed = np.frombuffer(words, np.uint64)
    triples = hashed * _MIX[0] + np.roll(hashed, -1) * _MIX[1] + np.roll(hashed, -2) * _MIX[2]
    inside = np.ones(len(hashed), bool)
    ends = np.array(starts[1:])
    inside[ends - 1] = inside[ends - 2] = False  # the next text begins there
    short = (triples[inside] >> np.uint64(32)).astype(np.uint32)
    first = np.array(starts[:-1]) - 2 * np.arange(len(texts))
    signed = np.empty((len(texts), _HASHES), np.uint32)
    values = np.empty_like(short)
    for at in range(_HASHES):
        np.multiply(short, _FACTORS[at], out=values)
        np.add(values, _OFFSETS[at], out=values)
        signed[:, at] = np.minimum.reduceat(values, first)
    return signed


def _words(text: str) -> list[bytes]:
    """The words of a text in lower case, without punctuation. Every character beyond ASCII belongs
    to a word, which makes them three times as fast to find."""
    return _WORD.findall(text.casefold().encode("utf-8", "surrogatepass"))
