"""Computes and stores the measures of the stored results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.paper.inputs import Feature, Options
from engine.paper.measures import compute, pair_facts
from engine.paper.robustness import labeled
from engine.results import flat, views
from engine.results.records import Tables
from engine.results.views import LOW_KAPPA
from engine.run import last, plan
from engine.store import Store, dataset, measures, results
from engine.study import Study

DIGITS = 12


@dataclass(frozen=True)
class Summary:
    """`digest` is the SHA-256 of all tables, rounded to 12 significant digits."""

    digest: str
    counts: dict[str, int]
    warnings: tuple[str, ...]


def options(study: Study, noise: tuple[float, float], held_out: float | None = None) -> Options:
    """`noise`: reward differences up to this are noise-limited, of pre and post. `held_out`: the
    agreement of post-D with pairs it was not trained on."""
    return Options(
        preset=study.measures.preset,
        tie_policy=study.measures.tie_policy,
        opinion=study.measures.opinion,
        min_cosine=study.rewrites.min_cosine,
        model_pre=plan.pre_name(study),
        model_post=plan.post_name(study),
        noise_floor=noise,
        held_out=held_out,
    )


def paper_features(study: Study) -> tuple[Feature, ...]:
    return tuple(Feature(f.name, f.kind, f.role, f.regress) for f in study.features)


def measure(study: Study, store: Store) -> Summary:
    """Compute everything of the last complete results, replace the stored tables, and warn of what
    a reader must know."""
    last_results = last.Last(store).results(study)
    assert last_results is not None, "the results are complete"
    study, roles = last_results.study, last_results.roles
    features = paper_features(study)
    texts = dataset.pair_texts(store)
    noise = (_noise(store, roles["pre"], texts), _noise(store, roles["post"], texts))
    pairs = measures.pairs(store, roles, features)
    sample = [pair.pair_id for pair in plan.rewrite_sample(study, texts)]
    rewrites = measures.rewrites(store, roles, features, study.rewrites.strategies, sample)
    labelers = measures.labelers(store, roles, features)
    settings = options(study, noise, last_results.held_out)
    tables = compute(pairs, rewrites, labelers, settings)
    facts = pair_facts(pairs, labelers, settings)
    measures.put_measures(store, tables, facts, last_results.digest)
    near = rewrites.near(settings.min_cosine)
    counts = {
        "scored pairs": len(pairs),
        "ties": int(facts.tied_post.sum()),
        "within the scorer's noise": int(facts.noise_limited.sum()),
        "truncated": results.truncated(store, [roles["pre"], roles["post"]]),
        "rewritten pairs": len(rewrites),
        "rewritten pairs used": len(labeled(near, features)[0]),
    }
    return Summary(
        digest(tables), counts, tuple(_warnings(study, tables, counts, len(near), noise))
    )


def _noise(store: Store, producer: str, texts: Sequence[dataset.PairTexts]) -> float:
    if not results.scored_twice(store, producer):
        return 0.0  # recorded; computing the sample would take a second
    return results.noise(store, producer, plan.noise_sample(texts)).floor


def digest(tables: Tables) -> str:
    def plain(value: Any) -> Any:
        if isinstance(value, float):
            return f"{value:.{DIGITS}g}"
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        return [plain(inner) for inner in value] if isinstance(value, list) else value

    return hashlib.sha256(
        json.dumps(plain(flat.tables(tables)), sort_keys=True).encode()
    ).hexdigest()


def _warnings(
    study: Study,
    tables: Tables,
    counts: dict[str, int],
    near: int,
    noise: tuple[float, float],
) -> Sequence[str]:
    lines = []
    preset = study.measures.preset
    dropped = {
        row.feature for row in views.dropped(tables, "imprint", preset) if row.feature != "*"
    }
    if dropped:
        lines.append(f"left out of the imprint ({preset}): {', '.join(sorted(dropped))}")
    if counts["truncated"]:
        lines.append(
            f"{counts['truncated']:,} entries are longer than a reward model's input limit and "
            "were cut (max_tokens under [rewards.pre] and [rewards.post] sets the limit)"
        )
    for row, floor in zip(tables.alignment, noise, strict=True):
        if row.noise_limited:
            lines.append(
                f"{row.noise_limited:,} pairs differ in the {row.role}-D reward by no more "
                f"than the scorer's noise ({floor:.1g}): which side is ahead depends on how the "
                "texts were batched"
            )
    excluded = counts["rewritten pairs"] - near
    if excluded:
        lines.append(
            f"{excluded:,} rewritten pairs fall below min_cosine {study.rewrites.min_cosine:g} and "
            "are left out of robustness"
        )
    unlabeled = near - counts["rewritten pairs used"]
    if unlabeled:
        lines.append(f"{unlabeled:,} rewritten pairs lack a label and are left out of robustness")
    low_agreement = [
        f"{row.feature} (κ {row.kappa:.2f})"
        for row in tables.stability
        if "main" in (row.labeler_a, row.labeler_b)
        and row.kappa is not None
        and row.kappa < LOW_KAPPA
    ]
    if low_agreement:
        lines.append(f"the main labeler agrees poorly with another on {', '.join(low_agreement)}")
    return lines
