"""A pair with the decision of one author, as the store passes it to an export."""

from __future__ import annotations

from typing import NamedTuple

from engine.data.conversation import Conversation
from engine.wire.messages import Verdict


class ReviewedPair(NamedTuple):
    """A pair in its original order, with the decision of one author.

    Margins are raw logits, angles are in degrees.
    """

    pair_id: int
    source_id: str
    topic: str | None
    chosen: Conversation
    rejected: Conversation
    regime: str
    opinion: str
    margin_pre: float
    margin_post: float
    theta: float | None
    gain: float | None
    ambiguity: float | None
    verdict: Verdict | None
    flagged: bool
    note: str
    tags: tuple[str, ...]


class Decision(NamedTuple):
    """A pair without its texts. Equal texts have equal ids."""

    chosen_id: int
    rejected_id: int
    verdict: Verdict | None
    flagged: bool
