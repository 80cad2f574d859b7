"""What the data says about a pair beside its texts, as a block of the pair view."""

from __future__ import annotations

from textual.content import Content

from engine.wire.messages import PairDetail, PairRow, PairSource
from seal_tui.explorer.widgets import blocks
from seal_tui.text import numbers
from seal_tui.text.safe import Safe, one_line

_NAME, _ROOM = 12, 18


def source_block(pair: PairDetail) -> Content:
    """Scores, models and votes by side, the annotators, the other columns and the place in the
    data."""
    source = pair.source
    if source is None:
        return Content("")
    parts = [*_by_side(pair.row), *_annotators(source), *_extras(source)]
    if source.file:
        place = f"line {source.line} of {one_line(source.file)} ({one_line(source.layout)})"
        parts.append(Content.styled(Safe(place), "dim"))
    return Content("\n").join(parts)


def _by_side(row: PairRow) -> list[Content]:
    lines: list[tuple[str, ...]] = []
    if row.score_chosen is not None or row.score_rejected is not None:
        gap = ""
        if row.score_chosen is not None and row.score_rejected is not None:
            gap = numbers.signed(row.score_chosen - row.score_rejected)
        scores = numbers.number(row.score_chosen), numbers.number(row.score_rejected)
        lines.append(("score", *scores, gap))
    if row.votes is not None:
        tied = f"{row.votes.tied} tied" if row.votes.tied else ""
        lines.append(("votes", str(row.votes.chosen), str(row.votes.rejected), tied))
    if row.model_chosen is not None or row.model_rejected is not None:
        names = (one_line(name or "") for name in (row.model_chosen, row.model_rejected))
        lines.append(("model", *names, ""))
    if row.margin_human is not None:
        lines.append(("human margin", "", "", numbers.signed(row.margin_human)))
    if not lines:
        return []
    head = ("from the data", "chosen", "rejected", "")
    return [blocks.table(head, lines, _NAME + 2, _ROOM)]


def _annotators(source: PairSource) -> list[Content]:
    said = [
        f"{one_line(vote.annotator) or '?'} {numbers.signed(vote.score)}" for vote in source.votes
    ]
    return [Content.assemble(("annotators  ", "bold"), Safe(" · ".join(said)))] if said else []


def _extras(source: PairSource) -> list[Content]:
    named = [f"{one_line(name)} {one_line(value)}" for name, value in source.extras.items()]
    return [Content.styled(Safe(" · ".join(named)), "dim")] if named else []
