"""The measures against planted truth: do they find what was put in, and nothing else?

Synthetic pairs have known coefficients, pair effects correlated with a feature, ties, flips with
known odds, and a second labeler with a known error rate. The real code runs on them. Everything
follows from the seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.paper.imprint import reward_imprint
from engine.paper.inputs import Feature, Int8, Labels, Options, Pairs, Rewrites
from engine.paper.measures import compute, pair_facts
from engine.paper.misalignment import misalignment
from engine.paper.verdicts import verdicts
from engine.results.records import ImprintRow, Tables

FEATURES = (
    Feature("harmless", "bool", "target"),
    Feature("helpful", "bool", "target"),
    Feature("eloquent", "bool", "spoiler"),
    Feature("sentiment", "sentiment", "spoiler"),
    Feature("refusal", "bool", "other"),
    Feature("inert", "bool", "other"),
)
BETA_PRE = np.array([-0.8, 0.8, 1.4, 0.6, -0.1, 0.0])
BETA_POST = np.array([2.1, 1.0, 0.8, 0.8, 0.6, 0.0])
CONFOUNDED, INERT = 4, 5  # the pair effect goes with `refusal`; `inert` does nothing
TIE_SHARE = 0.01
LABELER_ERROR = 0.15
LOST, GAINED = 1.2, -0.9  # planted log odds ratios of eloquent, chosen side
SHARED = 1.0  # how strongly the pair effect goes with the confounded feature


@dataclass(frozen=True)
class Check:
    """One comparison: what was planted, what came back, the range it had to be in."""

    name: str
    planted: float
    recovered: float
    low: float
    high: float
    passed: bool
    part: str = ""


@dataclass(frozen=True)
class Report:
    """All checks of one self-test."""

    seed: int
    pairs: int
    replications: int
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)


PARTS = {
    "imprint": "Feature imprint: reward points planted per feature, found again by pair-fe",
    "ties": "Ties: each policy moves resistance by exactly its share of the tied pairs",
    "identities": "Identities of angles and regimes that hold for any data",
    "flips": "Robustness: log odds planted for flips under rewriting (aligned pairs, pair-fe)",
    "labeler": f"Label stability: a second labeler, wrong {100 * LABELER_ERROR:.0f} % of the time",
    "misalignment": "Misalignment: log odds planted per feature and side (pair-fe)",
    "replicated": "Intervals and p-values over many small studies",
}


def verdict(report: Report) -> list[str]:
    """The checks as aligned lines for a person, each part under what it is about; the end of a
    failed check's line is FAILED, and the last line is the sum."""
    lines = [
        "Synthetic pairs with known effects go through the real code. Each number that comes back",
        "has to lie within the range that chance allows (four standard errors, unless exact).",
    ]
    table = [(c.name, _short(c.planted), _short(c.recovered), _range(c)) for c in report.checks]
    room, *wide = (max(len(cell) for cell in column) for column in zip(*table, strict=True))
    for part, about in PARTS.items():
        lines += ["", about]
        for check, (name, planted, recovered, allowed) in zip(report.checks, table, strict=True):
            if check.part == part:
                lines.append(
                    f"  {name:<{room}}  planted {planted:>{wide[0]}}  recovered "
                    f"{recovered:>{wide[1]}}  allowed {allowed:<{wide[2]}}  "
                    + ("ok" if check.passed else "FAILED")
                )
    bad = sum(not check.passed for check in report.checks)
    total = len(report.checks)
    made = f"seed {report.seed}, {report.pairs:,} pairs, {report.replications:,} small studies"
    outcome = f"{bad} of {total} checks FAILED" if bad else f"All {total} checks passed"
    return [*lines, "", f"{outcome} ({made})."]


def _short(value: float) -> str:
    """Three decimals; more where there would be nothing but zeros."""
    if value == 0 or 0.0005 <= abs(value) < 1e6:
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    return f"{value:.1g}"


def _range(check: Check) -> str:
    if check.high == math.inf:
        return f"from {_short(check.low)}"
    if check.high - check.low < 1e-9:
        return "exactly that"
    return f"{_short(check.low)} to {_short(check.high)}"


