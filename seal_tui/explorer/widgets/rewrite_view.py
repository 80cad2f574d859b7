"""One rewritten pair, one side at a time: original, rewrite and what changed."""

from __future__ import annotations

from typing import ClassVar

from textual.content import Content

from engine.wire.messages import RewriteDetail, RewriteSide, Side
from seal_tui.explorer.session import Session
from seal_tui.explorer.widgets import blocks
from seal_tui.explorer.widgets.detail import Detail
from seal_tui.text import numbers, words
from seal_tui.text.safe import Safe, content, one_line


class RewriteView(Detail):
    """Shows a `RewriteDetail`; `c` switches between the chosen and the rejected answer."""

    TITLES: ClassVar[tuple[Safe, Safe]] = (Safe("original"), Safe("rewritten"))
    HELP = (
        "One answer next to its rewrite; changed words are underlined. Both answers of the pair "
        "were rewritten: c switches between them.\n\n"
        "cosine: the similarity in meaning; 1 is identical. preference: whether the post-D model "
        "agrees with the human preference, for the original and for the rewritten pair. The "
        "preference of a robust model does not change when only the wording changes."
    )

    def __init__(self, session: Session, id: str | None = None) -> None:
        super().__init__(id=id)
        self._session = session
        self._rewrite: RewriteDetail | None = None
        self._place = ""
        self._side: Side = "chosen"
        self._open = False

    @property
    def pair_id(self) -> int | None:
        """The original pair of the current rewrite."""
        return self._rewrite.row.pair_id if self._rewrite is not None else None

    def allows(self, action: str) -> bool:
        """Whether an action is available for this rewrite."""
        if self._rewrite is None:
            return False
        return action != "toggle_context" or bool(self._rewrite.context)

    def toggle_side(self) -> None:
        self._side = "rejected" if self._side == "chosen" else "chosen"
        if self._rewrite is not None:
            self._draw(self._rewrite)

    def toggle_context(self) -> None:
        self._open = not self._open
        if self._rewrite is not None:
            self._draw(self._rewrite)

    def show(self, rewrite: RewriteDetail, place: str) -> None:
        another = self._rewrite is None or self._rewrite.row != rewrite.row
        if another:
            self._open = False
        self._rewrite, self._place = rewrite, place
        self._draw(rewrite)
        self.opened(to_top=another)

    def forget(self, why: Content) -> None:
        self._rewrite = None
        self.clear(why)

    def _draw(self, rewrite: RewriteDetail) -> None:
        side: RewriteSide = getattr(rewrite, self._side)
        self.put("facts", self._facts(rewrite))
        self.put("context", blocks.context(rewrite.context, self._open, "preceding turns"))
        left, right = blocks.rewording(side.original, side.rewritten)
        self.put("left", left)
        self.put("right", right)
        flipped = blocks.labels(
            self._session, ("before", "after"), side.labels_before, side.labels_after
        )
        self.put("labels", flipped)
        self.put("rewards", self._rewards(rewrite, side))

    def _facts(self, rewrite: RewriteDetail) -> Content:
        row = rewrite.row
        other = "rejected" if self._side == "chosen" else "chosen"
        parts = [
            f"pair {row.pair_id}",
            self._place,
            one_line(row.strategy),
            one_line(row.source_id),
        ]
        return Content.assemble(
            (" · ".join(part for part in parts if part), "bold"),
            "\n",
            (f"{self._side} answer", f"bold ${self._side}"),
            f" · margin {numbers.signed(row.margin_before)} → {numbers.signed(row.margin_after)}"
            f" · {words.change(row.change)}",
            (f" · c shows the {other} one", "dim"),
        )

    def _rewards(self, rewrite: RewriteDetail, side: RewriteSide) -> Content:
        row = rewrite.row
        lines = blocks.table(
            ("rewards", "before", "after", "shift"),
            [
                (
                    "pre-D",
                    numbers.signed(side.pre_before),
                    numbers.signed(side.pre_after),
                    blocks.shift(side.pre_before, side.pre_after),
                ),
                (
                    "post-D",
                    numbers.signed(side.post_before),
                    numbers.signed(side.post_after),
                    blocks.shift(side.post_before, side.post_after),
                ),
                (
                    "margin",
                    numbers.signed(row.margin_before),
                    numbers.signed(row.margin_after),
                    blocks.shift(row.margin_before, row.margin_after),
                ),
            ],
            12,
            11,
        )
        least = self._session.study.min_cosine if self._session.study is not None else 0.0
        meaning = Content(f"cosine {numbers.number(side.cosine, 3)}")
        if side.cosine < least:
            low = f" below the minimum {numbers.number(least)}: the meaning may have changed"
            meaning += content(low, "$caution")
        verdict = (
            f"preference {words.verdict(row.margin_before)} → {words.verdict(row.margin_after)}"
            f" ({words.change(row.change)})"
        )
        return Content("\n").join([lines, meaning, Content(verdict)])
