"""Compares studies by their settings."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from engine.study.resolved import dump_resolved
from engine.study.sections import Measures, Study


def digest(study: Study) -> str:
    """The digest of what a study computes. It excludes the location of files, time limits and
    which foreign code is trusted: the content of files and foreign code is part of the producers
    of results."""
    content = msgspec.json.decode(dump_resolved(_result_settings(study)))
    content["executor"].pop("load_limit_s", None)  # older than this key are digests that were kept
    features = content.pop("features")
    content = {"features": features, **_without_folders(content)}
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def _without_folders(value: Any) -> Any:
    """A copy with every absolute path replaced by its last component."""
    if isinstance(value, dict):
        return {key: _without_folders(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_folders(inner) for inner in value]
    if isinstance(value, str) and Path(value).is_absolute():
        return Path(value).name
    return value


def with_measures_of(study: Study, other: Study) -> Study:
    """`study` with the measures of `other`: its `[measures]`, its `min_cosine`, and the classes of
    the features that both have."""
    by_name = {feature.name: feature for feature in other.features}
    features = tuple(
        replace(f, role=by_name[f.name].role, regress=by_name[f.name].regress)
        if f.name in by_name
        else f
        for f in study.features
    )
    rewrites = msgspec.structs.replace(study.rewrites, min_cosine=other.rewrites.min_cosine)
    return msgspec.structs.replace(
        study, features=features, rewrites=rewrites, measures=other.measures
    )


def computes_the_same(one: Study, other: Study) -> bool:
    """Whether two studies have the same data and models, according to their settings. Their
    measures may differ."""
    return _without_measures(one) == _without_measures(other)


def _without_measures(study: Study) -> Study:
    return msgspec.structs.replace(
        _result_settings(study),
        name="",
        features=tuple(replace(f, role="other", regress=True) for f in study.features),
        rewrites=msgspec.structs.replace(study.rewrites, min_cosine=0.0),
        measures=Measures(),
    )


def _result_settings(study: Study) -> Study:
    return msgspec.structs.replace(
        study,
        pre=study.pre.result_settings(),
        post=study.post.result_settings(),
        executor=study.executor.result_settings(),
    )