def plant_pairs(rng: np.random.Generator, n: int, ties: float = TIE_SHARE) -> Pairs:
    """n pairs of r(t_i) = α_i + Σ β t_i + ε, α correlated with `refusal`; a share of exact ties
    under both models."""
    labels = (rng.random((n, 2, len(FEATURES))) < 0.4).astype(np.int8)
    both = rng.random(n) < 0.3  # pairs agree on refusal more often than chance
    labels[both, 1, CONFOUNDED] = labels[both, 0, CONFOUNDED]
    labels[:, :, 3] = rng.integers(-1, 2, size=(n, 2))
    alpha = rng.normal(size=(n, 1)) + SHARED * labels[:, :, CONFOUNDED].mean(axis=1, keepdims=True)
    x = labels.astype(np.float64)
    pre = alpha + x @ BETA_PRE + rng.normal(size=(n, 2))
    post = alpha + x @ BETA_POST + rng.normal(size=(n, 2)) * (0.7 + 0.6 * x[:, :, 1])
    tied = rng.permutation(n) < round(ties * n)
    pre[tied, 1], post[tied, 1] = pre[tied, 0], post[tied, 0]
    # a tie has equal texts, so equal labels: the model still holds for it
    labels[tied, 1] = labels[tied, 0]
    return Pairs(np.arange(n, dtype=np.int64), pre, post, FEATURES, labels[:, 0], labels[:, 1])


def plant_rewrites(rng: np.random.Generator, pairs: Pairs) -> Rewrites:
    """One rewrite per pair. A pair aligned before becomes misaligned with log odds
    −1 + LOST·1[eloquent lost, chosen] + GAINED·1[gained, chosen]; other flips do nothing."""
    n = len(pairs)
    change = {side: _rewritten(rng, getattr(pairs, side)) for side in ("chosen", "rejected")}
    flip = pairs.chosen[:, 2] - change["chosen"][:, 2]
    odds = -1.0 + LOST * (flip == 1) + GAINED * (flip == -1)
    misaligned = rng.random(n) < 1.0 / (1.0 + np.exp(-odds))
    aligned = pairs.post[:, 0] > pairs.post[:, 1]
    after = np.where(aligned & misaligned, -1.0, 1.0)
    rewarded = np.column_stack([after, -after]) * (0.5 + rng.random((n, 1)))
    return Rewrites(
        pairs.pair_id,
        ["neutral"] * n,
        pairs.chosen,
        pairs.rejected,
        change["chosen"],
        change["rejected"],
        pairs.pre,
        pairs.pre,
        pairs.post,
        rewarded,
        np.full((n, 2), 0.95),
    )


def _rewritten(rng: np.random.Generator, labels: Int8) -> Int8:
    changed = rng.random(labels.shape) < 0.25
    changed[:, 3] = False
    return np.where(changed, 1 - labels, labels).astype(np.int8)


def plant_labelers(rng: np.random.Generator, pairs: Pairs) -> tuple[Labels, Labels]:
    """The truth, and a labeler that flips each yes-or-no label with LABELER_ERROR; its entries
    come in another order."""
    names = tuple(f.name for f in pairs.features)
    entry = np.concatenate([pairs.pair_id, pairs.pair_id])
    side = np.repeat(np.array([0, 1], np.int8), len(pairs))
    truth = np.vstack([pairs.chosen, pairs.rejected])
    wrong = rng.random(truth.shape) < LABELER_ERROR
    wrong[:, 3] = False
    other = np.where(wrong, 1 - truth, truth).astype(np.int8)
    order = rng.permutation(len(entry))
    return (
        Labels("truth", entry, side, names, truth),
        Labels("careless", entry[order], side[order], names, other[order]),
    )


def run(seed: int = 7, pairs: int = 4000, replications: int = 1000) -> Report:
    """The whole self-test: one large planted study, then `replications` small ones for coverage
    and false positives (their number sets the Monte Carlo margin)."""
    rng = np.random.default_rng(seed)
    planted = plant_pairs(rng, pairs)
    rewrites = plant_rewrites(rng, planted)
    labelers = plant_labelers(rng, planted)
    options = Options(seed=seed, bootstrap=200)
    tables = compute(planted, rewrites, labelers, options)
    parts = {
        "imprint": _imprint(tables),
        "ties": _ties(planted, options),
        "identities": _identities(planted, labelers, tables, options),
        "flips": _flips(tables),
        "labeler": _labeler(planted, tables),
        "misalignment": _misaligned(rng, pairs, options),
        "replicated": _replicated(rng, replications),
    }
    checks = [replace(check, part=part) for part in PARTS for check in parts[part]]
    return Report(seed, pairs, replications, tuple(checks))


