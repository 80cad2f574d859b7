"""study.json: the study of a run folder, with every default and absolute path written out."""

from __future__ import annotations

from typing import Any

import msgspec

from engine import strategies, taxonomy
from engine.backends.base import Absent, AbsentModel, AbsentReward, Backend
from engine.backends.kinds import EMBEDDERS, LABELERS, REWARDS, REWRITERS
from engine.errors import BadInput
from engine.executors.settings import EXECUTORS, AbsentExecutor
from engine.registry import Registry
from engine.study.sections import Data, Measures, Rewrites, Study
from engine.study.upgrade import FORMAT, upgraded
from engine.taxonomy import Feature
from engine.visible import json_text


def dump_resolved(study: Study) -> bytes:
    """The study as JSON, which shows no name as it is that could harm a terminal."""
    content: dict[str, Any] = {"format": FORMAT}
    for key in study.__struct_fields__:
        content[key] = _plain(getattr(study, key))
    return json_text(msgspec.json.format(msgspec.json.encode(content), indent=2).decode()).encode()


def loads_resolved(text: bytes) -> Study:
    """The inverse of `dump_resolved`; also accepts the formats of older versions. A back end that
    is not installed becomes `Absent`: the folder can be read, but not run.

    Raises BadInput if this is not a study.
    """
    try:
        raw = upgraded(msgspec.json.decode(text, type=dict[str, Any]))
        if unknown := raw.keys() - set(Study.__struct_fields__):
            raise BadInput(f"{min(unknown)}: unknown key")
        return _study(raw)
    except (
        msgspec.MsgspecError,
        BadInput,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise BadInput(
            f"study.json in the run folder is invalid ({error}); "
            "`seal-tui run STUDY.toml --run-dir` writes it again"
        ) from None


def require_installed(study: Study) -> None:
    """Raises BadInput if a back end, strategy or executor of the study is not installed."""
    for where, backend in study.backends().items():
        if isinstance(backend, Absent):
            raise BadInput(f"{where}: {backend.problem}; install the package that provides it")
    for name in study.rewrites.strategies if study.rewrites.enabled else ():
        if problem := strategies.unknown(name):
            raise BadInput(f"rewrites.strategies: {problem}")
    if isinstance(study.executor, AbsentExecutor):
        raise BadInput(f"executor: {study.executor.problem}; install the package that provides it")


def _study(raw: dict[str, Any]) -> Study:
    labelers = msgspec.convert(raw["labelers"], dict[str, dict[str, Any]])
    features = msgspec.convert(raw["features"], tuple[Feature, ...])
    taxonomy.check(features)
    return Study(
        name=msgspec.convert(raw["name"], str),
        data=msgspec.convert(raw["data"], Data),
        features=features,
        labelers={name: _backend(table, LABELERS) for name, table in labelers.items()},
        pre=_settings(raw["pre"], REWARDS, AbsentReward),
        post=_settings(raw["post"], REWARDS, AbsentReward),
        rewriter=_backend(raw["rewriter"], REWRITERS),
        rewrites=msgspec.convert(raw["rewrites"], Rewrites),
        embedder=_backend(raw["embedder"], EMBEDDERS),
        measures=msgspec.convert(raw["measures"], Measures),
        executor=_settings(raw["executor"], EXECUTORS, AbsentExecutor, "kind"),
    )


def _backend(table: dict[str, Any], registry: Registry[Any]) -> Backend:
    backend: Backend = _settings(table, registry, AbsentModel)
    return backend


def _settings(
    table: dict[str, Any], registry: Registry[Any], absent: type[Any], key: str = "backend"
) -> Any:
    """The back end that a table names, with its settings."""
    name = msgspec.convert(table[key], str)
    try:
        kind = registry.find(name, f"{registry.kind} backend")
        return msgspec.convert(table, kind)
    except (BadInput, msgspec.ValidationError) as error:
        if name in registry.built_in():
            raise
        return absent(settings=table, problem=str(error))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, Absent | AbsentExecutor):
        return value.settings
    return msgspec.to_builtins(value)
