"""A stage that runs a model on texts, batch by batch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from engine.backends.base import Model, Shape
from engine.executors.jobs import Job, Outcome
from engine.models.operations import Operation
from engine.models.protocols import Text
from engine.run import plan
from engine.run.stages.base import Ahead, Stage
from engine.run.work import DryRun, Run, Unit, Work
from engine.store import dataset, results
from engine.store.results import Batch
from engine.wire.messages import StagePlan

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batched(Stage, Generic[Item, Result]):
    """`role` is the role of the model. Missing results are computed and committed batch by batch. A
    stored batch never changes, so an interrupted run gives the same results as one that was not."""

    def __init__(
        self, name: str, label: str, role: str, operation: Operation[Item, Result]
    ) -> None:
        super().__init__(name, label)
        self.role = role
        self.operation = operation

    @abstractmethod
    def model(self, work: Work[Any]) -> Model | None:
        """The model to run; None if it is still to be trained."""

    @abstractmethod
    def units(self, work: Work[Unit]) -> Sequence[Unit]:
        """The texts that need results."""

    @abstractmethod
    def item(self, run: Run, text: Text) -> Item:
        """The model's input for a text."""

    @abstractmethod
    def put(self, run: Run, cursor: Any, ids: tuple[int, ...], result: Result) -> None:
        """Store the results of these texts, in the batch's transaction."""

    def shape(self, model: Model) -> Shape:
        return model.backend.shape

    def more(self, work: Work[Any]) -> Mapping[str, Any]:
        """What determines the results besides the model; added to its fingerprint."""
        return {}

    def key(self, work: Work[Any]) -> str:
        """The key that the batches are stored under."""
        return self.name

    def finish(self, run: Run) -> str:
        """Called when everything is computed; returns a note for users."""
        return ""

    def upcoming(self, dry: DryRun) -> int:
        """The most units that earlier stages may still add."""
        return 0

    # ------------------------------------------------------------ running

    def run(self, run: Run) -> None:
        model = self.model(run)
        assert model is not None  # the stage that trains it has run
        producer = run.identify(self.role, model, self.more(run))
        key = self.key(run)
        batches = results.plan(
            run.store,
            key,
            producer,
            self.units(run),
            lambda missing: plan.compose(
                missing, dataset.text_sizes(run.store, missing), self.shape(model)
            ),
        )
        done = results.done_batches(run.store, key, producer)
        todo = [batch for batch in batches if batch.number not in done]
        total = sum(len(batch.units) for batch in batches)
        left = sum(len(batch.units) for batch in todo)
        devices = run.executor.where(model) if todo else ""
        run.progress.start_stage(self.name, total, total - left, devices)
        if todo:
            self._compute(run, model, producer, todo)
        run.progress.finish_stage(self.name, self.finish(run))

    def _compute(self, run: Run, model: Model, producer: str, todo: Sequence[Batch]) -> None:
        key = self.key(run)
        batches = {batch.number: batch for batch in todo}

        def job(batch: Batch) -> Job:
            texts = dataset.texts(run.store, batch.units)
            return Job(batch.number, batch.units, tuple(self.item(run, text) for text in texts))

        def finish(job: Job, outcome: Outcome, seconds: float) -> None:
            def commit(cursor: Any) -> None:
                for ids, result in outcome.parts:
                    self.put(run, cursor, ids, result)
                lost = outcome.lost
                results.put_unusable(cursor, producer, list(lost), list(lost.values()))

            batch = batches[job.number]
            rest = outcome.rest(job.units)
            if rest:
                results.split_batch(run.store, key, producer, batch, rest, seconds, commit)
            else:
                results.finish_batch(run.store, key, producer, batch, seconds, commit)
            run.progress.advance(self.name, len(job.units) - len(rest))

        jobs = [lambda batch=batch: job(batch) for batch in todo]
        run.executor.run(model, run.identities[self.role], self.operation, jobs, finish)

    # ------------------------------------------------------------ looking ahead

    def ahead(self, run: Run) -> Ahead | None:
        # Results of other producers may have to be made again, and who produces is not known yet.
        done = results.done_units(run.store, self.key(run))
        return Ahead(max(0, len(self.units(run)) - done), exact=not done)

    def dry_run(self, dry: DryRun) -> StagePlan:
        model = self.model(dry)
        producer = "" if model is None else dry.identify(self.role, model, self.more(dry))
        mine, others = results.done_texts(dry.store, self.key(dry), producer)
        units, upcoming = self.units(dry), self.upcoming(dry)
        todo = [text for text in units if text not in mine]
        before = sum(text in others for text in todo)
        return self.planned(len(units) - len(todo), len(todo) + upcoming, before, upcoming > 0)
