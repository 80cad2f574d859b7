"""The operations of models as data, which is sent to a worker and run on the model there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from engine.models.protocols import Embedder, Labeler, Labels, RewardModel, Rewards, Rewriter, Text
from engine.strategies import Strategy

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Operation(Generic[Item, Result]):
    """One operation on a batch of items; the result is in their order."""

    def run(self, model: Any, items: Sequence[Item]) -> Result:
        raise NotImplementedError


@dataclass(frozen=True)
class Label(Operation[Text, Labels]):
    def run(self, model: Labeler, items: Sequence[Text]) -> Labels:
        return model.label(items)


@dataclass(frozen=True)
class Score(Operation[Text, Rewards]):
    def run(self, model: RewardModel, items: Sequence[Text]) -> Rewards:
        return model.score(items)


@dataclass(frozen=True)
class Rewrite(Operation[str, tuple[str, ...]]):
    """`items` are passages."""

    strategy: Strategy

    def run(self, model: Rewriter, items: Sequence[str]) -> tuple[str, ...]:
        return model.rewrite(items, self.strategy)


@dataclass(frozen=True)
class Compare(Operation[list[tuple[str, str]], list[list[float]]]):
    """`items` are groups of pairs of passages; the result is their similarities."""

    def run(self, model: Embedder, items: Sequence[list[tuple[str, str]]]) -> list[list[float]]:
        return model.cosines(items)
