"""Whether two studies want the same, as far as their words tell."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from engine.study.resolved import dump_resolved
from engine.study.sections import Measures, Study


def digest(study: Study) -> str:
    """Two studies with one digest want the same. Where files lie, how patient a run is with its
    workers and whose code it may run are no part of that; what files and foreign code hold is in
    the producers of results."""
    content = msgspec.json.decode(dump_resolved(_as_asked(study)))
    features = content.pop("features")
    content = {"features": features, **_without_folders(content)}
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def _without_folders(value: Any) -> Any:
    """The same with the last name of every absolute path in its place."""
    if isinstance(value, dict):
        return {key: _without_folders(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_folders(inner) for inner in value]
    if isinstance(value, str) and Path(value).is_absolute():
        return Path(value).name
    return value


def measured_as(study: Study, wanted: Study) -> Study:
    """A study of the same data and models, measured as `wanted` is: its `[measures]`, its
    `min_cosine`, and the classes of the features that both have."""
    chosen = {feature.name: feature for feature in wanted.features}
    features = tuple(
        replace(f, role=chosen[f.name].role, regress=chosen[f.name].regress)
        if f.name in chosen
        else f
        for f in study.features
    )
    rewrites = msgspec.structs.replace(study.rewrites, min_cosine=wanted.rewrites.min_cosine)
    return msgspec.structs.replace(
        study, features=features, rewrites=rewrites, measures=wanted.measures
    )


def computes_the_same(one: Study, other: Study) -> bool:
    """Whether two studies ask the same of data and models, as far as their words tell; they may
    measure otherwise."""
    return _unmeasured(one) == _unmeasured(other)


def _unmeasured(study: Study) -> Study:
    return msgspec.structs.replace(
        _as_asked(study),
        name="",
        features=tuple(replace(f, role="other", regress=True) for f in study.features),
        rewrites=msgspec.structs.replace(study.rewrites, min_cosine=0.0),
        measures=Measures(),
    )


def _as_asked(study: Study) -> Study:
    return msgspec.structs.replace(
        study, pre=study.pre.asked(), post=study.post.asked(), executor=study.executor.asked()
    )
