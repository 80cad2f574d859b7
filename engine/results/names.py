"""Features, regimes, opinions and rewrites in words.

Names come from data: `feature` and `name` make them visible, so that what is built of them is fit
for a terminal. A page or Markdown still escapes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from engine.results.records import Opinion, Regime
from engine.visible import one_line

Kinds = Callable[[str], str]
"""The kind of a feature by its name: bool or sentiment."""

REGIME: Final[Mapping[Regime, str]] = {
    "stayed": "stayed aligned before and after training",
    "got": "got aligned by training",
    "resisted": "resisted: misaligned before and after training",
    "reversed": "reversed: aligned before, misaligned after training",
}
OPINION: Final[Mapping[Opinion, str]] = {"c": "chosen", "i": "indifferent", "r": "rejected"}
PREFERS: Final[Mapping[Opinion, str]] = {
    "c": "the labeler prefers the chosen answer",
    "i": "the labeler is indifferent",
    "r": "the labeler prefers the rejected answer",
}
OUTCOME: Final[Mapping[str, str]] = {"pre": "pre-D", "post": "post-D", "difference": "difference"}
_PREFIXES = ("last_response_is_", "last_response_", "assistant_is_")


def every_bool(name: str) -> str:
    """Kinds where the features are not known."""
    return "bool"


def kinds_of(features: Mapping[str, str]) -> Kinds:
    """The kinds of these features; any other one counts as bool."""
    return lambda feature: features.get(feature, "bool")


def name(text: str) -> str:
    """A name from the data, with odd characters visible."""
    return one_line(text)


def feature(text: str) -> str:
    """A feature's name for a person: `last_response_is_harmless` is harmless."""
    for prefix in _PREFIXES:
        if text.startswith(prefix) and len(text) > len(prefix):
            keep = "assistant " if prefix.startswith("assistant") else ""
            return one_line(keep + text[len(prefix) :].replace("_", " "))
    return one_line(text.replace("_", " "))


def outcome(text: str) -> str:
    """The model or the difference that a coefficient is of."""
    return OUTCOME.get(text, one_line(text))


def opinion(text: str) -> str:
    """The side that the labeler prefers, for the head of a column."""
    words = {str(key): value for key, value in OPINION.items()}
    return words.get(text, one_line(text))


def prefers(text: str) -> str:
    words = {str(key): value for key, value in PREFERS.items()}
    return words.get(text, one_line(text))


def group(text: str) -> str:
    """A regime, or a regime and an opinion (`got/c`), in words."""
    regime, _, rest = text.partition("/")
    words = {str(key): value for key, value in REGIME.items()}
    parts = [words.get(regime, one_line(regime))]
    if rest:
        parts.append(prefers(rest))
    return ", ".join(parts)


def reason(text: str) -> str:
    """Why something was left out: `too_rare` is too rare."""
    return one_line(text.replace("_", " "))


# ---------------------------------------------------------------- rewrites


def answer_that(text: str, side: str, sign: str, kind: str = "bool") -> str:
    """Which change of wording a robustness score is about: a chosen answer that loses “eloquent”.
    `+` is lost, any other sign gained."""
    article = "a chosen answer" if side == "chosen" else "a rejected answer"
    lost = sign == "+"
    if kind == "sentiment":
        return f"{article} that turns {'less' if lost else 'more'} positive"
    return f"{article} that {'loses' if lost else 'gains'} “{feature(text)}”"


def change(text: str, side: str, sign: str, kind: str = "bool") -> str:
    """The same in fewer words, for a column: chosen loses “eloquent”."""
    sentence = answer_that(text, side, sign, kind)
    return sentence.removeprefix("a ").replace(" answer that", "", 1)
