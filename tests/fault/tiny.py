"""Models of a few thousand numbers and a study of all stages on them: what takes time in a fault
test should be the fault. The engine, its workers and its database are the real ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import Any

from tests.engine.studies import (
    FEATURES,
    passage,
    sample_rows,
    stand_in_rewrite,
    stand_in_server,
    write_pairs,
    write_taxonomy,
)

WIDTH = 16
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
POISON = "zzpoison"  # a word that some models of these tests cannot take


def build_models(folder: Path) -> None:
    """`folder`/reward, a classifier of one output, and `folder`/embedder; the same every time."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    tokenizer = _tokenizer()
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=2 * WIDTH,
        num_labels=1,
        pad_token_id=0,
    )
    model = BertForSequenceClassification(config)
    model.save_pretrained(folder / "reward")
    tokenizer.save_pretrained(folder / "reward")
    model.bert.save_pretrained(folder / "body")
    tokenizer.save_pretrained(folder / "body")
    _embedder(folder)


def _tokenizer() -> Any:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    words = {word for row in sample_rows(40) for word in row["chosen"].split()}
    vocabulary = {word: at for at, word in enumerate((*SPECIAL, POISON, *sorted(words)))}
    tokens = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokens.pre_tokenizer = Whitespace()
    tokens.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokens,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=512,
    )


def _embedder(folder: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    body = Transformer(str(folder / "body"), max_seq_length=256)
    SentenceTransformer(modules=[body, Pooling(WIDTH)], device="cpu").save(str(folder / "embedder"))


def answer(body: dict[str, Any], _: Message | None = None) -> str:
    """What the stand-in for labeler and rewriter says: it depends on the text alone."""
    text = passage(body)
    if "response_format" not in body:
        return stand_in_rewrite(text)
    bits = hashlib.sha256(text.encode("utf-8", "replace")).digest()
    asked = body["response_format"]["json_schema"]["schema"]["properties"]
    return json.dumps(
        {
            name: kind["enum"][bits[at] % 3] if "enum" in kind else bool(bits[at] & 1)
            for at, (name, kind) in enumerate(asked.items())
        }
    )


@contextmanager
def stand_in_models() -> Iterator[str]:
    with stand_in_server(answer) as url:
        yield url


def write_light_study(
    folder: Path,
    url: str,
    rows: list[dict[str, Any]] | None = None,
    *,
    labeler: str = "",
    extra: str = "",
) -> Path:
    """Labels from `url`, or none where it is empty, and recorded rewards: a run without torch."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = sample_rows(12) if rows is None else rows
    write_pairs(folder / "pairs.jsonl", rows)
    write_taxonomy(folder / "taxonomy.toml", FEATURES)
    for role in ("pre", "post"):
        write_scores(folder / f"{role}.jsonl", role, [row["id"] for row in rows])
    server = f'backend = "endpoint"\nmodel = "stand-in"\nbase_url = "{url}"\n{labeler}'
    path = folder / "study.toml"
    path.write_text(
        f"""name = "light"
[data]
path = "pairs.jsonl"
[taxonomy]
file = "taxonomy.toml"
[labelers.main]
{server if url else 'backend = "none"'}
[rewards.pre]
path = "pre.jsonl"
[rewards.post]
path = "post.jsonl"
[rewrites]
sample = 0
[executor]
devices = "cpu"
{extra}
""",
        "utf-8",
    )
    return path


def write_scores(path: Path, role: str, ids: list[str]) -> None:
    """Rewards between −8 and 8 that depend on the id alone."""

    def reward(*of: str) -> float:
        return hashlib.sha256(repr(of).encode()).digest()[0] / 16 - 8

    with path.open("w") as file:
        for key in ids:
            sides = {f"{side}_score": reward(role, key, side) for side in ("chosen", "rejected")}
            file.write(json.dumps({"row_id": key, **sides}) + "\n")


def write_tiny_study(
    folder: Path,
    models: Path,
    url: str,
    *,
    pairs: int = 12,
    sample: int = 4,
    reward: str = "",
    post: str = 'continue_from = "pre"\n',
    executor: str = "",
) -> Path:
    """Every kind of stage: labels and rewrites from `url`, rewards and similarities from torch."""
    folder.mkdir(parents=True, exist_ok=True)
    write_pairs(folder / "pairs.jsonl", sample_rows(pairs))
    write_taxonomy(folder / "taxonomy.toml", FEATURES)
    server = f'backend = "endpoint"\nmodel = "stand-in"\nbase_url = "{url}"\n'
    path = folder / "study.toml"
    path.write_text(
        f"""name = "tiny"
[data]
path = "pairs.jsonl"
[taxonomy]
file = "taxonomy.toml"
[labelers.main]
{server}
[rewards.pre]
model = "{models / "reward"}"
{reward}
[rewards.post]
{post}
[rewriter]
{server}
[rewrites]
sample = {sample}
strategies = ["neutral", "placebo"]
min_cosine = -1
[embedder]
model = "{models / "embedder"}"
[executor]
devices = "cpu"
{executor}
""",
        "utf-8",
    )
    return path
