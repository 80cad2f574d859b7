"""One pair: context, both answers, labels, rewards before and after training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.content import Content

from engine.wire.messages import (
    BlindMark,
    BlindPair,
    BlindRow,
    Entry,
    Mark,
    PairDetail,
    PairRow,
    Turn,
)
from seal_tui.explorer.session import Session
from seal_tui.explorer.widgets import blocks
from seal_tui.explorer.widgets.detail import Detail
from seal_tui.explorer.widgets.source_block import source_block
from seal_tui.text import numbers, words
from seal_tui.text.safe import Safe, content, one_line


class PairView(Detail):
    """Shows a `PairDetail`, or a `BlindPair` in blind mode."""

    TITLES: ClassVar[tuple[Safe, Safe]] = (Safe("chosen"), Safe("rejected"))
    HELP = (
        "One pair. Words that occur in only one answer have the colour of its side; answers with "
        "little in common are not marked.\n\n"
        "margin: reward of the chosen answer minus reward of the rejected answer; if positive, the "
        "model agrees with the human preference (aligned). θ: the angle from the pre-D to the "
        "post-D reward vector, counter-clockwise positive; its sign is a direction, not an "
        "improvement. gain: rotation towards alignment in degrees; positive means more aligned. "
        "ambiguity: how unclear the preference is (small margins, disagreement between models and "
        "labelers).\n\n"
        "votes 2:1: annotators for the chosen and for the rejected answer, as the data says. A "
        "group is the pairs that share a prompt. The end of the page shows what else the data "
        "says: the human's margin, scores, models, and every other column that is no text."
    )

    def __init__(self, session: Session, id: str | None = None) -> None:
        super().__init__(id=id)
        self._session = session
        self._pair: PairDetail | BlindPair | None = None
        self._open = False

    def allows(self, action: str) -> bool:
        """Whether an action is available for this pair."""
        if self._pair is None:
            return False
        if action == "rewrites":
            return isinstance(self._pair, PairDetail) and bool(self._pair.rewrite_ids)
        return bool(_shared(self._pair))

    def toggle_context(self) -> None:
        self._open = not self._open
        if self._pair is not None:
            self._show_context(self._pair)

    def show(self, pair: PairDetail | BlindPair, place: str) -> None:
        """Show a pair; `place` is its position in the list."""
        blind = isinstance(pair, BlindPair)
        if blind != self._session.blind:
            return  # asked for before the mode was changed
        another = self._pair is None or self._pair.row.pair_id != pair.row.pair_id
        if another:
            self._open = False
        self._pair = pair
        self.set_class(blind, "-blind")
        self._show_context(pair)
        if isinstance(pair, BlindPair):
            self._show_blind(pair, place)
        else:
            self.put("facts", _facts(pair, place))
            self.title_sides(*self.TITLES)
            left, right = blocks.sides(_own(pair, pair.chosen), _own(pair, pair.rejected))
            self.put("left", left)
            self.put("right", right)
            self.put("labels", self._labels(pair))
            self.put("rewards", _rewards(pair))
            self.put("source", source_block(pair))
            self.put("marks", _marks(pair.marks))
        self.opened(to_top=another)

    def _show_blind(self, pair: BlindPair, place: str) -> None:
        """Show both answers without anything that reveals the human or the model's preference."""
        group = pair.group_size if pair.row.group is not None else 0
        head = _head(pair.row, place, len(pair.shared), group)
        self.put("facts", Content("\n").join([head, Content.styled("blind", "$caution")]))
        self.title_sides(Safe("A"), Safe("B"))
        left, right = blocks.sides(pair.a, pair.b, (blocks.AFTER_MARK, blocks.AFTER_MARK))
        self.put("left", left)
        self.put("right", right)
        hint = "< A is better · > B is better · b ends blind mode"
        self.put("rewards", Content.styled(hint, "dim"))
        self.put("labels", Content(""))
        self.put("source", Content(""))
        self.put("marks", _marks(() if pair.row.mark is None else (pair.row.mark,)))

    def forget(self, why: Content) -> None:
        self._pair = None
        self.clear(why)

    def _show_context(self, pair: PairDetail | BlindPair) -> None:
        self.put("context", blocks.context(_shared(pair), self._open))

    def _labels(self, pair: PairDetail) -> Content:
        return blocks.labels(
            self._session,
            ("chosen", "rejected"),
            pair.chosen.labels,
            pair.rejected.labels,
            (pair.chosen.gold, pair.rejected.gold),
        )


