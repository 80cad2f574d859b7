"""What is wrong with the folder of a model, found in its files. No library of models is asked."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_OBJECTS = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "generation_config.json",
    "chat_template.json",
    "adapter_config.json",
    "model.safetensors.index.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
)
_TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.txt",
    "vocab.json",
    "tekken.json",
)
_PICKLES = (".bin", ".pt", ".pth", ".pkl")
_LONGEST_HEADER = 100_000_000  # as the library reads them
_MODULES = "modules.json"


def problem(folder: Path) -> str | None:
    """The first thing that is wrong with a model's folder, as the end of a sentence about it; None
    if nothing is found."""
    try:
        return next(_problems(folder), None)
    except OSError as error:
        return f"cannot be read: {error.strerror or 'the disk fails'}"


def tokenizer_problem(folder: Path) -> str | None:
    """The same for a folder of which only the tokenizer is needed."""
    try:
        return next(_tokenizer_problems(folder), None)
    except OSError as error:
        return f"cannot be read: {error.strerror or 'the disk fails'}"


def _problems(folder: Path) -> Iterator[str]:
    if not any(folder.iterdir()):
        yield "is an empty folder: name the folder that the model was saved in"
    yield from _json_problems(folder)
    embedder = (folder / _MODULES).is_file()
    adapter = (folder / "adapter_config.json").is_file()
    body = next((part for part in (folder, folder / "0_Transformer") if _has_config(part)), None)
    if body is None and not adapter:
        yield "has no config.json: name the folder that save_pretrained wrote"
    if body is not None:
        yield from _config_problems(body)
        yield from _tokenizer_problems(body if embedder else folder)
        yield from _weight_problems(body)
    if adapter:
        yield from _tensor_problems(folder, [folder / "adapter_model.safetensors"])


def _has_config(folder: Path) -> bool:
    return (folder / "config.json").is_file()


# ---------------------------------------------------------------- settings


def _json_problems(folder: Path) -> Iterator[str]:
    for name in (*_OBJECTS, _MODULES):
        path = folder / name
        if os.path.lexists(path):
            yield from _json_problem(path, name, list if name == _MODULES else dict)


def _json_problem(path: Path, name: str, kind: type) -> Iterator[str]:
    if not path.is_file():
        yield f"has a {name} that is no file: save the model again"
        return
    try:
        content = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        yield f"has a {name} that is damaged, or no JSON in UTF-8: copy the model again"
        return
    if not isinstance(content, kind):
        what = "a list" if kind is list else "an object"
        yield f"has a {name} that is not {what}: save the model again"


def _config_problems(folder: Path) -> Iterator[str]:
    config = _object(folder / "config.json")
    kind = config.get("model_type")
    if not isinstance(kind, str) or not kind:
        yield "has a config.json without model_type: save the model again with save_pretrained"
    for name, value in config.items():
        sizes = ("hidden_size", "vocab_size", "num_hidden_layers", "num_attention_heads")
        if name in (*sizes, "intermediate_size", "max_position_embeddings") and value is not None:
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or not 0 < value < 1 << 31:
                yield f"has a config.json whose {name} is no size: save the model again"


# ---------------------------------------------------------------- tokenizers


def _tokenizer_problems(folder: Path) -> Iterator[str]:
    yield from _json_problems(folder)
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        yield (
            "has no tokenizer (tokenizer.json or its like): save the tokenizer beside the model "
            "with save_pretrained"
        )
    path = folder / "tokenizer.json"
    if not path.is_file():
        return
    content = _object(path)
    if not isinstance(content.get("model"), dict):
        yield "has a tokenizer.json without a model: save the tokenizer again"
    added = content.get("added_tokens")
    if not isinstance(added, list) or not all(isinstance(token, dict) for token in added):
        yield "has a tokenizer.json without its list added_tokens: save the tokenizer again"


# ---------------------------------------------------------------- weights


def _weight_problems(folder: Path) -> Iterator[str]:
    index = folder / "model.safetensors.index.json"
    shards = sorted(folder.glob("*.safetensors"))
    if index.is_file():
        named = _object(index).get("weight_map")
        files = set(named.values()) if isinstance(named, dict) else set()
        if not files or not all(isinstance(name, str) for name in files):
            yield "has a model.safetensors.index.json without weight_map: save the model again"
            return
        for name in sorted(files):
            if os.path.basename(name) != name:
                yield "has a model.safetensors.index.json that names files elsewhere"
        shards = [folder / name for name in sorted(files)]
    if not shards:
        if any(path.suffix in _PICKLES for path in folder.iterdir()):
            yield "has pickled weights alone: save it as safetensors"
        yield "has no weights (model.safetensors): copy the model again"
    yield from _tensor_problems(folder, shards)


def _tensor_problems(folder: Path, files: list[Path]) -> Iterator[str]:
    for path in files:
        if not path.is_file():
            yield f"lacks {path.name}: copy the model again"
        elif not _is_whole(path):
            yield f"has a damaged or cut file, {path.name}: copy the model again"


def _is_whole(path: Path) -> bool:
    """Whether a file of tensors has a header, and is as long as that says."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(_LONGEST_HEADER, size - 8):
            return False
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError):
            return False
    if not isinstance(header, dict):
        return False
    ends = [0]
    for name, tensor in header.items():
        if name != "__metadata__":
            place = tensor.get("data_offsets") if isinstance(tensor, dict) else None
            if not isinstance(place, list) or not all(isinstance(end, int) for end in place):
                return False
            ends += place
    return bool(max(ends) == size - 8 - length)


def _object(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
