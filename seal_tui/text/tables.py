"""The metric tables as the screens need them.

Records come as JSON, so nothing is taken for granted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.wire.messages import OPINIONS, REGIMES, Metrics, StudyInfo

Record = Mapping[str, Any]
_Z_95 = 1.959963984540054


def real(record: Record, key: str) -> float | None:
    """A finite number of a record, or None."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def whole(record: Record, key: str) -> int | None:
    value = real(record, key)
    return None if value is None else round(value)


def word(record: Record, key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else "" if value is None else str(value)


@dataclass(frozen=True)
class Estimate:
    """One estimated coefficient."""

    estimate: float | None = None
    std_error: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    vif: float | None = None
    mde: float | None = None
    n: int | None = None
    odds_ratio: float | None = None

    @classmethod
    def of(cls, record: Record) -> Estimate:
        return cls(
            estimate=real(record, "estimate"),
            std_error=real(record, "std_error"),
            low=real(record, "ci_low"),
            high=real(record, "ci_high"),
            p=real(record, "p_value"),
            p_adjusted=real(record, "p_adjusted"),
            vif=real(record, "vif"),
            mde=real(record, "mde"),
            n=whole(record, "n"),
            odds_ratio=real(record, "odds_ratio"),
        )

    @classmethod
    def of_chance(cls, record: Record) -> Estimate:
        """As a difference of probabilities. A logistic coefficient is a log odds ratio and may
        not be read as one; its average marginal effect may."""
        made = cls.of(record)
        if record.get("scale") != "log_odds":
            return made
        effect, error = real(record, "ame"), real(record, "ame_se")
        low, high = real(record, "ame_low"), real(record, "ame_high")
        if low is None and effect is not None and error is not None:
            low, high = effect - _Z_95 * error, effect + _Z_95 * error
        # What the smallest effect to be found is, is known in log odds only.
        return replace(made, estimate=effect, std_error=error, low=low, high=high, mde=None)

    @property
    def size(self) -> float:
        """How large, for sorting; what was not estimated comes last."""
        return abs(self.estimate) if self.estimate is not None else -1.0


@dataclass(frozen=True)
class Imprint:
    """What a feature is worth to the model before and after training."""

    feature: str
    role: str
    pre: Estimate
    post: Estimate
    difference: Estimate

    def outcome(self, name: str) -> Estimate:
        return {"pre": self.pre, "post": self.post}.get(name, self.difference)


@dataclass(frozen=True)
class SideEstimate:
    """A coefficient of one feature on one side. Of robustness scores also: the sign of the flip,
    and how many of the rewrites with it (`estimate.n`) became misaligned."""

    feature: str
    side: str
    sign: str
    estimate: Estimate
    events: int | None


@dataclass(frozen=True)
class Dropped:
    """What a table leaves out; `*` as feature or side stands for all of them."""

    feature: str
    side: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Alignment:
    """How often one reward model sides with the people."""

    role: str
    model: str
    n: int | None
    ties: int | None
    alignment: float | None
    resistance: float | None
    half_width: float | None
    noise_limited: int | None
    tie_policy: str


def _of_labeler(record: Record, which: str) -> Estimate:
    return Estimate(
        estimate=real(record, f"estimate_{which}"),
        std_error=real(record, f"std_error_{which}"),
        low=real(record, f"ci_low_{which}"),
        high=real(record, f"ci_high_{which}"),
    )


@dataclass(frozen=True)
class Agreement:
    """How far two labelers give one feature the same labels; Fleiss: all labelers at once."""

    feature: str
    first: str
    second: str
    fleiss: bool
    n: int | None
    share: float | None
    kappa: Estimate
    pabak: float | None
    prevalence: tuple[float | None, float | None]

    @classmethod
    def of(cls, record: Record) -> Agreement:
        low, high = real(record, "kappa_low"), real(record, "kappa_high")
        return cls(
            feature=word(record, "feature"),
            first=word(record, "labeler_a"),
            second=word(record, "labeler_b"),
            fleiss=record.get("statistic") == "fleiss",
            n=whole(record, "n"),
            share=real(record, "agreement"),
            kappa=Estimate(estimate=real(record, "kappa"), low=low, high=high),
            pabak=real(record, "pabak"),
            prevalence=(real(record, "prevalence_a"), real(record, "prevalence_b")),
        )


@dataclass(frozen=True)
class TwoImprints:
    """One coefficient as two labelers' labels give it. `clear_sign_change`: each sign is certain,
    and they are opposite."""

    feature: str
    first: str
    second: str
    outcome: str
    n: int | None
    estimates: tuple[Estimate, Estimate]
    difference: Estimate
    differs: bool
    sign_change: bool
    clear_sign_change: bool

    @classmethod
    def of(cls, record: Record) -> TwoImprints:
        return cls(
            feature=word(record, "feature"),
            first=word(record, "labeler_a"),
            second=word(record, "labeler_b"),
            outcome=word(record, "outcome"),
            n=whole(record, "n"),
            estimates=(_of_labeler(record, "a"), _of_labeler(record, "b")),
            difference=Estimate(
                estimate=real(record, "difference"),
                low=real(record, "difference_low"),
                high=real(record, "difference_high"),
            ),
            differs=record.get("differs") is True,
            sign_change=record.get("sign_change") is True,
            clear_sign_change=record.get("sign_change_clear") is True,
        )


@dataclass(frozen=True)
class Drift:
    """A robustness score by how alike rewrites and originals have to be; the least alike first.
    `n` of an estimate are the rewrites with that flip, `rewrites` all that are that alike."""

    feature: str
    side: str
    sign: str
    points: tuple[tuple[float, Estimate], ...]
    rewrites: tuple[int | None, ...]


class Tables:
    """Typed views of one `Metrics` message."""

    def __init__(self, metrics: Metrics) -> None:
        self.preset = metrics.preset
        self._tables = metrics.tables

    def names(self) -> list[str]:
        """The tables that there are."""
        return list(self._tables)

    def rows(self, key: str, preset: str | None = None) -> Sequence[Record]:
        records = self._tables.get(key, [])
        if preset is None:
            return records
        return [record for record in records if record.get("preset", preset) in (preset, "*")]

    def alignment(self) -> list[Alignment]:
        found = []
        for record in self.rows("alignment"):
            low, high = real(record, "ci_low"), real(record, "ci_high")
            half = None if low is None or high is None else (high - low) / 2
            found.append(
                Alignment(
                    role=word(record, "role"),
                    model=word(record, "model"),
                    n=whole(record, "n"),
                    ties=whole(record, "ties"),
                    alignment=real(record, "alignment"),
                    resistance=real(record, "resistance"),
                    half_width=half,
                    noise_limited=whole(record, "noise_limited"),
                    tie_policy=word(record, "tie_policy"),
                )
            )
        return sorted(
            found,
            key=lambda line: (
                ("pre", "post").index(line.role) if line.role in ("pre", "post") else 2
            ),
        )

    def regimes(self) -> dict[tuple[str, str], int]:
        """Pairs by regime and opinion; cells that were not reported are 0. A pair may have
        another opinion than the three, if it has no labels."""
        table: dict[tuple[str, str], int] = {
            (regime, opinion): 0 for regime in REGIMES for opinion in OPINIONS
        }
        for record in self.rows("regimes"):
            key = (word(record, "regime"), word(record, "opinion"))
            if key[0] in REGIMES:
                table[key] = table.get(key, 0) + (whole(record, "n") or 0)
        return table

    def imprint(self, preset: str) -> list[Imprint]:
        by_feature: dict[str, dict[str, Record]] = {}
        for record in self.rows("imprint", preset):
            by_feature.setdefault(word(record, "feature"), {})[word(record, "outcome")] = record
        nothing: Record = {}
        return [
            Imprint(
                feature=name,
                role=next((word(record, "class") for record in outcomes.values()), ""),
                pre=Estimate.of(outcomes.get("pre", nothing)),
                post=Estimate.of(outcomes.get("post", nothing)),
                difference=Estimate.of(outcomes.get("difference", nothing)),
            )
            for name, outcomes in by_feature.items()
        ]

    def sides(self, key: str, preset: str) -> list[SideEstimate]:
        """`shift_imprint`, `misalignment` or `robustness`; the latter over all pairs and
        strategies."""
        read = Estimate.of if key == "shift_imprint" else Estimate.of_chance
        records = self.rows(key, preset)
        records = [record for record in records if record.get("population", "all") == "all"]
        if any(record.get("strategy") == "all" for record in records):
            records = [record for record in records if record.get("strategy") == "all"]
        return [
            SideEstimate(
                feature=word(record, "feature"),
                side=word(record, "side"),
                sign="+" if word(record, "sign") == "+" else "−",
                estimate=read(record),
                events=whole(record, "events"),
            )
            for record in records
        ]

    def agreements(self) -> list[Agreement]:
        """Every feature under every two labelers, then under all of them."""
        return [Agreement.of(record) for record in self.rows("stability")]

    def two_imprints(self) -> list[TwoImprints]:
        """Every coefficient under every two labelers."""
        return [TwoImprints.of(record) for record in self.rows("stability_imprint")]

    def drift(self) -> list[Drift]:
        """Every robustness score as a curve; those with most points, and then the strongest where
        all rewrites count, come first."""
        curves: dict[tuple[str, str, str], list[Record]] = {}
        for record in self.rows("robustness_drift"):
            if record.get("population", "all") == "all" and real(record, "threshold") is not None:
                sign = "+" if word(record, "sign") == "+" else "−"
                key = (word(record, "feature"), word(record, "side"), sign)
                curves.setdefault(key, []).append(record)
        found = []
        for (feature, side, sign), records in curves.items():
            records.sort(key=lambda record: real(record, "threshold") or 0.0)
            points = [(real(record, "threshold") or 0.0, Estimate.of(record)) for record in records]
            rewrites = tuple(whole(record, "rewrites") for record in records)
            found.append(Drift(feature, side, sign, tuple(points), rewrites))
        return sorted(found, key=lambda curve: (-len(curve.points), -curve.points[0][1].size))

    def dropped(self, key: str, preset: str, study: StudyInfo | None) -> list[Dropped]:
        """What has no estimate in a table, each with the reason as far as it is known."""
        found = [
            Dropped(
                feature=word(record, "feature"),
                side=word(record, "side"),
                reason=word(record, "reason").replace("_", " "),
                detail=word(record, "detail"),
            )
            for record in self.rows("dropped", preset)
            if record.get("table") == key
        ]
        named = {line.feature for line in found}
        named |= {word(record, "feature") for record in self.rows(key, preset)}
        for info in study.features if study is not None else ():
            if not info.regress and info.name not in named:
                detail = "not among the features to regress on"
                found.append(Dropped(info.name, "*", "kept out by the taxonomy", detail))
        return found
