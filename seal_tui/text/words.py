"""What the numbers mean, in words: names of features, regimes and outcomes, and plain readings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual.content import Content

from engine.wire.messages import (
    FeatureInfo,
    Mark,
    MarkProgress,
    Opinion,
    Regime,
    RunState,
    StageState,
    Verdict,
)
from seal_tui.text import numbers
from seal_tui.text.safe import Safe, one_line
from seal_tui.text.tables import Estimate

REGIME: Final[dict[Regime, Safe]] = {
    "stayed": Safe("stayed aligned before and after training"),
    "got": Safe("got aligned by training"),
    "resisted": Safe("resisted: misaligned before and after training"),
    "reversed": Safe("reversed: aligned before, misaligned after training"),
}
OPINION: Final[dict[Opinion, Safe]] = {
    "c": Safe("chosen"),
    "i": Safe("indifferent"),
    "r": Safe("rejected"),
}
_WHO: Final[dict[Opinion | None, Safe]] = {
    None: Safe("whatever the labeler thinks"),
    "c": Safe("the labeler too prefers the chosen answer"),
    "i": Safe("the labeler sees no difference in harmless and helpful"),
    "r": Safe("the labeler prefers the rejected answer"),
}
RUN_STATE: Final[dict[RunState, Safe]] = {
    "idle": Safe("not started"),
    "running": Safe("running"),
    "done": Safe("done"),
    "failed": Safe("failed"),
    "stopped": Safe("stopped"),
}
STAGE_STATE: Final[dict[StageState, Safe]] = {
    "waiting": Safe("waits"),
    "running": Safe("runs"),
    "done": Safe("done"),
    "failed": Safe("failed"),
}
OUTCOME: Final[dict[str, Safe]] = {
    "pre": Safe("pre-D"),
    "post": Safe("post-D"),
    "difference": Safe("difference"),
}

VERDICT: Final[dict[Verdict, Safe]] = {
    "keep": Safe("keep"),
    "flip": Safe("flip"),
    "drop": Safe("drop"),
    "tie": Safe("tie"),
    "discuss": Safe("discuss"),
}
_VERDICT_SIGN: Final[dict[Verdict, str]] = {
    "keep": "✓",
    "flip": "⇄",
    "drop": "✗",
    "tie": "=",
    "discuss": "!",
}

_BAR = 10


def after(known: Sequence[str], now: str) -> str:
    """The one after `now`, round and round."""
    return known[(known.index(now) + 1) % len(known)] if now in known else known[0]


_PREFIXES = ("last_response_is_", "last_response_", "assistant_is_")


def feature(name: str) -> Safe:
    """A feature's name for a person: `last_response_is_harmless` is harmless."""
    for prefix in _PREFIXES:
        if name.startswith(prefix) and len(name) > len(prefix):
            keep = "assistant " if prefix.startswith("assistant") else ""
            return one_line(keep + name[len(prefix) :].replace("_", " "))
    return one_line(name.replace("_", " "))


def label(value: int | None, kind: str = "bool") -> Safe:
    """A label as a word."""
    if value is None:
        return numbers.NOTHING
    if kind == "sentiment":
        return Safe({-1: "negative", 0: "neutral", 1: "positive"}.get(value, str(value)))
    return Safe({0: "no", 1: "yes"}.get(value, str(value)))


def pairs_reading(regime: Regime | None, opinion: Opinion | None, n: int, total: int) -> Safe:
    """The pairs of a regime and an opinion (None: all of them) as a sentence."""
    share = f" ({numbers.percent(n / total)})" if total else ""
    what = REGIME[regime] if regime is not None else "all regimes"
    return Safe(f"{numbers.count(n)} pairs{share}: {what}; {_WHO[opinion]}.")


def verdict(margin: float) -> Safe:
    """Whether a reward model sides with the person who chose."""
    if margin > 0:
        return Safe("aligned")
    return Safe("misaligned") if margin < 0 else Safe("tie")


def mark(given: Mark | None) -> Safe:
    """A mark in a few signs: ✗⚑✎#"""
    if given is None:
        return Safe("")
    signs = [
        _VERDICT_SIGN[given.verdict] if given.verdict is not None else "",
        "⚑" if given.flagged else "",
        "✎" if given.note else "",
        "#" if given.tags else "",
    ]
    return Safe("".join(signs))


def mark_in_full(given: Mark) -> Safe:
    """kim: flip · flagged · #style · “both are evasive”"""
    parts = [
        *([VERDICT[given.verdict]] if given.verdict is not None else []),
        *(["flagged"] if given.flagged else []),
        *(f"#{one_line(tag)}" for tag in given.tags),
        *([f"“{one_line(given.note)}”"] if given.note else []),
    ]
    return Safe(f"{one_line(given.author)}: {' · '.join(parts)}")


def queue(progress: MarkProgress) -> Content:
    """▰▰▱▱▱ 120 of 336 decided · 100 keep · 12 flip · 8 drop · 3 flagged"""
    share = progress.decided / progress.pairs if progress.pairs else 0.0
    full = round(share * _BAR)
    counts = [f"{numbers.count(n)} {VERDICT[v]}" for v, n in _counted(progress)]
    flagged = [f"{numbers.count(progress.flagged)} flagged"] if progress.flagged else []
    said = f" {numbers.count(progress.decided)} of {numbers.count(progress.pairs)} decided"
    tail = "".join(f" · {part}" for part in (*counts, *flagged))
    return Content.assemble("▰" * full, ("▱" * (_BAR - full), "dim"), said, (tail, "dim"))


