"""A seeded sample of row indices, and the digest of a list of pairs."""

import hashlib
from collections.abc import Iterable

from engine.data.pairs import Pair, Reject


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
    return sorted(sorted(range(n), key=lambda index: rank(seed, index))[:limit])


def rank(seed: int, index: int) -> bytes:
    """What orders the indices of a sample."""
    return hashlib.sha256(f"{seed}:{index}".encode()).digest()


def digest(pairs: Iterable[Pair]) -> str:
    """SHA-256 of the ids, conversations and topics, in order. Line numbers are not part of it, nor
    are facts, so that results are kept where only those were read otherwise."""
    state = Digest()
    for pair in pairs:
        state.add(pair)
    return state.value()


class Digest:
    """Digests of pairs and rejects as they come: `value` of the pairs alone, `content` of all that
    a source says about them.

    Every field is preceded by its length, so that different lists never hash the same bytes.
    """

    def __init__(self) -> None:
        self._pairs = hashlib.sha256()
        self._content = hashlib.sha256()

    def add(self, item: Pair | Reject) -> None:
        if isinstance(item, Pair):
            texts = item.chosen.encoded, item.rejected.encoded
            fields = b"".join(map(_field, (item.source_id, *texts, item.topic)))
            self._pairs.update(fields)
            self._content.update(fields)
            self._content.update(_field(f"{item.line} {item.facts} {item.group} {item.place}"))
        for row in item.rows:
            self._content.update(b"%d %s:" % (row.number, row.layout.encode()))
            self._content.update(row.raw)

    def value(self) -> str:
        return self._pairs.hexdigest()

    @property
    def content(self) -> str:
        return self._content.hexdigest()


def _field(text: str | None) -> bytes:
    if text is None:
        return b"-"
    data = text.encode("utf-8")
    return b"%d:%s" % (len(data), data)
