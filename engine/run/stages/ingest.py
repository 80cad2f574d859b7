"""Reads the pairs and everything recorded about them, before storing anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.data.pairs import Pair, Reject
from engine.data.watching import Watch
from engine.errors import MemoryFull
from engine.executors.jobs import Stopped
from engine.run import ingest, recorded
from engine.run.stages.base import Stage
from engine.run.work import DryRun, Run
from engine.store import Store, dataset, results
from engine.store.complete import complete
from engine.store.dataset import content_key, has_content, has_dataset
from engine.wire.messages import StagePlan


class Ingest(Stage):
    unit = "pairs"

    def __init__(self) -> None:
        super().__init__("ingest", "read pairs")

    def run(self, run: Run) -> None:
        progress = run.progress
        progress.start_stage(self.name, 0)

        def watch(rows: int) -> None:
            if run.stop.is_set():
                raise Stopped
            progress.advance(self.name, rows)

        def reading(what: str) -> Watch:
            progress.start_stage(self.name, 0, where=what)
            return watch

        source = ingest.read(run.study, watch)
        progress.set_rejects(source.rejects)
        rejects = sum(source.rejects.values())
        progress.count(
            **{"usable pairs": source.total},
            rows=source.rows,
            pairs=source.count,
            rejects=rejects,
        )
        source.check()
        run.recorded = recorded.read(run.study, source, reading)
        for warning in run.recorded.warnings:
            progress.warn(warning)
        origin = source.origin().text()
        stored = has_content(run.store, source.digest, source.edition)
        if not stored or run.store.meta(dataset.ORIGIN) != origin:

            def items() -> Iterator[Pair | Reject]:
                progress.start_stage(self.name, source.rows)
                return source.items(watch)

            put(run.store, source, origin, items)
        if complete(run.store) is None:
            # What can be read before the end is of the models of this run.
            results.drop_roles_except(run.store, [])
        run.notes["dataset"] = {"sha256": source.digest, "rows": source.rows, "pairs": source.count}
        run.ingested(source.digest, dataset.pair_texts(run.store))
        progress.start_stage(self.name, source.count, source.count)
        progress.finish_stage(self.name)

    def dry_run(self, dry: DryRun) -> StagePlan:
        source = ingest.read(dry.study)
        source.check()
        recorded.read(dry.study, source)
        if has_dataset(dry.store, source.digest):
            keys = dataset.pair_keys(dry.store)
        else:
            keys = [
                (at, content_key(pair.chosen), content_key(pair.rejected))
                for at, pair in enumerate(source.pairs())
            ]
        dry.ingested(source.digest, keys)
        stored = has_content(dry.store, source.digest, source.edition)
        return self.planned(source.count if stored else 0, 0 if stored else source.count)


def put(
    store: Store,
    source: ingest.Source,
    origin: str,
    items: Callable[[], Iterator[Pair | Reject]],
) -> None:
    """Make this the dataset of the store. `items` begins to read what `source.items` gives: they
    are read once more if their indexes need more memory than is usual."""

    def attempt(*, roomy: bool) -> None:
        dataset.put_dataset(
            store, source.digest, source.edition, items(), source.groups, origin, roomy=roomy
        )

    try:
        attempt(roomy=False)
    except MemoryFull:
        attempt(roomy=True)
