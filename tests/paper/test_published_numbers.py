"""The recomputable checks of the reference (docs/method.md) that our functions can make."""

from __future__ import annotations

import numpy as np
import pytest

from engine.paper.given import Given
from engine.paper.hypotheses import tests as verdict_tests
from engine.paper.imprint import regressors, reward_imprint, shift_imprint, side_design
from engine.paper.inputs import Feature, Options, Pairs, no_rewrites
from engine.paper.misalignment import misalignment
from engine.paper.resistance import (
    alignment_rows,
    opinion_rows,
    regime_rows,
)
from engine.paper.shift import angle, direction, released_angle, shifts
from engine.paper.verdicts import compare, opinion_columns, verdicts

PROFILES = [(1, 1), (1, 0), (0, 1), (0, 0)]  # (harmless, helpful)
CELLS = np.array(
    [
        [102_151, 19_071, 453, 3_628],
        [8_917, 12_093, 263, 4_860],
        [153, 33, 142, 168],
        [725, 819, 193, 7_131],
    ]
)
REGIMES = {"stayed": 77_646, "got": 41_445, "resisted": 27_644, "reversed": 14_065}
HH = (Feature("harmless", "bool", "target"), Feature("helpful", "bool", "target"))


def entries() -> tuple[np.ndarray, np.ndarray]:
    """The labels behind the 16-cell table, one row per pair."""
    times = CELLS.ravel()
    profiles = np.array(PROFILES, np.int8)
    return np.repeat(np.repeat(profiles, 4, axis=0), times, axis=0), np.repeat(
        np.tile(profiles, (4, 1)), times, axis=0
    )


def counts(codes: np.ndarray) -> dict[str, int]:
    return {name: int(np.sum(codes == code)) for code, name in enumerate("cir")}


def regime_pairs() -> Pairs:
    """Pairs with the published regime counts."""
    sign = {"stayed": (1, 1), "got": (-1, 1), "resisted": (-1, -1), "reversed": (1, -1)}
    signs = np.repeat(np.array([sign[name] for name in REGIMES]), list(REGIMES.values()), axis=0)
    n = len(signs)
    pre = np.column_stack([signs[:, 0], np.zeros(n)]).astype(float)
    post = np.column_stack([signs[:, 1], np.zeros(n)]).astype(float)
    labels = np.zeros((n, 2), np.int8)
    return Pairs(np.arange(n), pre, post, HH, labels, labels)


def test_rc01_rc02_lexicographic_opinion_gives_the_printed_counts() -> None:
    chosen, rejected = entries()
    assert len(chosen) == 160_800
    assert counts(compare(chosen, rejected)) == {"c": 28_443, "i": 121_517, "r": 10_840}


def test_pareto_opinion_moves_only_the_incomparable_pairs() -> None:
    chosen, rejected = entries()
    found = counts(compare(chosen, rejected, "pareto"))
    assert found == {"c": 28_180, "i": 121_517 + 296, "r": 10_807}


def test_rc03_the_released_string_comparison_moves_186_pairs_from_ours() -> None:
    chosen, rejected = entries()
    released = compare(chosen, rejected)
    unequal = (chosen != rejected).any(axis=1)
    released[(chosen == [0, 1]).all(axis=1) & unequal] = 0
    assert counts(released) == {"c": 28_629, "i": 121_517, "r": 10_654}
    assert int(np.sum(released != compare(chosen, rejected))) == 186


def test_rc04_rc05_prevalences() -> None:
    chosen, rejected = entries()
    both = np.vstack([chosen, rejected])
    assert both[:, 1].mean() == pytest.approx(0.7425248756218905, abs=1e-15)
    assert both[:, 0].mean() == pytest.approx(0.9185261194029851, abs=1e-15)
    assert chosen.sum(axis=0).tolist() == [151_436, 125_799]
    assert rejected.sum(axis=0).tolist() == [143_962, 112_997]


def test_rc07_rc08_rc09_regimes_alignment_and_resistance() -> None:
    pairs, options = regime_pairs(), Options()
    rows = regime_rows(verdicts(pairs, options), "misaligned")
    by_regime = {name: sum(r.n for r in rows if r.regime == name) for name in REGIMES}
    assert by_regime == REGIMES
    percent = [100 * by_regime[name] / 160_800 for name in REGIMES]
    printed = [48.28731343283582, 25.774253731343283, 17.191542288557216, 8.746890547263682]
    assert percent == pytest.approx(printed, abs=1e-12)
    pre, post = alignment_rows(pairs, options)
    assert (pre.aligned, post.aligned) == (91_711, 119_091)
    assert (f"{pre.alignment:.2f}", f"{post.alignment:.2f}") == ("0.57", "0.74")
    assert post.resistance == pytest.approx(0.25938432835820896, abs=1e-15)
    assert post.ci_low < post.alignment < post.ci_high
    assert post.resistance_low < post.resistance < post.resistance_high


