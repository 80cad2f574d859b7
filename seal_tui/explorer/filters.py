"""The filters that screens themselves open lists with, in the language of the filter bar."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.results.records import DriftRow, RobustnessRow
from engine.wire.messages import Opinion, Regime


def cell(regime: Regime | None, opinion: Opinion | None, tie_policy: str = "") -> str:
    """The pairs of one cell of the table of regimes; None is every row or column."""
    terms = []
    if tie_policy in ("exclude", "separate"):
        terms += ["margin!=0", "margin_pre!=0"]  # a tie is in no regime
    if regime is not None:
        terms.append(f"regime:{regime}")
    if opinion is not None:
        terms.append(f"opinion:{opinion}")
    return " ".join(terms)


def differs(feature: str) -> str:
    """The pairs, of those in the regressions, whose two sides differ in a feature."""
    return f"{feature}:differs is:complete"


def carried(feature: str, side: str) -> str:
    """The pairs that carry a feature on one side, chosen or rejected."""
    return f"{feature}:{side}"


def disagrees(feature: str, two: tuple[str, str], labelers: Sequence[str]) -> str:
    """The pairs in which two of the labelers, or any two (`all`), contradict each other on a
    feature."""
    named = sorted(name for name in labelers if name in two)
    between = f"_{'_'.join(named)}" if len(labelers) > 2 and len(named) == 2 else ""
    return f"disagrees{between}:{feature}"


def scored(row: RobustnessRow | DriftRow, tie_policy: str) -> str:
    """The rewritten pairs with the change that a robustness score is about, of those it counts."""
    exact = isinstance(row, RobustnessRow) and row.preset == "released-code"
    change = {"+": "lost", "-": "gained"}[row.sign]
    terms = [f"{change}_{row.side}{'_by_1' if exact else ''}:{row.feature}"]
    if isinstance(row, DriftRow):
        terms += ["is:complete"]
        terms += [f"cosine>={row.threshold!r}"] if row.threshold > 0 else []
    else:
        terms += ["is:used"]
        terms += [f"strategy:{_quoted(row.strategy)}"] if row.strategy != "all" else []
    if row.population == "aligned":
        terms.append("margin>0")
    if tie_policy != "misaligned" and not exact:
        terms += ["margin!=0", "margin_after!=0"]
    return " ".join(terms)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search(r"[^\w-]", text) else text
