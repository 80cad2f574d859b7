"""The border to the libraries of models: whatever they raise becomes one line about the model.

Their own message goes to the log, with the traceback: it is about their insides, may quote a file,
and is seldom one line.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from engine.errors import BadInput, MachineError, SealError, causes
from engine.models import diagnosis
from engine.models.embedded import resolve

Problem = Callable[[Path], str | None]

_LOG = "details in engine.log"
_OFFLINE = ("OfflineModeIsEnabled", "LocalEntryNotFoundError", "ConnectError", "ConnectTimeout")
# What the hub's library raises, by the names of the classes, and what that means.
_HUB: tuple[tuple[tuple[str, ...], type[SealError], str], ...] = (
    (("HFValidationError",), BadInput, "it is no folder, and no name on the hub (owner/name)"),
    (("GatedRepoError",), MachineError,
     "it is gated: accept its terms on its hub page and log in with hf auth login"),
    (("RevisionNotFoundError",), BadInput, "the hub has no such revision of it: correct revision"),
    (("RepositoryNotFoundError",), BadInput,
     "it is no folder, and the hub has no such model, or a private one: check the name, or log in "
     "with hf auth login"),
    (_OFFLINE, MachineError,
     "it is no folder, it is not in the local cache, and the model hub cannot be reached: check "
     "the name and the network, or name a local folder with safetensors weights"),
    (("EntryNotFoundError", "RemoteEntryNotFoundError"), BadInput,
     "the hub has it without the files that are needed: safetensors weights, config.json and a "
     "tokenizer"),
)  # fmt: skip


def loading(
    model: str, what: str = "", problem: Problem = diagnosis.problem, unfit: str = ""
) -> AbstractContextManager[None]:
    """Translates whatever is raised while `model` is loaded; `what` it is, such as "the adapter ",
    and `unfit` what is wrong with it if its files are whole.

    Raises BadInput for what is wrong with the model, and MachineError for what this machine lacks.
    Being out of memory passes, for it is answered with smaller batches.
    """
    return _translated(lambda error: _explained(model, what, problem, unfit, error))


def computing(model: str) -> AbstractContextManager[None]:
    """The same while a loaded model works."""
    said = MachineError(
        f"{model} fails on a text, as if its weights, settings and tokenizer were "
        f"not of one model: save them together; {_LOG}"
    )
    return _translated(lambda error: said)


@contextmanager
def _translated(explain: Callable[[Exception], SealError]) -> Iterator[None]:
    try:
        yield
    except SealError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        traceback.print_exception(error, file=sys.stderr)
        raise explain(error) from error


def is_out_of_memory(error: Exception) -> bool:
    # torch's own error is known by its name, without importing torch.
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def _explained(model: str, what: str, problem: Problem, unfit: str, error: Exception) -> SealError:
    start = f"cannot load {what}{model}: "
    if isinstance(error, ImportError):
        return MachineError(
            f"{start}{_package(error)} is missing or too old: install it into this environment"
        )
    folder = Path(resolve(model))
    if folder.is_dir():
        return BadInput(f"{start}it {problem(folder) or unfit or _unfit(str(folder))}")
    classes = {type(link).__name__ for link in causes(error)}
    for names, kind, words in _HUB:
        if classes.intersection(names):
            return kind(start + words)
    return MachineError(
        f"{start}it is no folder, and cannot be used from the hub: name a local folder with "
        f"safetensors weights; {_LOG}"
    )


def _unfit(folder: str) -> str:
    """Which part of a model transformers does not take, of files that are well written."""
    import transformers
    from transformers import AutoConfig, AutoTokenizer

    version = f"the installed transformers {transformers.__version__}"
    parts: tuple[tuple[Any, str], ...] = (
        (AutoConfig, f"has a config.json that {version} does not take"),
        (AutoTokenizer, f"has tokenizer files that {version} does not take"),
    )
    for part, words in parts:
        try:
            part.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        except Exception:
            return f"{words}: update transformers, or save the model again; {_LOG}"
    return (
        "has settings that its kind of model does not take, or weights that do not fit them: save "
        f"the model again; {_LOG}"
    )


def _package(error: ImportError) -> str:
    """The package whose lack was told, or which kind it is."""
    said = str(error).lower()
    known = ("sentencepiece", "tiktoken", "protobuf", "jinja2", "accelerate", "einops", "peft")
    found = [name for name in known if name in said]
    return f"the package {found[0]}" if found else f"the package {error.name or 'it needs'}"
