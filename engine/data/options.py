"""How rows are to be read, where their layout alone does not say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from engine.settings import Section

NBest = Literal["best-worst", "best-rest", "adjacent"]
NBEST: NBest = "best-worst"
# Which pairs form a group: those whose prompts are equal, or nearly; "none": only those that the
# source itself puts together.
Grouping = Literal["exact", "near", "none"]
GROUPING: Grouping = "exact"


class Columns(Section, frozen=True, kw_only=True):
    """Which column is what, for rows that no layout describes. `prompt` may be several columns,
    which are joined by a blank line. `scores` and `models` name a column for the chosen side and
    one for the rejected side."""

    prompt: str | tuple[str, ...] | None = None
    system: str | None = None
    chosen: str | None = None
    rejected: str | None = None
    id: str | None = None
    group: str | None = None
    topic: str | None = None
    margin: str | None = None
    votes: str | None = None
    scores: tuple[str, str] | None = None
    models: tuple[str, str] | None = None

    @property
    def prompts(self) -> tuple[str, ...]:
        if self.prompt is None:
            return ()
        return (self.prompt,) if isinstance(self.prompt, str) else self.prompt

    @property
    def named(self) -> frozenset[str]:
        """Every column that is named."""
        single = (self.system, self.chosen, self.rejected, self.id, self.group, self.topic)
        more = (self.margin, self.votes, *self.prompts, *(self.scores or ()), *(self.models or ()))
        return frozenset(name for name in (*single, *more) if name is not None)


@dataclass(frozen=True)
class Options:
    """`ignore` are columns whose text may be left out."""

    columns: Columns = field(default_factory=Columns)
    ignore: frozenset[str] = frozenset()
    nbest: NBest = NBEST