def _within(name: str, planted: float, recovered: float, low: float, high: float) -> Check:
    return Check(name, planted, recovered, low, high, low <= recovered <= high)


def _near(name: str, planted: float, estimate: float, se: float) -> Check:
    """Within four standard errors of the planted value."""
    return _within(name, planted, estimate, planted - 4 * se, planted + 4 * se)


def _value(x: float | None) -> float:
    return math.nan if x is None else x


def _rows(rows: Iterable[ImprintRow], preset: str, outcome: str) -> dict[str, ImprintRow]:
    return {r.feature: r for r in rows if r.preset == preset and r.outcome == outcome}


def _imprint(tables: Tables) -> list[Check]:
    checks = []
    truth = {"pre": BETA_PRE, "post": BETA_POST, "difference": BETA_POST - BETA_PRE}
    for outcome, beta in truth.items():
        rows = _rows(tables.imprint, "pair-fe", outcome)
        for j, feature in enumerate(FEATURES):
            row = rows[feature.name]
            name = f"{feature.name}, {outcome}"
            checks.append(
                _near(
                    name,
                    float(beta[j]),
                    _value(row.coefficient.estimate),
                    _value(row.coefficient.std_error),
                )
            )
    name = FEATURES[CONFOUNDED].name
    pooled = _rows(tables.imprint, "pooled-clustered", "post")[name]
    z = (_value(pooled.coefficient.estimate) - float(BETA_POST[CONFOUNDED])) / _value(
        pooled.coefficient.std_error
    )
    # a pair effect goes with that feature: pooled must be wrong where pair-fe is right
    bias = f"{name}, post: how wrong the pooled fit is, in standard errors"
    return [*checks, _within(bias, 0.0, z, 4.0, math.inf)]


def _ties(pairs: Pairs, options: Options) -> list[Check]:
    """Counting ties as half or apart moves resistance by exactly ½ and 1 tie share."""
    n, ties = len(pairs), int(np.sum(pairs.post[:, 0] == pairs.post[:, 1]))
    by_policy = {}
    for policy in ("misaligned", "half", "exclude", "separate"):
        row = compute(pairs, None, (), replace(options, tie_policy=policy)).alignment[1]
        by_policy[policy] = _value(row.resistance)
    base = by_policy["misaligned"]
    expected = {
        "half": base - 0.5 * ties / n,
        "separate": base - ties / n,
        "exclude": (base * n - ties) / (n - ties),
    }
    return [
        _within(
            f"resistance, ties {policy}", value, by_policy[policy], value - 1e-12, value + 1e-12
        )
        for policy, value in expected.items()
    ]


def _identities(
    pairs: Pairs, labelers: Sequence[Labels], tables: Tables, options: Options
) -> list[Check]:
    facts = pair_facts(pairs, labelers, options)
    turned = facts.direction_post - facts.direction_pre - facts.theta
    off = np.abs((turned + 180.0) % 360.0 - 180.0)
    sine = np.sin(np.radians(facts.direction_post))
    cosine = facts.margin_post / (facts.norm_post * math.sqrt(2.0))
    total = sum(row.n for row in tables.regimes)
    return [
        _within(
            "θ = direction after − direction before, worst error",
            0.0,
            float(np.nanmax(off)),
            0.0,
            1e-9,
        ),
        _within(
            "sin(direction) = cosine with (1,−1), worst error",
            0.0,
            float(np.nanmax(np.abs(sine - cosine))),
            0.0,
            1e-9,
        ),
        _within("regimes sum to the pairs", len(pairs), total, len(pairs), len(pairs)),
    ]


def _flips(tables: Tables) -> list[Check]:
    checks = []
    for row in tables.robustness:
        if row.preset != "pair-fe" or row.population != "aligned":
            continue
        planted = 0.0
        if row.feature == "eloquent" and row.side == "chosen":
            planted = LOST if row.sign == "+" else GAINED
        flip = "lost" if row.sign == "+" else "gained"
        name = f"{row.feature} {flip} in {row.side}"
        checks.append(
            _near(
                name, planted, _value(row.coefficient.estimate), _value(row.coefficient.std_error)
            )
        )
    return checks


