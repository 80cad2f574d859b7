"""The last complete results of a run folder, and how its study wants them measured."""

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
    """`study`: the one whose results these are, to be measured as the folder's study says.
    `digest`: SHA-256 of all that the measures depend on; of contents, never of paths."""

    roles: dict[str, str]
    study: Study
    digest: str


def results(store: Store, wanted: Study) -> Results | None:
    """The results to measure and show, None where none are complete.

    A study that asks for other data or models changes nothing here until it has been run: of
    `wanted` only what measures are made by is taken.

    Raises BadInput where the stored study is not one that this version can read.
    """
    if (stored := complete(store)) is None:
        return None
    study = studies.measured_as(studies.loads_resolved(bytes(stored.study)), wanted)
    content = [stored.dataset, stored.roles, studies.digest(study)]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return Results(stored.roles, study, digest)
