"""Every record of a metric table as a sentence or two for a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from engine.wire.messages import OPINIONS, REGIMES
from seal_tui.explorer.session import Session
from seal_tui.text import numbers, words
from seal_tui.text.safe import Safe, one_line
from seal_tui.text.tables import Agreement, Estimate, Record, TwoImprints, real, whole, word

TABLES: Final[Mapping[str, Safe]] = {
    "alignment": Safe("how often each reward model sides with the people"),
    "regimes": Safe("pairs by what became of them and by what the labeler thinks"),
    "opinions": Safe("alignment by what the labeler thinks of the pair"),
    "tests": Safe("hypothesis tests of verdicts, opinions and labels"),
    "shifts": Safe("the turns θ of the reward vectors, by group"),
    "imprint": Safe("what each feature is worth to each model, in reward points"),
    "shift_imprint": Safe("what each feature does to the turn θ, in degrees"),
    "misalignment": Safe("which features go with misaligned pairs"),
    "robustness": Safe("how often a change of wording costs the verdict"),
    "robustness_drift": Safe("the same, by how close the rewrites stay in meaning"),
    "resistance_by_strategy": Safe("what each way of rewriting does to the verdicts"),
    "resistance_by_ambiguity": Safe("how often the trained model errs, by ambiguity"),
    "stability": Safe("how far labelers agree, feature by feature"),
    "stability_imprint": Safe("the coefficients under each labeler"),
    "dropped": Safe("what was left out, and why"),
}
_OPINION: Final[Mapping[str, str]] = {
    "c": "the labeler prefers the chosen answer",
    "i": "the labeler is indifferent",
    "r": "the labeler prefers the rejected answer",
}
_VERDICTS: Final[Mapping[str, Safe]] = {
    "aligned pre": Safe("pre-D sides with the people"),
    "aligned post": Safe("post-D sides with the people"),
    "H_pre": Safe("pre-D sides with the people"),
    "H_post": Safe("post-D sides with the people"),
    "L": Safe("The labeler sides with the people"),
    "G": Safe("The labeler sides with post-D"),
    "original": Safe("Aligned as it was"),
    "rewritten": Safe("Aligned when rewritten"),
}


def record(table: str, row: Record, session: Session) -> Safe:
    """`row` of `table` as a sentence; nothing for a table that is not known here."""
    read = _READERS.get(table)
    return read(row, session) if read is not None else Safe("")


# ---------------------------------------------------------------- pieces of sentences


def certainty(p: float | None) -> str:
    """What a p-value says, in words."""
    if p is None:
        return ""
    if p < 0.05:
        return f"p {numbers.p_value(p)}: hardly chance"
    return f"p {numbers.p_value(p)}: chance alone could do it"


def between(low: float | None, high: float | None, digits: int = 2, scale: float = 1.0) -> str:
    """A 95 % interval in brackets, or nothing."""
    if low is None or high is None:
        return ""
    ends = [numbers.number(end * scale, digits) for end in (low, high)]
    return f" (95 % interval {ends[0]} to {ends[1]})"


def _share(row: Record, key: str) -> Safe:
    return numbers.percent(real(row, key))


def _n(row: Record, key: str) -> Safe:
    return numbers.count(whole(row, key))


def _percents(row: Record, low: str, high: str) -> str:
    return between(real(row, low), real(row, high), 1, 100)


def _model(role: str) -> Safe:
    return words.OUTCOME.get(role, one_line(role))


# ---------------------------------------------------------------- alignment


def _alignment(row: Record, session: Session) -> Safe:
    return Safe(
        f"{_model(word(row, 'role'))} gives the chosen answer more in {_share(row, 'alignment')} "
        f"of {_n(row, 'n')} pairs{_percents(row, 'ci_low', 'ci_high')}; {_n(row, 'ties')} are "
        f"exact ties, {_n(row, 'noise_limited')} closer than the scorer's own noise."
    )


def _group(group: str) -> str:
    """A regime, or a regime and an opinion, in words."""
    regime, _, opinion = group.partition("/")
    known = {str(name): words.REGIME[name] for name in REGIMES}
    said = [known.get(regime, one_line(regime))]
    if opinion:
        said.append(Safe(_OPINION.get(opinion, one_line(opinion))))
    return ", ".join(said)


def _regime(row: Record, session: Session) -> Safe:
    group = f"{word(row, 'regime')}/{word(row, 'opinion')}"
    return Safe(f"{_n(row, 'n')} pairs: {_group(group)}.")


def _opinion(row: Record, session: Session) -> Safe:
    thinks = _OPINION.get(word(row, "opinion"), one_line(word(row, "opinion")))
    return Safe(
        f"{_n(row, 'n')} pairs: {thinks}. pre-D sides with the people in "
        f"{_n(row, 'aligned_pre')} of them, post-D in {_n(row, 'aligned_post')}; its resistance "
        f"is {_share(row, 'resistance')}{_percents(row, 'resistance_low', 'resistance_high')}."
    )


def _test(row: Record, session: Session) -> Safe:
    details = row.get("details")
    found: Record = details if isinstance(details, Mapping) else {}
    said = certainty(real(row, "p_value"))
    if "b" in found:
        first, second = (
            _VERDICTS.get(word(found, key), one_line(word(found, key)))
            for key in ("first", "second")
        )
        text = (
            f"{first}: {_share(found, 'share_first')}, alone in {_n(found, 'b')} pairs. "
            f"{second}: {_share(found, 'share_second')}, alone in {_n(found, 'c')}."
        )
    elif "chosen_higher" in found:
        name = words.feature(word(row, "group"))
        text = (
            f"“{name}” is higher in the chosen answer of {_n(found, 'chosen_higher')} pairs and "
            f"in the rejected one of {_n(found, 'rejected_higher')}."
        )
    elif "plus" in found:
        text = f"{_n(found, 'plus')} pairs gained alignment, {_n(found, 'minus')} lost some."
    else:
        shares = [
            f"{_share(found, f'share_{opinion}')} of {_n(found, f'n_{opinion}')} pairs where "
            f"{_OPINION[opinion]}"
            for opinion in OPINIONS
            if real(found, f"share_{opinion}") is not None
        ]
        text = f"Aligned: {', '.join(shares)}." if shares else ""
    return Safe(f"{text} {said}.".strip() if said else text)


def _shift(row: Record, session: Session) -> Safe:
    group = word(row, "group")
    who = "all pairs" if group == "all" else _group(group)
    gain = real(row, "gain_mean_deg")
    way = "towards" if gain is None or gain >= 0 else "away from"
    return Safe(
        f"{_n(row, 'n')} shifts ({who}): mean {numbers.degrees(real(row, 'mean_deg'))}, around "
        f"the circle {numbers.degrees(real(row, 'circular_mean_deg'))} with length "
        f"{numbers.number(real(row, 'resultant'))} (1: all alike, 0: every way). On average "
        f"{numbers.number(None if gain is None else abs(gain), 1)}° {way} the people's side."
    )


# ---------------------------------------------------------------- coefficients


def _imprint(row: Record, session: Session) -> Safe:
    name = word(row, "feature")
    return words.reward_reading(name, session.feature(name), word(row, "outcome"), Estimate.of(row))


def _shift_imprint(row: Record, session: Session) -> Safe:
    name = word(row, "feature")
    return words.shift_reading(name, session.feature(name), word(row, "side"), Estimate.of(row))


def _misalignment(row: Record, session: Session) -> Safe:
    name = word(row, "feature")
    estimate = Estimate.of_chance(row)
    return words.misalignment_reading(name, session.feature(name), word(row, "side"), estimate)


def _robustness(row: Record, session: Session) -> Safe:
    name = word(row, "feature")
    return words.robustness_reading(
        name,
        word(row, "side"),
        "+" if word(row, "sign") == "+" else "−",
        session.kind(name),
        Estimate.of_chance(row),
        whole(row, "events"),
    )


def _drift(row: Record, session: Session) -> Safe:
    at = numbers.number(real(row, "threshold"))
    return Safe(
        f"Of rewrites with a cosine of {at} or more ({_n(row, 'rewrites')}): "
        f"{_robustness(row, session)}"
    )


def _strategy(row: Record, session: Session) -> Safe:
    change = numbers.points(real(row, "change"))
    return Safe(
        f"Rewriting with {one_line(word(row, 'strategy'))} takes the resistance of "
        f"{_model(word(row, 'role'))} from {_share(row, 'resistance_before')} to "
        f"{_share(row, 'resistance_after')} of {_n(row, 'n')} pairs, {change} points"
        f"{_percents(row, 'change_low', 'change_high')}. Of {_n(row, 'aligned_before')} aligned "
        f"pairs {_n(row, 'became_misaligned')} were lost. {certainty(real(row, 'p_value'))}"
    )


def _ambiguity(row: Record, session: Session) -> Safe:
    return Safe(
        f"Band {_n(row, 'band')} of ambiguity, {numbers.number(real(row, 'score_low'))} to "
        f"{numbers.number(real(row, 'score_high'))} bits: post-D errs against the people in "
        f"{_share(row, 'resistance')} of {_n(row, 'n')} pairs"
        f"{_percents(row, 'ci_low', 'ci_high')}."
    )


def _dropped(row: Record, session: Session) -> Safe:
    name, side = word(row, "feature"), word(row, "side")
    what = "Everything" if name == "*" else f"“{words.feature(name)}”"
    where = "" if side == "*" else f" ({one_line(side)})"
    reason = one_line(word(row, "reason").replace("_", " "))
    table = one_line(word(row, "table"))
    return Safe(f"{what}{where} in {table}: {reason}, {one_line(word(row, 'detail'))}.")


# ---------------------------------------------------------------- labelers


def agreement(line: Agreement) -> Safe:
    """How far two labelers agree on a feature."""
    name, kappa = words.feature(line.feature), line.kappa.estimate
    if kappa is None:
        return Safe(
            f"“{name}”: κ cannot be said, because the labels are all the same or there are none."
        )
    who = "All labelers" if line.fleiss else f"{one_line(line.first)} and {one_line(line.second)}"
    same = "" if line.share is None else f" agree on {numbers.percent(line.share)} of"
    way = (
        f"{numbers.number(kappa * 100, 0)} % of the way from chance to full agreement"
        if kappa > 0
        else "no better than chance"
    )
    interval = between(line.kappa.low, line.kappa.high)
    return Safe(
        f"“{name}”: {who}{same or ' compared on'} {numbers.count(line.n)} entries; "
        f"κ {numbers.number(kappa)}{interval} is {way}."
    )


def two_imprints(line: TwoImprints) -> Safe:
    """A coefficient under two labelers."""
    first, second = one_line(line.first), one_line(line.second)
    values = [numbers.signed(estimate.estimate) for estimate in line.estimates]
    interval = between(line.difference.low, line.difference.high)
    tail = (
        "The sign depends on who labels, and each is certain of its own."
        if line.clear_sign_change
        else "The sign changes, but not both are certain of theirs."
        if line.sign_change
        else "They differ more than chance would."
        if line.differs
        else "That cannot be told from none."
    )
    return Safe(
        f"“{words.feature(line.feature)}” ({_model(line.outcome)})"
        f": {values[0]} points by {first}'s labels, {values[1]} by {second}'s; difference "
        f"{numbers.signed(line.difference.estimate)}{interval}. {tail}"
    )


def _stability(row: Record, session: Session) -> Safe:
    return agreement(Agreement.of(row))


def _stability_imprint(row: Record, session: Session) -> Safe:
    return two_imprints(TwoImprints.of(row))


_READERS: Final[Mapping[str, Callable[[Record, Session], Safe]]] = {
    "alignment": _alignment,
    "regimes": _regime,
    "opinions": _opinion,
    "tests": _test,
    "shifts": _shift,
    "imprint": _imprint,
    "shift_imprint": _shift_imprint,
    "misalignment": _misalignment,
    "robustness": _robustness,
    "robustness_drift": _drift,
    "resistance_by_strategy": _strategy,
    "resistance_by_ambiguity": _ambiguity,
    "stability": _stability,
    "stability_imprint": _stability_imprint,
    "dropped": _dropped,
}
