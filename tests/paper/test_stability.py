"""Label stability and ambiguity (docs/method.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.inter_rater import fleiss_kappa as sm_fleiss

from engine.paper.ambiguity import ambiguity, entropy, resistance_by_ambiguity
from engine.paper.beta import beta_differences
from engine.paper.inputs import MISSING, Labels, Options
from engine.paper.stability import agreement, cohen_kappa, fleiss_kappa, join, stability

Study = Callable[..., tuple]


def shuffled(labels: Labels, seed: int = 0) -> Labels:
    order = np.random.default_rng(seed).permutation(len(labels.pair_id))
    return replace(
        labels,
        pair_id=labels.pair_id[order],
        side=labels.side[order],
        labels=labels.labels[order],
    )


def test_kappas_equal_statsmodels() -> None:
    rng = np.random.default_rng(0)
    table = rng.integers(1, 50, size=(3, 3)).astype(float)
    assert float(cohen_kappa(table)) == pytest.approx(cohens_kappa(table).kappa, rel=1e-12)
    counts = rng.multinomial(4, [0.5, 0.3, 0.2], size=60).astype(float)
    assert fleiss_kappa(counts) == pytest.approx(sm_fleiss(counts), rel=1e-12)
    assert fleiss_kappa(np.array([[3.0, 0.0]] * 5)) is None
    assert np.isnan(cohen_kappa(np.array([[5.0, 0.0], [0.0, 0.0]])))


def test_labelers_are_joined_by_key_and_never_by_position(study: Study) -> None:
    pairs, _, (truth, careless) = study(400)
    plain = stability(pairs, (truth, careless), Options(bootstrap=50))
    mixed = stability(pairs, (shuffled(truth, 1), shuffled(careless, 2)), Options(bootstrap=50))
    assert plain == mixed
    assert all(row.agreement > 0.75 for row in plain[0])
    by_position = np.mean(truth.labels[:, 0] == careless.labels[:, 0])
    assert by_position < 0.65  # what the released check computed


def test_only_common_entries_count(study: Study) -> None:
    pairs, _, (truth, careless) = study(300)
    part = replace(
        careless,
        pair_id=careless.pair_id[:200],
        side=careless.side[:200],
        labels=careless.labels[:200],
    )
    keys, places = join([truth, part])
    assert len(keys) == 200
    assert np.array_equal(truth.keys()[places[0]], part.keys()[places[1]])
    rows, _ = stability(pairs, (truth, part), Options(bootstrap=20))
    assert {row.n for row in rows} == {200}
    other = replace(part, pair_id=part.pair_id + 10_000)
    rows, _ = stability(pairs, (truth, other), Options())
    assert {(row.n, row.kappa, row.agreement) for row in rows} == {(0, None, None)}


def test_kappa_interval_follows_pairs_and_is_wider_than_one_over_entries() -> None:
    rng = np.random.default_rng(2)
    pair = np.repeat(np.arange(400), 2)
    a = np.repeat(rng.integers(0, 2, 400), 2).astype(np.int8)
    wrong = np.repeat(rng.random(400) < 0.2, 2)  # both sides of a pair err together
    b = np.where(wrong, 1 - a, a).astype(np.int8)
    key = 2 * pair + np.tile([0, 1], 400)
    clustered = agreement(a, b, key, (0, 1), 400, [1])
    apart = agreement(a, b, 2 * np.arange(800), (0, 1), 400, [1])
    assert clustered.kappa == apart.kappa
    ratio = (clustered.kappa_high - clustered.kappa_low) / (apart.kappa_high - apart.kappa_low)
    assert ratio == pytest.approx(np.sqrt(2), rel=0.2)


def test_bootstrap_equals_a_naive_one_over_pairs() -> None:
    rng = np.random.default_rng(5)
    a = rng.integers(0, 2, 600).astype(np.int8)
    b = np.where(rng.random(600) < 0.25, 1 - a, a).astype(np.int8)
    pair = np.repeat(np.arange(300), 2)
    fast = agreement(a, b, 2 * pair + np.tile([0, 1], 300), (0, 1), 2000, [1])
    naive = []
    for _ in range(2000):
        rows = rng.integers(0, 300, 300)
        entry = np.concatenate([2 * rows, 2 * rows + 1])
        table = np.bincount(2 * a[entry] + b[entry], minlength=4).reshape(2, 2).astype(float)
        naive.append(float(cohen_kappa(table)))
    expected = np.quantile(naive, [0.025, 0.975])
    assert (fast.kappa_low, fast.kappa_high) == pytest.approx(expected, abs=0.015)


def test_constant_labels_have_agreement_and_no_kappa() -> None:
    ones = np.ones(40, np.int8)
    found = agreement(ones, ones, np.arange(40), (0, 1), 100, [1])
    assert (found.agreement, found.pabak, found.kappa, found.kappa_low) == (1.0, 1.0, None, None)


def test_three_labelers_get_fleiss_rows_too(study: Study) -> None:
    pairs, _, (truth, careless) = study(300)
    third = replace(shuffled(careless, 3), name="third")
    rows, _ = stability(pairs, (truth, careless, third), Options(bootstrap=20))
    pairwise = [r for r in rows if r.statistic == "cohen"]
    assert len(pairwise) == 3 * len(pairs.features)
    fleiss = {r.feature: r for r in rows if r.statistic == "fleiss"}
    assert set(fleiss) == {f.name for f in pairs.features}
    votes = np.stack(
        [
            np.sort(x.keys()) * 0 + x.labels[np.argsort(x.keys()), 0]
            for x in (truth, careless, third)
        ],
        axis=1,
    )
    counts = np.stack([(votes == c).sum(axis=1) for c in (0, 1)], axis=1).astype(float)
    assert fleiss["harmless"].kappa == pytest.approx(sm_fleiss(counts), rel=1e-12)
    assert fleiss["harmless"].labelers == 3


def test_imprint_under_each_labeler_and_its_paired_interval(study: Study) -> None:
    pairs, _, (truth, careless) = study(3000)
    rows, _ = stability(pairs, (truth, careless), Options(bootstrap=200))
    row = next(r for r in rows if r.feature == "harmless")
    assert row.beta_a > row.beta_b > 0
    assert row.beta_difference == pytest.approx(row.beta_a - row.beta_b)
    assert 0 < row.beta_difference_low < row.beta_difference < row.beta_difference_high
    exact, _ = beta_differences(pairs, truth, careless, Options(bootstrap=400))
    linear, _ = beta_differences(pairs, truth, careless, Options(bootstrap=0))
    for name, one in exact.items():
        width = (one.high - one.low) / (linear[name].high - linear[name].low)
        assert width == pytest.approx(1.0, abs=0.15)


def test_a_labeler_that_skips_a_feature_or_an_entry_is_handled(study: Study) -> None:
    pairs, _, (truth, careless) = study(300)
    labels = careless.labels[:, :4].copy()
    labels[:9, 0] = MISSING
    part = replace(careless, features=careless.features[:4], labels=labels)
    rows, _ = stability(pairs, (truth, part), Options(bootstrap=20))
    n = {r.feature: r.n for r in rows}
    assert n == {"harmless": 591, "helpful": 600, "eloquent": 600, "sentiment": 600}
    assert all(r.beta_n < 300 for r in rows)


def test_bad_labels_are_refused_by_name(study: Study) -> None:
    pairs, _, (truth, careless) = study(20)
    with pytest.raises(ValueError, match="labeled twice"):
        replace(truth, pair_id=np.zeros_like(truth.pair_id))
    labels = careless.labels.copy()
    labels[0, 0] = 5
    with pytest.raises(ValueError, match="harmless has a label 5"):
        stability(pairs, (truth, replace(careless, labels=labels)), Options())
    with pytest.raises(ValueError, match="different names"):
        stability(pairs, (truth, truth), Options())


# ------------------------------------------------------------------ ambiguity


def test_ambiguity_is_the_sum_of_unsure_and_disagree() -> None:
    margin = np.linspace(-5, 5, 41)
    for opinion in range(4):
        a = ambiguity(margin, np.full(41, opinion, np.int8), 1.0)
        assert a.score == pytest.approx(a.unsure + a.disagree, abs=1e-15)
        assert np.all((a.score >= 0) & (a.score <= 1 + 1e-12))
        assert np.all(a.disagree >= 0)


def test_ambiguity_orders_pairs_as_a_reader_would() -> None:
    margin = np.array([9.0, 0.0, -9.0, -9.0])
    opinion = np.array([0, 1, 0, 2], np.int8)
    a = ambiguity(margin, opinion, 1.0)
    agreed, unsure, model_alone, human_alone = a.score
    assert agreed < 0.01 < min(unsure, model_alone, human_alone)
    assert a.unsure[1] > 0.6 > a.unsure[2]
    assert a.disagree[2] > 0.85


def test_a_pair_without_an_opinion_is_judged_by_the_other_two() -> None:
    a = ambiguity(np.zeros(1), np.array([3], np.int8), 1.0)
    assert a.score == pytest.approx(entropy(np.array([0.75])))
    assert a.unsure == pytest.approx([0.5])


def test_ambiguity_does_not_depend_on_the_scale_of_the_reward() -> None:
    rng = np.random.default_rng(0)
    margin, opinion = rng.normal(size=50), rng.integers(0, 3, 50).astype(np.int8)
    one, other = ambiguity(margin, opinion), ambiguity(8 * margin, opinion)
    assert one.score == pytest.approx(other.score, abs=1e-12)
    assert ambiguity(np.zeros(3), np.ones(3, np.int8)).unsure == pytest.approx([2 / 3] * 3)
    assert entropy(np.array([0.0, 0.5, 1.0])) == pytest.approx([0, 1, 0], abs=1e-12)


def test_resistance_bands_cover_all_pairs() -> None:
    rng = np.random.default_rng(0)
    score, aligned = rng.random(103), rng.random(103) < 0.7
    bands = resistance_by_ambiguity(score, aligned)
    assert sum(b.n for b in bands) == 103
    assert sum(b.misaligned for b in bands) == int(np.sum(~aligned))
    assert all(x.score_high <= y.score_low for x, y in pairwise(bands))
    assert resistance_by_ambiguity(np.zeros(0), np.zeros(0, bool)) == []