def _shared(pair: PairDetail | BlindPair) -> tuple[Turn, ...]:
    if isinstance(pair, BlindPair):
        return pair.shared
    return pair.chosen.turns[: pair.shared_turns]


def _own(pair: PairDetail, entry: Entry) -> tuple[Turn, ...]:
    own = entry.turns[pair.shared_turns :]
    if own or not entry.response:
        return own
    return (Turn(role="assistant", text=entry.response),)


def _head(row: PairRow | BlindRow, place: str, turns: int, group_size: int) -> Content:
    first = [
        f"pair {row.pair_id}",
        place,
        one_line(row.source_id) if isinstance(row, PairRow) else "",
        numbers.many(turns, "turn"),
        *([one_line(row.topic)] if row.topic else []),
        *([words.group(row.group, group_size)] if row.group is not None else []),
    ]
    return Content.styled(" · ".join(part for part in first if part), "bold")


def _facts(pair: PairDetail, place: str) -> Content:
    row = pair.row
    opinion = words.OPINION[row.opinion] if row.opinion is not None else "–"
    size = pair.source.group_size if pair.source is not None else 0
    return Content.assemble(
        _head(row, place, len(pair.chosen.turns), size),
        "\n",
        f"{row.regime or 'not measured yet'} · labeler: {opinion} · "
        f"margin {numbers.signed(row.margin_pre)} → {numbers.signed(row.margin_post)}",
        f" · votes {words.vote_counts(row.votes)}" if row.votes is not None else "",
        ("  within the scorer’s noise" if row.noise else "", "$caution"),
    )


def _change(row: PairRow) -> Safe:
    if row.margin_pre is None or row.margin_post is None:
        return numbers.NOTHING
    return numbers.signed(row.margin_post - row.margin_pre)


def _marks(marks: Sequence[Mark | BlindMark]) -> Content:
    lines = [Content.styled(words.mark_in_full(mark), "bold") for mark in marks]
    return Content("\n").join(lines)


def _rewards(pair: PairDetail) -> Content:
    chosen, rejected, row = pair.chosen, pair.rejected, pair.row
    lines = blocks.table(
        ("rewards", "chosen", "rejected", "margin"),
        [
            (
                "pre-D",
                numbers.signed(chosen.pre),
                numbers.signed(rejected.pre),
                numbers.signed(row.margin_pre),
            ),
            (
                "post-D",
                numbers.signed(chosen.post),
                numbers.signed(rejected.post),
                numbers.signed(row.margin_post),
            ),
            (
                "shift",
                blocks.shift(chosen.pre, chosen.post),
                blocks.shift(rejected.pre, rejected.post),
                _change(row),
            ),
        ],
        12,
        11,
    )
    regime = row.regime or numbers.NOTHING
    tail = [
        f"shift θ {numbers.degrees(row.theta)}",
        f"gain {numbers.degrees(row.gain)}",
        f"ambiguity {numbers.number(row.ambiguity)}",
        f"{words.verdict(row.margin_pre)} → {words.verdict(row.margin_post)} ({regime})",
    ]
    parts = [lines, Content(" · ".join(tail))]
    cut = [name for name, entry in (("chosen", chosen), ("rejected", rejected)) if entry.truncated]
    if cut:
        parts.append(
            content(f"truncated to the model's maximum length: {', '.join(cut)}", "$caution")
        )
    return Content("\n").join(parts)
