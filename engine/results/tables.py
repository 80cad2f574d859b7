"""Every metric table once: its record, what it means, how it is printed and put into words.

A new table takes a record and a field in `records.Tables`, a function in `engine.paper` marked
with `@measure`, and a row here. A row may leave out `sections`: then it is printed field by field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from engine.results import columns, flat, sections, sentences, views
from engine.results.columns import Section
from engine.results.effect import DEGREES, PERCENTAGE_POINTS, REWARD_POINTS, Unit
from engine.results.names import Kinds
from engine.results.records import (
    AlignmentRow,
    AmbiguityRow,
    DriftRow,
    DroppedFeature,
    ImprintRow,
    MisalignmentRow,
    OpinionRow,
    Record,
    RegimeRow,
    RobustnessRow,
    ShiftImprintRow,
    ShiftRow,
    StabilityImprintRow,
    StabilityRow,
    StrategyRow,
    Tables,
    TestRow,
    VotesRow,
)
from engine.visible import one_line

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Table(Generic[R]):
    """`rows`: what there is one row per. `sentence` says a row in words. `unit` is that of the
    effect, where the table has one. The columns, each with its unit and how it is printed, are
    annotated on the record's fields."""

    record: type[R]
    rows: str
    meaning: str
    sentence: Callable[[R, Kinds], str]
    unit: Unit | None = None
    sections: Callable[[Tables, str, Kinds], Iterator[Section]] | None = None

    @property
    def keys(self) -> tuple[flat.Key, ...]:
        """The keys of a flat row, in order, each with its `Field`."""
        return flat.keys(self.record)


# In the order in which they are printed.
TABLES: Final[Mapping[str, Table[Any]]] = {
    "alignment": Table(
        AlignmentRow,
        "reward model",
        "how often each reward model agrees with the human preference",
        sentences.alignment,
        sections=sections.alignment,
    ),
    "regimes": Table(
        RegimeRow,
        "regime × opinion",
        "pairs by what training did to them and by the labeler's preference",
        sentences.regime,
        sections=sections.regimes,
    ),
    "opinions": Table(
        OpinionRow,
        "opinion",
        "alignment by the labeler's preference",
        sentences.opinion,
        sections=sections.opinions,
    ),
    "shifts": Table(
        ShiftRow,
        "group of pairs",
        "the turns θ of the reward vectors, by group",
        sentences.shift,
        sections=sections.shifts,
    ),
    "imprint": Table(
        ImprintRow,
        "outcome × preset × feature",
        "what each feature is worth to each model, in reward points",
        sentences.imprint,
        REWARD_POINTS,
        sections.imprint,
    ),
    "shift_imprint": Table(
        ShiftImprintRow,
        "preset × feature × side",
        "what each feature does to the turn θ, in degrees",
        sentences.shift_imprint,
        DEGREES,
        sections.shift_imprint,
    ),
    "misalignment": Table(
        MisalignmentRow,
        "preset × feature × side",
        "which features go with misaligned pairs, in percentage points",
        sentences.misalignment,
        PERCENTAGE_POINTS,
        sections.misalignment,
    ),
    "robustness": Table(
        RobustnessRow,
        "preset × population × strategy × feature × side × sign",
        "how much more often a pair becomes misaligned when rewriting flips a feature, in "
        "percentage points",
        sentences.robustness,
        PERCENTAGE_POINTS,
        sections.robustness,
    ),
    "robustness_drift": Table(
        DriftRow,
        "threshold × population × feature × side × sign",
        "the same, by how close the rewrites stay in meaning",
        sentences.drift,
        PERCENTAGE_POINTS,
        sections.drift,
    ),
    "resistance_by_strategy": Table(
        StrategyRow,
        "strategy × model",
        "what each rewriting strategy does to the verdicts",
        sentences.strategy,
        PERCENTAGE_POINTS,
        sections.strategies,
    ),
    "resistance_by_ambiguity": Table(
        AmbiguityRow,
        "band, the least ambiguous first",
        "the resistance of the trained model by ambiguity",
        sentences.ambiguity,
        sections=sections.ambiguity,
    ),
    "resistance_by_votes": Table(
        VotesRow,
        "model",
        "resistance where the annotators agree and where they split",
        sentences.votes,
        PERCENTAGE_POINTS,
        sections.votes,
    ),
    "stability": Table(
        StabilityRow,
        "feature × two labelers",
        "how far labelers agree, feature by feature",
        sentences.stability,
        sections=sections.stability,
    ),
    "stability_imprint": Table(
        StabilityImprintRow,
        "outcome × feature × two labelers, where both can be estimated",
        "the coefficients under each labeler",
        sentences.stability_imprint,
        REWARD_POINTS,
        sections.stability_imprint,
    ),
    "tests": Table(
        TestRow,
        "test",
        "hypothesis tests of verdicts, opinions and labels",
        sentences.test,
        sections=sections.tests,
    ),
    "dropped": Table(
        DroppedFeature,
        "part of a table",
        "what was left out, and why",
        sentences.dropped,
        sections=sections.dropped,
    ),
}


def printed(name: str, tables: Tables, preset: str, kinds: Kinds) -> Iterator[Section]:
    """A table's sections that have rows."""
    table = TABLES[name]
    if table.sections is not None:
        parts = table.sections(tables, preset, kinds)
    else:
        rows = views.of_preset(getattr(tables, name), preset)
        title = name.replace("_", " ").capitalize()
        whole = columns.section(title, table.meaning, columns.fields(table.record), rows, kinds)
        parts = iter((whole,))
    return (section for section in parts if section.rows)


def sentence(name: str, row: Record, kinds: Kinds) -> str:
    """A row of the table `name` in words, fit for a terminal whatever the names in it."""
    return one_line(TABLES[name].sentence(row, kinds))
