"""What the explorer reads: ordered ids, rows for a page, one pair or rewrite whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.data.dialogue import turns
from engine.messages import (
    Change,
    Entry,
    Ids,
    Mark,
    PairDetail,
    PairQuery,
    PairRow,
    RewriteDetail,
    RewriteQuery,
    RewriteRow,
    RewriteSide,
    Turn,
)
from engine.paper.inputs import MISSING
from engine.store.database import Store, sql
from engine.taxonomy import Feature

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
}
_REWRITE_ORDER = {
    "pair_id": "r.pair_id",
    "cosine": "least(r.cosine_chosen, r.cosine_rejected)",
    "margin_shift": "(r.post_chosen_new - r.post_rejected_new) - f.margin_post",
}
_CHANGE: dict[Change, str] = {
    "misaligned": "f.margin_post > 0 AND r.post_chosen_new <= r.post_rejected_new",
    "aligned": "f.margin_post <= 0 AND r.post_chosen_new > r.post_rejected_new",
    "same": "(f.margin_post > 0) = (r.post_chosen_new > r.post_rejected_new)",
}


class NotFound(LookupError):
    """No such pair, rewrite or feature; one line for a person."""


class Browser:
    """Reads for one study: its roles (role → maker) and features are fixed."""

    def __init__(self, store: Store, roles: dict[str, str], features: Sequence[Feature]) -> None:
        self.store = store
        self.features = [feature.name for feature in features]
        self.labeler = roles["labeler main"]
        self.pre, self.post = roles["pre"], roles["post"]
        self.gold = roles.get("labeler gold")
        self.relabeler = roles.get("relabeler", self.labeler)

    def _place(self, feature: str) -> int:
        if feature not in self.features:
            raise NotFound(f"no feature named {feature}; there are {', '.join(self.features)}")
        return self.features.index(feature) + 1  # DuckDB lists count from 1

    # ------------------------------------------------------------ pairs

    def pair_ids(self, query: PairQuery) -> Ids:
        where, parameters = ["TRUE"], dict[str, Any]()
        for column in ("regime", "opinion"):
            if (value := getattr(query, column)) is not None:
                where.append(f"f.{column} = ${column}")
                parameters[column] = value
        labels = ""
        if query.feature is not None:
            parameters["place"] = self._place(query.feature)
            parameters["labeler"] = self.labeler
            labels = (
                " JOIN labels AS c ON c.maker = $labeler AND c.text_id = p.chosen_id"
                " JOIN labels AS d ON d.maker = $labeler AND d.text_id = p.rejected_id"
            )
            where.append(
                {
                    None: (
                        'c."values"[$place] <> d."values"[$place]'
                        f' AND least(c."values"[$place], d."values"[$place]) <> {MISSING}'
                    ),
                    "chosen": 'c."values"[$place] > 0',
                    "rejected": 'd."values"[$place] > 0',
                }[query.feature_side]
            )
        if query.text:
            labels += (
                " JOIN texts AS tc ON tc.text_id = p.chosen_id"
                " JOIN texts AS td ON td.text_id = p.rejected_id"
            )
            parameters["text"] = query.text
            where.append(
                "(regexp_matches(tc.transcript, regexp_escape($text), 'i')"
                " OR regexp_matches(td.transcript, regexp_escape($text), 'i'))"
            )
        statement = (
            f"SELECT f.pair_id FROM pair_facts AS f JOIN pairs AS p USING (pair_id){labels} "
            f"WHERE {' AND '.join(where)} "
            f"ORDER BY {_PAIR_ORDER[query.sort]} {_direction(query.descending)}, f.pair_id"
        )
        ids = self.store.read(statement, parameters).fetchall()
        (of,) = self.store.read("SELECT count(*) FROM pair_facts").fetchone()
        return Ids(ids=tuple(i for (i,) in ids), of=of)

    def pair_rows(self, ids: Sequence[int], author: str = "") -> list[PairRow]:
        """Rows in the order of the ids, with the marks of this author."""
        stored = _stored(ids)
        rows = self.store.read(sql("pair_rows"), [stored, PREVIEW]).fetchall()
        marks = {}
        if author:
            found = self.store.read(sql("marks_of_author"), {"ids": stored, "author": author})
            marks = {pair_id: _mark(*mark) for pair_id, *mark in found.fetchall()}
        return [_pair_row(row, marks.get(row[0])) for row in rows]

    def pair(self, pair_id: int, author: str = "") -> PairDetail:
        """A pair with the marks of all authors; the row has this author's."""
        rows = self.pair_rows([pair_id], author)
        if not rows:
            raise NotFound(f"no pair {pair_id}")
        chosen_id, rejected_id = self.store.read(
            "SELECT chosen_id, rejected_id FROM pairs WHERE pair_id = ?", [pair_id]
        ).fetchone()
        chosen, rejected = self._entry(chosen_id), self._entry(rejected_id)
        shared = 0
        # The last turn is the response; it is never folded away, even in a tie.
        for left, right in zip(chosen.turns[:-1], rejected.turns[:-1], strict=False):
            if left != right:
                break
            shared += 1
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
            row=rows[0],
            shared_turns=shared,
            chosen=chosen,
            rejected=rejected,
            rewrite_ids=rewrites,
            marks=tuple(
                _mark(*mark) for mark in self.store.read(sql("marks_of_pair"), [pair_id]).fetchall()
            ),
        )

    def _entry(self, text_id: int, labeler: str | None = None) -> Entry:
        transcript, response, labels, gold, pre, post, truncated = self.store.read(
            sql("entry"),
            {
                "text": text_id,
                "labeler": labeler or self.labeler,
                "gold": self.gold,
                "pre": self.pre,
                "post": self.post,
            },
        ).fetchone()
        return Entry(
            text_id=text_id,
            turns=tuple(Turn(role=turn.role, text=turn.text) for turn in turns(transcript)),
            response=response,
            labels=self._named(labels),
            gold=None if gold is None else self._named(gold),
            pre=pre,
            post=post,
            truncated=truncated,
        )

    def _named(self, values: Sequence[int] | None) -> dict[str, int]:
        known = zip(self.features, values or (), strict=bool(values))
        return {name: value for name, value in known if value != MISSING}

    # ------------------------------------------------------------ rewrites

    def _has_rewrites(self) -> bool:
        query = "SELECT 1 FROM information_schema.tables WHERE table_name = 'rewrite_facts'"
        return self.store.read(query).fetchone() is not None

    def rewrite_ids(self, query: RewriteQuery) -> Ids:
        if not self._has_rewrites():
            return Ids(ids=(), of=0)
        where, parameters = ["TRUE"], dict[str, Any]()
        for column in ("strategy", "pair_id"):
            if (value := getattr(query, column)) is not None:
                where.append(f"r.{column} = ${column}")
                parameters[column] = value
        if query.change is not None:
            where.append(f"({_CHANGE[query.change]})")
        labels = ""
        if query.feature is not None:
            parameters["place"] = self._place(query.feature)
            parameters["labeler"] = self.relabeler
            labels = (
                " JOIN labels AS c ON c.maker = $labeler AND c.text_id = r.chosen_id"
                " JOIN labels AS d ON d.maker = $labeler AND d.text_id = r.rejected_id"
            )
            where.append(
                '(c."values"[$place] <> r.chosen_labels_new[$place]'
                ' OR d."values"[$place] <> r.rejected_labels_new[$place])'
            )
        statement = (
            f"SELECT r.rewrite_id FROM rewrite_facts AS r JOIN pair_facts AS f USING (pair_id)"
            f"{labels} WHERE {' AND '.join(where)} "
            f"ORDER BY {_REWRITE_ORDER[query.sort]} {_direction(query.descending)}, r.rewrite_id"
        )
        ids = self.store.read(statement, parameters).fetchall()
        (of,) = self.store.read("SELECT count(*) FROM rewrite_facts").fetchone()
        return Ids(ids=tuple(i for (i,) in ids), of=of)

    def rewrite_rows(self, ids: Sequence[int]) -> list[RewriteRow]:
        rows = self.store.read(
            sql("rewrite_rows"),
            {"ids": _stored(ids), "preview": PREVIEW, "labeler": self.relabeler},
        ).fetchall()
        return [_rewrite_row(row) for row in rows]

    def rewrite(self, rewrite_id: int) -> RewriteDetail:
        if not self._has_rewrites() or not (rows := self.rewrite_rows([rewrite_id])):
            raise NotFound(f"no rewrite {rewrite_id}")
        chosen_id, rejected_id, *new = self.store.read(
            sql("rewrite_sides"), [rewrite_id]
        ).fetchone()
        chosen = self._entry(chosen_id, self.relabeler)
        rejected = self._entry(rejected_id, self.relabeler)
        return RewriteDetail(
            row=rows[0],
            context=chosen.turns[:-1],
            chosen=self._side(chosen, new[:5]),
            rejected=self._side(rejected, new[5:]),
        )

    def _side(self, before: Entry, new: Sequence[Any]) -> RewriteSide:
        response, labels, pre, post, cosine = new
        return RewriteSide(
            original=before.response,
            rewritten=response,
            cosine=cosine,
            labels_before=before.labels,
            labels_after=self._named(labels),
            pre_before=before.pre,
            pre_after=pre,
            post_before=before.post,
            post_after=post,
        )


