"""Texts → the tokens that a reward model reads, at most as many as it can take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from engine.errors import BadInput
from engine.models import chat, chat_length
from engine.models.chat import Chat, Template
from engine.models.protocols import Text
from engine.models.rendering import TooMuch
from engine.models.reward_config import UNLIMITED, Reading, positions


class Encoded(NamedTuple):
    """The input of a model for one text, its length in tokens before it was cut, and whether it was
    cut."""

    inputs: dict[str, list[int]]
    tokens: int
    truncated: bool


class Encoder(Protocol):
    def encode(self, text: Text) -> Encoded | str:
        """The input for this text, or the reason why the model cannot read it."""


def encoder(name: str, tokenizer: Any, limit: int, reading: Reading) -> Encoder:
    """The encoder of a model: its chat template if it has one, else pairs of texts as in SEAL.

    Raises BadInput if the template cannot be rendered, or if the study has choices for a template
    and the model has none.
    """
    if getattr(tokenizer, "chat_template", None):
        template = Template(name, tokenizer)
        template.check()
        return ChatEncoder(template, limit, reading)
    if reading.merge_turns or reading.fold_system:
        key = "merge_turns" if reading.merge_turns else "fold_system"
        raise BadInput(f"{name} has no chat template, so {key} has no effect: leave it out")
    return PairEncoder(tokenizer, limit)


def token_limit(name: str, model: Any, wanted: int | None) -> int:
    """The longest input of the model in tokens: what the study wants, else its own limit.

    Raises BadInput if the study wants more than the model has positions for.
    """
    own = positions(text_config(model.config).to_dict())
    table = _position_table(model)
    if table is not None:
        own = min(table, own or table)
        if wanted is not None and wanted > own:
            raise BadInput(f"max_tokens = {wanted} is more than the {own:,} positions of {name}")
    return wanted or own or UNLIMITED


def text_config(config: Any) -> Any:
    """The part of a configuration that is about text."""
    return config.gettext_config() if hasattr(config, "gettext_config") else config


def _position_table(model: Any) -> int | None:
    """The size of the table of absolute positions; None for a model without one. Where the table
    has a padding index, positions begin after it."""
    import torch

    for name, module in model.named_modules():
        last = name.rpartition(".")[2]
        if isinstance(module, torch.nn.Embedding) and last in _POSITION_TABLES:
            first = 0 if module.padding_idx is None else module.padding_idx + 1
            return int(module.num_embeddings - first - getattr(module, "offset", 0))
    return None


_POSITION_TABLES = ("position_embeddings", "position_embedding", "embed_positions", "wpe")


class PairEncoder:
    """(context, response) as a pair of texts, the response with its marker, as SEAL does."""

    def __init__(self, tokenizer: Any, limit: int) -> None:
        self._tokenizer = tokenizer
        self._limit = limit

    def encode(self, text: Text) -> Encoded | str:
        """A text that is too long loses the beginning of its context, then the end of its response,
        since the reward rates the last response."""
        encoded = self._tokenizer(text.context.strip(), f"Assistant: {text.spoken}")
        total = len(encoded["input_ids"])
        excess = total - self._limit
        if excess <= 0:
            return Encoded(dict(encoded), total, False)
        part = encoded.sequence_ids(0)
        context = [at for at, sequence in enumerate(part) if sequence == 0]
        response = [at for at, sequence in enumerate(part) if sequence == 1]
        from_context = min(excess, len(context))
        dropped = {*context[:from_context], *response[len(response) - (excess - from_context) :]}
        kept = [at for at in range(total) if at not in dropped]
        return Encoded({key: [row[at] for at in kept] for key, row in encoded.items()}, total, True)


class ChatEncoder:
    """The conversation in the model's chat template, with the real roles and the tools."""

    def __init__(self, template: Template, limit: int, reading: Reading) -> None:
        self._template = template
        self._limit = limit
        self._reading = reading

    def encode(self, text: Text) -> Encoded | str:
        """What is cut from a text that is too long: see `engine.models.chat_length`."""
        try:
            return self._encode(text)
        except TooMuch as error:
            return str(error)

    def _encode(self, text: Text) -> Encoded | str:
        whole = chat.prepared(
            text.conversation, self._reading.merge_turns, self._reading.fold_system
        )
        rendered = self._template.render(whole)
        if rendered is None:
            return self._template.reason(whole)
        if (lost := self._template.lost(whole, rendered)) is not None:
            return lost
        inputs = self._template.tokenize(rendered)
        total = len(inputs["input_ids"])
        if total <= self._limit:
            return Encoded(inputs, total, False)
        messages = chat_length.fit(
            whole.messages, lambda kept: self._tokens(whole.of(kept)) is not None
        )
        cut = None if messages is None else self._tokens(whole.of(messages))
        if cut is None:
            return f"no part of the conversation fits into the {self._limit:,} tokens of the model"
        return Encoded(cut, total, True)

    def _tokens(self, kept: Chat) -> dict[str, list[int]] | None:
        """None if they are too many, or if the template refuses what is left."""
        rendered = self._template.render(kept)
        if rendered is None:
            return None
        inputs = self._template.tokenize(rendered)
        return inputs if len(inputs["input_ids"]) <= self._limit else None


def token_batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices of rows, longest first, so that rows × longest stays within `budget` tokens."""
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    batch: list[int] = []
    for i in order:
        if batch and (len(batch) + 1) * lengths[batch[0]] > budget:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def padding(rows: Sequence[Sequence[int]], usual: int | None, vocabulary: int) -> int:
    """A token to pad these rows with: the usual one, unless it stands in one of them. A model that
    reads the last token which is no padding would take it for padding."""
    used = {token for row in rows for token in row}
    if usual is not None and usual not in used:
        return usual
    last = {row[-1] for row in rows if row}
    free = (token for tokens in (used, last) for token in range(vocabulary) if token not in tokens)
    return next(free, 0 if usual is None else usual)


def pad(encoded: Sequence[dict[str, list[int]]], token: int) -> dict[str, list[list[int]]]:
    """Rows of one length, padded on the right, so that every token is where it is without padding;
    always with an attention mask."""
    width = max(len(row["input_ids"]) for row in encoded)
    columns: dict[str, list[list[int]]] = {"attention_mask": []}
    for row in encoded:
        length = len(row["input_ids"])
        fill = [0] * (width - length)
        columns["attention_mask"].append([1] * length + fill)
        for key, values in row.items():
            if key != "attention_mask":
                rest = [token] * len(fill) if key == "input_ids" else fill
                columns.setdefault(key, []).append([*values, *rest])
    return columns
