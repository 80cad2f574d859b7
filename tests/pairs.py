"""Pairs of transcripts, and a store that holds them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.data import Conversation, Pair, Reject
from engine.store import Store, dataset


def of_transcripts(source_id: str, line: int, chosen: str, rejected: str, **more: Any) -> Pair:
    """A pair of two transcripts."""
    sides = Conversation.of_transcript(chosen), Conversation.of_transcript(rejected)
    return Pair(source_id, line, *sides, **more)


def put(store: Store, digest: str, items: Iterable[Pair | Reject]) -> None:
    """Makes these the dataset of a store; no two pairs share a prompt."""
    items = list(items)
    groups = [None] * sum(isinstance(item, Pair) for item in items)
    dataset.put_dataset(store, digest, digest, items, groups)
