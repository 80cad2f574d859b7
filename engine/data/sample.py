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
    """SHA-256 of the ids, texts and topics, in order. Line numbers are not part of it.

    Every field is preceded by its length, so that different lists never hash the same bytes.
    """
    state = hashlib.sha256()
    for pair in pairs:
        for field in (pair.source_id, pair.chosen, pair.rejected, pair.topic):
            data = b"" if field is None else field.encode("utf-8")
            state.update(b"-" if field is None else b"%d:" % len(data))
            state.update(data)
    return state.hexdigest()
