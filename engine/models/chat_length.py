"""What is cut from a conversation that is too long for a chat model.

System text, first exchange, last exchange and response stay as long as possible. An exchange is a
user message and all that follows it before the next one.

1. Exchanges between the first and the last are left out, the oldest first, until it fits.
2. If that is not enough, the longest of the remaining texts are shortened to one common length: the
   response loses its end, every other text its beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from engine.data.conversation import Message
from engine.models.chat import leading

Messages = tuple[Message, ...]


def fit(messages: Messages, fits: Callable[[Messages], bool]) -> Messages | None:
    """The messages, cut until `fits` accepts them; None if nothing is left to cut."""
    head = messages[: leading(messages)]
    parts = exchanges(messages[len(head) :])
    if len(parts) < 3:
        return _shortened(messages, fits)
    first, *middle, last = parts

    def without(count: int) -> Messages:
        kept = (message for exchange in middle[count:] for message in exchange)
        return (*head, *first, *kept, *last)

    count = _least(len(middle), lambda dropped: fits(without(dropped)))
    return without(count) if count is not None else _shortened(without(len(middle)), fits)


def exchanges(messages: Sequence[Message]) -> list[Messages]:
    """Messages before the first user message belong to the first exchange."""
    found: list[list[Message]] = [[]]
    for message in messages:
        if message.role == "user" and any(m.role == "user" for m in found[-1]):
            found.append([])
        found[-1].append(message)
    return [tuple(group) for group in found]


def _least(most: int, true: Callable[[int], bool]) -> int | None:
    """The least number up to `most` for which it is true, given that it stays true above it."""
    if not true(most):
        return None
    low, high = 0, most
    while low < high:
        half = (low + high) // 2
        low, high = (low, half) if true(half) else (half + 1, high)
    return low


def _shortened(messages: Messages, fits: Callable[[Messages], bool]) -> Messages | None:
    longest = max(max(len(message.content), len(message.thinking)) for message in messages)
    cut = _least(longest, lambda removed: fits(_limited(messages, longest - removed)))
    return None if cut is None else _limited(messages, longest - cut)


def _limited(messages: Messages, characters: int) -> Messages:
    """No text is longer than this."""
    *before, response = (
        msgspec.structs.replace(message, thinking=_end(message.thinking, characters))
        for message in messages
    )
    return (
        *(msgspec.structs.replace(m, content=_end(m.content, characters)) for m in before),
        msgspec.structs.replace(response, content=response.content[:characters]),
    )


def _end(text: str, characters: int) -> str:
    return text[max(len(text) - characters, 0) :]
