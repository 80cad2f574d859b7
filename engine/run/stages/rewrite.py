"""Rewrites a sample, strategy by strategy, and compares every rewrite with its original."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import strategies
from engine.backends.base import Model, RewriterBackend
from engine.models import guard
from engine.models.operations import Compare
from engine.models.operations import Rewrite as RewriteBy
from engine.models.protocols import Text
from engine.run import plan
from engine.run.stages.base import Ahead
from engine.run.stages.batched import Batched
from engine.run.work import DryRun, Run, Unit, Work, rewriter_role
from engine.store import dataset, results
from engine.strategies import Strategy
from engine.wire.messages import StagePlan

Pairs = list[tuple[str, str]]


def _part(work: Work[Any], text: Text) -> str:
    """The part of an entry that is rewritten."""
    return (
        text.conversation.transcript if work.study.rewrites.scope == "transcript" else text.response
    )


class Rewrite(Batched[str, tuple[str, ...]]):
    def __init__(self, strategy: Strategy) -> None:
        name = strategy.name
        super().__init__(
            f"rewrite:{name}", f"rewrite · {name}", rewriter_role(name), RewriteBy(strategy)
        )
        self.strategy = strategy

    def model(self, work: Work[Any]) -> Model:
        return work.model(work.study.rewriter)

    def more(self, work: Work[Any]) -> dict[str, str]:
        rewriter = work.study.rewriter
        assert isinstance(rewriter, RewriterBackend)
        instruction = rewriter.instruction(self.strategy)
        return {"prompts": strategies.digest(instruction)}

    def units(self, work: Work[Unit]) -> Sequence[Unit]:
        return work.to_rewrite

    def item(self, run: Run, text: Text) -> str:
        return _part(run, text)

    def put(self, run: Run, cursor: Any, ids: tuple[int, ...], result: tuple[str, ...]) -> None:
        whole = run.study.rewrites.scope == "transcript"
        rows = []
        for text, raw in zip(dataset.texts(run.store, ids), result, strict=True):
            refused = guard.refusal_reason(_part(run, text), raw)
            new = None
            if refused is None:
                old = text.conversation
                entry = old.rewritten(raw) if whole else old.with_response(raw)
                if entry is None:
                    refused = guard.TURNS
                else:
                    [new] = dataset.put_texts(cursor, [entry])
            rows.append(results.Rewrite(text.text_id, raw, refused, new))
        results.put_rewrites(cursor, run.producers[self.role], self.strategy.name, rows)

    def finish(self, run: Run) -> str:
        """After the last strategy, collects the rewrites of all strategies."""
        if self.strategy.name != run.study.rewrites.strategies[-1]:
            return ""
        writers = dict(zip(run.study.rewrites.strategies, run.rewriters(), strict=True))
        units = self.units(run)
        refused = results.refusals(run.store, writers, units)
        for reason, count in refused.items():
            run.progress.count(**{f"refused: {reason}": count})
        if refused:
            reasons = ", ".join(f"{reason} ({count:,})" for reason, count in refused.items())
            run.progress.warn(f"{sum(refused.values()):,} rewrites were refused: {reasons}")
        run.rewrites = [*results.rewritten(run.store, writers, units)]
        run.progress.count(rewrites=len(run.rewrites))
        return ""

    def dry_run(self, dry: DryRun) -> StagePlan:
        planned = super().dry_run(dry)
        dry.upcoming += planned.computed
        producer = dry.producers[self.role]
        new = results.accepted_rewrites(dry.store, producer, self.strategy.name)
        dry.rewrites += [
            (self.strategy.name, text, new[text]) for text in self.units(dry) if text in new
        ]
        return planned


class CompareRewrites(Batched[Pairs, list[list[float]]]):
    """Cosine of every accepted rewrite with its original, over the part that was rewritten."""

    def __init__(self) -> None:
        super().__init__("embed", "compare meaning", "embedder", Compare())
        self.rewrites: dict[int, list[int]] = {}  # original → its rewrites, each once

    def run(self, run: Run) -> None:
        for _, original, new in run.rewrites:
            if new not in self.rewrites.setdefault(original, []):
                self.rewrites[original].append(new)
        super().run(run)

    def model(self, work: Work[Any]) -> Model:
        return work.model(work.study.embedder)

    def key(self, work: Work[Any]) -> str:
        return plan.embed_key(work.study, work.rewriters())

    def units(self, work: Work[Unit]) -> Sequence[Unit]:
        return sorted({original for _, original, _ in work.rewrites})

    def ahead(self, run: Run) -> Ahead | None:
        return super().ahead(run) if run.rewrites else None

    def upcoming(self, dry: DryRun) -> int:
        return len(dry.to_rewrite) - len(self.units(dry)) if dry.upcoming else 0

    def item(self, run: Run, text: Text) -> Pairs:
        before = _part(run, text)
        rewrites = dataset.texts(run.store, self.rewrites[text.text_id])
        return [(before, _part(run, after)) for after in rewrites]

    def put(self, run: Run, cursor: Any, ids: tuple[int, ...], result: list[list[float]]) -> None:
        keys = [(before, new) for before in ids for new in self.rewrites[before]]
        flat = [cosine for row in result for cosine in row]
        results.put_similarities(cursor, run.producers[self.role], keys, flat)