def _counted(progress: MarkProgress) -> list[tuple[Verdict, int]]:
    return [(v, progress.verdicts.get(v, 0)) for v in VERDICT if progress.verdicts.get(v, 0)]


def change(name: str) -> Safe:
    """What a rewrite did to the verdict of the trained model."""
    return Safe(
        {"misaligned": "became misaligned", "aligned": "became aligned", "same": "same"}.get(
            name, name
        )
    )


def _certainty(estimate: Estimate, digits: int, scale: float = 1.0) -> str:
    parts = []
    if estimate.low is not None and estimate.high is not None:
        low = numbers.signed(estimate.low * scale, digits)
        high = numbers.signed(estimate.high * scale, digits)
        parts.append(f"95 % interval {low} to {high}")
    if estimate.p_adjusted is not None:
        parts.append(f"adjusted p {numbers.p_value(estimate.p_adjusted)}")
    return f" ({', '.join(parts)})" if parts else ""


def _unit(info: FeatureInfo | None, name: str) -> str:
    if info is not None and info.kind == "sentiment":
        return f"One step of {feature(name)} (negative, neutral, positive)"
    return f"“{feature(name)}”"


def reward_reading(name: str, info: FeatureInfo | None, outcome: str, estimate: Estimate) -> Safe:
    """A coefficient of the reward regressions as a sentence."""
    value = numbers.number(None if estimate.estimate is None else abs(estimate.estimate))
    if value == numbers.NOTHING or estimate.estimate is None:
        return Safe(f"{_unit(info, name)} was not estimated here.")
    certainty = _certainty(estimate, 2)
    if outcome == "difference":
        verb = "raised" if estimate.estimate > 0 else "lowered"
        return Safe(
            f"{_unit(info, name)}: training {verb} its worth by {value} reward points{certainty}."
        )
    verb = "adds" if estimate.estimate > 0 else "takes"
    tail = "" if estimate.estimate > 0 else " away"
    model = OUTCOME.get(outcome, Safe(outcome))
    return Safe(
        f"{_unit(info, name)} {verb} {value} points{tail} under {model}, "
        f"all other features equal{certainty}."
    )


def shift_reading(name: str, info: FeatureInfo | None, side: str, estimate: Estimate) -> Safe:
    """A coefficient of the reward-shift regression as a sentence."""
    if estimate.estimate is None:
        return Safe(f"{_unit(info, name)} was not estimated here.")
    way = "counter-clockwise" if estimate.estimate > 0 else "clockwise"
    return Safe(
        f"{_unit(info, name)} in the {one_line(side)} answer turns the reward vector "
        f"{numbers.number(abs(estimate.estimate), 1)}° {way}{_certainty(estimate, 1)}. "
        "The sign of θ is a direction, not a gain."
    )


def misalignment_reading(
    name: str, info: FeatureInfo | None, side: str, estimate: Estimate
) -> Safe:
    """A coefficient of the misalignment regression as a sentence."""
    if estimate.estimate is None:
        return Safe(f"{_unit(info, name)} was not estimated here.")
    more = "more" if estimate.estimate > 0 else "less"
    return Safe(
        f"{_unit(info, name)} in the {one_line(side)} answer makes a misaligned pair "
        f"{numbers.number(abs(estimate.estimate) * 100, 1)} points {more} likely"
        f"{_certainty(estimate, 1, 100)}.{_odds(estimate)}"
    )


def robustness_sentence(name: str, side: str, sign: str, kind: str = "bool") -> Safe:
    """Which change of wording a robustness score is about. `+` is lost, `−` is gained."""
    article = "a chosen answer" if side == "chosen" else "a rejected answer"
    lost = sign == "+"
    if kind == "sentiment":
        return Safe(f"{article} that turns {'less' if lost else 'more'} positive")
    return Safe(f"{article} that {'loses' if lost else 'gains'} “{feature(name)}”")


def robustness_change(name: str, side: str, sign: str, kind: str = "bool") -> Safe:
    """The same in fewer words, for a column."""
    sentence = robustness_sentence(name, side, sign, kind)
    return Safe(sentence.removeprefix("a ").replace(" answer that", "", 1))


def robustness_reading(
    name: str, side: str, sign: str, kind: str, estimate: Estimate, events: int | None
) -> Safe:
    """A robustness score as a sentence."""
    subject = robustness_sentence(name, side, sign, kind)
    if estimate.estimate is None:
        return Safe(f"A pair with {subject}: too few rewrites to say.")
    more = "more" if estimate.estimate > 0 else "less"
    seen = ""
    if events is not None and estimate.n is not None:
        seen = f" Of {numbers.count(estimate.n)} such rewrites {numbers.count(events)} did."
    return Safe(
        f"A pair with {subject} becomes misaligned "
        f"{numbers.number(abs(estimate.estimate) * 100, 1)} points {more} often"
        f"{_certainty(estimate, 1, 100)}.{_odds(estimate)}{seen}"
    )


def _odds(estimate: Estimate) -> str:
    if estimate.odds_ratio is None:
        return ""
    return f" Its odds are {numbers.number(estimate.odds_ratio)} times as high."
