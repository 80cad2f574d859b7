"""Translates a checked filter to SQL: joins, a condition, and its parameters.

Field names are looked up in the tables below; values are always passed as parameters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import Any

from engine.filters.fields import between
from engine.filters.vocabulary import Any as AnyOf
from engine.filters.vocabulary import Checked, Contains, Every, Is, Number, Without
from engine.paper.inputs import MISSING

_PAIR_NUMBERS = {
    "margin": "f.margin_post",
    "margin_pre": "f.margin_pre",
    "margin_change": "f.margin_change",
    "theta": "f.theta",
    "gain": "f.gain",
    "ambiguity": "f.ambiguity",
    "residual": "f.residual",
    "margin_human": "p.margin_human",
    "score_chosen": "p.score_chosen",
    "score_rejected": "p.score_rejected",
    "score_gap": "(p.score_chosen - p.score_rejected)",
    "pair": "f.pair_id",
    "group": "p.group_no",
}
# In either order: the duplicates and contradictions of an export (engine/export/decisions.py).
_DUPLICATE = (
    "p.chosen_id = p.rejected_id OR (SELECT count(*) FROM pairs AS twin"
    " WHERE least(twin.chosen_id, twin.rejected_id) = least(p.chosen_id, p.rejected_id)"
    " AND greatest(twin.chosen_id, twin.rejected_id) = greatest(p.chosen_id, p.rejected_id)) > 1"
)
_UNUSUAL = "(SELECT 1 FROM scores AS s WHERE s.truncated AND s.producer IN ($pre, $post)"
_PAIR_IS = {
    "aligned": "f.margin_post > 0",
    "misaligned": "f.margin_post <= 0",
    "tie": "f.margin_post = 0",
    "noise": "f.noise_limited",
    "unlabeled": "f.opinion NOT IN ('c', 'i', 'r')",
    "truncated": f"EXISTS {_UNUSUAL} AND s.text_id IN (p.chosen_id, p.rejected_id))",
    "duplicate": _DUPLICATE,
    "grouped": "p.group_no IS NOT NULL",
    "flagged": "coalesce(m.flagged, FALSE)",
    "decided": "m.verdict IS NOT NULL",
    "undecided": "m.verdict IS NULL",
}
_PAIR_HAS = {
    "note": "coalesce(m.note, '') <> ''",
    "tags": "len(coalesce(m.tags, [])) > 0",
    "rewrites": "p.pair_id IN (SELECT pair_id FROM rewrite_facts)",
}
# x is the label of the chosen response, y that of the rejected one. A missing label matches none.
_RELATIONS = {
    "c": "{x} > 0",
    "r": "{y} > 0",
    "both": "{x} > 0 AND {y} > 0",
    "none": "{x} <= 0 AND {y} <= 0",
    "any": "{x} > 0 OR {y} > 0",
    "c>r": "{x} > {y}",
    "r>c": "{y} > {x}",
    "differs": "{x} <> {y}",
    "same": "{x} = {y}",
}
_REWRITE_NUMBERS = {
    "cosine": "least(r.cosine_chosen, r.cosine_rejected)",
    "margin": "f.margin_post",
    "margin_after": "(r.post_chosen_new - r.post_rejected_new)",
    "margin_shift": "(r.post_chosen_new - r.post_rejected_new) - f.margin_post",
    "pair": "r.pair_id",
}
CHANGES = {
    "misaligned": "f.margin_post > 0 AND r.post_chosen_new <= r.post_rejected_new",
    "aligned": "f.margin_post <= 0 AND r.post_chosen_new > r.post_rejected_new",
    "same": "(f.margin_post > 0) = (r.post_chosen_new > r.post_rejected_new)",
}
_OLD = {"chosen": 'old_c."values"[{i}]', "rejected": 'old_r."values"[{i}]'}
_NEW = {"chosen": "r.chosen_labels_new[{i}]", "rejected": "r.rejected_labels_new[{i}]"}
# The change of a label is the old one less the new one, as in the robustness scores.
_CHANGED = {
    "flipped": "({old} - {new}) <> 0",
    "lost": "({old} - {new}) > 0",
    "gained": "({old} - {new}) < 0",
    "lost_by_1": "({old} - {new}) = 1",
    "gained_by_1": "({old} - {new}) = -1",
}


class Condition:
    """Builds a WHERE clause. `roles` are the producers and the author that it may refer to;
    `labelers` among them is a list."""

    def __init__(self, features: Sequence[str], roles: Mapping[str, Any]) -> None:
        self.features = features
        self.parameters: dict[str, Any] = dict(roles)
        self._values = 0

    def value(self, value: Any) -> str:
        """Adds a parameter with this value; returns its placeholder."""
        self._values += 1
        name = f"v{self._values}"
        self.parameters[name] = value
        return f"${name}"

    def place(self, feature: str) -> int:
        return self.features.index(feature) + 1  # DuckDB lists count from 1

    def of(self, checked: Checked) -> str:
        match checked:
            case Contains(text):
                return self.contains(text)
            case Number(name, low, high, strict):
                return self.number(self.numbers[name], low, high, strict)
            case Is(name, value):
                return self.equals(name, value)
            case Without(inner):
                # In SQL, neither a bound nor its negation holds for NULL. Excluding "theta>0"
                # must still keep the pairs whose θ is undefined.
                return f"NOT coalesce({self.of(inner)}, FALSE)"
            case Every(parts):
                return _joined(" AND ", [self.of(part) for part in parts]) or "TRUE"
            case AnyOf(parts):
                return _joined(" OR ", [self.of(part) for part in parts])

    numbers: Mapping[str, str]

    def contains(self, text: str) -> str:
        raise NotImplementedError

    def equals(self, name: str, value: str) -> str:
        raise NotImplementedError

    def number(self, column: str, low: float, high: float, strict: bool) -> str:
        if low == high:
            return f"{column} = {self.value(low)}"
        less, more = ("<", ">") if strict else ("<=", ">=")
        parts = []
        if low > -math.inf:
            parts.append(f"{column} {more} {self.value(low)}")
        if high < math.inf:
            parts.append(f"{column} {less} {self.value(high)}")
        return _joined(" AND ", parts) or "TRUE"

    def like(self, column: str, text: str) -> str:
        """Whether the column contains `text`, ignoring case."""
        # A case-insensitive regular expression is several times faster in DuckDB than ILIKE or
        # lower().
        return f"regexp_matches({column}, regexp_escape({self.value(text)}), 'i')"


class PairCondition(Condition):
    """Over pair_facts f, pairs p and the tables that `joins` adds. `regressors`: the features of
    which a complete pair has the labels, asked for only if a filter needs them. `labelers`: name →
    producer. `rewritten`: whether there are rewrites."""

    numbers = _PAIR_NUMBERS

    def __init__(
        self,
        features: Sequence[str],
        roles: Mapping[str, Any],
        regressors: Callable[[], Sequence[str]] = tuple,
        labelers: Mapping[str, str] = MappingProxyType({}),
        *,
        rewritten: bool = True,
    ) -> None:
        super().__init__(features, roles)
        self._rewritten = rewritten
        self._regressors = regressors
        self._between = {
            between(*two).name: [labelers[name] for name in two]
            for two in combinations(sorted(labelers), 2)
        }
        self._joined: set[str] = set()

    def contains(self, text: str) -> str:
        self._joined.add("texts")
        pattern = f"regexp_escape({self.value(text)})"
        return (
            f"(regexp_matches(tc.transcript, {pattern}, 'i')"
            f" OR regexp_matches(tr.transcript, {pattern}, 'i'))"
        )

    def equals(self, name: str, value: str) -> str:
        match name:
            case "regime" | "opinion" | "votes":
                return f"f.{name} = {self.value(value)}"
            case "topic":
                return self.like("p.topic", value)
            case "model":
                either = f"{self.like('p.model_chosen', value)} OR "
                return f"({either}{self.like('p.model_rejected', value)})"
            case "annotator":
                judged = f"SELECT pair_id FROM votes WHERE annotator = {self.value(value)}"
                return f"p.pair_id IN ({judged})"
            case "id":
                return f"p.source_id = {self.value(value)}"
            case "is" if value == "complete":
                return self.complete()
            case "is":
                self._note(_PAIR_IS[value])
                return f"({_PAIR_IS[value]})"
            case "has" if value == "rewrites" and not self._rewritten:
                return "FALSE"
            case "has":
                self._note(_PAIR_HAS[value])
                return f"({_PAIR_HAS[value]})"
            case "verdict":
                self._joined.add("marks")
                return f"m.verdict = {self.value(value)}"
            case "tag":
                self._joined.add("marks")
                return f"list_contains(coalesce(m.tags, []), {self.value(value)})"
            case "note":
                self._joined.add("marks")
                return self.like("m.note", value)
            case "by":
                return (
                    "p.pair_id IN (SELECT pair_id FROM pair_marks WHERE verdict IS NOT NULL"
                    f" AND author = {self.value(value)})"
                )
            case "disagrees":
                return self.disagrees(value, "$labelers")
            case _ if name in self._between:
                return self.disagrees(value, self.value(self._between[name]))
            case _:
                return self.relation(name, value)

    def _note(self, expression: str) -> None:
        if "m." in expression:
            self._joined.add("marks")

    def relation(self, name: str, value: str) -> str:
        self._joined.add("labels")
        place = self.place(name if name in self.features else name.removeprefix("label_"))
        x, y = f'lc."values"[{place}]', f'lr."values"[{place}]'
        present = f"{x} <> {MISSING} AND {y} <> {MISSING}"
        return f"({present} AND ({_RELATIONS[value].format(x=x, y=y)}))"

    def complete(self) -> str:
        """Whether the main labeler labeled everything that the regressions need."""
        known = (f' AND "values"[{self.place(name)}] <> {MISSING}' for name in self._regressors())
        texts = f"(SELECT text_id FROM labels WHERE producer = $labeler{''.join(known)})"
        return f"(p.chosen_id IN {texts} AND p.rejected_id IN {texts})"

    def disagrees(self, feature: str, labelers: str) -> str:
        """Whether any two of these labelers gave the same side different labels."""
        place = self.place(feature)
        return (
            "EXISTS (SELECT 1 FROM labels AS a JOIN labels AS b ON b.text_id = a.text_id"
            f" WHERE a.producer IN (SELECT unnest({labelers}))"
            f" AND b.producer IN (SELECT unnest({labelers})) AND a.producer < b.producer"
            " AND a.text_id IN (p.chosen_id, p.rejected_id)"
            f' AND least(a."values"[{place}], b."values"[{place}]) <> {MISSING}'
            f' AND a."values"[{place}] <> b."values"[{place}])'
        )

    @property
    def joins(self) -> str:
        joins = {
            "labels": " JOIN labels AS lc ON lc.producer = $labeler AND lc.text_id = p.chosen_id"
            " JOIN labels AS lr ON lr.producer = $labeler AND lr.text_id = p.rejected_id",
            "texts": " JOIN texts AS tc ON tc.text_id = p.chosen_id"
            " JOIN texts AS tr ON tr.text_id = p.rejected_id",
            "marks": " LEFT JOIN pair_marks AS m ON m.pair_id = p.pair_id AND m.author = $author",
        }
        return "".join(join for name, join in joins.items() if name in self._joined)


class RewriteCondition(Condition):
    """Over rewrite_facts r and pair_facts f, with the labels of the originals. The robustness
    scores count rewrites of at least `min_cosine` that have the labels of all `scored` features."""

    numbers = _REWRITE_NUMBERS

    def __init__(
        self,
        features: Sequence[str],
        roles: Mapping[str, Any],
        min_cosine: float,
        scored: Sequence[str],
    ) -> None:
        super().__init__(features, roles)
        self._min_cosine, self._scored = min_cosine, scored

    def contains(self, text: str) -> str:
        pattern = f"regexp_escape({self.value(text)})"
        return (
            "EXISTS (SELECT 1 FROM texts AS t WHERE t.text_id IN"
            " (r.chosen_id, r.rejected_id, r.chosen_new_id, r.rejected_new_id)"
            f" AND regexp_matches(t.response, {pattern}, 'i'))"
        )

    def equals(self, name: str, value: str) -> str:
        match name:
            case "strategy":
                return f"r.strategy = {self.value(value)}"
            case "change":
                return f"({CHANGES[value]})"
            case "is":
                return self.counts(value)
            case _:
                return self.changed(name, value)

    def counts(self, value: str) -> str:
        """Whether the scores count a rewrite, or a condition for that."""
        low = f"({self.numbers['cosine']} < {self.value(self._min_cosine)})"
        low = low if self._min_cosine > 0 else "FALSE"
        known = [
            f"{label.format(i=self.place(feature))} <> {MISSING}"
            for feature in self._scored
            for label in (*_OLD.values(), *_NEW.values())
        ]
        complete = _joined(" AND ", known) or "TRUE"
        return {"low_cosine": low, "complete": complete}.get(value, f"(NOT {low} AND {complete})")

    def changed(self, name: str, feature: str) -> str:
        """Whether the label of a feature changed so; `name`: how, and on which side."""
        change, _, rest = name.partition("_")
        side, _, step = rest.partition("_")
        parts = []
        for one in (side,) if side else ("chosen", "rejected"):
            old, new = (table[one].format(i=self.place(feature)) for table in (_OLD, _NEW))
            how = _CHANGED[f"{change}_{step}" if step else change].format(old=old, new=new)
            parts.append(f"({old} <> {MISSING} AND {new} <> {MISSING} AND {how})")
        return _joined(" OR ", parts)

    joins = (
        " JOIN labels AS old_c ON old_c.producer = $labeler AND old_c.text_id = r.chosen_id"
        " JOIN labels AS old_r ON old_r.producer = $labeler AND old_r.text_id = r.rejected_id"
    )


def _joined(by: str, parts: Sequence[str]) -> str:
    return f"({by.join(parts)})" if len(parts) > 1 else "".join(parts)


def used(statement: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a statement names: DuckDB rejects unused ones."""
    names = set(re.findall(r"\$(\w+)", statement))
    return {name: value for name, value in parameters.items() if name in names}


def readable(statement: str, parameters: Mapping[str, Any]) -> str:
    """The statement with its values filled in, for reading or pasting. Never executed here."""

    def literal(match: re.Match[str]) -> str:
        return written(parameters[match.group(1)])

    def written(value: Any) -> str:
        if isinstance(value, list):
            return f"[{', '.join(written(one) for one in value)}]"
        if isinstance(value, int | float):
            return f"{value:g}"
        return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"

    return re.sub(r"\$(\w+)", literal, statement)
