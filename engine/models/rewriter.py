"""The LM-rewriter: rewrites a message according to one of several strategies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.data.conversation import one_speech, speeches
from engine.models import rendering
from engine.models.device import pick_device, pick_dtype
from engine.models.hf import load_causal
from engine.models.protocols import Rewriter
from engine.strategies import Strategy

TURNS_AT_ONCE = 32


def prompt(name: str, tokenizer: Any, passage: str, strategy: Strategy) -> str:
    """Raises BadInput if the chat template of the model cannot render it."""
    messages = [
        {"role": "system", "content": "You rewrite text."},
        {"role": "user", "content": f"{strategy.local}\n\n{passage}"},
    ]
    return rendering.render(name, tokenizer, messages, answer_follows=True)


class CausalRewriter:
    """Any causal LM that transformers can load, with an optional PEFT adapter. Greedy."""

    def __init__(
        self, model: str, adapter: str | None, device: str = "auto", dtype: str = "auto"
    ) -> None:
        self.name = model
        where = pick_device(device)
        self.tokenizer, self.model = load_causal(model, adapter, where, pick_dtype(dtype, where))
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    def rewrite(self, passages: Sequence[str], strategy: Strategy) -> tuple[str, ...]:
        """One rewrite per passage, as generated; empty if the model did not finish."""
        import torch

        inputs = self.tokenizer(
            [prompt(self.name, self.tokenizer, passage, strategy) for passage in passages],
            return_tensors="pt",
            padding=True,
            add_special_tokens=False,
        ).to(self.model.device)
        longest = max(len(self.tokenizer.encode(passage)) for passage in passages)
        with torch.inference_mode():
            out = self.model.generate(
                **inputs,
                do_sample=False,
                # A rewrite much longer than its original is useless.
                max_new_tokens=longest * 5 // 4 + 16,
                pad_token_id=self.tokenizer.pad_token_id,
            )
        written = out[:, inputs["input_ids"].shape[1] :]
        ended = (written == self.tokenizer.eos_token_id).any(dim=1).tolist()
        texts = self.tokenizer.batch_decode(written, skip_special_tokens=True)
        return tuple(text.strip() if end else "" for text, end in zip(texts, ended, strict=True))


class TranscriptRewriter:
    """Rewrites transcripts turn by turn: what the user and the assistant said. Code restores the
    markers of the turns."""

    def __init__(self, rewriter: Rewriter) -> None:
        self.rewriter = rewriter

    def rewrite(self, passages: Sequence[str], strategy: Strategy) -> tuple[str, ...]:
        dialogues = [speeches(passage) for passage in passages]
        parts = [said.strip() for turns in dialogues for turn in turns if (said := _own(turn))]
        written: list[str] = []
        for at in range(0, len(parts), TURNS_AT_ONCE):
            written += self.rewriter.rewrite(parts[at : at + TURNS_AT_ONCE], strategy)
        rewrites = dict(zip(parts, written, strict=True))
        transcripts = []
        for turns in dialogues:
            texts = [
                rewrites.get(said.strip(), "") if (said := _own(turn)) else turn[1]
                for turn in turns
            ]
            unfinished = any(
                _own(turn) and not text for turn, text in zip(turns, texts, strict=True)
            )
            rewritten = "".join(
                f"\n\n{speaker}: {one_speech(text)}"
                for (speaker, _), text in zip(turns, texts, strict=True)
            )
            transcripts.append("" if unfinished else rewritten)
        return tuple(transcripts)


def _own(turn: tuple[str, str]) -> str:
    """What the user or the assistant said; empty for others."""
    speaker, said = turn
    return said if speaker in ("Human", "Assistant") and said.strip() else ""


def of_scope(scope: str, rewriter: Rewriter) -> Rewriter:
    """The rewriter for this scope: last responses, or whole transcripts turn by turn."""
    return TranscriptRewriter(rewriter) if scope == "transcript" else rewriter
