"""study.toml → validated, frozen settings. A wrong key is named by its path."""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

import msgspec

from engine import taxonomy
from engine.results.choices import (
    MIN_COSINE,
    OPINION_RULE,
    PRESET,
    TIE_POLICY,
    OpinionRule,
    Preset,
    TiePolicy,
)
from engine.results.choices import PRESETS as PRESETS

STRATEGIES = ("neutral", "more-positive", "placebo")

Strategy = Literal["neutral", "more-positive", "placebo"]


class StudyError(ValueError):
    """The study file is wrong. The message names file, key and mend in one line."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every table of the study file."""


class Data(Section, frozen=True, kw_only=True):
    """`path` (a file or folder) or `dataset` (a hub name). `limit` 0 takes all pairs."""

    path: str | None = None
    dataset: str | None = None
    config: str | None = None
    split: str = "train"
    revision: str | None = None
    limit: int = 0
    seed: int = 7
    max_reject_share: float = 0.05


class Labeler(Section, frozen=True, kw_only=True):
    """torch: a causal LM, yes/no logits · heads: heads on a frozen embedder ·
    endpoint: an OpenAI-compatible server · recorded: a file of labels · none: no labels.

    The embedded models bring their own adapter or heads where none is named."""

    backend: Literal["torch", "heads", "endpoint", "recorded", "none"] = "heads"
    model: str | None = None
    adapter: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    path: str | None = None


class Reward(Section, frozen=True, kw_only=True):
    """`path` is a file of recorded scores, then no model is needed; `allow_squashed` takes them
    even if all lie within [0, 1]. `allow_pickle` and `trust_remote_code` name the model and
    revision that they trust, `MODEL@REVISION` or a folder. `continue_from = "pre"` trains the
    other model's last layer on the dataset at first run; `penalty` is how strongly it is held to
    where it started."""

    model: str | None = None
    path: str | None = None
    allow_squashed: bool = False
    revision: str | None = None
    allow_pickle: str | bool = False
    trust_remote_code: str | bool = False
    lineage: str = ""
    continue_from: Literal["pre"] | None = None
    penalty: float = 3e-4

    @property
    def origin(self) -> str:
        """How the model came about, as far as the study says: its `lineage`, or what it goes on
        from; empty where nothing is stated."""
        if self.lineage or self.continue_from is None:
            return self.lineage
        return f"continued from {self.continue_from}"


class Rewriter(Section, frozen=True, kw_only=True):
    backend: Literal["torch", "endpoint"] = "torch"
    model: str = "embedded:smollm2"
    adapter: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None


class Rewrites(Section, frozen=True, kw_only=True):
    """`sample` pairs are rewritten, both sides, once per strategy; 0 skips robustness. With `path`
    they are read from a file instead, with their labels, rewards and similarities."""

    path: str | None = None
    strategies: tuple[Strategy, ...] = ("neutral", "more-positive", "placebo")
    sample: int = 1608
    seed: int = 7
    scope: Literal["response", "transcript"] = "response"
    min_cosine: float = MIN_COSINE

    @property
    def wanted(self) -> bool:
        return self.path is not None or self.sample > 0


class Embedder(Section, frozen=True, kw_only=True):
    model: str = "embedded:minilm"


class Measures(Section, frozen=True, kw_only=True):
    preset: Preset = PRESET
    tie_policy: TiePolicy = TIE_POLICY
    opinion: OpinionRule = OPINION_RULE


class Executor(Section, frozen=True, kw_only=True):
    """A worker that gives no answer for a batch in `batch_limit_s` seconds is killed, and the
    batch tried again in parts."""

    kind: Literal["local"] = "local"
    devices: str = "auto"
    batch_limit_s: float = 900.0
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"


class Study(Section, frozen=True, kw_only=True):
    """A whole study, its paths absolute."""

    name: str
    data: Data
    features: tuple[taxonomy.Feature, ...]
    labelers: dict[str, Labeler]
    pre: Reward
    post: Reward
    rewriter: Rewriter
    rewrites: Rewrites
    embedder: Embedder
    measures: Measures
    executor: Executor


