"""A row of a metric table as a sentence or two for a person.

Names in it come from data, made visible: fit for a terminal, and to be escaped elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.results import names, numbers
from engine.results.effect import LEVEL, Effect, effect, under_labelers
from engine.results.names import Kinds
from engine.results.records import (
    OPINIONS,
    AlignmentRow,
    AmbiguityRow,
    DriftRow,
    DroppedFeature,
    ImprintRow,
    MisalignmentRow,
    OpinionRow,
    RegimeRow,
    RobustnessRow,
    ShiftImprintRow,
    ShiftRow,
    StabilityImprintRow,
    StabilityRow,
    StrategyRow,
    TestRow,
    VotesRow,
)

_NOT_ESTIMATED = "was not estimated here."
_COMPARED = {
    "aligned pre": "pre-D agrees with the human",
    "aligned post": "post-D agrees with the human",
    "H_pre": "pre-D agrees with the human",
    "H_post": "post-D agrees with the human",
    "L": "The labeler agrees with the human",
    "G": "The labeler agrees with post-D",
    "original": "Aligned before rewriting",
    "rewritten": "Aligned after rewriting",
}


# ---------------------------------------------------------------- pieces of sentences


def significance(p: float | None) -> str:
    """p 0.041: significant at 5 %"""
    if p is None:
        return ""
    verdict = "significant" if p < LEVEL else "not significant"
    return f"p {numbers.p_value(p)}: {verdict} at 5 %"


def _between(low: float | None, high: float | None, digits: int = 2, factor: float = 1.0) -> str:
    """A 95 % interval in brackets, or nothing."""
    text = numbers.interval(low, high, digits, factor)
    return "" if text == numbers.NOTHING else f" (95 % interval {text})"


def _certainty(estimate: Effect) -> str:
    parts = []
    if estimate.low is not None and estimate.high is not None:
        factor, digits = estimate.unit.factor, estimate.unit.digits
        low, high = (numbers.signed(end * factor, digits) for end in (estimate.low, estimate.high))
        parts.append(f"95 % interval {low} to {high}")
    if estimate.p_adjusted is not None:
        parts.append(f"adjusted p {numbers.p_value(estimate.p_adjusted)}")
    return f" ({', '.join(parts)})" if parts else ""


def _subject(feature: str, kinds: Kinds) -> str:
    if kinds(feature) == "sentiment":
        return f"One step of {names.feature(feature)} (negative, neutral, positive)"
    return f"“{names.feature(feature)}”"


def _odds(estimate: Effect) -> str:
    if estimate.odds_ratio is None:
        return ""
    return f" Its odds are {numbers.number(estimate.odds_ratio)} times as high."


# ---------------------------------------------------------------- alignment


def alignment(row: AlignmentRow, kinds: Kinds) -> str:
    return (
        f"{names.outcome(row.role)} gives the chosen answer the higher reward in "
        f"{numbers.percent(row.alignment)} of {numbers.many(row.n, 'pair')}"
        f"{_between(row.ci_low, row.ci_high, 1, 100)}; {numbers.count(row.ties)} are exact ties, "
        f"{numbers.count(row.noise_limited)} differ by less than the scorer's noise."
        + _held_out(row)
    )


def _held_out(row: AlignmentRow) -> str:
    if row.held_out is None:
        return ""
    between = _between(row.held_out_low, row.held_out_high, 1, 100)
    return (
        " These are the pairs it was trained on; of pairs held out of its training it orders "
        f"{numbers.percent(row.held_out)} so{between}."
    )


def regime(row: RegimeRow, kinds: Kinds) -> str:
    return f"{numbers.many(row.n, 'pair')}: {names.group(f'{row.regime}/{row.opinion}')}."


def opinion(row: OpinionRow, kinds: Kinds) -> str:
    return (
        f"{numbers.many(row.n, 'pair')}: {names.prefers(row.opinion)}. pre-D agrees with the human "
        f"preference in {numbers.count(row.aligned_pre)} of them, post-D in "
        f"{numbers.count(row.aligned_post)}; its resistance is {numbers.percent(row.resistance)}"
        f"{_between(row.resistance_low, row.resistance_high, 1, 100)}."
    )


def test(row: TestRow, kinds: Kinds) -> str:
    details: Mapping[str, Any] = row.details
    text = _counts(row, details)
    verdict = significance(row.p_value)
    return f"{text} {verdict}.".strip() if verdict else text


def _counts(row: TestRow, details: Mapping[str, Any]) -> str:
    if details.get("b") is not None:
        first, second = (
            _COMPARED.get(str(details.get(key)), names.name(str(details.get(key))))
            for key in ("first", "second")
        )
        return (
            f"{first}: {numbers.percent(details.get('share_first'))}, alone in "
            f"{numbers.many(details['b'], 'pair')}. {second}: "
            f"{numbers.percent(details.get('share_second'))}, alone in "
            f"{numbers.count(details.get('c'))}."
        )
    if details.get("chosen_higher") is not None:
        return (
            f"“{names.feature(row.group)}” is higher in the chosen answer of "
            f"{numbers.many(details['chosen_higher'], 'pair')} and in the rejected one of "
            f"{numbers.count(details.get('rejected_higher'))}."
        )
    if details.get("plus") is not None:
        return (
            f"{numbers.many(details['plus'], 'pair')} gained alignment, "
            f"{numbers.count(details.get('minus'))} lost some."
        )
    shares = [
        f"{numbers.percent(details[f'share_{side}'])} of {numbers.count(details.get(f'n_{side}'))} "
        f"pairs where {names.PREFERS[side]}"
        for side in OPINIONS
        if details.get(f"share_{side}") is not None
    ]
    return f"Aligned: {', '.join(shares)}." if shares else ""


def shift(row: ShiftRow, kinds: Kinds) -> str:
    who = "all pairs" if row.group == "all" else names.group(row.group)
    gain = row.gain_mean_deg
    way = "towards" if gain is None or gain >= 0 else "away from"
    return (
        f"{numbers.many(row.n, 'shift')} ({who}): mean {numbers.degrees(row.mean_deg)}, circular "
        f"mean {numbers.degrees(row.circular_mean_deg)} with resultant length "
        f"{numbers.number(row.resultant)} (1: all alike, 0: all directions). On average "
        f"{numbers.number(None if gain is None else abs(gain), 1)}° {way} alignment."
    )


# ---------------------------------------------------------------- coefficients


def imprint(row: ImprintRow, kinds: Kinds) -> str:
    return imprint_of(row.feature, row.outcome, effect(row), kinds)


def imprint_of(feature: str, outcome: str, estimate: Effect, kinds: Kinds) -> str:
    """A coefficient of the reward regressions."""
    subject = _subject(feature, kinds)
    if estimate.value is None:
        return f"{subject} {_NOT_ESTIMATED}"
    value, certainty = estimate.magnitude(), _certainty(estimate)
    if outcome == "difference":
        verb = "raised" if estimate.value > 0 else "lowered"
        return f"{subject}: training {verb} its worth by {value} reward points{certainty}."
    verb = "adds" if estimate.value > 0 else "subtracts"
    return (
        f"{subject} {verb} {value} points under {names.outcome(outcome)}, all other features equal"
        f"{certainty}."
    )


def shift_imprint(row: ShiftImprintRow, kinds: Kinds) -> str:
    estimate, subject = effect(row), _subject(row.feature, kinds)
    if estimate.value is None:
        return f"{subject} {_NOT_ESTIMATED}"
    way = "counter-clockwise" if estimate.value > 0 else "clockwise"
    return (
        f"{subject} in the {names.name(row.side)} answer turns the reward vector "
        f"{estimate.magnitude()}° {way}{_certainty(estimate)}. The sign of θ is a direction, not "
        "an improvement."
    )


def misalignment(row: MisalignmentRow, kinds: Kinds) -> str:
    estimate, subject = effect(row), _subject(row.feature, kinds)
    if estimate.value is None:
        return f"{subject} {_NOT_ESTIMATED}"
    more = "more" if estimate.value > 0 else "less"
    return (
        f"{subject} in the {names.name(row.side)} answer makes a misaligned pair "
        f"{estimate.magnitude()} percentage points {more} likely{_certainty(estimate)}."
        f"{_odds(estimate)}"
    )


def robustness(row: RobustnessRow | DriftRow, kinds: Kinds) -> str:
    estimate = effect(row)
    subject = names.answer_that(row.feature, row.side, row.sign, kinds(row.feature))
    if estimate.value is None:
        return f"A pair with {subject}: too few rewrites to estimate."
    more = "more" if estimate.value > 0 else "less"
    return (
        f"A pair with {subject} becomes misaligned {estimate.magnitude()} percentage points {more} "
        f"often{_certainty(estimate)}.{_odds(estimate)} Of {numbers.count(row.n)} such rewrites "
        f"{numbers.count(row.events)} did."
    )


def drift(row: DriftRow, kinds: Kinds) -> str:
    return (
        f"Of rewrites with a cosine of {numbers.number(row.threshold)} or more "
        f"({numbers.count(row.rewrites)}): {robustness(row, kinds)}"
    )


def strategy(row: StrategyRow, kinds: Kinds) -> str:
    estimate, verdict = effect(row), significance(row.p_value)
    return (
        f"Rewriting with {names.name(row.strategy)} changes the resistance of "
        f"{names.outcome(row.role)} from {numbers.percent(row.resistance_before)} to "
        f"{numbers.percent(row.resistance_after)} of {numbers.many(row.n, 'pair')}, "
        f"{estimate.text()} percentage points{_between(row.change_low, row.change_high, 1, 100)}. "
        f"Of {numbers.count(row.aligned_before)} aligned pairs "
        f"{numbers.count(row.became_misaligned)} became misaligned."
        f"{f' {verdict}.' if verdict else ''}"
    )


def ambiguity(row: AmbiguityRow, kinds: Kinds) -> str:
    return (
        f"Band {numbers.count(row.band)} of ambiguity, {numbers.number(row.score_low)} to "
        f"{numbers.number(row.score_high)} bits: post-D is misaligned in "
        f"{numbers.percent(row.resistance)} of {numbers.many(row.n, 'pair')}"
        f"{_between(row.ci_low, row.ci_high, 1, 100)}."
    )


def votes(row: VotesRow, kinds: Kinds) -> str:
    estimate, verdict = effect(row), significance(row.p_value)
    text = (
        f"Where the annotators agree, the resistance of {names.outcome(row.role)} is "
        f"{numbers.percent(row.resistance_agree)} of {numbers.many(row.n_agree, 'pair')}"
        f"{_between(row.agree_low, row.agree_high, 1, 100)}; where they split, "
        f"{numbers.percent(row.resistance_split)} of {numbers.count(row.n_split)}"
        f"{_between(row.split_low, row.split_high, 1, 100)}."
    )
    if estimate.value is None:
        return text
    return (
        f"{text} The difference is {estimate.text()} percentage points"
        f"{_between(row.difference_low, row.difference_high, 1, 100)}, clustered in "
        f"{numbers.many(row.clusters, 'group')}.{f' {verdict}.' if verdict else ''}"
    )


# ---------------------------------------------------------------- labelers


def stability(row: StabilityRow, kinds: Kinds) -> str:
    name, kappa = names.feature(row.feature), row.kappa
    if kappa is None:
        return f"“{name}”: κ is undefined, because the labels are all the same or there are none."
    fleiss = row.statistic == "fleiss"
    who = (
        "All labelers" if fleiss else f"{names.name(row.labeler_a)} and {names.name(row.labeler_b)}"
    )
    agree = (
        "compared on" if row.agreement is None else f"agree on {numbers.percent(row.agreement)} of"
    )
    way = (
        f"{numbers.number(kappa * 100, 0)} % of the way from chance to full agreement"
        if kappa > 0
        else "no better than chance"
    )
    return (
        f"“{name}”: {who} {agree} {numbers.many(row.n, 'entry', 'entries')}; "
        f"κ {numbers.number(kappa)}{_between(row.kappa_low, row.kappa_high)} is {way}."
    )


def stability_imprint(row: StabilityImprintRow, kinds: Kinds) -> str:
    first, second = (one.text() for one in under_labelers(row))
    tail = (
        "The sign depends on the labeler, and each estimate is significant."
        if row.sign_change_clear
        else "The sign changes, but not both estimates are significant."
        if row.sign_change
        else "The difference is significant at 5 %."
        if row.differs
        else "The difference is not significant at 5 %."
    )
    return (
        f"“{names.feature(row.feature)}” ({names.outcome(row.outcome)}): {first} points by the "
        f"labels of {names.name(row.labeler_a)}, {second} by those of "
        f"{names.name(row.labeler_b)}; difference {effect(row).text()}"
        f"{_between(row.difference_low, row.difference_high)}. {tail}"
    )


# ---------------------------------------------------------------- what was left out


def dropped(row: DroppedFeature, kinds: Kinds) -> str:
    what = "Everything" if row.feature == "*" else f"“{names.feature(row.feature)}”"
    where = "" if row.side == "*" else f" ({names.name(row.side)})"
    return (
        f"{what}{where} in {names.name(row.table)}: {names.reason(row.reason)}, "
        f"{names.name(row.detail)}."
    )
