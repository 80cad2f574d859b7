"""study.toml → a checked study."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from engine import strategies, taxonomy, toml
from engine.backends.base import Backend, ModelBackend, RewardBackend, RewardSettings
from engine.backends.kinds import EMBEDDERS, LABELERS, REWARDS, REWRITERS
from engine.backends.rewards.continued import ContinuedBackend
from engine.errors import BadInput
from engine.executors.settings import EXECUTORS, ExecutorSettings
from engine.registry import Registry
from engine.settings import (
    Place,
    S,
    absolute,
    convert,
    convert_value,
    refuse_numbers,
    within,
)
from engine.study.sections import Data, Measures, Rewrites, Study

P = TypeVar("P", Data, Rewrites)

_ONLY_POST = "rewards.pre.continue_from: only rewards.post can continue from pre"
_TABLES = (
    "data",
    "embedder",
    "executor",
    "labelers",
    "measures",
    "name",
    "rewards",
    "rewriter",
    "rewrites",
    "taxonomy",
)
# The key that names the source of the rewards determines the back end.
_REWARD_SOURCES = {"model": "torch", "path": "recorded", "continue_from": "continued"}


def load(path: Path) -> Study:
    """Read and check a study file.

    Raises BadInput, one line: the file, the path of the wrong key, and how to fix it.
    """
    raw = toml.read(path, "study file")
    try:
        return _check(raw, path.resolve().parent, path.stem)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


def _check(raw: dict[str, Any], base: Path, name: str) -> Study:
    for key in raw:
        if key not in _TABLES:
            raise BadInput(f"{key}: unknown key; the tables are {', '.join(_TABLES)}")
    rewards = _table(raw, "rewards", {"pre", "post"})
    study = Study(
        name=convert_value(raw.get("name", name), str, "name"),
        data=_data(convert(raw.get("data", {}), Data, "data"), base),
        features=taxonomy.load(_taxonomy(_table(raw, "taxonomy", {"file"}), base)),
        labelers=_labelers(_table(raw, "labelers"), base),
        pre=_reward(rewards, "pre", {"model": "embedded:reward-pre"}, base),
        post=_reward(rewards, "post", {"continue_from": "pre"}, base),
        rewriter=_backend(raw.get("rewriter", {}), REWRITERS, "torch", Place("rewriter", base)),
        rewrites=_rewrites(convert(raw.get("rewrites", {}), Rewrites, "rewrites"), base),
        embedder=_backend(raw.get("embedder", {}), EMBEDDERS, "torch", Place("embedder", base)),
        measures=convert(raw.get("measures", {}), Measures, "measures"),
        executor=_executor(raw.get("executor", {}), Place("executor", base)),
    )
    _check_numbers(study)
    _check_together(study)
    return study


# ---------------------------------------------------------------- tables


def _data(data: Data, base: Path) -> Data:
    place = Place("data", base)
    if (data.path is None) == (data.dataset is None):
        raise BadInput(
            'data needs either path = "pairs.jsonl.gz" or dataset = "owner/name", not both'
        )
    within("data.limit", data.limit, 0)
    within("data.max_reject_share", data.max_reject_share, 0, 1)
    return _with_path(data, place)


def _taxonomy(table: dict[str, Any], base: Path) -> Path:
    file = table.get("file")
    if file is None:
        return taxonomy.DEFAULT
    where = "taxonomy.file"
    return absolute(convert_value(file, str, where), base, where)


def _labelers(tables: dict[str, Any], base: Path) -> dict[str, Backend]:
    labelers = {
        name: _backend(raw, LABELERS, "heads", Place(f"labelers.{name}", base))
        for name, raw in (tables or {"main": {}}).items()
    }
    if "main" not in labelers:
        raise BadInput(
            "labelers.main is missing: one labeler must be called main: its labels are used in the "
            "measures; the others are compared with it"
        )
    for name in labelers:
        if not name.isidentifier():
            raise BadInput(f"labelers.{name}: a labeler name must be a plain identifier")
    return labelers


def _rewrites(rewrites: Rewrites, base: Path) -> Rewrites:
    for place, name in enumerate(rewrites.strategies):
        where = f"rewrites.strategies[{place}]"
        if problem := strategies.unknown(name):
            raise BadInput(f"{where}: {problem}")
        if name in rewrites.strategies[:place]:
            raise BadInput(f"{where}: {name!r} is listed twice")
    if rewrites.enabled and not rewrites.strategies:
        raise BadInput("rewrites.strategies is empty; set rewrites.sample = 0 to skip rewriting")
    within("rewrites.sample", rewrites.sample, 0)
    within("rewrites.min_cosine", rewrites.min_cosine, -1, 1)
    return _with_path(rewrites, Place("rewrites", base))


def _executor(raw: Any, place: Place) -> ExecutorSettings:
    return _settings(raw, EXECUTORS, "local", place, key="kind").resolved(place)


# ---------------------------------------------------------------- back ends


def _backend(raw: Any, registry: Registry[Any], default: str, place: Place) -> Any:
    return _settings(raw, registry, default, place).resolved(place)


def _settings(
    raw: Any, registry: Registry[S], default: str, place: Place, key: str = "backend"
) -> S:
    """The settings of the back end that the table names, or of the default one."""
    if not isinstance(raw, dict):
        return convert(raw, registry.find(default, place.key(key)), place.where)
    settings = dict(raw)
    name = convert_value(settings.pop(key, default), str, place.key(key))
    kind = registry.find(name, place.key(key))
    for setting in settings.keys() - set(kind.__struct_fields__):
        _refuse_elsewhere(setting, name, registry, place, key)
    return convert(settings, kind, place.where, name)


def _refuse_elsewhere(
    setting: str, name: str, registry: Registry[Any], place: Place, key: str
) -> None:
    """Raises BadInput for a key of another back end, naming it."""
    others = [
        other
        for other in registry.built_in()
        if setting in registry.find(other, place.key(key)).__struct_fields__
    ]
    if others:
        raise BadInput(
            f"{place.key(setting)}: unknown key of {key} {name!r}; "
            f"it is a key of {' and '.join(map(repr, others))}"
        )


def _reward(
    tables: dict[str, Any], role: str, default: dict[str, Any], base: Path
) -> RewardSettings:
    raw, place = tables.get(role, default), Place(f"rewards.{role}", base)
    if not isinstance(raw, dict) or "backend" in raw:
        reward: RewardSettings = _backend(raw, REWARDS, "torch", place)
    else:
        keys = {
            field
            for name in REWARDS.built_in()
            for field in REWARDS.find(name, place.where).__struct_fields__
        }
        for key in raw.keys() - keys:
            raise BadInput(
                f"{place.key(key)}: unknown key; the keys are backend, {', '.join(sorted(keys))}"
            )
        sources = [source for source in _REWARD_SOURCES if source in raw]
        if role == "pre" and "continue_from" in sources:
            raise BadInput(_ONLY_POST)
        if role == "pre" and len(sources) != 1:
            raise BadInput(
                "rewards.pre.model or rewards.pre.path is missing, or both are set: name a "
                "model or a file of scores, or leave [rewards.pre] out"
            )
        if role == "post" and len(sources) != 1:
            raise BadInput("rewards.post needs exactly one of model, path and continue_from")
        backend = _REWARD_SOURCES[sources[0]]
        reward = _backend({**raw, "backend": backend}, REWARDS, backend, place)
    return reward


# ---------------------------------------------------------------- checks across tables


def _check_numbers(study: Study) -> None:
    """Raises BadInput for a number that is out of any range, in whatever table it stands."""
    tables = {name: getattr(study, name) for name in ("data", "rewrites", "measures", "executor")}
    backends = {f"labelers.{name}": labeler for name, labeler in study.labelers.items()}
    backends |= {"rewards.pre": study.pre, "rewards.post": study.post}
    backends |= {"rewriter": study.rewriter, "embedder": study.embedder}
    for where, table in (tables | backends).items():
        refuse_numbers(table, where)


def _check_together(study: Study) -> None:
    """Checks that involve several tables."""
    pre, post = study.pre, study.post
    if isinstance(pre, ContinuedBackend):
        raise BadInput(_ONLY_POST)
    if isinstance(post, ContinuedBackend) and not (
        isinstance(pre, RewardBackend) and pre.can_continue
    ):
        raise BadInput(
            f"rewards.post.continue_from: rewards.pre (backend {pre.backend}) cannot be trained "
            "further; name the post-D scores with rewards.post.path, or a model in both"
        )
    if study.rewrites.path is not None:
        if not (pre.needs == "file" and post.needs == "file"):
            raise BadInput(
                "rewrites.path: recorded rewrites include rewards, so the pairs' rewards must "
                "be recorded too: set rewards.pre.path and rewards.post.path"
            )
    elif study.rewrites.sample:
        sources: dict[str, Backend] = {
            "labelers.main": study.labelers["main"],
            "rewards.pre": pre,
            "rewards.post": post,
        }
        for where, backend in sources.items():
            if not isinstance(backend, ModelBackend | ContinuedBackend):
                raise BadInput(
                    f"{where}: backend {backend.backend} cannot score rewrites; set "
                    "rewrites.sample = 0, or rewrites.path to recorded rewrites"
                )


def _with_path(section: P, place: Place) -> P:
    """The section with an absolute `path`, if it has one. Raises BadInput if it does not exist."""
    if section.path is None:
        return section
    return msgspec.structs.replace(section, path=place.existing(section.path, "path"))


def _table(raw: dict[str, Any], key: str, keys: set[str] | None = None) -> dict[str, Any]:
    table = raw.get(key, {})
    if not isinstance(table, dict):
        raise BadInput(f"{key}: must be a table")
    for name in table:
        if keys is not None and name not in keys:
            raise BadInput(f"{key}.{name}: unknown key; the keys are {', '.join(sorted(keys))}")
    return table