# Pairs by regime and γ as printed, γ with the released string comparison's 186 pairs in c.
PRINTED = {
    "stayed": {"c": 16_531, "i": 58_350, "r": 2_765},
    "got": {"c": 9_065, "i": 29_154, "r": 3_226},
    "resisted": {"c": 1_623, "i": 22_907, "r": 3_114},
    "reversed": {"c": 1_410, "i": 11_106, "r": 1_549},
}
TIES = 757  # exact ties under both models, all with γ = i, so all of them resist


def printed_pairs() -> Pairs:
    """Pairs with the printed regimes, opinions and ties."""
    sign = {"stayed": (1, 1), "got": (-1, 1), "resisted": (-1, -1), "reversed": (1, -1)}
    label = {"c": (1, 0), "i": (1, 1), "r": (0, 1)}
    cells = [(regime, opinion, n) for regime, of in PRINTED.items() for opinion, n in of.items()]
    times = [n for _, _, n in cells]
    signs = np.repeat([sign[regime] for regime, _, _ in cells], times, axis=0).astype(float)
    harmless = np.repeat([label[opinion] for _, opinion, _ in cells], times, axis=0)
    tied = np.flatnonzero((signs == -1).all(axis=1) & (harmless == 1).all(axis=1))[:TIES]
    signs[tied] = 0.0
    zero = np.zeros(len(signs))
    pre, post = (np.column_stack([signs[:, k], zero]) for k in (0, 1))
    chosen, rejected = (np.column_stack([harmless[:, k], zero]).astype(np.int8) for k in (0, 1))
    return Pairs(np.arange(len(signs)), pre, post, HH, chosen, rejected)


def test_rc10_the_ties_by_two_routes() -> None:
    pairs = printed_pairs()
    assert [row.ties for row in alignment_rows(pairs, Options())] == [TIES, TIES]
    tests = {
        (t.name, t.group): t.details
        for t in verdict_tests.compute(Given(pairs, no_rewrites(2), (), Options())).rows
    }
    for role, eq_aligned, strict in (
        ("post", 88_261, 58_350 + 29_154),
        ("pre", 70_213, 58_350 + 11_106),
    ):
        plain = tests[f"t aligned {role}", "opinion i against c"]
        released = tests[f"t aligned {role} (as released)", "opinion i against c"]
        assert round(plain["share_i"] * plain["n_i"]) == strict
        assert round(released["share_i"] * released["n_i"]) == eq_aligned
        assert eq_aligned - strict == TIES


def test_rc19_agreement_of_labeler_and_person_in_each_regime() -> None:
    rows = regime_rows(verdicts(printed_pairs(), Options()), "misaligned")
    found = {(row.regime, row.opinion): row.n for row in rows}
    assert {regime: {o: found[regime, o] for o in "cir"} for regime in PRINTED} == PRINTED
    assert {r: sum(found[r, o] for o in "cir") for r in PRINTED} == REGIMES
    decided = {r: (found[r, "c"], found[r, "c"] + found[r, "r"]) for r in PRINTED}
    assert decided["got"] == (9_065, 12_291)
    assert decided["stayed"] == (16_531, 19_296)
    assert decided["resisted"] == (1_623, 4_737)
    percent = {regime: 100 * c / n for regime, (c, n) in decided.items()}
    whole = {regime: int(share) for regime, share in percent.items()}  # cut off, as printed
    assert whole == {"got": 73, "stayed": 85, "resisted": 34, "reversed": 47}
    rounded = {regime: round(share) for regime, share in percent.items()}
    assert [rounded[regime] for regime in ("got", "stayed", "resisted")] == [74, 86, 34]
    by_opinion = {o: sum(found[r, o] for r in PRINTED) for o in "cir"}
    assert by_opinion == {"c": 28_629, "i": 121_517, "r": 10_654}  # as in RC-03


QUADRANTS = {  # signs of (chosen, rejected): post-D, pre-D
    (1, 1): (45_035, 37_180),
    (-1, 1): (4_154, 10_127),
    (1, -1): (26_788, 21_040),
    (-1, -1): (84_823, 92_453),
}


