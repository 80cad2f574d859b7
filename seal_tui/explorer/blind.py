"""Which answer is on which side, so that reviewers can decide without knowing the preference."""

from __future__ import annotations

import zlib


def chosen_is_left(pair_id: int, *, blind: bool) -> bool:
    """Whether the chosen answer is on the left. In blind mode a hash of the pair decides, so a pair
    always looks the same."""
    return not blind or zlib.crc32(b"side %d" % pair_id) % 2 == 0
