"""Small random reward models of the shapes that people publish, with tokenizers built here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_WORDS = """
the a of and is was it you can not yes no why how what tell me more please sky sea blue green old
new light rain tree stone fire water very quite really answer question hello thanks system tool call
result name user assistant human developer short long kind be think etc x y z 1 2 3
"""
WORDS = tuple(_WORDS.split())
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>", "<mask>")

# Writes the first token itself, every role as it is, and ends in the final one.
CHATML = """\
{{- bos_token }}{% if tools %}tools {{ tools | tojson }} {% endif %}
{%- for m in messages %}{{ m.role }} : {% if m.reasoning_content %}think {{ m.reasoning_content }} \
{% endif %}{{ m.content }}{% if m.tool_calls %} call {{ m.tool_calls | tojson }}{% endif %} \
{{ eos_token }}{% endfor %}"""
# Refuses a system message, and turns that do not alternate.
STRICT = """\
{{- bos_token }}
{%- if messages[0].role == 'system' %}{{ raise_exception('No system!') }}{% endif %}
{%- for m in messages %}
{%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Order!') }}{% endif %}
{{- m.role }} : {{ m.content | trim }} {{ eos_token }}{% endfor %}"""


def tokenizer(
    *,
    template: str | None = None,
    pad: str | None = "<pad>",
    side: str = "right",
    begin: bool = True,
    inputs: tuple[str, ...] = ("input_ids", "attention_mask"),
) -> Any:
    """Of whole words and single characters. `begin`: it puts <s> first itself."""
    from tokenizers import Tokenizer, pre_tokenizers
    from tokenizers.models import WordPiece
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    characters = [chr(code) for code in range(33, 127)]
    pieces = [*characters, *(f"##{c}" for c in characters)]
    vocabulary = dict.fromkeys((*SPECIAL, *WORDS, *pieces))
    tokens = Tokenizer(
        WordPiece({word: at for at, word in enumerate(vocabulary)}, unk_token="<unk>")
    )
    tokens.pre_tokenizer = pre_tokenizers.Whitespace()
    first = "<s> " if begin else ""
    tokens.post_processor = TemplateProcessing(
        single=f"{first}$A </s>",
        pair=f"{first}$A </s> $B:1 </s>:1",
        special_tokens=[("<s>", 1), ("</s>", 2)],
    )
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokens,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token=pad,
        padding_side=side,
        model_input_names=list(inputs),
    )
    made.chat_template = template
    return made


def sizes(**more: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer()),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "max_position_embeddings": 512,
        "num_labels": 1,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "initializer_range": 0.5,
        **more,
    }


@dataclass(frozen=True)
class Shape:
    """A model class with its configuration, and its tokenizer."""

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, Any] = field(default_factory=dict)

    def build(self, folder: Path, **more: Any) -> Path:
        """Saves the model, the same one every time."""
        import torch
        import transformers

        made = tokenizer(**self.tokens)
        settings = sizes(**self.config)
        if self.name == "GPT2":
            settings = {
                **{key: settings[key] for key in ("vocab_size", "num_labels", "pad_token_id")},
                **{"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 512},
                **{"bos_token_id": 1, "eos_token_id": 2, "initializer_range": 0.5},
            }
        torch.manual_seed(11)
        config = getattr(transformers, f"{self.name}Config")(**{**settings, **more})
        model = getattr(transformers, f"{self.name}ForSequenceClassification")(config).eval()
        model.save_pretrained(folder)
        made.save_pretrained(folder)
        return folder


_CHAT = {"template": CHATML}
_GROUPED = {"num_key_value_heads": 1, "head_dim": 8}
SHAPES = {
    "llama": Shape("Llama", {}, _CHAT),
    "qwen": Shape("Qwen3", _GROUPED, _CHAT),
    "gemma": Shape("Gemma2", {**_GROUPED, "sliding_window": 32}, {"template": STRICT}),
    "mistral": Shape("Mistral", {**_GROUPED, "sliding_window": 16}, {"template": STRICT}),
    "gpt2": Shape("GPT2"),
    "gpt2, padded on the left": Shape("GPT2", {}, {"side": "left"}),
    "gpt2, no padding token": Shape("GPT2", {"pad_token_id": None}, {"pad": None}),
    "deberta": Shape(
        "DebertaV2",
        {
            "relative_attention": True,
            "position_biased_input": False,
            "pos_att_type": ["p2c", "c2p"],
            "position_buckets": 16,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
        },
    ),
    "modernbert": Shape(
        "ModernBert", {"local_attention": 16, "cls_token_id": 1, "sep_token_id": 2}
    ),
    "roberta": Shape("Roberta", {"pad_token_id": 0, "max_position_embeddings": 130}),
    "two outputs": Shape("Qwen3", {**_GROUPED, "num_labels": 2}, _CHAT),
    "padding is the final token": Shape("Llama", {"pad_token_id": 2}, {**_CHAT, "pad": "</s>"}),
    "no padding token": Shape("Llama", {"pad_token_id": None}, {**_CHAT, "pad": None}),
    "padded on the left": Shape("Llama", {}, {**_CHAT, "side": "left"}),
}
