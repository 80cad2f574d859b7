"""What readers of the store share: ids, messages and marks as the wire has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.data.conversation import Message, called
from engine.wire.messages import Mark, Turn

PREVIEW = 160  # characters


class MarkRow(NamedTuple):
    pair_id: int
    author: str
    time: float
    state: dict[str, Any]

    @property
    def mark(self) -> Mark:
        state = {**self.state, "tags": tuple(self.state["tags"])}
        return Mark(author=self.author, time=self.time, **state)


def turn(message: Message) -> Turn:
    return Turn(
        role=message.role,
        text=message.content,
        thinking=message.thinking,
        calls=tuple(called(message).splitlines()),
        name=message.name,
    )


def stored(ids: Sequence[int]) -> list[int]:
    """The ids that can exist: the database's integers have 32 bits."""
    return [i for i in ids if 0 <= i < 2**31]
