"""The last complete results of a run folder, to be measured as its study says."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from engine import study as studies
from engine.store import Store
from engine.store.complete import Complete, complete
from engine.study import Study


@dataclass(frozen=True)
class Results:
    """`study`: the study of these results, with the measures of the folder's study. `held_out`:
    see `Complete`. `digest`: the SHA-256 of everything that the measures depend on, never of paths.
    """

    roles: dict[str, str]
    study: Study
    held_out: float | None
    digest: str


@dataclass(frozen=True)
class Begun:
    """Results of a run that has not ended: of the roles that have begun, for its study."""

    roles: dict[str, str]
    study: Study


class Last:
    """The results to measure and show. Every request asks for them, so what follows from them is
    kept until they or the study change. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: tuple[Complete, Study, Results] | None = None

    def results(self, current: Study) -> Results | None:
        """None if no results are complete.

        `current` only determines how they are measured: other data or models in it have no effect
        until it has been run.

        Raises BadInput if this version cannot read the stored study.
        """
        if (stored := complete(self._store)) is None:
            return None
        kept = self._kept
        if kept is None or kept[:2] != (stored, current):
            self._kept = kept = (stored, current, _results(stored, current))
        return kept[2]


def _results(stored: Complete, current: Study) -> Results:
    study = studies.with_measures_of(studies.loads_resolved(bytes(stored.study)), current)
    content: list[object] = [stored.dataset, stored.content, stored.roles, studies.digest(study)]
    content += [] if stored.held_out is None else [stored.held_out]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return Results(stored.roles, study, stored.held_out, digest)
