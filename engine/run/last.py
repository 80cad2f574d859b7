"""The last complete results of a run folder, to be measured as its study says."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from engine import study as studies
from engine.store import Store
from engine.store.complete import complete
from engine.study import Study


@dataclass(frozen=True)
class Results:
    """`study`: the study of these results, with the measures of the folder's study. `digest`: the
    SHA-256 of everything that the measures depend on, never of paths."""

    roles: dict[str, str]
    study: Study
    digest: str


def results(store: Store, current: Study) -> Results | None:
    """The results to measure and show; None if none are complete.

    `current` only determines how they are measured: other data or models in it have no effect until
    it has been run.

    Raises BadInput if this version cannot read the stored study.
    """
    if (stored := complete(store)) is None:
        return None
    study = studies.with_measures_of(studies.loads_resolved(bytes(stored.study)), current)
    content = [stored.dataset, stored.roles, studies.digest(study)]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return Results(stored.roles, study, digest)
