"""What the explorer reads: ordered ids, rows for a page, one pair or rewrite whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

import msgspec

from engine.data.dialogue import shared_turns, turns
from engine.errors import NotFound
from engine.filters import Vocabulary, check, complete, parse
from engine.paper.inputs import MISSING
from engine.store.database import Reading, Store, rows, sql
from engine.store.filters import PairCondition, RewriteCondition, readable, used
from engine.store.saved_filters import saved
from engine.taxonomy import Feature
from engine.wire.messages import (
    Change,
    CompleteRequest,
    Completion,
    Entry,
    Ids,
    Mark,
    Opinion,
    PairDetail,
    PairQuery,
    PairRow,
    RewriteDetail,
    RewriteQuery,
    RewriteRow,
    RewriteSide,
    Turn,
)

PREVIEW = 160

# The sort keys of a query, as expressions; nothing else of a query reaches the SQL text.
_PAIR_ORDER = {
    "pair_id": "f.pair_id",
    "margin_pre": "f.margin_pre",
    "margin_post": "f.margin_post",
    "margin_change": "f.margin_change",
    "theta": "f.theta",
    "gain": "f.gain",
    "ambiguity": "f.ambiguity",
    "residual": "abs(f.residual)",
    "random": "hash(f.pair_id, $seed)",
}
_REWRITE_ORDER = {
    "pair_id": "r.pair_id",
    "cosine": "least(r.cosine_chosen, r.cosine_rejected)",
    "margin_shift": "(r.post_chosen_new - r.post_rejected_new) - f.margin_post",
}
# Values that a filter may name, for completion: at most this many of a kind.
_NAMES = 200


class Browser:
    """Reads of complete results: roles (role → producer), features and strategies are fixed."""

    def __init__(
        self,
        store: Store,
        roles: dict[str, str],
        features: Sequence[Feature],
        strategies: Sequence[str],
    ) -> None:
        self.store = store
        self.strategies = strategies
        self.features = [feature.name for feature in features]
        self.labeler = roles["labeler main"]
        self.pre, self.post = roles["pre"], roles["post"]
        self.gold = roles.get("labeler gold")
        self.relabeler = roles.get("relabeler", self.labeler)
        labelers = [of for role, of in roles.items() if role.startswith("labeler ")]
        self._producers: dict[str, Any] = {
            "labeler": self.labeler,
            "labelers": labelers,
            "pre": self.pre,
            "post": self.post,
        }

    # ------------------------------------------------------------ filters

    def vocabulary(self) -> Vocabulary:
        """What a filter of pairs can speak of."""
        return Vocabulary.of_pairs(
            self.features, {one.name: one.filter for one in saved(self.store)}
        )

    def rewrite_vocabulary(self) -> Vocabulary:
        return Vocabulary.of_rewrites(self.features, self.strategies)

    def complete(self, request: CompleteRequest) -> list[Completion]:
        """What may follow at the cursor."""
        if request.rewrites:
            vocabulary, names = self.rewrite_vocabulary(), {}
        else:
            vocabulary, names = self.vocabulary(), self._names()
        return complete(request.filter, request.cursor, vocabulary, names)

    def _names(self) -> dict[str, list[str]]:
        found = self.store.read(sql("names_in_use"), {"most": _NAMES}).fetchall()
        names: dict[str, list[str]] = {}
        for key, name in found:
            names.setdefault(key, []).append(name)
        return names

    # ------------------------------------------------------------ pairs

    def pair_ids(self, query: PairQuery, reading: Reading | None = None) -> Ids:
        """Raises FilterError, NotFound, and Interrupted where `reading` was stopped."""
        checked = check(parse(query.filter), self.vocabulary())
        condition = PairCondition(self.features, {**self._producers, "author": query.author})
        where = condition.of(checked)
        order = self._pair_order(query.sort)
        statement = (
            f"SELECT f.pair_id FROM pair_facts AS f JOIN pairs AS p USING (pair_id)"
            f"{condition.joins} WHERE {where} ORDER BY {order} {_direction(query.descending)}, "
            "f.pair_id"
        )
        given = {**condition.parameters, "seed": query.seed}
        return self._ids(statement, given, "pair_facts", reading)

    def _pair_order(self, sort: str) -> str:
        """The expression of an order; `influence:FEATURE` is one for each feature."""
        key, colon, feature = sort.partition(":")
        if not colon and key in _PAIR_ORDER:
            return _PAIR_ORDER[key]
        if key == "influence" and feature in self.features:
            return f"abs(f.influence[{self.features.index(feature) + 1}])"
        known = ", ".join([*_PAIR_ORDER, "influence:FEATURE"])
        raise NotFound(f"unknown sort order {sort}; use one of {known}")

    def _ids(
        self, statement: str, parameters: dict[str, Any], table: str, reading: Reading | None
    ) -> Ids:
        reading = reading or self.store.reading()
        given = used(statement, parameters)
        # Before the ids: where data is replaced in between, they must not pass for its pairs.
        dataset = self.store.meta("dataset") or ""
        ids = reading.rows(statement, given)
        ((of,),) = reading.rows(f"SELECT count(*) FROM {table}")
        return Ids(
            ids=tuple(i for (i,) in ids),
            of=of,
            sql=readable(statement, given),
            dataset=dataset,
        )

    def pair_rows(self, ids: Sequence[int], author: str = "") -> list[PairRow]:
        """Rows in the order of the ids, with the marks of this author."""
        stored = _stored(ids)
        found = self.store.read(sql("pair_rows"), [stored, PREVIEW])
        marks = {}
        if author:
            of = self.store.read(sql("marks_of_author"), {"ids": stored, "author": author})
            marks = {row.pair_id: row.mark for row in rows(of, _MarkRow)}
        return [
            msgspec.structs.replace(row, mark=marks.get(row.pair_id))
            for row in rows(found, _pair_row)
        ]

    def pair(self, pair_id: int, author: str = "") -> PairDetail:
        """A pair with the marks of all authors; the row has this author's."""
        lines = self.pair_rows([pair_id], author)
        if not lines:
            raise NotFound(f"no pair {pair_id}")
        chosen_id, rejected_id = self.store.read(
            "SELECT chosen_id, rejected_id FROM pairs WHERE pair_id = ?", [pair_id]
        ).fetchone()
        chosen, rejected = self._entry(chosen_id), self._entry(rejected_id)
        rewrites = ()
        if self._has_rewrites():
            rewrites = tuple(
                i
                for (i,) in self.store.read(
                    "SELECT rewrite_id FROM rewrite_facts WHERE pair_id = ? ORDER BY rewrite_id",
                    [pair_id],
                ).fetchall()
            )
        return PairDetail(
            row=lines[0],
            shared_turns=shared_turns(chosen.turns, rejected.turns),
            chosen=chosen,
            rejected=rejected,
            rewrite_ids=rewrites,
            marks=tuple(
                row.mark for row in rows(self.store.read(sql("marks_of_pair"), [pair_id]), _MarkRow)
            ),
        )

    def _entry(self, text_id: int, labeler: str | None = None) -> Entry:
        asked = {
            "text": text_id,
            "labeler": labeler or self.labeler,
            "gold": self.gold,
            "pre": self.pre,
            "post": self.post,
        }
        [found] = rows(self.store.read(sql("entry"), asked), _EntryRow)
        return Entry(
            text_id=text_id,
            turns=tuple(Turn(role=turn.role, text=turn.text) for turn in turns(found.transcript)),
            response=found.response,
            labels=self._named(found.labels),
            gold=None if found.gold is None else self._named(found.gold),
            pre=found.pre,
            post=found.post,
            truncated=found.truncated,
        )

    def _named(self, values: Sequence[int] | None) -> dict[str, int]:
        known = zip(self.features, values or (), strict=bool(values))
        return {name: value for name, value in known if value != MISSING}

    # ------------------------------------------------------------ rewrites

    def _has_rewrites(self) -> bool:
        query = "SELECT 1 FROM information_schema.tables WHERE table_name = 'rewrite_facts'"
        return self.store.read(query).fetchone() is not None

    def rewrite_ids(self, query: RewriteQuery, reading: Reading | None = None) -> Ids:
        """Raises FilterError, and Interrupted where `reading` was stopped."""
        checked = check(parse(query.filter), self.rewrite_vocabulary())
        if not self._has_rewrites():
            return Ids(ids=(), of=0)
        condition = RewriteCondition(self.features, {"labeler": self.relabeler})
        where = condition.of(checked)
        statement = (
            "SELECT r.rewrite_id FROM rewrite_facts AS r JOIN pair_facts AS f USING (pair_id)"
            f"{condition.joins} WHERE {where} "
            f"ORDER BY {_REWRITE_ORDER[query.sort]} {_direction(query.descending)}, r.rewrite_id"
        )
        return self._ids(statement, condition.parameters, "rewrite_facts", reading)

    def rewrite_rows(self, ids: Sequence[int]) -> list[RewriteRow]:
        asked = {"ids": _stored(ids), "preview": PREVIEW, "labeler": self.relabeler}
        return rows(self.store.read(sql("rewrite_rows"), asked), _rewrite_row)

    def rewrite(self, rewrite_id: int) -> RewriteDetail:
        if not self._has_rewrites() or not (lines := self.rewrite_rows([rewrite_id])):
            raise NotFound(f"no rewrite {rewrite_id}")
        sides = self.store.read(sql("rewrite_sides"), {"rewrite": rewrite_id})
        new_chosen, new_rejected = rows(sides, _SideRow)
        chosen = self._entry(new_chosen.text_id, self.relabeler)
        rejected = self._entry(new_rejected.text_id, self.relabeler)
        return RewriteDetail(
            row=lines[0],
            context=chosen.turns[:-1],
            chosen=self._side(chosen, new_chosen),
            rejected=self._side(rejected, new_rejected),
        )

    def _side(self, before: Entry, new: _SideRow) -> RewriteSide:
        return RewriteSide(
            original=before.response,
            rewritten=new.response,
            cosine=new.cosine,
            labels_before=before.labels,
            labels_after=self._named(new.labels),
            pre_before=before.pre,
            pre_after=new.pre,
            post_before=before.post,
            post_after=new.post,
        )


