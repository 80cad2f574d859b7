"""The filters that screens themselves open lists with, in the language of the filter bar."""

from __future__ import annotations

from engine.wire.messages import Opinion, Regime


def cell(regime: Regime | None, opinion: Opinion | None) -> str:
    """The pairs of one cell of the table of regimes; None is every row or column."""
    terms = []
    if regime is not None:
        terms.append(f"regime:{regime}")
    if opinion is not None:
        terms.append(f"opinion:{opinion}")
    return " ".join(terms)


def differs(feature: str) -> str:
    """The pairs whose two sides differ in a feature."""
    return f"{feature}:differs"


def carried(feature: str, side: str) -> str:
    """The pairs that carry a feature on one side, chosen or rejected."""
    return f"{feature}:{side}"


def disagrees(feature: str) -> str:
    """The pairs in which two labelers contradict each other on a feature."""
    return f"disagrees:{feature}"


def flipped(feature: str) -> str:
    """The rewritten pairs in which a feature's label changed."""
    return f"flipped:{feature}"