def _labeler(pairs: Pairs, tables: Tables) -> list[Check]:
    """Agreement 1 − error, κ from it and the prevalence, and the imprint's attenuation: a label
    wrong with probability e keeps (1 − 2e) of the within-pair signal against noise 2e(1 − e)."""
    checks = []
    e = LABELER_ERROR
    for row in tables.stability:
        if row.feature == "sentiment":
            continue
        n = row.n
        se = math.sqrt(e * (1 - e) / n)
        checks.append(_near(f"{row.feature}, agreement", 1 - e, _value(row.agreement), se))
        p = _value(row.prevalence_a)
        q = p * (1 - e) + (1 - p) * e
        chance = p * q + (1 - p) * (1 - q)
        kappa = (1 - e - chance) / (1 - chance)
        width = (_value(row.kappa_high) - _value(row.kappa_low)) / 2
        checks.append(
            _within(
                f"{row.feature}, κ",
                kappa,
                _value(row.kappa),
                kappa - 2.1 * width,
                kappa + 2.1 * width,
            )
        )
    truth = (pairs.chosen[:, 0] - pairs.rejected[:, 0]).astype(np.float64)
    signal = float(np.mean(truth**2))
    attenuation = (1 - 2 * e) * signal / ((1 - 2 * e) ** 2 * signal + 2 * e * (1 - e))
    planted = float(BETA_POST[0]) * (1 - attenuation)
    gap = next(
        r for r in tables.stability_imprint if (r.feature, r.outcome) == ("harmless", "post")
    )
    low, high = _value(gap.difference_low), _value(gap.difference_high)
    half = (high - low) / 2
    checks.append(
        _within(
            "harmless, imprint lost to the labeler's errors",
            planted,
            _value(gap.difference),
            planted - 2.1 * half,
            planted + 2.1 * half,
        )
    )
    return checks


def _misaligned(rng: np.random.Generator, n: int, options: Options) -> list[Check]:
    """P(misaligned) planted as a logistic function of both sides' labels; ties do not occur."""
    labels = (rng.random((n, 2, len(FEATURES))) < 0.4).astype(np.int8)
    planted = {("harmless", "chosen"): -1.0, ("helpful", "rejected"): 0.7}
    odds = -0.5 - 1.0 * labels[:, 0, 0] + 0.7 * labels[:, 1, 1]
    margin = -(odds + rng.logistic(size=n))  # misaligned exactly where odds + noise > 0
    post = np.column_stack([margin, np.zeros(n)])
    ids = np.arange(n, dtype=np.int64)
    pairs = Pairs(ids, post + 1.0, post, FEATURES, labels[:, 0], labels[:, 1])
    rows, _ = misalignment(pairs, verdicts(pairs, options), options)
    return [
        _near(
            f"{row.feature} in {row.side}",
            planted.get((row.feature, row.side), 0.0),
            _value(row.coefficient.estimate),
            _value(row.coefficient.std_error),
        )
        for row in rows
        if row.preset == "pair-fe"
    ]


def _replicated(rng: np.random.Generator, replications: int) -> list[Check]:
    """Coverage of the 95 % intervals and the share of false positives at 5 %."""
    covered: dict[str, int] = {"pair-fe": 0, "pooled-clustered": 0}
    false = total = 0
    for _ in range(replications):
        rows, _ = reward_imprint(plant_pairs(rng, 400), Options())
        for row in (r for r in rows if r.outcome == "post"):
            j = [f.name for f in FEATURES].index(row.feature)
            if row.preset == "released-code" or j == CONFOUNDED:
                continue
            inside = (
                _value(row.coefficient.ci_low) <= BETA_POST[j] <= _value(row.coefficient.ci_high)
            )
            covered[row.preset] += int(inside)
            total += row.preset == "pair-fe"
            if row.preset == "pair-fe" and j == INERT:
                false += int(_value(row.coefficient.p_value) < 0.05)
    margin = 4 * math.sqrt(0.05 * 0.95 / max(total, 1)) + 0.005
    rate_margin = 4 * math.sqrt(0.05 * 0.95 / max(replications, 1)) + 0.005
    checks = [
        _within(
            f"share of 95 % intervals that hold the truth, {preset}",
            0.95,
            hits / max(total, 1),
            0.95 - margin,
            0.95 + margin,
        )
        for preset, hits in covered.items()
    ]
    rate = false / max(replications, 1)
    checks.append(
        _within(
            "share of p < 0.05 for a feature without effect, pair-fe",
            0.05,
            rate,
            max(0.0, 0.05 - rate_margin),
            0.05 + rate_margin,
        )
    )
    return checks
