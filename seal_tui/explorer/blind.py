"""Which answer stands where, so that a person can judge without knowing what was chosen."""

from __future__ import annotations

import zlib


def chosen_is_left(pair_id: int, *, blind: bool) -> bool:
    """The chosen answer is on the left; in blind mode a coin decides that falls the same way for
    a pair each time."""
    return not blind or zlib.crc32(b"side %d" % pair_id) % 2 == 0
