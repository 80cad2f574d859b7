"""A seeded sample of row numbers, and the digest of loaded pairs."""

import hashlib
from collections.abc import Iterable

from engine.data.pairs import Pair


def seeded_sample(n: int, limit: int, seed: int) -> list[int]:
    """`limit` of the indices below `n`, sorted; all of them where limit is 0 or not below n.

    The indices are ranked by the SHA-256 of "seed:index" and the first `limit` are taken. Unlike
    `random.sample`, whose method may change, this gives the same sample on every Python version
    and machine. A larger limit keeps what a smaller one chose.
    """
    if n < 0 or limit < 0:
        raise ValueError("n and limit may not be negative")
    if limit == 0 or limit >= n:
        return list(range(n))
    return sorted(sorted(range(n), key=lambda index: _rank(seed, index))[:limit])


def _rank(seed: int, index: int) -> bytes:
    return hashlib.sha256(f"{seed}:{index}".encode()).digest()


def digest(pairs: Iterable[Pair]) -> str:
    """SHA-256 over ids, texts and topics in their order; lines in the file do not count.

    Every field is preceded by its length, so that no two different lists run together.
    """
    state = hashlib.sha256()
    for pair in pairs:
        for field in (pair.source_id, pair.chosen, pair.rejected, pair.topic):
            data = b"" if field is None else field.encode("utf-8")
            state.update(b"-" if field is None else b"%d:" % len(data))
            state.update(data)
    return state.hexdigest()
