"""A seeded sample of row indices, and the digest of a list of pairs."""

import hashlib
from collections.abc import Iterable

from engine.data.pairs import Pair


def seeded_sample(n: int, limit: int, seed: int) -> list[int]:
    """A sorted sample of `limit` indices below `n`; all of them if limit is 0 or at least n.

    The indices are ranked by the SHA-256 of "seed:index", and the first `limit` are taken. Unlike
    `random.sample`, whose algorithm may change, this gives the same sample with every version of
    Python. A larger limit extends the sample of a smaller one.
    """
    if n < 0 or limit < 0:
        raise ValueError("n and limit must not be negative")
    if limit == 0 or limit >= n:
        return list(range(n))
    return sorted(sorted(range(n), key=lambda index: _rank(seed, index))[:limit])


def _rank(seed: int, index: int) -> bytes:
    return hashlib.sha256(f"{seed}:{index}".encode()).digest()


def digest(pairs: Iterable[Pair]) -> str:
    """SHA-256 of the ids, conversations and topics, in order. Line numbers are not part of it, nor
    are facts, so that results are kept where only those were read otherwise."""
    state = Digest()
    for pair in pairs:
        state.add(pair)
    return state.value()


class Digest:
    """The digest of pairs as they come.

    Every field is preceded by its length, so that different lists never hash the same bytes.
    """

    def __init__(self) -> None:
        self._state = hashlib.sha256()

    def add(self, pair: Pair) -> None:
        fields = (pair.source_id, pair.chosen.encoded, pair.rejected.encoded, pair.topic)
        for field in fields:
            data = b"" if field is None else field.encode("utf-8")
            self._state.update(b"-" if field is None else b"%d:" % len(data))
            self._state.update(data)

    def value(self) -> str:
        return self._state.hexdigest()
