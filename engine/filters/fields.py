"""The table of all filter fields: their values, and what of them is available in blind mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Literal

from engine.results.records import VOTES

Kind = Literal["number", "choice", "name", "label", "feature"]


@dataclass(frozen=True)
class Field:
    """A filter field.

    By kind: `number` accepts comparisons and ranges, `name` any text, `choice` one of `values`
    (each word with its meaning), `label` a relation between the labels of the two sides, and
    `feature` the name of a feature.

    `blind`: whether it is available in blind mode, which what depends on the human's choice or on
    the decisions of others is not; of a choice, the meanings that are.

    `also`: other names of the field, those of columns of the explorer.
    """

    name: str
    kind: Kind
    help: str
    blind: bool | frozenset[str]
    values: Mapping[str, str] = dataclass_field(default_factory=dict)
    also: tuple[str, ...] = ()

    def shown_blind(self, meaning: str) -> bool:
        return self.blind if isinstance(self.blind, bool) else meaning in self.blind


# Possible relations between the labels of the chosen and the rejected answer.
RELATIONS: Mapping[str, str] = {
    "c": "c",
    "chosen": "c",
    "r": "r",
    "rejected": "r",
    "both": "both",
    "none": "none",
    "any": "any",
    "c>r": "c>r",
    "r<c": "c>r",
    "r>c": "r>c",
    "c<r": "r>c",
    "differs": "differs",
    "same": "same",
}
OF_EITHER_SIDE = frozenset({"both", "none", "any", "differs", "same"})

PAIR_FIELDS: Sequence[Field] = (
    Field(
        "regime",
        "choice",
        "how training changed the model's preference",
        False,
        {name: name for name in ("stayed", "got", "resisted", "reversed")},
    ),
    Field(
        "opinion",
        "choice",
        "the answer that the labeler prefers",
        False,
        {"c": "c", "chosen": "c", "i": "i", "indifferent": "i", "r": "r", "rejected": "r"},
        also=("labeler",),
    ),
    Field(
        "margin", "number", "reward of chosen minus rejected, after training", False, also=("post",)
    ),
    Field(
        "margin_pre",
        "number",
        "reward of chosen minus rejected, before training",
        False,
        also=("pre",),
    ),
    Field("margin_change", "number", "margin after minus margin before training", False),
    Field("theta", "number", "rotation of the reward vector, degrees", False, also=("shift",)),
    Field("gain", "number", "rotation towards alignment, degrees", False),
    # The human's choice is one of the preferences whose entropy it is.
    Field("ambiguity", "number", "how unclear the preference is, bits", False, also=("amb",)),
    Field(
        "residual", "number", "part of the post-D margin that the features do not explain", False
    ),
    Field(
        "margin_human",
        "number",
        "by how much the human preferred chosen, as the data says",
        False,
        also=("human",),
    ),
    Field("score_chosen", "number", "score of the chosen answer, as the data says", False),
    Field("score_rejected", "number", "score of the rejected answer, as the data says", False),
    Field(
        "score_gap", "number", "score of chosen minus score of rejected, as the data says", False
    ),
    Field("pair", "number", "pair number", True),
    Field("group", "number", "number of the group of pairs that share a prompt", True),
    # Where a row has several pairs, their ids say which of its answers is the better one.
    Field("id", "name", "the pair's id in the dataset", False),
    Field("topic", "name", "topic, or part of its name", True),
    Field(
        "is",
        "choice",
        "a property of the pair",
        frozenset({"truncated", "unlabeled", "complete", "duplicate", "grouped"})
        | {"flagged", "decided", "undecided"},
        {
            name: name
            for name in (
                "aligned",
                "misaligned",
                "tie",
                "noise",
                "truncated",
                "unlabeled",
                "complete",
                "duplicate",
                "grouped",
                "flagged",
                "decided",
                "undecided",
            )
        },
    ),
    Field("votes", "choice", "how the annotators voted", False, {name: name for name in VOTES}),
    Field("annotator", "name", "judged by this annotator", False),
    Field("model", "name", "the model that wrote one of the answers, or part of its name", True),
    Field(
        "verdict",
        "choice",
        "your decision",
        frozenset({"drop", "tie", "discuss"}),
        {name: name for name in ("keep", "flip", "drop", "tie", "discuss")},
        also=("mark",),
    ),
    Field("by", "name", "decided by this reviewer", False),
    Field("tag", "name", "one of your tags", True),
    Field("note", "name", "part of your note", True),
    Field(
        "has",
        "choice",
        "what the pair has",
        frozenset({"note", "tags", "rewrites"}),
        {name: name for name in ("note", "tags", "rewrites")},
    ),
    Field("disagrees", "feature", "labelers disagree about this feature", True),
)


def between(first: str, second: str) -> Field:
    """Of three or more labelers, on what two disagree."""
    what = f"{first} and {second} disagree about this feature"
    return Field(f"disagrees_{first}_{second}", "feature", what, True)


# The list of rewrites is closed in blind mode.
REWRITE_FIELDS: Sequence[Field] = (
    Field("strategy", "choice", "rewriting strategy", False),
    Field(
        "change",
        "choice",
        "how rewriting changed the model's preference",
        False,
        {name: name for name in ("misaligned", "aligned", "same")},
        also=("preference",),
    ),
    Field("flipped", "feature", "a feature whose label changed on either side", False),
    *(
        Field(f"{change}_{side}{steps}", "feature", f"{what} on the {side} side{by}", False)
        for side in ("chosen", "rejected")
        for change, what, steps, by in (
            ("flipped", "a feature whose label changed", "", ""),
            ("lost", "a feature that the rewrite lost", "", ""),
            ("gained", "a feature that the rewrite gained", "", ""),
            ("lost", "a feature that the rewrite lost", "_by_1", ", by one step"),
            ("gained", "a feature that the rewrite gained", "_by_1", ", by one step"),
        )
    ),
    Field(
        "is",
        "choice",
        "whether the robustness scores count the rewrite",
        False,
        {name: name for name in ("used", "low_cosine", "complete")},
    ),
    Field("cosine", "number", "similarity to the original, the lower of both answers", False),
    Field("margin", "number", "post-D margin of the original pair", False, also=("before",)),
    Field("margin_after", "number", "post-D margin of the rewritten pair", False, also=("after",)),
    Field("margin_shift", "number", "margin after minus margin before rewriting", False),
    Field("pair", "number", "pair number", False),
)
