"""Texts of the log of decisions and of the saved filters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual.content import Content

from engine.wire.messages import Agreement, MarkEvent, MarkProgress
from seal_tui.text import numbers, words
from seal_tui.text.safe import Safe, content, fit, one_line

_WHO = 12


def log_text(
    events: Sequence[MarkEvent], agreements: Sequence[Agreement], progress: MarkProgress
) -> Content:
    """Progress, agreement between reviewers, and all decisions, the newest first."""
    parts = [words.queue(progress)]
    if agreements:
        parts.append(Content("\n").join([_agreement(one) for one in agreements]))
    lines = [_event(event) for event in events]
    parts.append(Content("\n").join(lines or [Content.styled("no decisions yet", "dim")]))
    return Content("\n\n").join(parts)


def _agreement(one: Agreement) -> Content:
    who = f"{one_line(one.author_a)} and {one_line(one.author_b)}"
    text = (
        f"agree on {numbers.percent(one.agreement)} of {numbers.many(one.pairs, 'pair')} decided "
        f"by both, κ {numbers.number(one.kappa)}"
    )
    return Content.assemble((f"{who} ", "bold"), text)


def _event(event: MarkEvent) -> Content:
    when = datetime.fromtimestamp(event.time).strftime("%Y-%m-%d %H:%M")
    return Content.assemble(
        (f"{when}  ", "dim"),
        (fit(one_line(event.author), _WHO), "bold"),
        " ",
        content(one_line(event.summary)),
    )


def undo_question(event: MarkEvent) -> Safe:
    """Whether to undo a change that the author made in another session."""
    when = datetime.fromtimestamp(event.time).strftime("%Y-%m-%d %H:%M")
    return Safe(
        "Nothing to undo in this explorer.\n"
        f"Undo the last change of {one_line(event.author)}, made elsewhere or earlier?\n\n"
        f"{when}  {words.event_in_full(event)}"
    )


def filter_line(name: str, text: str) -> Content:
    return Content.assemble(
        (fit(Safe(f"@{one_line(name)}"), 20), "bold"), " ", content(text, "dim")
    )
