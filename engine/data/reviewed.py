"""A pair with the decision of one author, as the store passes it to an export."""

from __future__ import annotations

from typing import NamedTuple

from engine.data.conversation import Conversation
from engine.wire.messages import Verdict


class ReviewedPair(NamedTuple):
    """A pair with the decision of one author, in its original order unless `flipped` turned it.

    Margins are raw logits, angles are in degrees; `margin_human` is in the unit of the source.
    `votes_…` count annotators by what they preferred, and are None if the source has no votes.
    `agreed` is the share of the reviewers who decided that prefer the chosen side (a tie counts
    half), None if nobody did.
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
    group_no: int | None = None
    margin_human: float | None = None
    votes_chosen: int | None = None
    votes_rejected: int | None = None
    votes_tied: int | None = None
    score_chosen: float | None = None
    score_rejected: float | None = None
    model_chosen: str | None = None
    model_rejected: str | None = None
    agreed: float | None = None

    def flipped(self) -> ReviewedPair:
        """The pair with its sides swapped, and everything that belongs to one side with them. The
        strength of the preference stays."""
        return self._replace(
            chosen=self.rejected,
            rejected=self.chosen,
            votes_chosen=self.votes_rejected,
            votes_rejected=self.votes_chosen,
            score_chosen=self.score_rejected,
            score_rejected=self.score_chosen,
            model_chosen=self.model_rejected,
            model_rejected=self.model_chosen,
            agreed=None if self.agreed is None else 1 - self.agreed,
        )

    @property
    def voted(self) -> float | None:
        """The share of the votes for the chosen side, a tie counting half; None without votes."""
        chosen, rejected, tied = self.votes_chosen, self.votes_rejected, self.votes_tied or 0
        if chosen is None or rejected is None or not (total := chosen + rejected + tied):
            return None
        return (chosen + tied / 2) / total


class Decision(NamedTuple):
    """A pair without its texts. Equal texts have equal ids."""

    pair_id: int
    chosen_id: int
    rejected_id: int
    verdict: Verdict | None
    flagged: bool
    has_margin: bool
    has_votes: bool