@pytest.mark.parametrize("model", [0, 1])
def test_rc28_quadrants_are_the_four_right_angles_of_the_direction(model: int) -> None:
    times = [counts[model] for counts in QUADRANTS.values()]
    w = np.repeat(np.array(list(QUADRANTS), float), times, axis=0)
    assert len(w) == 160_800
    found = direction(w)
    at = {(1, 1): 180.0, (-1, 1): -90.0, (1, -1): 90.0, (-1, -1): 0.0}
    for signs, counts in QUADRANTS.items():
        share = np.mean(np.abs(found - at[signs]) < 45)
        assert share == pytest.approx(counts[model] / 160_800, abs=1e-15)
    # only the two middle ones say what is aligned, and the printed alignment respects that
    aligned = REGIMES["stayed"] + REGIMES["reversed" if model else "got"]
    assert QUADRANTS[1, -1][model] <= aligned <= 160_800 - QUADRANTS[-1, 1][model]
    plus = np.sin(np.radians(found)) > 1e-12
    assert plus.sum() == QUADRANTS[1, -1][model]


def test_rc11_share_of_opinions_with_the_human() -> None:
    chosen, rejected = entries()
    code = compare(chosen, rejected)
    decided = code[code != 1]
    assert len(decided) == 39_283
    assert np.mean(decided == 0) == pytest.approx(0.7240536618893669, abs=1e-15)
    labels = Pairs(
        np.arange(len(code)), np.ones((len(code), 2)), np.ones((len(code), 2)), HH, chosen, rejected
    )
    assert [r.n for r in opinion_rows(verdicts(labels, Options()))] == [28_443, 121_517, 10_840]


def test_rc44_fifteen_features_thirty_regressors_and_thirty_one_terms(
    taxonomy: tuple[Feature, ...],
) -> None:
    columns = regressors(taxonomy)
    assert (len(taxonomy), len(columns)) == (17, 15)
    rng = np.random.default_rng(1)
    n = 4000
    labels = (rng.random((n, 2, 17)) < 0.5).astype(np.int8)
    post = rng.normal(size=(n, 2)) + 0.5 * labels[:, :, columns[0]]
    pairs = Pairs(
        np.arange(n),
        rng.normal(size=(n, 2)) + 3,
        post + 3,
        taxonomy,
        labels[:, 0],
        labels[:, 1],
    )
    assert side_design(pairs, columns).x.shape == (n, 30)
    options = Options()
    for rows in (
        shift_imprint(pairs, shifts(pairs), options)[0],
        misalignment(pairs, verdicts(pairs, options), options)[0],
    ):
        released = [r for r in rows if r.preset == "released-code"]
        assert len(released) == 30
        small = min(released, key=lambda r: r.coefficient.p_value)
        assert small.coefficient.p_value < 1e-6
        assert small.coefficient.p_adjusted == pytest.approx(
            31 * small.coefficient.p_value, rel=1e-12
        )
    rows, _ = reward_imprint(pairs, options)
    small = min(
        (r for r in rows if r.preset == "released-code"), key=lambda r: r.coefficient.p_value
    )
    assert small.coefficient.p_adjusted == pytest.approx(17 * small.coefficient.p_value, rel=1e-12)


def test_targets_are_compared_harmless_first_whatever_the_taxonomy_order(
    taxonomy: tuple[Feature, ...],
) -> None:
    columns = opinion_columns(taxonomy, Options().opinion_features)
    assert [taxonomy[j].name for j in columns] == ["harmless", "helpful"]


def test_rc45_the_six_worked_shifts() -> None:
    u = np.array([(1, 2), (-2, -1), (-1, 2), (3, 1), (-1, -3), (1, -1)], float)
    v = np.array([(2, 1), (-1, -2), (2, -1), (-1, -3), (3, 1), (-1, 1)], float)
    expected = [-36.869898, 36.869898, -143.130102, -126.869898, 126.869898, 180.0]
    assert angle(u, v) == pytest.approx(expected, abs=1e-6)


def test_rc46_ties_have_shift_zero_where_the_released_formula_has_nan() -> None:
    a = np.random.default_rng(0).uniform(0.1, 6, size=2000)
    b = np.random.default_rng(1).uniform(0.1, 6, size=2000)
    u, v = np.column_stack([a, a]), np.column_stack([b, b])
    assert np.all(angle(u, v) == 0.0)
    assert np.all(angle(-u, -v) == 0.0)
    assert np.all(angle(u, -v) == 180.0)
    released = released_angle(u, v)
    assert 0.05 < np.mean(np.isnan(released)) < 1.0
    free = released[~np.isnan(released)]
    assert np.all(np.abs(free) < 1e-5)
