"""Reads for the explorer: ordered ids, the rows of a page, a single pair or rewrite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

import msgspec

from engine.data.conversation import Conversation, shared_messages
from engine.data.extras import extras
from engine.errors import NotFound
from engine.filters import Vocabulary, check, complete, hint, parse
from engine.paper.inputs import MISSING
from engine.store import measures
from engine.store.actions import revision
from engine.store.database import Reading, Store, rows, sql
from engine.store.filters import PairCondition, RewriteCondition, readable, used
from engine.store.readers import PREVIEW, MarkRow, stored, turn
from engine.store.saved_filters import saved
from engine.taxonomy import Feature
from engine.wire.messages import (
    Change,
    CompleteRequest,
    Completion,
    Entry,
    Ids,
    Opinion,
    PairDetail,
    PairQuery,
    PairRow,
    PairSource,
    PairVote,
    RewriteDetail,
    RewriteQuery,
    RewriteRow,
    RewriteSide,
    VoteCounts,
)


class _Order(NamedTuple):
    """A sort order as SQL; no other part of a query becomes SQL text. `blind`: available in blind
    mode, because it depends neither on the human's choice nor on others' decisions."""

    sql: str
    blind: bool


_PAIR_ORDER = {
    "pair_id": _Order("f.pair_id", True),
    "margin_pre": _Order("f.margin_pre", False),
    "margin_post": _Order("f.margin_post", False),
    "margin_change": _Order("f.margin_change", False),
    "margin_size": _Order("abs(f.margin_post)", True),
    "theta": _Order("f.theta", False),
    "gain": _Order("f.gain", False),
    "ambiguity": _Order("f.ambiguity", False),
    "residual": _Order("abs(f.residual)", True),
    "margin_human": _Order("p.margin_human", False),
    "votes": _Order("f.vote_agreement", False),
    "score_chosen": _Order("p.score_chosen", False),
    "score_rejected": _Order("p.score_rejected", False),
    "score_gap": _Order("(p.score_chosen - p.score_rejected)", False),
    "group": _Order("p.group_no", True),
    "random": _Order("hash(f.pair_id, $seed)", True),
}
_REWRITE_ORDER = {
    "pair_id": "r.pair_id",
    "cosine": "least(r.cosine_chosen, r.cosine_rejected)",
    "margin_shift": "(r.post_chosen_new - r.post_rejected_new) - f.margin_post",
}
# The most values of a kind that completion offers.
_MOST_NAMES = 200


class Browser:
    """Reads results with these roles (role → producer), features and strategies. Without
    `measured`, their measures are not computed yet, and roles may be missing."""

    def __init__(
        self,
        store: Store,
        roles: dict[str, str],
        features: Sequence[Feature],
        strategies: Sequence[str],
        min_cosine: float = 0.0,
        *,
        measured: bool = True,
    ) -> None:
        self.measured = measured
        self._facts = "pair_facts" if measured else sql("pending_facts")
        self.store = store
        self.strategies, self.min_cosine = strategies, min_cosine
        self._columns = features
        self.features = [feature.name for feature in features]
        self.labeler = roles.get("labeler main", "")
        self.pre, self.post = roles.get("pre", ""), roles.get("post", "")
        self.gold = roles.get("labeler gold")
        self.relabeler = roles.get("relabeler", self.labeler)
        self.labelers = {
            role.removeprefix("labeler "): producer
            for role, producer in roles.items()
            if role.startswith("labeler ")
        }
        self._producers: dict[str, Any] = {
            "labeler": self.labeler,
            "labelers": [*self.labelers.values()],
            "pre": self.pre,
            "post": self.post,
        }

    # ------------------------------------------------------------ filters

    def vocabulary(self, *, blind: bool = False) -> Vocabulary:
        """The fields of a filter of pairs."""
        named = {row.name: row.filter for row in saved(self.store)}
        labelers = [*self.labelers]
        return Vocabulary.of_pairs(self.features, named, labelers=labelers, blind=blind)

    def rewrite_vocabulary(self) -> Vocabulary:
        return Vocabulary.of_rewrites(self.features, self.strategies)

    def complete(self, request: CompleteRequest) -> list[Completion]:
        """The completions at the cursor."""
        if request.rewrites:
            vocabulary, names = self.rewrite_vocabulary(), {}
        else:
            vocabulary = self.vocabulary(blind=request.blind)
            names = self._names(request.author if request.blind else None)
        return complete(request.filter, request.cursor, vocabulary, names)

    def _names(self, tags_of: str | None) -> dict[str, list[str]]:
        """Existing names by field; the tags of one author, or of all (None)."""
        given = {"most": _MOST_NAMES, "author": tags_of}
        in_use = self.store.read(sql("names_in_use"), given).fetchall()
        names: dict[str, list[str]] = {}
        for key, name in in_use:
            names.setdefault(key, []).append(name)
        return names

    # ------------------------------------------------------------ pairs

    def pair_ids(self, query: PairQuery, reading: Reading | None = None) -> Ids:
        """Raises FilterError, NotFound, and Interrupted if `reading` was stopped."""
        tree, vocabulary = parse(query.filter), self.vocabulary(blind=query.blind)
        checked = check(tree, vocabulary)
        roles = {**self._producers, "author": query.author}
        condition = PairCondition(
            self.features, roles, self._regressors, self.labelers, rewritten=self._has_rewrites()
        )
        where = condition.of(checked)
        order = self._pair_order(query.sort, blind=query.blind)
        statement = (
            f"SELECT f.pair_id FROM {self._facts} AS f JOIN pairs AS p USING (pair_id)"
            f"{condition.joins} WHERE {where} ORDER BY {order} {_direction(query.descending)}, "
            "f.pair_id"
        )
        parameters = {**condition.parameters, "seed": query.seed}
        table = "pair_facts" if self.measured else "pairs"
        found = self._ids(statement, parameters, table, reading)
        found = msgspec.structs.replace(found, pending=not self.measured)
        return found if found.ids else msgspec.structs.replace(found, hint=hint(tree, vocabulary))

    def _pair_order(self, sort: str, *, blind: bool) -> str:
        """The SQL expression of a sort key. `influence:FEATURE` exists for each feature."""
        key, _, feature = sort.partition(":")
        if key == "influence" and feature in self.features:
            return f"abs(f.influence[{self.features.index(feature) + 1}])"
        order = _PAIR_ORDER.get(sort)
        known = {name: one for name, one in _PAIR_ORDER.items() if one.blind or not blind}
        if order is None or sort not in known:
            what = "unknown sort order" if order is None else "hidden in blind mode: the sort order"
            keys = ", ".join([*known, "influence:FEATURE"])
            raise NotFound(f"{what} {sort}; use one of {keys}")
        return order.sql

    def _ids(
        self, statement: str, parameters: dict[str, Any], table: str, reading: Reading | None
    ) -> Ids:
        reading = reading or self.store.reading()
        parameters = used(statement, parameters)
        # Read before the ids: if the data is replaced in between, the ids must not be taken for
        # those of the new data.
        dataset = self.store.meta("dataset") or ""
        at = revision(self.store)
        ids = reading.rows(statement, parameters)
        ((of,),) = reading.rows(f"SELECT count(*) FROM {table}")
        return Ids(
            ids=tuple(i for (i,) in ids),
            of=of,
            sql=readable(statement, parameters),
            dataset=dataset,
            revision=at,
        )

    def pair_rows(self, ids: Sequence[int], author: str = "") -> list[PairRow]:
        """Rows in the order of `ids`, with this author's marks."""
        existing = stored(ids)
        at = revision(self.store)  # before the marks: a change in between must not count as seen
        statement = sql("pair_rows").replace("{facts}", self._facts)
        given = {**self._producers, "ids": existing, "preview": PREVIEW}
        cursor = self.store.read(statement, used(statement, given))
        pairs = rows(cursor, _pair_row)
        marks = {}
        if author:
            cursor = self.store.read(sql("marks_of_author"), {"ids": existing, "author": author})
            marks = {row.pair_id: row.mark for row in rows(cursor, MarkRow)}
        return [
            msgspec.structs.replace(row, mark=marks.get(row.pair_id), revision=at) for row in pairs
        ]

    def pair(self, pair_id: int, author: str = "") -> PairDetail:
        """A pair with the marks of all authors. Its row has the mark of `author`."""
        page = self.pair_rows([pair_id], author)
        if not page:
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
            row=page[0],
            shared_turns=shared_messages(chosen.turns, rejected.turns),
            chosen=chosen,
            rejected=rejected,
            rewrite_ids=rewrites,
            marks=tuple(
                row.mark for row in rows(self.store.read(sql("marks_of_pair"), [pair_id]), MarkRow)
            ),
            source=self._source(page[0], chosen, rejected),
        )

    def _source(self, row: PairRow, *sides: Entry) -> PairSource:
        found = self.store.read(sql("pair_source"), [row.pair_id]).fetchall()
        file, line, layout, _ = found[-1] if found else ("", 0, "", "")
        spoken = [text for side in sides for turn in side.turns for text in (turn.text, turn.name)]
        shown = (row.source_id, row.topic, row.model_chosen, row.model_rejected)
        votes = "SELECT annotator, score FROM votes WHERE pair_id = ? ORDER BY rowid"
        size = "SELECT count(*) FROM pairs WHERE group_no = ?"
        return PairSource(
            file=file,
            line=line,
            layout=layout,
            group_size=self.store.read(size, [row.group]).fetchone()[0],
            votes=tuple(rows(self.store.read(votes, [row.pair_id]), PairVote)),
            extras=extras(
                [(layout, content) for *_, layout, content in found],
                [*spoken, *(text for text in shown if text is not None)],
            ),
        )

    def _entry(self, text_id: int, labeler: str | None = None) -> Entry:
        parameters = {
            "text": text_id,
            "labeler": labeler or self.labeler,
            "gold": self.gold,
            "pre": self.pre,
            "post": self.post,
        }
        [row] = rows(self.store.read(sql("entry"), parameters), _EntryRow)
        return Entry(
            text_id=text_id,
            turns=tuple(map(turn, Conversation(row.encoded).messages)),
            response=row.response,
            labels=self._named(row.labels),
            gold=None if row.gold is None else self._named(row.gold),
            pre=row.pre,
            post=row.post,
            truncated=row.truncated,
        )

    def _named(self, values: Sequence[int] | None) -> dict[str, int]:
        labels = zip(self.features, values or (), strict=bool(values))
        return {name: value for name, value in labels if value != MISSING}

    # ------------------------------------------------------------ rewrites

    def _has_rewrites(self) -> bool:
        if not self.measured:
            return False  # what is there is of other pairs
        query = "SELECT 1 FROM information_schema.tables WHERE table_name = 'rewrite_facts'"
        return self.store.read(query).fetchone() is not None

    def rewrite_ids(self, query: RewriteQuery, reading: Reading | None = None) -> Ids:
        """Raises FilterError, and Interrupted if `reading` was stopped."""
        tree, vocabulary = parse(query.filter), self.rewrite_vocabulary()
        checked = check(tree, vocabulary)
        if not self._has_rewrites():
            return Ids(ids=(), of=0)
        condition = self._rewrite_condition()
        where = condition.of(checked)
        tables = (
            f"FROM rewrite_facts AS r JOIN pair_facts AS f USING (pair_id){condition.joins} "
            f"WHERE {where}"
        )
        statement = (
            f"SELECT r.rewrite_id {tables} "
            f"ORDER BY {_REWRITE_ORDER[query.sort]} {_direction(query.descending)}, r.rewrite_id"
        )
        found = self._ids(statement, condition.parameters, "rewrite_facts", reading)
        counted = f"SELECT count(*) {tables} AND NOT {condition.counts('used')}"
        ((left_out,),) = self.store.read(counted, used(counted, condition.parameters)).fetchall()
        meant = "" if found.ids else hint(tree, vocabulary)
        return msgspec.structs.replace(found, left_out=left_out, hint=meant)

    def _regressors(self) -> list[str]:
        return self._labeled("imprint", [one.name for one in self._columns if one.regress])

    def _rewrite_condition(self) -> RewriteCondition:
        scored = [f.name for f in self._columns if f.regress and f.role != "other"]
        scored = scored or [f.name for f in self._columns if f.regress]
        labeled = self._labeled("robustness", scored)
        roles = {"labeler": self.relabeler}
        return RewriteCondition(self.features, roles, self.min_cosine, labeled)

    def _labeled(self, table: str, names: Sequence[str]) -> list[str]:
        """Without the features that a table was computed without, because they have no label."""
        without = measures.not_labeled(self.store, table) if self.measured else ()
        return [name for name in names if name not in without]

    def rewrite_rows(self, ids: Sequence[int]) -> list[RewriteRow]:
        condition = self._rewrite_condition()
        why = (
            f"CASE WHEN {condition.counts('low_cosine')} THEN 'low_cosine' "
            f"WHEN NOT {condition.counts('complete')} THEN 'no_labels' END"
        )
        statement = sql("rewrite_rows").replace("{left_out}", why)
        statement = statement.replace("{joins}", condition.joins)
        given = {**condition.parameters, "ids": stored(ids), "preview": PREVIEW}
        return rows(self.store.read(statement, used(statement, given)), _rewrite_row)

    def rewrite(self, rewrite_id: int) -> RewriteDetail:
        if not self._has_rewrites() or not (page := self.rewrite_rows([rewrite_id])):
            raise NotFound(f"no rewrite {rewrite_id}")
        sides = self.store.read(sql("rewrite_sides"), {"rewrite": rewrite_id})
        new_chosen, new_rejected = rows(sides, _SideRow)
        chosen = self._entry(new_chosen.text_id, self.relabeler)
        rejected = self._entry(new_rejected.text_id, self.relabeler)
        return RewriteDetail(
            row=page[0],
            context=chosen.turns[:-1],
            chosen=self._side(chosen, new_chosen),
            rejected=self._side(rejected, new_rejected),
        )

    def _side(self, before: Entry, new: _SideRow) -> RewriteSide:
        assert before.pre is not None and before.post is not None  # of a pair with measures
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


class _EntryRow(NamedTuple):
    encoded: str
    response: str
    labels: list[int] | None
    gold: list[int] | None
    pre: float | None
    post: float | None
    truncated: bool


class _SideRow(NamedTuple):
    """One side of a rewrite: `text_id` is that of the original, the other fields describe the
    rewrite."""

    side: int
    text_id: int
    response: str
    labels: list[int]
    pre: float
    post: float
    cosine: float


def _direction(descending: bool) -> str:
    return "DESC NULLS LAST" if descending else "ASC NULLS LAST"


_OPINIONS: dict[str, Opinion] = {opinion: opinion for opinion in get_args(Opinion)}


def _pair_row(opinion: str, votes: dict[str, int] | None, **columns: Any) -> PairRow:
    counts = VoteCounts(**votes) if votes is not None else None
    return PairRow(opinion=_OPINIONS.get(opinion), votes=counts, **columns)


def _rewrite_row(margin_before: float, margin_after: float, **columns: Any) -> RewriteRow:
    change: Change = "same" if (margin_before > 0) == (margin_after > 0) else "aligned"
    if margin_before > 0 and margin_after <= 0:
        change = "misaligned"
    return RewriteRow(
        change=change, margin_before=margin_before, margin_after=margin_after, **columns
    )
