"""What a run would reuse and what it would compute, before it does so. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine import data
from engine.models.specs import Spec
from engine.run import ingest, plan, recorded
from engine.run.workers import Workers
from engine.store import Store, results
from engine.store.dataset import content_key, has_dataset
from engine.study import Study
from engine.wire.messages import RunPlan, StagePlan

Keys = Sequence[str]  # texts by content: those of new data have no ids yet


def preview(study: Study, folder: Path, store: Store, workers: Workers) -> RunPlan:
    """Raises what a run would."""
    source = ingest.read(study)
    pairs = ingest.sample(study, source)
    recorded.read(study, source.pairs, pairs, len(source.rejects))
    return _Preview(study, folder, store, workers, pairs).whole()


class _Preview:
    def __init__(
        self,
        study: Study,
        folder: Path,
        store: Store,
        workers: Workers,
        pairs: Sequence[data.Pair],
    ) -> None:
        self.study = study
        self.folder = folder
        self.store = store
        self.workers = workers
        self.dataset = data.digest(pairs)
        self.pairs = [
            (at, content_key(pair.chosen), content_key(pair.rejected))
            for at, pair in enumerate(pairs)
        ]
        self.entries = sorted({key for _, *sides in self.pairs for key in sides})
        self.stages = {stage.name: stage for stage in plan.stages(study)}
        self.found: dict[str, StagePlan] = {}

    def whole(self) -> RunPlan:
        known = has_dataset(self.store, self.dataset)
        self._say("ingest", len(self.pairs) if known else 0, 0 if known else len(self.pairs))
        for name, labeler in self.study.labelers.items():
            if labeler.backend in ("recorded", "none"):
                self._say(f"label:{name}", len(self.entries), 0)
            else:
                spec = plan.labeler_spec(self.study, name)
                self._texts(f"label:{name}", self._producer(spec), self.entries)
        pre = None
        if self.study.pre.path is None:
            pre = self._producer(plan.pre_spec(self.study))
        post = self._post(pre)
        for role, producer in (("pre", pre), ("post", post)):
            if f"noise:{role}" in self.stages:
                self._texts(f"score:{role}", producer, self.entries)
                self._texts(f"noise:{role}", producer, plan.noise_sample(self.pairs))
            else:
                self._say(f"score:{role}", len(self.entries), 0)
        if self.study.rewrites.path is not None:
            self._say("rewrites", 2 * len(self.pairs), 0)
        elif self.study.rewrites.sample:
            self._rewrites(pre, post)
        self._say("measure", 0, 1)
        return RunPlan(stages=tuple(self.found[name] for name in self.stages))

    def _producer(self, spec: Spec) -> str:
        return plan.producer(self.workers.ask("identify", spec))[0]

    def _post(self, pre: str | None) -> str | None:
        """The post-D producer; None where it is still to be trained, or recorded."""
        if self.study.post.path is not None:
            return None
        if self.study.post.continue_from is None:
            return self._producer(plan.post_spec(self.study, ""))
        assert pre is not None  # the study file was checked
        name, _ = plan.training_key(self.study, pre, self.dataset)
        folder = self.folder / "models" / f"post-{name}"
        trained = (folder / "training.json").exists()
        self._say("train:post", int(trained), int(not trained))
        return self._producer(plan.post_spec(self.study, str(folder))) if trained else None

    def _rewrites(self, pre: str | None, post: str | None) -> None:
        """The rewriting stages, and those of the rewrites that are there. Of those that are not,
        nobody knows yet how many will be accepted, or equal."""
        settings = self.study.rewrites
        producer = self._producer(plan.rewriter_spec(self.study))
        sample = plan.rewrite_sample(self.study, self.pairs)
        units = sorted({key for _, *sides in sample for key in sides})
        written: set[str] = set()
        accepted: set[str] = set()
        to_come = 0
        for strategy in settings.strategies:
            to_come += self._texts(f"rewrite:{strategy}", producer, units).computed
            new = results.accepted_rewrites(self.store, producer, strategy)
            written |= {new[key] for key in units if key in new}
            accepted |= {key for key in units if key in new}
        labeler = self._producer(plan.labeler_spec(self.study, "main"))
        self._texts("relabel:main", labeler, sorted(written), to_come)
        self._texts("rescore:pre", pre, sorted(written), to_come)
        self._texts("rescore:post", post, sorted(written), to_come)
        embedder = self._producer(plan.embedder_spec(self.study))
        key = plan.embed_key(self.study, producer)
        pending = len(units) - len(accepted) if to_come else 0
        self._texts("embed", embedder, sorted(accepted), pending, key)

    def _texts(
        self,
        stage: str,
        producer: str | None,
        texts: Keys,
        to_come: int = 0,
        key: str | None = None,
    ) -> StagePlan:
        mine, others = results.done_texts(self.store, key or stage, producer or "")
        todo = [text for text in texts if text not in mine]
        before = sum(text in others for text in todo)
        computed = len(todo) + to_come
        return self._say(stage, len(texts) - len(todo), computed, before, to_come > 0)

    def _say(
        self, stage: str, reused: int, computed: int, before: int = 0, at_most: bool = False
    ) -> StagePlan:
        shown = self.stages[stage]
        self.found[stage] = StagePlan(
            name=stage,
            label=shown.label,
            unit=shown.unit,
            reused=reused,
            computed=computed,
            before=before,
            at_most=at_most,
        )
        return self.found[stage]
