"""NeMo RL's ranked completions: `context`, and `completions` with a rank each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from engine.data.cells import cell, recelled
from engine.data.layouts import nbest
from engine.data.layouts.base import Change, Draft, Layout, Row, number
from engine.data.layouts.parts import (
    SYSTEMS,
    asked,
    conversation,
    joined,
    read_tools,
    system_messages,
)
from engine.data.pairs import Facts, RowError, Unused
from engine.data.prose import is_text

_JUDGED = ("rank", "reward")


class NemoRl(Layout):
    name = "nemo-rl"
    title = "context, and completions with rank (the lowest is the best) and maybe reward (NeMo RL)"
    settings = Layout.settings | {"system"}
    text: ClassVar[frozenset[str]] = frozenset(("context", "completions", *SYSTEMS, "tools"))

    @classmethod
    def matches(cls, row: Row) -> bool:
        completions = row.get("completions")
        if "context" not in row or completions is None:
            return False
        if isinstance(completions, list):
            first = completions[0] if completions else {}
            return isinstance(first, Mapping) and (not first or "rank" in first)
        return isinstance(completions, str)

    def read(self, rows: Sequence[Row]) -> list[Draft]:
        [row] = rows
        ignore, tools = self.options.ignore, read_tools(row, self.options)
        before = asked(row["context"], "context", ignore)
        prompt = joined(system_messages(row, self.options), before, "context")
        completions = _completions(row)
        for at, one in enumerate(completions, 1):
            read = {*_JUDGED, "completion", *ignore}
            if lost := [name for name in one if name not in read and is_text(name, one[name])]:
                raise Unused(lost, f"completion {at}")
        sides = [
            conversation(prompt, one.get("completion"), f"completion {at}", tools, ignore)
            for at, one in enumerate(completions, 1)
        ]
        ranks = _scores(completions)
        rewards = [number(one.get("reward")) for one in completions]
        drafts = []
        for pair in nbest.pairs(ranks, self.options.nbest):
            better, worse = pair
            margin = (ranks[better] or 0) - (ranks[worse] or 0)
            facts = Facts(margin, (), rewards[better], rewards[worse])
            drafts.append(Draft(sides[better], sides[worse], facts, nbest.place(pair)))
        return drafts

    def write(self, rows: Sequence[Row], changes: Sequence[Change]) -> list[Row | None]:
        [row] = rows
        if all(change.action == "keep" for change in changes):
            return [row]
        completions = _completions(row)
        scores = _scores(completions)
        found = nbest.pairs(scores, self.options.nbest)
        kept = nbest.settled(scores, found, changes)
        if kept is None:
            return [None]
        new = [
            {**completions[at], **{n: completions[by][n] for n in _JUDGED if n in completions[by]}}
            for at, by in sorted(kept.items())
        ]
        return [{**row, "completions": recelled(row["completions"], new)}]


def _completions(row: Row) -> list[Mapping[str, Any]]:
    completions = cell(row["completions"])
    if not isinstance(completions, list) or not all(isinstance(c, Mapping) for c in completions):
        raise RowError("wrong_type", "completions is no list of objects with rank and completion")
    return completions


def _scores(completions: Sequence[Mapping[str, Any]]) -> list[float | None]:
    ranks = [number(one.get("rank")) for one in completions]
    return [None if rank is None else -rank for rank in ranks]
