"""The generative LM-labeler: reads the answer's logits instead of generating text.

All questions about an entry are in one row of the batch: the entry's tokens once, then every
question, each of which attends to the entry and itself but to no other question. So the model
processes the entry once for all features, and no answer depends on the order of the questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import BadInput
from engine.models import rendering
from engine.models.device import pick_device, pick_dtype
from engine.models.protocols import Labels, Text
from engine.taxonomy import Feature

INSTRUCTION = "Read the conversation. Then answer questions about it, each with one word."
MAX_TEXT_TOKENS = 768


@dataclass(frozen=True)
class Prompts:
    """Token ids of the text around an entry, of every question and of every answer."""

    head: list[int]
    tail: list[int]
    questions: list[list[int]]
    answers: list[list[int]]


def prompts(name: str, tokenizer: Any, features: Sequence[Feature]) -> Prompts:
    """Tokenize everything except the entry itself.

    Raises MachineError if two answers of a feature begin with the same token.
    """
    marker = "\u241e"  # placeholder for the entry; the template must leave it unchanged
    user = f"{INSTRUCTION}\n\n{marker}"
    if tokenizer.chat_template:
        messages = [
            {"role": "system", "content": "You label conversations."},
            {"role": "user", "content": user},
        ]
        rendered = rendering.render(name, tokenizer, messages, answer_follows=True)
    else:
        rendered = f"{user}\n\n"
    if rendered.count(marker) != 1:
        raise BadInput(f"the chat template of {name} does not pass on what the user says, once")
    head, tail = rendered.split(marker)

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
        return ids

    answers = [[encode(f" {word}")[0] for word in feature.answers] for feature in features]
    for feature, ids in zip(features, answers, strict=True):
        if len(set(ids)) != len(ids):
            raise BadInput(
                f"this tokenizer gives two answers of {feature.name} the same first token"
            )
    questions = [encode(f"\n{feature.question} Answer:") for feature in features]
    return Prompts(encode(head), encode(tail), questions, answers)


def pack(
    entries: Sequence[list[int]], prompt: Prompts, chosen: Sequence[Sequence[int]], pad: int
) -> dict[str, Any]:
    """Lay out a batch: per row [padding, head, entry, tail, question, question, …].

    `chosen[i]` are the questions for row i. Returns input_ids and position_ids [B, T], an
    additive attention mask [B, 1, T, T], and `last` [(row, question, position of its last token)].
    """
    import torch

    prefixes = [[*prompt.head, *entry, *prompt.tail] for entry in entries]
    questions = [[prompt.questions[q] for q in row] for row in chosen]
    lengths = [
        len(prefix) + sum(map(len, row)) for prefix, row in zip(prefixes, questions, strict=True)
    ]
    width = max(lengths)
    ids = torch.full((len(entries), width), pad)
    positions = torch.zeros((len(entries), width), dtype=torch.long)
    allowed = torch.zeros((len(entries), width, width), dtype=torch.bool)
    last: list[tuple[int, int, int]] = []
    for i, (prefix, row) in enumerate(zip(prefixes, questions, strict=True)):
        start = width - lengths[i]
        end = start + len(prefix)
        ids[i, start:end] = torch.tensor(prefix)
        positions[i, start:end] = torch.arange(len(prefix))
        allowed[i, start:end, start:end] = torch.ones(len(prefix), len(prefix)).tril().bool()
        at = end
        for question, tokens in zip(chosen[i], row, strict=True):
            stop = at + len(tokens)
            ids[i, at:stop] = torch.tensor(tokens)
            positions[i, at:stop] = torch.arange(len(prefix), len(prefix) + len(tokens))
            allowed[i, at:stop, start:end] = True
            allowed[i, at:stop, at:stop] = torch.ones(len(tokens), len(tokens)).tril().bool()
            last.append((i, question, stop - 1))
            at = stop
        # A mask row that allows nothing would make the softmax undefined.
        allowed[i, torch.arange(start), torch.arange(start)] = True
    return {"input_ids": ids, "position_ids": positions, "allowed": allowed, "last": last}


def answer_logits(model: Any, packed: dict[str, Any], prompt: Prompts) -> list[Any]:
    """One forward pass; per question the logits of its answers, in the order of `last`."""
    import torch

    device = model.device
    blocked = ~packed["allowed"].to(device)
    mask = torch.zeros(blocked.shape, dtype=model.dtype, device=device)
    mask = mask.masked_fill(blocked, torch.finfo(model.dtype).min)[:, None]
    hidden = model.base_model(
        input_ids=packed["input_ids"].to(device),
        position_ids=packed["position_ids"].to(device),
        attention_mask=mask,
        use_cache=False,
    ).last_hidden_state
    words = model.get_output_embeddings().weight
    return [
        hidden[row, at] @ words[prompt.answers[question]].T for row, question, at in packed["last"]
    ]


def clip_entry(tokenizer: Any, transcript: str, limit: int = MAX_TEXT_TOKENS) -> list[int]:
    """The entry's tokens. A long entry loses its beginning, since its last response is labeled."""
    ids: list[int] = tokenizer.encode(transcript.strip(), add_special_tokens=False)
    return ids[-limit:]


class LogitLabeler:
    """Any causal LM that transformers can load, with an optional PEFT adapter."""

    def __init__(
        self,
        model: str,
        adapter: str | None,
        features: Sequence[Feature],
        device: str = "auto",
        dtype: str = "auto",
    ) -> None:
        from engine.models.hf import load_causal

        self.features = tuple(features)
        where = pick_device(device)
        self.tokenizer, self.model = load_causal(model, adapter, where, pick_dtype(dtype, where))
        self.prompt = prompts(model, self.tokenizer, features)

    def label(self, texts: Sequence[Text]) -> Labels:
        import torch

        entries = [clip_entry(self.tokenizer, text.transcript) for text in texts]
        everything = [range(len(self.features))] * len(texts)
        packed = pack(entries, self.prompt, everything, self.tokenizer.pad_token_id or 0)
        with torch.inference_mode():
            logits = answer_logits(self.model, packed, self.prompt)
        values = np.zeros((len(texts), len(self.features)), dtype=np.int8)
        scores = np.zeros(values.shape, dtype=np.float32)
        for (row, question, _), answer in zip(packed["last"], logits, strict=True):
            logit = answer.float().cpu().numpy()
            values[row, question] = self.features[question].values[int(logit.argmax())]
            # The log-odds of the highest value against the best of the others.
            scores[row, question] = logit[-1] - logit[:-1].max()
        problems = tuple(
            None if np.isfinite(row).all() else "the labeler gave no finite logit" for row in scores
        )
        return Labels(values, scores, problems)
