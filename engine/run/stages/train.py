"""Trains the post-D model from the pre-D model, on the same pairs that it then scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.backends.rewards.continued import ContinuedBackend
from engine.executors.requests import Train
from engine.run import manifest, plan
from engine.run.stages.base import Stage
from engine.run.work import DryRun, Run
from engine.store import dataset
from engine.wire.messages import StagePlan


class TrainPost(Stage):
    unit = "models"

    def __init__(self, reward: ContinuedBackend) -> None:
        super().__init__("train:post", "train post on the dataset")
        self.reward = reward

    def run(self, run: Run) -> None:
        folder = run.trained_folder(self.reward)
        record = folder / "training.json"
        run.progress.start_stage(self.name, 1)
        if not record.exists():
            manifest.save(record, json.dumps(self._train(run, folder), indent=2) + "\n")
        trained = json.loads(record.read_text())
        run.notes["post"] = {"continued_from": self.reward.continue_from, **trained}
        held_out = trained["held_out_agreement"]
        run.progress.finish_stage(
            self.name,
            f"agrees with {trained['agreement']:.1%} of its training pairs, "
            + ("no pairs could be held out" if held_out is None else f"{held_out:.1%} held out"),
        )

    def _train(self, run: Run, folder: Path) -> dict[str, Any]:
        base = run.reward_model("pre")
        assert base is not None  # pre-D is never trained here
        chosen = dataset.texts(run.store, [c for _, c, _ in run.pairs])
        rejected = dataset.texts(run.store, [r for _, _, r in run.pairs])
        groups = [text.conversation.messages[0].content for text in chosen]
        penalty = self.reward.penalty
        agreement, held_out = run.executor.ask(
            Train(base, run.identities["pre"], chosen, rejected, groups, penalty, str(folder))
        )
        _, key = plan.training_key(penalty, run.producers["pre"], run.dataset)
        return {**key, "agreement": agreement, "held_out_agreement": held_out}

    def dry_run(self, dry: DryRun) -> StagePlan:
        trained = dry.reward_model("post") is not None
        return self.planned(int(trained), int(not trained))
