"""The own-written training examples, and which of them are held out.

Held out is every fifth conversation (both of its responses), so that no context is on both sides.
The shipped models are trained on the rest alone: what engine/sample_data/README.md reports is
theirs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.data.conversation import Conversation
from engine.models.protocols import Text
from engine.taxonomy import Feature

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Example:
    text: Text
    labels: tuple[int, ...]
    held_out: bool


def rows(name: str) -> list[dict[str, Any]]:
    with (HERE / name).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def text(text_id: int, turns: list[str], response: str) -> Text:
    """An entry from its turns (human first, in turn) and the assistant's last response."""
    marks = ("Human", "Assistant")
    said = "".join(f"\n\n{marks[i % 2]}: {turn}" for i, turn in enumerate(turns))
    return Text(text_id, Conversation.of_transcript(f"{said}\n\nAssistant: {response}"))


def label_examples(features: tuple[Feature, ...]) -> list[Example]:
    found = []
    for n, row in enumerate(rows("label_examples.jsonl")):
        conversation = int(row["id"][1:-1])
        values = tuple(row["labels"][feature.name] for feature in features)
        entry = text(n, row["context"], row["response"])
        found.append(Example(entry, values, conversation % 5 == 0))
    return found
