"""Messages about a study, its rejected rows and its plots."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.origin import Origin
from engine.data.pairs import REASONS
from engine.export import formats
from engine.paper import plots as paper
from engine.run import plan
from engine.store import Store, dataset
from engine.study import PRESETS, Study
from engine.wire.messages import (
    Circle,
    FeatureInfo,
    Grid,
    ModelInfo,
    Plots,
    RejectRow,
    Rejects,
    StudyInfo,
)


def study(
    settings: Study, counts: Mapping[str, int], changed: bool, origin: Origin | None = None
) -> StudyInfo:
    data = settings.data
    models = [ModelInfo(role="pre", model=plan.pre_name(settings), detail=settings.pre.origin)]
    post = plan.post_name(settings)
    models.append(ModelInfo(role="post", model=post, detail=settings.post.origin))
    for name, labeler in settings.labelers.items():
        models.append(
            ModelInfo(role=f"labeler {name}", model=labeler.title, detail=labeler.backend)
        )
    if settings.rewrites.enabled:
        models.append(
            ModelInfo(
                role="rewriter", model=plan.rewriter_name(settings), detail=settings.rewrites.scope
            )
        )
        if settings.rewrites.path is None:
            models.append(ModelInfo(role="embedder", model=settings.embedder.title, detail=""))
    return StudyInfo(
        name=settings.name,
        dataset=data.dataset or Path(data.path or "").name,
        pairs=counts.get("pairs", 0),
        usable=counts.get("usable pairs", 0),
        rewritten=counts.get("rewritten pairs", 0),
        rewritten_used=counts.get("rewritten pairs used", 0),
        features=tuple(
            FeatureInfo(
                name=f.name, kind=f.kind, role=f.role, regress=f.regress, question=f.question
            )
            for f in settings.features
        ),
        models=tuple(models),
        strategies=settings.rewrites.strategies if settings.rewrites.enabled else (),
        preset=settings.measures.preset,
        presets=PRESETS,
        tie_policy=settings.measures.tie_policy,
        opinion=settings.measures.opinion,
        min_cosine=settings.rewrites.min_cosine,
        changed=changed,
        export_formats=formats.listed(origin),
    )


def rejects(store: Store, limit: int) -> Rejects:
    """The first rejected rows of the source."""
    meanings: dict[str, str] = dict(REASONS)
    rows = tuple(
        RejectRow(
            source=row.source,
            line=row.line,
            reason=row.reason,
            meaning=meanings.get(row.reason, row.reason),
            detail=row.detail,
            excerpt=row.excerpt,
        )
        for row in dataset.rejects(store, limit)
    )
    return Rejects(rows=rows, of=sum(dataset.reject_counts(store).values()))


def plots(pre: NDArray[np.float64], post: NDArray[np.float64]) -> Plots:
    counts = paper.plots(pre, post)
    return Plots(
        direction_pre=_circle(counts.direction_pre),
        direction_post=_circle(counts.direction_post),
        theta=_circle(counts.theta),
        rewards_pre=_grid(counts.rewards_pre),
        rewards_post=_grid(counts.rewards_post),
    )


def _circle(circle: paper.Circle) -> Circle:
    return Circle(
        counts=tuple(circle.counts.tolist()),
        undefined=circle.undefined,
        mean_deg=circle.mean_deg,
        resultant=circle.resultant,
    )


def _grid(grid: paper.Grid) -> Grid:
    return Grid(
        counts=tuple(tuple(row) for row in grid.counts.tolist()),
        low=grid.low,
        high=grid.high,
        outside=grid.outside,
    )
