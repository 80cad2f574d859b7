"""Folders of models: settings, tokenizers, weights, adapters, embedders and label heads."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.backends.base import ModelBackend
from engine.backends.embedders.torch import SentenceEmbedderBackend
from engine.backends.labelers.heads import HeadsBackend
from engine.backends.rewards.torch import ClassifierBackend
from engine.backends.rewriters.torch import TorchRewriterBackend

WEIGHTS = "model.safetensors"
GONE = object()
Damage = Callable[[Path], object]


@dataclass(frozen=True)
class BadModel:
    """A good model, `good`, that `damage` makes a bad one; `backend` is asked to load it. `taken`:
    the libraries may make do with it, as with settings that they do not read."""

    name: str
    good: str
    damage: Damage
    backend: Callable[[str], ModelBackend]
    taken: bool = False


def _write(name: str, content: bytes) -> Damage:
    return lambda folder: (folder / name).write_bytes(content)


def _cut(name: str, end: int) -> Damage:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:end])


def _gone(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def _set(name: str, **changes: Any) -> Damage:
    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text()) | changes
        kept = {key: value for key, value in content.items() if value is not GONE}
        (folder / name).write_text(json.dumps(kept))

    return change


def _flipped(at: int) -> Damage:
    def flip(folder: Path) -> None:
        content = bytearray((folder / WEIGHTS).read_bytes())
        content[at] ^= 0xFF
        (folder / WEIGHTS).write_bytes(bytes(content))

    return flip


def _renamed(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = {f"x.{name}": value for name, value in load_file(folder / WEIGHTS).items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def _pickled(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04N.")


def _index(content: Any) -> Damage:
    def write(folder: Path) -> None:
        (folder / WEIGHTS).rename(folder / "a.safetensors")
        (folder / f"{WEIGHTS}.index.json").write_text(json.dumps(content))

    return write


def _emptied(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _folder(name: str) -> Damage:
    def replace(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return replace


def _loop(name: str) -> Damage:
    def replace(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(name)

    return replace


def _is_adapter(config: Any, weights: bytes = b"") -> Damage:
    """The model becomes an adapter; BASE in its settings is the model as it was."""

    def make(folder: Path) -> None:
        base = shutil.copytree(folder, folder.with_name("base"), dirs_exist_ok=True)
        (folder / "config.json").unlink()
        written = json.dumps(config).replace('"BASE"', json.dumps(str(base)))
        (folder / "adapter_config.json").write_text(written)
        (folder / "adapter_model.safetensors").write_bytes(weights)

    return make


# What stands in a file of JSON, and whether the libraries may do without it.
JSON: dict[str, bytes] = {
    "nothing": b"",
    "a list": b"[]",
    "null": b"null",
    "a number": b"7",
    "UTF-16": "{}".encode("utf-16"),
    "lists without end": b"[" * 100_000,
    "objects without end": b'{"a":' * 100_000,
    "half an object": b'{"a": ',
    "zeros": b"\0" * 99,
    "binary": bytes(range(256)),
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
}
CONFIG: dict[str, Any] = {
    "model_type": GONE, "hidden_size": "16", "vocab_size": -1, "num_attention_heads": 3,
    "hidden_act": "magic", "pad_token_id": 10**9, "num_labels": 0, "id2label": 3,
    "max_position_embeddings": 10**12, "quantization_config": {"a": 1}, "initializer_range": "x",
    "layer_norm_eps": "x", "attention_probs_dropout_prob": 7, "intermediate_size": 64,
    "type_vocab_size": 0,
}  # fmt: skip
KINDS = ("magic", "llama", "t5", "", "../bert", "BERT", "gpt2")
TOKENIZER: dict[str, Any] = {
    "added_tokens": GONE, "model": GONE, "version": "9.9", "pre_tokenizer": {"type": "Magic"},
    "post_processor": 3, "normalizer": {"type": "?"}, "decoder": [], "truncation": 5,
}  # fmt: skip
TOKENIZERS: dict[str, Any] = {
    "model": {"type": "Magic"},
    "added_tokens": ["x"],
    "padding": {"strategy": 5},
}
SETTINGS: dict[str, Any] = {
    "pad_token": 5, "model_max_length": "x", "added_tokens_decoder": 3, "chat_template": 7,
    "padding_side": "up", "extra_special_tokens": 5,
}  # fmt: skip
TENSORS: dict[str, Damage] = {
    "none": _gone(WEIGHTS),
    "empty": _write(WEIGHTS, b""),
    "cut in the header": _cut(WEIGHTS, 50),
    "cut in the numbers": _cut(WEIGHTS, -10),
    "longer": lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes() + b"x"),
    "binary": _write(WEIGHTS, b"\xff" * 999),
    "a header of an exabyte": _write(WEIGHTS, struct.pack("<Q", 1 << 60) + b"{}"),
    "a header that is a list": _write(WEIGHTS, struct.pack("<Q", 2) + b"[]"),
    "no tensor": _write(WEIGHTS, struct.pack("<Q", 2) + b"{}"),
    "a pointer": _write(WEIGHTS, b"version https://git-lfs.github.com/spec/v1\n"),
    "a flipped header": _flipped(20),
    "other names": _renamed,
    "a pickle": _pickled,
    "an empty index": _index({}),
    "an index that is a list": _index([]),
    "an index of null": _index({"weight_map": None}),
    "an index of numbers": _index({"metadata": {}, "weight_map": {"a": 3}}),
    "an index of files elsewhere": _index({"weight_map": {"a": "../../x.safetensors"}}),
    "an index of what is gone": _index({"metadata": {}, "weight_map": {"a": "b.safetensors"}}),
    "a folder": _folder(WEIGHTS),
    "a loop": _loop(WEIGHTS),
}
TYPE = "sentence_transformers.models.Transformer"
MODULES: dict[str, Any] = {
    "an object": {},
    "empty": [],
    "no keys": [{}],
    "numbers": [1],
    "its own class": [{"idx": 0, "name": "0", "path": "", "type": "own.Magic"}],
    "a path outside": [{"idx": 0, "name": "0", "path": "../..", "type": TYPE}],
}
ADAPTERS: dict[str, Damage] = {
    "no settings": _is_adapter({}),
    "settings that are a list": _is_adapter([]),
    "another type": _is_adapter({"peft_type": "MAGIC", "base_model_name_or_path": "BASE"}),
    "a list of types": _is_adapter({"peft_type": ["LORA"], "base_model_name_or_path": "BASE"}),
    "no base": _is_adapter({"peft_type": "LORA"}),
    "a base that is a number": _is_adapter({"peft_type": "LORA", "base_model_name_or_path": 5}),
    "a base that is gone": _is_adapter({"peft_type": "LORA", "base_model_name_or_path": "/gone"}),
    "no weights": _is_adapter({"peft_type": "LORA", "base_model_name_or_path": "BASE"}),
    "weights that are damaged": _is_adapter(
        {"peft_type": "LORA", "base_model_name_or_path": "BASE"}, b"\xff" * 99
    ),
}


def reward(folder: str) -> ModelBackend:
    return ClassifierBackend(model=folder)


def cases() -> Iterator[BadModel]:
    """Of rewards first, which everything else is built like."""

    def bad(name: str, damage: Damage, taken: bool = False) -> BadModel:
        return BadModel(name, "reward", damage, reward, taken)

    for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        for what, content in JSON.items():
            yield bad(f"{file}: {what}", _write(file, content))
        yield bad(f"{file}: gone", _gone(file), taken=file == "tokenizer_config.json")
        yield bad(f"{file}: a folder", _folder(file), taken=file == "tokenizer_config.json")
        yield bad(f"{file}: a loop", _loop(file), taken=file == "tokenizer_config.json")
    for key, value in CONFIG.items():
        yield bad(f"config.json: {key}", _set("config.json", **{key: value}))
    for kind in KINDS:
        yield bad(f"config.json: kind {kind}", _set("config.json", model_type=kind))
    for key, value in TOKENIZER.items():
        yield bad(f"tokenizer.json: {key}", _set("tokenizer.json", **{key: value}))
    for key, value in TOKENIZERS.items():
        yield bad(f"tokenizer.json: wrong {key}", _set("tokenizer.json", **{key: value}))
    for key, value in SETTINGS.items():
        yield bad(f"tokenizer_config.json: {key}", _set("tokenizer_config.json", **{key: value}))
    for template in ("{% for %}", "{{ raise_exception('no') }}", "{{ 1 // 0 }}", "{{ a.b.c }}"):
        changed = _set("tokenizer_config.json", chat_template=template)
        yield bad(f"template: {template}", changed)
    for name, damage in TENSORS.items():
        yield bad(f"weights: {name}", damage)
    yield bad("an empty folder", _emptied)
    for name, damage in ADAPTERS.items():
        yield bad(f"adapter: {name}", damage)
    yield from _others()


def _others() -> Iterator[BadModel]:
    def embedder(folder: str) -> ModelBackend:
        return SentenceEmbedderBackend(model=folder)

    def rewriter(folder: str) -> ModelBackend:
        return TorchRewriterBackend(model=folder)

    def heads(folder: str) -> ModelBackend:
        return HeadsBackend(model=folder)

    for name, content in MODULES.items():
        damage = _write("modules.json", json.dumps(content).encode())
        yield BadModel(f"embedder: modules, {name}", "embedder", damage, embedder)
    pooling: Damage = lambda folder: shutil.rmtree(folder / "1_Pooling")  # noqa: E731
    yield BadModel("embedder: no pooling", "embedder", pooling, embedder)
    for file in ("config.json", "tokenizer.json", WEIGHTS):
        yield BadModel(f"embedder: {file} cut", "embedder", _cut(file, 60), embedder)
        yield BadModel(f"embedder: {file} gone", "embedder", _gone(file), embedder)
        yield BadModel(f"rewriter: {file} cut", "reward", _cut(file, 60), rewriter)
        yield BadModel(f"rewriter: {file} gone", "reward", _gone(file), rewriter)
    for name, content in (
        ("empty", b""),
        ("binary", b"\xff" * 99),
        ("no tensor", b"\2" + b"\0" * 7 + b"{}"),
    ):
        damage = _write("heads.safetensors", content)
        yield BadModel(f"heads: {name}", "reward", damage, heads)
    yield BadModel("heads: none", "reward", lambda folder: None, heads)
    for name in (
        "no such model",
        "/no/such/folder",
        "owner/name",
        "a" * 500,
        "a/b/c/d",
        "..",
        "~",
        "x:y",
    ):
        yield BadModel(f"name: {name[:20]}", "reward", lambda folder: None,
                       lambda _, name=name: ClassifierBackend(model=name))  # type: ignore[misc]  # fmt: skip
