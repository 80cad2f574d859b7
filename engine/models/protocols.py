"""The interfaces of labelers, reward models, rewriters and embedders.

All take batches and answer in the same order. None depends on a database, a run or a plan. A
failure for one text is reported in `problems`, never by a made-up value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.data.conversation import Conversation, spoken
from engine.strategies import Strategy


@dataclass(frozen=True)
class Text:
    """One entry. The conversation, and as text: all of it, what comes before the last response, and
    that response. The tools that the assistant was given come first, if there are any."""

    text_id: int
    conversation: Conversation

    @cached_property
    def transcript(self) -> str:
        return self._tools + self.conversation.transcript

    @property
    def context(self) -> str:
        return self._tools + self._split[0]

    @property
    def response(self) -> str:
        return self._split[1]

    @cached_property
    def spoken(self) -> str:
        """The response with what was thought and called, as in the transcript."""
        if self.conversation.is_transcript:
            return self.response
        return spoken(self.conversation.messages[-1]).strip()

    @property
    def _tools(self) -> str:
        tools = self.conversation.tools
        return f"\n\nTools: {tools}" if tools else ""

    @cached_property
    def _split(self) -> tuple[str, str]:
        return self.conversation.split()


@dataclass(frozen=True)
class Labels:
    """`values` int8 [n, K] in the feature's own coding; `scores` float32 [n, K], the labeler's
    log-odds for the higher value (nan where it gives none). `problems[i]` is None if text i
    was labeled, else the reason; its values are then meaningless."""

    values: NDArray[np.int8]
    scores: NDArray[np.float32]
    problems: tuple[str | None, ...]


@dataclass(frozen=True)
class Rewards:
    """`rewards` float64 [n], raw logits; `tokens` int32 [n] before truncation; `truncated` [n]."""

    rewards: NDArray[np.float64]
    tokens: NDArray[np.int32]
    truncated: NDArray[np.bool_]
    problems: tuple[str | None, ...]


@runtime_checkable
class OneByOne(Protocol):
    """A model that asks for one item at a time: `heard` gets the place of an item and its result
    alone, as soon as that is there, so that it is not asked for again if the others never come."""

    heard: Callable[[int, Any], None]


class Labeler(Protocol):
    def label(self, texts: Sequence[Text]) -> Labels: ...


class RewardModel(Protocol):
    def score(self, texts: Sequence[Text]) -> Rewards: ...


class Rewriter(Protocol):
    """One rewrite per passage, as generated; empty if the model produced nothing or did not
    finish."""

    def rewrite(self, passages: Sequence[str], strategy: Strategy) -> tuple[str, ...]: ...


class Embedder(Protocol):
    """Cosine similarities in [-1, 1], grouped as the pairs of texts are."""

    def cosines(self, groups: Sequence[Sequence[tuple[str, str]]]) -> list[list[float]]: ...
