"""A study from its data to its measures, stage by stage.

Every stage asks the store what is missing, has the workers compute that, and commits batch by
batch. Nothing here knows torch, and nothing but the store speaks SQL.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine import data
from engine import study as studies
from engine.data.dialogue import Turn, transcript, turns
from engine.models import guard
from engine.models.errors import replaced
from engine.models.protocols import Text
from engine.models.specs import LabelerSpec, RewardSpec, RewriterSpec, Spec
from engine.run import ingest, manifest, measure, plan, recorded
from engine.run.progress import Progress
from engine.run.recorded_stages import RecordedStages
from engine.run.workers import Job, Outcome, Workers
from engine.store import Store, dataset, results
from engine.store.complete import put_complete
from engine.store.results import Batch
from engine.study import Study


class Pipeline:
    """One run of a study. `run` blocks until the end, a failure, or `stop`."""

    def __init__(
        self,
        study: Study,
        folder: Path,
        store: Store,
        progress: Progress,
        stop: threading.Event,
    ) -> None:
        self.study = study
        self.folder = folder
        self.store = store
        self.progress = progress
        self.stop = stop
        self.workers = Workers(study.executor.devices, study.executor.batch_limit_s, stop)
        self.producers: dict[str, str] = {}
        self.identities: dict[Spec, dict[str, Any]] = {}
        self.notes: dict[str, Any] = {}
        self.entries: list[int] = []

    def run(self) -> None:
        """Raises SealError, or Stopped."""
        try:
            self._ingest()
            pairs = dataset.pair_texts(self.store)
            entries = self.entries = sorted({text for _, *sides in pairs for text in sides})
            for name in self.study.labelers:
                self._label(name, entries)
            pre = self._score_pairs("pre", pairs, lambda: plan.pre_spec(self.study))
            post = self._score_pairs("post", pairs, lambda: self._post(pairs))
            if self.study.rewrites.path is not None:
                self.recorded.put_rewrites(self.producers)
            elif self.study.rewrites.sample:
                assert pre is not None and post is not None  # the study file was checked
                rewrites = self._rewrite(pairs)
                rewritten = sorted({new for _, _, new in rewrites})
                self.entries = sorted({*entries, *rewritten})
                self._relabel(rewritten)
                self._score("rescore:pre", "pre", pre, rewritten)
                self._score("rescore:post", "post", post, rewritten)
                self._embed(rewrites)
            results.drop_roles_except(self.store, list(self.producers))
            self._measure()
        finally:
            self.workers.close()

    # ------------------------------------------------------------ data

    def _ingest(self) -> None:
        self.progress.start_stage("ingest", 0)
        source = ingest.read(self.study, self.stop.is_set)
        self.progress.set_rejects(source.reject_counts())
        self.progress.count(rows=source.rows, pairs=len(source.pairs))
        pairs = ingest.sample(self.study, source)
        found = recorded.read(self.study, source.pairs, pairs, len(source.rejects))
        digest = data.digest(pairs)
        self.recorded = RecordedStages(
            self.study, self.store, self.progress, found, digest, self._play
        )
        if not dataset.has_dataset(self.store, digest):
            dataset.put_dataset(self.store, digest, pairs, source.rejects)
        self.notes["dataset"] = {"sha256": digest, "rows": source.rows, "pairs": len(pairs)}
        self.progress.count(rows=source.rows, pairs=len(pairs), rejects=len(source.rejects))
        self.progress.start_stage("ingest", len(pairs), len(pairs))
        self.progress.finish_stage("ingest")

    # ------------------------------------------------------------ stages

    def _identify(self, role: str, spec: Spec) -> str:
        """The producer of a role. Raises MachineError when it is not the one it was in this run."""
        identity = self.workers.ask("identify", spec)
        if role in self.producers and plan.producer(identity)[0] != self.producers[role]:
            raise replaced(spec.model)
        self.identities[spec] = identity
        return self._play(role, str(identity["model"]), identity)  # a folder by its name alone

    def _play(self, role: str, model: str, identity: dict[str, Any]) -> str:
        producer, fingerprint = plan.producer(identity)
        results.put_producer(self.store, producer, role, model, fingerprint)
        self.producers[role] = producer
        return producer

    def _batches(
        self,
        stage: str,
        producer: str,
        spec: Spec,
        method: str,
        extra: tuple[Any, ...],
        units: Sequence[int],
        shape: tuple[int, int],
        item: Callable[[Text], Any],
        put: Callable[[Any, tuple[int, ...], Any], None],
        key: str | None = None,
    ) -> None:
        """Compute what is missing of a stage over texts, and commit it batch by batch.

        `key`: what its batches are kept under, where that is not the stage."""
        key = key or stage
        batches = results.plan(
            self.store,
            key,
            producer,
            units,
            lambda missing: plan.compose(missing, dataset.text_sizes(self.store, missing), shape),
        )
        done = results.done_batches(self.store, key, producer)
        total = sum(len(batch.units) for batch in batches)
        before = sum(len(batch.units) for batch in batches if batch.number in done)
        todo = {batch.number: batch for batch in batches if batch.number not in done}
        where = self.workers.where(spec) if todo else ""
        self.progress.start_stage(stage, total, before, where)

        def job(batch: Batch) -> Job:
            texts = dataset.texts(self.store, batch.units)
            return Job(batch.number, batch.units, tuple(item(text) for text in texts))

        def finish(job: Job, outcome: Outcome, seconds: float) -> None:
            def commit(cursor: Any) -> None:
                for ids, value in outcome.parts:
                    put(cursor, ids, value)
                if outcome.lost:
                    results.put_unusable(
                        cursor, producer, list(outcome.lost), list(outcome.lost.values())
                    )

            results.finish_batch(self.store, key, producer, todo[job.number], seconds, commit)
            self.progress.advance(stage, len(job.units))

        jobs = [lambda batch=batch: job(batch) for batch in todo.values()]
        if jobs:
            self.workers.run(spec, self.identities[spec], method, extra, jobs, finish)
        self.progress.finish_stage(stage)

    def _label(self, name: str, entries: Sequence[int]) -> None:
        role = f"labeler {name}"
        backend = self.study.labelers[name].backend
        if backend == "recorded":
            self.recorded.put_labels(name, role)
        elif backend == "none":
            self._play(role, "no labels", {"kind": "none"})
            self.progress.skip_stage(f"label:{name}", "no labels")
        else:
            spec = plan.labeler_spec(self.study, name)
            self._label_texts(f"label:{name}", self._identify(role, spec), spec, entries)

    def _label_texts(
        self, stage: str, producer: str, spec: LabelerSpec, entries: Sequence[int]
    ) -> None:
        self._batches(
            stage,
            producer,
            spec,
            "label",
            (),
            entries,
            plan.SHAPES[spec.backend],
            lambda text: text,
            lambda cursor, ids, labels: results.put_labels(cursor, producer, ids, labels),
        )

    def _score(self, stage: str, role: str, spec: RewardSpec, entries: Sequence[int]) -> None:
        producer = self._identify(role, spec)
        self._batches(
            stage,
            producer,
            spec,
            "score",
            (),
            entries,
            plan.SHAPES["score"],
            lambda text: text,
            lambda cursor, ids, rewards: results.put_scores(cursor, producer, ids, rewards),
        )

    def _score_pairs(
        self, role: str, pairs: Sequence[tuple[int, int, int]], spec: Callable[[], RewardSpec]
    ) -> RewardSpec | None:
        """Rewards of every entry and the noise of their scorer; None where they are recorded."""
        if role in self.recorded.found.scores:
            self.recorded.put_scores(role)
            self._note_noise(role, 0.0, 0)
            return None
        model = spec()
        self._score(f"score:{role}", role, model, sorted({t for _, *sides in pairs for t in sides}))
        self._noise(role, model, pairs)
        return model

    def _noise(self, role: str, spec: RewardSpec, pairs: Sequence[tuple[int, int, int]]) -> None:
        """Score a sample again, each text alone: a reward depends a little on its batch."""
        sample = plan.noise_sample(pairs)
        producer, stage = self.producers[role], f"noise:{role}"
        self._batches(
            stage,
            producer,
            spec,
            "score",
            (),
            sample,
            plan.SHAPES["alone"],
            lambda text: text,
            lambda cursor, ids, rewards: results.put_rescored(cursor, producer, ids, rewards),
        )
        floor, compared = results.noise(self.store, producer, sample)
        self._note_noise(role, floor, compared)
        self.progress.finish_stage(stage, f"rewards closer than {floor:.2g} are equal to it")

    def _note_noise(self, role: str, floor: float, compared: int) -> None:
        self.notes.setdefault("noise_floor", {})[role] = {"floor": floor, "compared": compared}

    def _post(self, pairs: Sequence[tuple[int, int, int]]) -> RewardSpec:
        """The post-D model: named by the study, or trained here from the pre-D model."""
        if self.study.post.continue_from is None:
            return plan.post_spec(self.study, "")
        dataset_sha256 = self.notes["dataset"]["sha256"]
        name, key = plan.training_key(self.study, self.producers["pre"], dataset_sha256)
        folder = self.folder / "models" / f"post-{name}"
        record = folder / "training.json"
        self.progress.start_stage("train:post", 1)
        if not record.exists():
            pre = plan.pre_spec(self.study)
            chosen = dataset.texts(self.store, [c for _, c, _ in pairs])
            rejected = dataset.texts(self.store, [r for _, _, r in pairs])
            groups = [turns(text.transcript)[0].text for text in chosen]
            agreement, held_out = self.workers.ask(
                "train",
                pre,
                self.identities[pre],
                chosen,
                rejected,
                groups,
                self.study.post.penalty,
                str(folder),
            )
            trained = {**key, "agreement": agreement, "held_out_agreement": held_out}
            manifest.save(record, json.dumps(trained, indent=2) + "\n")
        trained = json.loads(record.read_text())
        self.notes["post"] = {"continued_from": "pre", **trained}
        held_out = trained["held_out_agreement"]
        self.progress.finish_stage(
            "train:post",
            f"agrees with {trained['agreement']:.1%} of the pairs it was trained on, "
            + ("none could be held out" if held_out is None else f"{held_out:.1%} held out"),
        )
        return plan.post_spec(self.study, str(folder))

    # ------------------------------------------------------------ rewrites

    def _rewrite(self, pairs: Sequence[tuple[int, int, int]]) -> list[tuple[str, int, int]]:
        """Rewrite a seeded sample of pairs; (strategy, text, new text) of what was accepted."""
        settings = self.study.rewrites
        spec = plan.rewriter_spec(self.study)
        producer = self._identify("rewriter", spec)
        sample = plan.rewrite_sample(self.study, pairs)
        units = sorted({text for _, *sides in sample for text in sides})
        for strategy in settings.strategies:
            self._rewrite_by(strategy, producer, spec, units)
        strategies = settings.strategies
        refused = results.refusals(self.store, producer, strategies, units)
        for reason, count in refused.items():
            self.progress.count(**{f"refused: {reason}": count})
        if refused:
            reasons = ", ".join(f"{reason} ({count:,})" for reason, count in refused.items())
            self.progress.warn(f"{sum(refused.values()):,} rewrites were refused: {reasons}")
        rows = results.rewritten(self.store, producer, strategies, units)
        self.progress.count(rewrites=len(rows))
        return rows

    def _rewrite_by(
        self, strategy: str, producer: str, spec: RewriterSpec, units: Sequence[int]
    ) -> None:
        whole = self.study.rewrites.scope == "transcript"

        def put(cursor: Any, ids: tuple[int, ...], written: Sequence[str]) -> None:
            rows = []
            for text, raw in zip(dataset.texts(self.store, ids), written, strict=True):
                before = text.transcript if whole else text.response
                refused = guard.refusal_reason(before, raw)
                new = None
                if refused is None:
                    # `transcript` keeps what looks like a turn in the rewrite from being one.
                    entry = raw if whole else text.context + transcript([Turn("assistant", raw)])
                    new = dataset.put_texts(cursor, [entry])[0]
                rows.append((text.text_id, raw, refused, new))
            results.put_rewrites(cursor, producer, strategy, rows)

        self._batches(
            f"rewrite:{strategy}",
            producer,
            spec,
            "rewrite",
            (strategy,),
            units,
            plan.SHAPES["rewrite"],
            lambda text: text.transcript if whole else text.response,
            put,
        )

    def _relabel(self, entries: Sequence[int]) -> None:
        spec = plan.labeler_spec(self.study, "main")
        self._label_texts("relabel:main", self.producers["labeler main"], spec, entries)

    def _embed(self, rewrites: Sequence[tuple[str, int, int]]) -> None:
        """Cosine of every accepted rewrite with its original: of the part that was rewritten."""
        spec = plan.embedder_spec(self.study)
        producer = self._identify("embedder", spec)
        rewritten: dict[int, list[int]] = {}
        for _, original, new in rewrites:
            if new not in rewritten.setdefault(original, []):
                rewritten[original].append(new)
        whole = self.study.rewrites.scope == "transcript"

        def part(text: Text) -> str:
            return text.transcript if whole else text.response

        def pairs_of(text: Text) -> list[tuple[str, str]]:
            afters = dataset.texts(self.store, rewritten[text.text_id])
            return [(part(text), part(after)) for after in afters]

        def put(cursor: Any, ids: tuple[int, ...], cosines: Sequence[Sequence[float]]) -> None:
            keys = [(before, new) for before in ids for new in rewritten[before]]
            flat = [cosine for row in cosines for cosine in row]
            results.put_similarities(cursor, producer, keys, flat)

        self._batches(
            "embed",
            producer,
            spec,
            "cosines",
            (),
            sorted(rewritten),
            plan.SHAPES["embed"],
            pairs_of,
            put,
            plan.embed_key(self.study, self.producers["rewriter"]),
        )

    # ------------------------------------------------------------ measures

    def _measure(self) -> None:
        self.progress.start_stage("measure", 1)
        for reason, count in results.unusable_counts(self.store, self.entries).items():
            self.progress.warn(f"{count:,} entries could not be used: {reason}")
        put_complete(self.store, studies.dump_resolved(self.study))
        summary = measure.measure(self.study, self.store)
        for warning in summary.warnings:
            self.progress.warn(warning)
        self.progress.count(**summary.counts)
        self.notes.update(manifest.measured(summary))
        self.progress.finish_stage("measure")
