"""What a study says about how a reward model is read, and what follows for stored rewards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.models import model_files

# The default where a model has no limit of its own: DeBERTa and others with relative positions.
# DeBERTa was trained at 512 tokens, and SEAL used whole texts.
UNLIMITED = 4_096

_TEMPLATES = ("chat_template.jinja", "chat_template.json")
_POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
# Encoders that score a whole text, whatever its tokens are, and have 512 positions unless stated.
_ENCODERS = frozenset(
    (
        *("albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra"),
        *("ernie", "mpnet", "roberta", "xlm-roberta"),
    )
)


@dataclass(frozen=True)
class Reading:
    """How texts are put to a reward model, and which of its outputs is the reward.

    `output` None: the only one. `max_tokens` None: the model's own limit.
    """

    output: int | None = None
    max_tokens: int | None = None
    merge_turns: bool = False
    fold_system: bool = False

    def fingerprint(self) -> dict[str, Any]:
        """The choices that are made; empty for the defaults."""
        default = Reading()
        return {key: value for key, value in vars(self).items() if value != getattr(default, key)}


def positions(config: Mapping[str, Any]) -> int | None:
    """The longest input that a configuration states; None if it states none, or if the positions
    are relative."""
    if config.get("relative_attention"):
        return None
    for name in _POSITIONS:
        value = config.get(name)
        if isinstance(value, int) and value > 0:
            return value
    return None


def changed_since_0_1_0(model: str, revision: str | None) -> bool:
    """Whether this program may give another reward than version 0.1.0 did.

    That version gave a chat template other messages, cut at 4,096 tokens, took a last token that
    equals the padding for padding, and padded on the side that the tokenizer named.
    """
    tokens = model_files.read(model, "tokenizer_config.json", revision)
    if tokens.get("chat_template") or tokens.get("padding_side") == "left":
        return True
    if any(
        model_files.locate(model, f"chat_template.{suffix}", revision)
        for suffix in ("jinja", "json")
    ):
        return True
    config = model_files.read(model, "config.json", revision)
    if not config:
        return False  # nothing is known of it, so it cannot be loaded either
    limit = positions(config)
    if config.get("model_type") in _ENCODERS:
        return limit is not None and limit > UNLIMITED
    pad, end = _token(tokens.get("pad_token")), _token(tokens.get("eos_token"))
    if limit is None or limit > UNLIMITED or not any(config.get(name) for name in _POSITIONS[:2]):
        return True
    return pad is None or pad == end


def _token(entry: Any) -> str | None:
    """A special token of a tokenizer's settings, which is a text or an object."""
    content = entry.get("content") if isinstance(entry, dict) else entry
    return content if isinstance(content, str) else None
