"""The filters that screens themselves open lists with, in the language of the filter bar."""

from __future__ import annotations

from engine.messages import Opinion, Regime


def term(key: str, value: str) -> str:
    """One term as a person would type it."""
    return f'{key}:"{value}"' if " " in value else f"{key}:{value}"


def cell(regime: Regime | None, opinion: Opinion | None) -> str:
    """The pairs of one cell of the table of regimes; None is every row or column."""
    terms = []
    if regime is not None:
        terms.append(term("regime", regime))
    if opinion is not None:
        terms.append(term("opinion", opinion))
    return " ".join(terms)


def differs(feature: str) -> str:
    """The pairs whose two sides differ in a feature."""
    return term("feature", feature)


def carried(feature: str, side: str) -> str:
    """The pairs that carry a feature on one side."""
    return term("feature", f"{feature}@{side}")


def disagrees(feature: str) -> str:
    """The pairs in which two labelers contradict each other on a feature."""
    # The filter language does not have this yet: what differs by the main labeler holds the pairs
    # in which a contradiction would matter.
    return differs(feature)


def flipped(feature: str) -> str:
    """The rewritten pairs in which a feature's label changed."""
    return term("feature", feature)
