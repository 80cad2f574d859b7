"""`seal-tui import`: a study that uses recorded files instead of models."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.errors import BadInput
from engine.files import expanded
from engine.visible import toml_string

MARK = "# Written by `seal-tui import`."


@dataclass(frozen=True)
class Files:
    """What is imported; `labels` are [NAME=]FILE, `rewards` are pre=FILE and post=FILE."""

    pairs: Path | None
    labels: Sequence[str]
    rewards: Sequence[str]
    rewrites: Path | None
    taxonomy: Path | None
    allow_squashed: bool


@contextmanager
def written(run_dir: Path, files: Files) -> Iterator[Path]:
    """The path of a temporary study file for these files."""
    _refuse_other_runs(run_dir)
    try:
        text = study(os.path.basename(os.path.realpath(run_dir)), files)
    except UnicodeEncodeError:
        raise BadInput("a file name is not valid UTF-8: rename the file") from None
    with tempfile.TemporaryDirectory(prefix="seal-tui-") as folder:
        path = Path(folder) / "study.toml"
        path.write_text(text, "utf-8")
        yield path


def study(name: str, files: Files) -> str:
    """The study file's text; all paths absolute."""
    labels = _labels(files.labels)
    rewards = _rewards(files.rewards)
    pairs = files.pairs or labels.get("main") or next(iter(labels.values()), None)
    if pairs is None:
        raise BadInput(
            "--pairs is missing: name the pairs, or a labels file with their texts (--labels)"
        )
    squashed = "allow_squashed = true\n" if files.allow_squashed else ""
    parts = [f"{MARK}\nname = {toml_string(name)}\n\n[data]\npath = {_path(pairs)}\n"]
    if files.taxonomy is not None:
        parts.append(f"[taxonomy]\nfile = {_path(files.taxonomy)}\n")
    if "main" not in labels:
        parts.append('[labelers.main]\nbackend = "none"\n')
    for labeler, path in labels.items():
        parts.append(f'[labelers.{labeler}]\nbackend = "recorded"\npath = {_path(path)}\n')
    for role in ("pre", "post"):
        parts.append(f"[rewards.{role}]\npath = {_path(rewards[role])}\n{squashed}")
    if files.rewrites is None:
        parts.append("[rewrites]\nsample = 0\n")
    else:
        parts.append(
            f'[rewrites]\npath = {_path(files.rewrites)}\nscope = "transcript"\n'
            "min_cosine = 0  # as published: every rewrite counts, whatever its cosine\n"
        )
    return "\n".join(parts)


def _labels(options: Sequence[str]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for word in options:
        name, equals, path = word.partition("=")
        # A path may hold an equals sign: a name is a plain identifier.
        if not (equals and name.isidentifier() and name.isascii()):
            name, path = "main", word
        if name in files:
            raise BadInput(
                f"--labels {word}: labeler {name} is given twice; name the labeler: NAME=FILE"
            )
        files[name] = Path(path)
    return files


def _rewards(options: Sequence[str]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for word in options:
        role, _, path = word.partition("=")
        if role not in ("pre", "post") or not path:
            raise BadInput(f"--rewards {word}: must be pre=FILE or post=FILE")
        if role in files:
            raise BadInput(f"--rewards {word}: {role} is given twice")
        files[role] = Path(path)
    missing = [role for role in ("pre", "post") if role not in files]
    if missing:
        raise BadInput(
            f"--rewards {missing[0]}=FILE is missing: both pre and post are required, because "
            "there is no model to score or train the other with"
        )
    return files


def _refuse_other_runs(run_dir: Path) -> None:
    try:
        begun = (run_dir / "study.toml").read_text("utf-8", "replace")
    except FileNotFoundError:
        if (run_dir / "study.json").exists():
            begun = ""
        else:
            return
    if not begun.startswith(MARK):
        raise BadInput(f"{run_dir} contains a run that was not imported: use another folder")


def _path(path: Path) -> str:
    return toml_string(os.path.realpath(expanded(path)))
