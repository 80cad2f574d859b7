"""Words on the screen: names of features, states, decisions and marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual.content import Content

from engine.results import names
from engine.wire.messages import (
    BlindMark,
    BlindVerdict,
    LeftOut,
    Mark,
    MarkEvent,
    MarkProgress,
    Opinion,
    Regime,
    RunState,
    StageState,
    Verdict,
    VoteCounts,
)
from seal_tui.text import numbers
from seal_tui.text.safe import Safe, one_line

OPINION: Final[dict[Opinion, Safe]] = {key: Safe(text) for key, text in names.OPINION.items()}
RUN_STATE: Final[dict[RunState, Safe]] = {
    "idle": Safe("not started"),
    "running": Safe("running"),
    "done": Safe("done"),
    "failed": Safe("failed"),
    "stopped": Safe("stopped"),
}
STAGE_STATE: Final[dict[StageState, Safe]] = {
    "waiting": Safe("waiting"),
    "running": Safe("running"),
    "done": Safe("done"),
    "failed": Safe("failed"),
}
OUTCOME: Final[dict[str, Safe]] = {key: Safe(text) for key, text in names.OUTCOME.items()}

LEFT_OUT: Final[dict[LeftOut, Safe]] = {"low_cosine": Safe("cosine"), "no_labels": Safe("labels")}

VERDICT: Final[dict[Verdict, Safe]] = {
    "keep": Safe("keep"),
    "flip": Safe("flip"),
    "drop": Safe("drop"),
    "tie": Safe("tie"),
    "discuss": Safe("discuss"),
}
_BETTER: Final[dict[str, Safe]] = {"a": Safe("A is better"), "b": Safe("B is better")}
_VERDICT_SIGN: Final[dict[str, str]] = {
    "a": "A",
    "b": "B",
    "keep": "✓",
    "flip": "⇄",
    "drop": "✗",
    "tie": "=",
    "discuss": "!",
}

_BAR = 10


def after(options: Sequence[str], now: str) -> str:
    """The option after `now`, cyclically."""
    return options[(options.index(now) + 1) % len(options)] if now in options else options[0]


def feature(name: str) -> Safe:
    """The display name of a feature: `last_response_is_harmless` is harmless."""
    return Safe(names.feature(name))


def label(value: int | None, kind: str = "bool") -> Safe:
    """A label as a word."""
    if value is None:
        return numbers.NOTHING
    if kind == "sentiment":
        return Safe({-1: "negative", 0: "neutral", 1: "positive"}.get(value, str(value)))
    return Safe({0: "no", 1: "yes"}.get(value, str(value)))


def vote_counts(votes: VoteCounts | None) -> Safe:
    """2:1, annotators for the chosen and for the rejected answer; 1:0=1 with a tie."""
    if votes is None:
        return Safe("")
    return Safe(f"{votes.chosen}:{votes.rejected}{f'={votes.tied}' if votes.tied else ''}")


def group(number: int, size: int | None) -> Safe:
    """group 12 (4 pairs)"""
    return Safe(f"group {number} ({numbers.many(size, 'pair')})" if size else f"group {number}")


def pairs_sentence(regime: Regime | None, opinion: Opinion | None, n: int, total: int) -> Safe:
    """The pairs of a regime and an opinion (None: all of them) as a sentence."""
    share = f" ({numbers.percent(n / total)})" if total else ""
    what = names.REGIME[regime] if regime is not None else "all regimes"
    who = names.PREFERS[opinion] if opinion is not None else "any preference of the labeler"
    return Safe(f"{numbers.many(n, 'pair')}{share}: {what}; {who}.")


def verdict(margin: float | None) -> Safe:
    """Whether a reward model agrees with the human preference."""
    if margin is None:
        return numbers.NOTHING
    if margin > 0:
        return Safe("aligned")
    return Safe("misaligned") if margin < 0 else Safe("tie")


def decision(verdict: Verdict | BlindVerdict) -> Safe:
    """keep, or in blind mode A is better"""
    return _BETTER[verdict] if verdict == "a" or verdict == "b" else VERDICT[verdict]


def mark(entry: Mark | BlindMark | None) -> Safe:
    """A mark as symbols: ✗⚑✎#"""
    if entry is None:
        return Safe("")
    signs = [
        _VERDICT_SIGN[entry.verdict] if entry.verdict is not None else "",
        "⚑" if entry.flagged else "",
        "✎" if entry.note else "",
        "#" if entry.tags else "",
    ]
    return Safe("".join(signs))


def mark_in_full(entry: Mark | BlindMark) -> Safe:
    """kim: flip · flagged · #style · “both are evasive”; without the author if it is one's own"""
    parts = [
        *([decision(entry.verdict)] if entry.verdict is not None else []),
        *(["flagged"] if entry.flagged else []),
        *(f"#{one_line(tag)}" for tag in entry.tags),
        *([f"“{one_line(entry.note)}”"] if entry.note else []),
    ]
    said = " · ".join(parts)
    return Safe(f"{one_line(entry.author)}: {said}" if isinstance(entry, Mark) else said)


def news(events: Sequence[MarkEvent], author: str) -> Safe:
    """ann: flip on 12 pairs. What was decided elsewhere, also by the same author."""
    names = dict.fromkeys(one_line(event.author) for event in events)
    who = ", ".join(f"{name} (elsewhere)" if name == one_line(author) else name for name in names)
    if len(events) > 1:
        pairs = numbers.count(sum(event.pairs for event in events))
        return Safe(f"{who}: {numbers.count(len(events))} changes, {pairs} pairs")
    return Safe(f"{who}: {event_in_full(events[0])}")


def event_in_full(event: MarkEvent) -> Safe:
    """flip on pair p17, flip on 12 pairs"""
    which = f"{numbers.count(event.pairs)} pairs"
    if event.pairs == 1:
        which = f"pair {one_line(event.source_id)}" if event.source_id else "1 pair"
    return Safe(f"{one_line(event.summary)} on {which}")


def queue(progress: MarkProgress) -> Content:
    """▰▰▱▱▱ 120 of 336 decided · 100 keep · 12 flip · 8 drop · 3 flagged"""
    share = progress.decided / progress.pairs if progress.pairs else 0.0
    full = round(share * _BAR)
    counts = [f"{numbers.count(n)} {VERDICT[v]}" for v, n in _counted(progress)]
    flagged = [f"{numbers.count(progress.flagged)} flagged"] if progress.flagged else []
    count = f" {numbers.count(progress.decided)} of {numbers.count(progress.pairs)} decided"
    tail = "".join(f" · {part}" for part in (*counts, *flagged))
    return Content.assemble("▰" * full, ("▱" * (_BAR - full), "dim"), count, (tail, "dim"))


def _counted(progress: MarkProgress) -> list[tuple[Verdict, int]]:
    return [(v, progress.verdicts.get(v, 0)) for v in VERDICT if progress.verdicts.get(v, 0)]


def change(name: str) -> Safe:
    """How a rewrite changed the preference of the trained model."""
    return Safe(
        {"misaligned": "became misaligned", "aligned": "became aligned", "same": "same"}.get(
            name, name
        )
    )