_S = TypeVar("_S", Data, Labeler, Reward, Rewrites)

EMBEDDED_HEADS = "embedded:label-heads"
EMBEDDED_LM = "embedded:smollm2"
LABELER_ADAPTER = "embedded:labeler-adapter"
REWRITER_ADAPTER = "embedded:rewriter-adapter"
_DEFAULT_PRE = Reward(model="embedded:reward-pre")
_KNOWN = [
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
]
_DEFAULT_POST = Reward(continue_from="pre")


def load(path: Path) -> Study:
    """Read and check a study file.

    Raises StudyError, one line: the file, the path of the wrong key, and how to mend it.
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise StudyError(f"{path}: no such study file") from None
    except IsADirectoryError:
        raise StudyError(f"{path} is a folder; name the study file in it") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: not valid TOML: {error}") from None
    except RecursionError:
        raise StudyError(f"{path}: not valid TOML: nested too deep") from None
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return _check(raw, path.resolve().parent, path.stem)
    except (StudyError, taxonomy.TaxonomyError) as error:
        raise StudyError(f"{path}: {error}") from None


def loads_resolved(text: bytes) -> Study:
    """The inverse of `dump_resolved`.

    Raises StudyError when this is no study of this version of the program.
    """
    try:
        return msgspec.json.decode(text, type=Study)
    except msgspec.DecodeError as error:
        raise StudyError(
            f"the run folder's study.json cannot be used ({error}); "
            "`seal-tui run STUDY.toml --run-dir` writes it anew"
        ) from None


def dump_resolved(study: Study) -> bytes:
    """The study with every default and absolute path written out, as JSON."""
    return msgspec.json.format(msgspec.json.encode(study), indent=2)


def digest(study: Study) -> str:
    """Two studies with one digest find the same. How patient a run is with its workers and whose
    code it may run are no part of that; what foreign code does is in the producer of results."""
    content = msgspec.json.decode(dump_resolved(study))
    del content["executor"]["batch_limit_s"]
    for role in ("pre", "post"):
        del content[role]["trust_remote_code"]
    return hashlib.sha256(msgspec.json.format(msgspec.json.encode(content), indent=2)).hexdigest()


def results_digest(study: Study) -> str:
    """Two studies with one digest ask the same of data and models; they may measure otherwise."""
    features = tuple(replace(f, role="other", regress=True) for f in study.features)
    rewrites = msgspec.structs.replace(study.rewrites, min_cosine=0.0)
    plain = msgspec.structs.replace(
        study, name="", features=features, rewrites=rewrites, measures=Measures()
    )
    return digest(plain)


def _check(raw: dict[str, Any], base: Path, name: str) -> Study:
    for key in raw:
        if key not in _KNOWN:
            raise StudyError(f"{key}: unknown key; the tables are {', '.join(_KNOWN)}")
    rewards = _table(raw, "rewards", {"pre", "post"})
    taxonomy_table = _table(raw, "taxonomy", {"file"})
    file = _convert(taxonomy_table.get("file"), str | None, "taxonomy.file")
    labelers = {
        key: _convert(value, Labeler, f"labelers.{key}")
        for key, value in _table(raw, "labelers").items()
    } or {"main": Labeler()}
    study = Study(
        name=_convert(raw.get("name", name), str, "name"),
        data=_data(_convert(raw.get("data", {}), Data, "data"), base),
        features=taxonomy.load(
            _absolute(file, base, "taxonomy.file") if file else taxonomy.DEFAULT
        ),
        labelers={key: _labeler(value, f"labelers.{key}", base) for key, value in labelers.items()},
        pre=_reward(rewards.get("pre"), _DEFAULT_PRE, "rewards.pre", base),
        post=_reward(rewards.get("post"), _DEFAULT_POST, "rewards.post", base),
        rewriter=_rewriter(_convert(raw.get("rewriter", {}), Rewriter, "rewriter"), base),
        rewrites=_with_path(
            _convert(raw.get("rewrites", {}), Rewrites, "rewrites"), base, "rewrites"
        ),
        embedder=_convert(raw.get("embedder", {}), Embedder, "embedder"),
        measures=_convert(raw.get("measures", {}), Measures, "measures"),
        executor=_convert(raw.get("executor", {}), Executor, "executor"),
    )
    _check_whole(study)
    return study


def _check_whole(study: Study) -> None:
    if "main" not in study.labelers:
        raise StudyError(
            "labelers.main is missing: one labeler must be called main, its labels feed the "
            "measures; the others are compared with it"
        )
    for key in study.labelers:
        if not key.isidentifier():
            raise StudyError(f"labelers.{key}: a labeler's name must be a plain identifier")
    _check_rewards(study)
    _check_rewrites(study)
    for path, value, low, high in (
        ("data.limit", study.data.limit, 0, None),
        ("data.max_reject_share", study.data.max_reject_share, 0, 1),
        ("rewrites.sample", study.rewrites.sample, 0, None),
        ("rewrites.min_cosine", study.rewrites.min_cosine, -1, 1),
        ("rewards.post.penalty", study.post.penalty, 0, None),
        ("executor.batch_limit_s", study.executor.batch_limit_s, 1, None),
    ):
        if not low <= value <= (math.inf if high is None else high) or math.isinf(value):
            span = f"between {low} and {high}" if high is not None else f"at least {low}"
            raise StudyError(f"{path} = {value}: must be {span}")


def _check_rewards(study: Study) -> None:
    pre, post = study.pre, study.post
    if pre.continue_from is not None:
        raise StudyError("rewards.pre.continue_from: only rewards.post can continue from pre")
    if (pre.model is None) == (pre.path is None):
        raise StudyError(
            "rewards.pre.model or rewards.pre.path is missing, or both are there: name a model or "
            "a file of scores, or leave [rewards.pre] out"
        )
    if [post.model, post.path, post.continue_from].count(None) != 2:
        raise StudyError("rewards.post needs exactly one of model, path and continue_from")
    if post.continue_from is not None and pre.path is not None:
        raise StudyError(
            "rewards.post.continue_from: recorded scores cannot be trained further; name the "
            "post-D scores with rewards.post.path, or a model in rewards.pre"
        )


def _check_rewrites(study: Study) -> None:
    if study.rewriter.backend == "endpoint" and not study.rewriter.base_url:
        raise StudyError("rewriter.base_url is missing: the endpoint backend needs an address")
    if study.rewrites.wanted and not study.rewrites.strategies:
        raise StudyError("rewrites.strategies is empty; set rewrites.sample = 0 to skip rewriting")
    cannot = {
        "labelers.main: recorded labels cannot label": study.labelers["main"].backend == "recorded",
        "labelers.main: backend none cannot label": study.labelers["main"].backend == "none",
        "rewards.pre: recorded scores cannot score": study.pre.path is not None,
        "rewards.post: recorded scores cannot score": study.post.path is not None,
    }
    for words, true in cannot.items():
        if true and study.rewrites.path is None and study.rewrites.sample:
            raise StudyError(
                f"{words} rewrites; set rewrites.sample = 0, or rewrites.path to recorded rewrites"
            )
    if study.rewrites.path is not None and (study.pre.path is None or study.post.path is None):
        raise StudyError(
            "rewrites.path: recorded rewrites bring their rewards, so the pairs' rewards must be "
            "recorded too: set rewards.pre.path and rewards.post.path"
        )


def _data(data: Data, base: Path) -> Data:
    if (data.path is None) == (data.dataset is None):
        raise StudyError(
            'data needs either path = "pairs.jsonl.gz" or dataset = "owner/name", not both'
        )
    return _with_path(data, base, "data")


def _reward(raw: Any, default: Reward, where: str, base: Path) -> Reward:
    reward: Reward = default if raw is None else _convert(raw, Reward, where)
    for key in ("allow_pickle", "trust_remote_code"):
        _check_trust(reward, key, base, where)
    reward = msgspec.structs.replace(reward, model=_model(reward.model, base, f"{where}.model"))
    return _with_path(reward, base, where)


def _check_trust(reward: Reward, key: str, base: Path, where: str) -> None:
    """Whoever trusts says whom: a later edit of model or revision must not inherit it."""
    given = getattr(reward, key)
    if given is False:
        return
    if reward.model is None:
        raise StudyError(f"{where}.{key}: there is no {where}.model that it could be about")
    local = _absolute(reward.model, base, f"{where}.model").is_dir()
    if not local and reward.revision is None:
        mend = f"set {where}.revision to the commit that you looked at, and {key} to MODEL@REVISION"
    else:
        named = reward.model if local else f"{reward.model}@{reward.revision}"
        if given == named:
            return
        mend = f'write {key} = "{named}"'
    raise StudyError(f"{where}.{key} must name the model and revision that are trusted: {mend}")


def _rewriter(rewriter: Rewriter, base: Path) -> Rewriter:
    adapter = rewriter.adapter
    if adapter is None and rewriter.model == EMBEDDED_LM:
        adapter = REWRITER_ADAPTER  # untrained it is no rewriter
    return msgspec.structs.replace(
        rewriter,
        model=_model(rewriter.model, base, "rewriter.model"),
        adapter=_model(adapter, base, "rewriter.adapter"),
    )


def _model(name: str | None, base: Path, where: str) -> str | None:
    """A folder beside the study file becomes absolute; hub and embedded names stay."""
    if name is not None and (folder := _absolute(name, base, where)).is_dir():
        return str(folder)
    return name


def _labeler(labeler: Labeler, where: str, base: Path) -> Labeler:
    model, adapter = labeler.model, labeler.adapter
    if labeler.backend == "heads" and model is None:
        model = EMBEDDED_HEADS
    if labeler.backend == "torch" and model == EMBEDDED_LM and adapter is None:
        adapter = LABELER_ADAPTER  # untrained it is no labeler
    labeler = msgspec.structs.replace(
        labeler,
        model=_model(model, base, f"{where}.model"),
        adapter=_model(adapter, base, f"{where}.adapter"),
    )
    needed = {
        "torch": ("model",),
        "heads": ("model",),
        "endpoint": ("model", "base_url"),
        "recorded": ("path",),
        "none": (),
    }[labeler.backend]
    for key in needed:
        if not getattr(labeler, key):
            raise StudyError(f"{where}.{key} is missing: backend {labeler.backend!r} needs it")
    return _with_path(labeler, base, where)


def _absolute(path: str, base: Path, where: str) -> Path:
    try:
        return (base / Path(path).expanduser()).resolve()
    except (ValueError, RuntimeError):  # a null character, an unknown ~user
        raise StudyError(f"{where}: {path!r} does not exist") from None


def _with_path(section: _S, base: Path, where: str) -> _S:
    """The section with its `path`, if it has one, absolute; what it names must exist."""
    if section.path is None:
        return section
    found = _absolute(section.path, base, f"{where}.path")
    if not found.exists():
        raise StudyError(f"{where}.path: {found} does not exist")
    return msgspec.structs.replace(section, path=str(found))


def _table(raw: dict[str, Any], key: str, known: set[str] | None = None) -> dict[str, Any]:
    table = raw.get(key, {})
    if not isinstance(table, dict):
        raise StudyError(f"{key}: must be a table")
    for name in table:
        if known is not None and name not in known:
            raise StudyError(f"{key}.{name}: unknown key; known are {', '.join(sorted(known))}")
    return table


def _convert(raw: Any, kind: Any, where: str) -> Any:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        message, _, at = str(error).partition(" - at `$")
        path = where + at.rstrip("`")
        if message.startswith("Object contains unknown field"):
            field = message.split("`")[1]
            options = ", ".join(kind.__struct_fields__)
            raise StudyError(f"{path}.{field}: unknown key; known are {options}") from None
        if message.startswith("Invalid enum value") and (allowed := _options(kind, at)):
            message += f"; must be one of {', '.join(allowed)}"
        raise StudyError(f"{path}: {message[0].lower()}{message[1:]}") from None


def _options(kind: type[Any], at: str) -> list[str]:
    """The values that the field at this path may take, where they are a fixed list."""
    hint = get_type_hints(kind).get(at.strip(".`").partition("[")[0])
    return re.findall(r"'([^']*)'", str(hint))