def _stored(ids: Sequence[int]) -> list[int]:
    """The ids that can be there at all: the database's integers have 32 bits."""
    return [i for i in ids if 0 <= i < 2**31]


def _direction(descending: bool) -> str:
    return "DESC NULLS LAST" if descending else "ASC NULLS LAST"


def _mark(author: str, at: float, state: dict[str, Any]) -> Mark:
    return Mark(author=author, time=at, **{**state, "tags": tuple(state["tags"])})


def _pair_row(row: tuple[Any, ...], mark: Mark | None) -> PairRow:
    (
        pair_id,
        source_id,
        regime,
        opinion,
        margin_pre,
        margin_post,
        theta,
        gain,
        ambiguity,
        topic,
        preview,
    ) = row
    return PairRow(
        pair_id=pair_id,
        source_id=source_id,
        regime=regime,
        opinion=opinion if opinion in ("c", "i", "r") else None,
        margin_pre=margin_pre,
        margin_post=margin_post,
        theta=theta,
        gain=gain,
        ambiguity=ambiguity,
        topic=topic,
        preview=preview,
        mark=mark,
    )


def _rewrite_row(row: tuple[Any, ...]) -> RewriteRow:
    (
        rewrite_id,
        pair_id,
        source_id,
        strategy,
        cosine_chosen,
        cosine_rejected,
        before,
        after,
        flips,
        preview,
    ) = row
    change: Change = "same" if (before > 0) == (after > 0) else "aligned"
    if before > 0 and after <= 0:
        change = "misaligned"
    return RewriteRow(
        rewrite_id=rewrite_id,
        pair_id=pair_id,
        source_id=source_id,
        strategy=strategy,
        change=change,
        cosine_chosen=cosine_chosen,
        cosine_rejected=cosine_rejected,
        margin_before=before,
        margin_after=after,
        flips=flips,
        preview=preview,
    )