class _MarkRow(NamedTuple):
    pair_id: int
    author: str
    time: float
    state: dict[str, Any]

    @property
    def mark(self) -> Mark:
        state = {**self.state, "tags": tuple(self.state["tags"])}
        return Mark(author=self.author, time=self.time, **state)


class _EntryRow(NamedTuple):
    transcript: str
    response: str
    labels: list[int] | None
    gold: list[int] | None
    pre: float
    post: float
    truncated: bool


class _SideRow(NamedTuple):
    """One side of a rewrite: `text_id` is the original's, the rest is of what it became."""

    side: int
    text_id: int
    response: str
    labels: list[int]
    pre: float
    post: float
    cosine: float


def _stored(ids: Sequence[int]) -> list[int]:
    """The ids that can be there at all: the database's integers have 32 bits."""
    return [i for i in ids if 0 <= i < 2**31]


def _direction(descending: bool) -> str:
    return "DESC NULLS LAST" if descending else "ASC NULLS LAST"


_OPINIONS: dict[str, Opinion] = {opinion: opinion for opinion in get_args(Opinion)}


def _pair_row(opinion: str, **columns: Any) -> PairRow:
    return PairRow(opinion=_OPINIONS.get(opinion), **columns)


def _rewrite_row(margin_before: float, margin_after: float, **columns: Any) -> RewriteRow:
    change: Change = "same" if (margin_before > 0) == (margin_after > 0) else "aligned"
    if margin_before > 0 and margin_after <= 0:
        change = "misaligned"
    return RewriteRow(
        change=change, margin_before=margin_before, margin_after=margin_after, **columns
    )
