"""Label stability and ambiguity (docs/method.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.inter_rater import fleiss_kappa as sm_fleiss

from engine.paper.ambiguity import ambiguity, ambiguity_rows, entropy, preference
from engine.paper.imprint import reward_imprint
from engine.paper.inputs import MISSING, Feature, Labels, Options, Pairs
from engine.paper.linear import first_difference
from engine.paper.measures import pair_facts
from engine.paper.stability import agreement, cohen_kappa, fleiss_kappa, join, stability
from engine.paper.stability_imprint import stability_imprint
from engine.results.records import ImprintRow

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
    assert all(row.agreement > 0.75 for row in plain)
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
    rows = stability(pairs, (truth, part), Options(bootstrap=20))
    assert {row.n for row in rows} == {200}
    other = replace(part, pair_id=part.pair_id + 10_000)
    rows = stability(pairs, (truth, other), Options())
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
    rows = stability(pairs, (truth, careless, third), Options(bootstrap=20))
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


def imprints(rows: list, outcome: str = "post") -> dict:
    return {r.feature: r for r in rows if r.outcome == outcome}


def test_imprint_under_each_labeler_and_its_paired_interval(study: Study) -> None:
    pairs, _, (truth, careless) = study(3000)
    rows, dropped = stability_imprint(pairs, (truth, careless), Options(bootstrap=200))
    assert dropped == []
    assert len(rows) == 3 * len(pairs.features)
    row = imprints(rows)["harmless"]
    assert row.estimate_a > row.estimate_b > 0
    assert row.difference == pytest.approx(row.estimate_a - row.estimate_b)
    assert 0 < row.difference_low < row.difference < row.difference_high
    assert row.differs
    assert not row.sign_change
    assert not imprints(rows)["inert"].differs
    # the truth's own labels are the pairs': its estimates are those of the imprint table
    theirs = {r.feature: r for r in reward_imprint(pairs, Options())[0] if is_fe(r, "difference")}
    for name, one in imprints(rows, "difference").items():
        assert one.estimate_a == pytest.approx(theirs[name].coefficient.estimate, rel=1e-12)
        assert one.ci_high_a == pytest.approx(theirs[name].coefficient.ci_high, rel=1e-12)


def is_fe(row: ImprintRow, outcome: str) -> bool:
    return (row.preset, row.outcome) == ("pair-fe", outcome)


def test_the_paired_bootstrap_equals_a_naive_one_and_its_linear_form(study: Study) -> None:
    pairs, _, (truth, careless) = study(600)
    rows, _ = stability_imprint(pairs, (truth, careless), Options(bootstrap=1500))
    linear, _ = stability_imprint(pairs, (truth, careless), Options(bootstrap=0))
    names = [f.name for f in pairs.features]
    dx = [np.subtract(*labels.of_pairs(pairs.pair_id, names)) for labels in (truth, careless)]
    dy = pairs.post[:, 0] - pairs.post[:, 1]
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(1500):
        i = rng.integers(0, 600, 600)
        a, b = (first_difference(x[i].astype(float), dy[i]).beta for x in dx)
        draws.append(a - b)
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    for j, name in enumerate(names):
        one, other = imprints(rows)[name], imprints(linear)[name]
        width = high[j] - low[j]
        assert one.difference_low == pytest.approx(low[j], abs=0.12 * width)
        assert one.difference_high == pytest.approx(high[j], abs=0.12 * width)
        assert other.difference_high - other.difference_low == pytest.approx(width, rel=0.12)


def test_an_estimate_that_changes_its_sign_with_the_labeler_is_flagged(study: Study) -> None:
    pairs, _, (truth, _) = study(1500)
    contrary = truth.labels.copy()
    contrary[:, 0] = 1 - contrary[:, 0]
    rows, _ = stability_imprint(
        pairs,
        (truth, replace(shuffled(truth), name="contrary", labels=contrary[order_of(truth)])),
        Options(bootstrap=50),
    )
    flagged = {(r.feature, r.outcome) for r in rows if r.sign_change_clear}
    assert flagged == {("harmless", o) for o in ("pre", "post", "difference")}
    one = imprints(rows)["harmless"]
    assert one.estimate_b == pytest.approx(-one.estimate_a)
    assert one.sign_change
    assert one.differs
    same = imprints(rows)["helpful"]
    assert (same.difference, same.differs, same.sign_change) == (pytest.approx(0), False, False)


def order_of(labels: Labels) -> np.ndarray:
    """The order `shuffled` gives."""
    return np.random.default_rng(0).permutation(len(labels.pair_id))


def test_a_labeler_that_skips_a_feature_or_an_entry_is_handled(study: Study) -> None:
    pairs, _, (truth, careless) = study(300)
    labels = careless.labels[:, :4].copy()
    labels[:9, 0] = MISSING
    part = replace(careless, features=careless.features[:4], labels=labels)
    rows = stability(pairs, (truth, part), Options(bootstrap=20))
    n = {r.feature: r.n for r in rows}
    assert n == {"harmless": 591, "helpful": 600, "eloquent": 600, "sentiment": 600}
    found, _ = stability_imprint(pairs, (truth, part), Options(bootstrap=20))
    assert {r.feature for r in found} == set(n)
    assert all(290 < r.n < 300 for r in found)
    silent = part.labels.copy()
    silent[:, 1] = MISSING
    found, dropped = stability_imprint(
        pairs, (truth, replace(part, labels=silent)), Options(bootstrap=20)
    )
    assert {r.feature for r in found} == {"harmless", "eloquent", "sentiment"}
    assert [(d.feature, d.reason) for d in dropped] == [("helpful", "not_labeled")]


def test_labels_of_pairs_are_found_by_key(study: Study) -> None:
    pairs, _, (_, careless) = study(50)
    chosen, rejected = careless.of_pairs(np.array([3, 999, 0]), ["helpful", "harmless"])
    for row, pair in ((0, 3), (2, 0)):
        for side, labels in ((0, chosen), (1, rejected)):
            (at,) = np.flatnonzero((careless.pair_id == pair) & (careless.side == side))
            assert labels[row].tolist() == careless.labels[at, [1, 0]].tolist()
    assert (chosen[1] == MISSING).all()
    none = Labels("x", np.zeros(0, int), np.zeros(0, np.int8), ("a",), np.zeros((0, 1), np.int8))
    assert (none.of_pairs(pairs.pair_id, ["a"])[0] == MISSING).all()


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
    models = preference(np.linspace(-5, 5, 41)), preference(np.linspace(4, -3, 41))
    for opinion in range(4):
        codes = np.full(41, opinion, np.int8)
        a = ambiguity(models, [codes, codes[::-1]])
        assert a.score == pytest.approx(a.unsure + a.disagree, abs=1e-15)
        assert np.all((a.score >= 0) & (a.score <= 1 + 1e-12))
        assert np.all(a.disagree >= 0)


def test_ambiguity_orders_pairs_as_a_reader_would() -> None:
    post = preference(np.array([9.0, 0.0, -9.0, -9.0]), temperature=1.0)
    opinion = np.array([0, 1, 0, 2], np.int8)
    a = ambiguity([post], [opinion])
    agreed, unsure, model_alone, human_alone = a.score
    assert agreed < 0.01 < min(unsure, model_alone, human_alone)
    assert a.unsure[1] > 0.6 > a.unsure[2]
    assert a.disagree[2] > 0.85


def test_two_models_or_two_labelers_that_contradict_each_other_raise_disagree() -> None:
    sure, against = (
        preference(np.array([9.0]), temperature=1.0),
        preference(np.array([-9.0]), temperature=1.0),
    )
    c, r = np.array([0], np.int8), np.array([2], np.int8)
    calm = ambiguity([sure, sure], [c, c])
    for models, opinions in (([against, sure], [c, c]), ([sure, sure], [c, r])):
        torn = ambiguity(models, opinions)
        assert torn.disagree > calm.disagree + 0.5
        assert torn.unsure == pytest.approx(calm.unsure)


def test_a_margin_within_the_scorers_noise_is_a_coin_toss() -> None:
    margin = np.array([-0.3, 0.0, 0.2, 0.5, 4.0])
    found = preference(margin, floor=0.3, temperature=1.0)
    assert found[:3] == pytest.approx(0.5)
    assert 0.5 < found[3] < 0.6
    assert preference(margin, floor=9.0) == pytest.approx(0.5)
    assert preference(np.zeros(0)).shape == (0,)


def test_the_ambiguity_of_a_pair_hears_every_labeler_of_the_study() -> None:
    features = (Feature("harmless", "bool", "target"), Feature("helpful", "bool", "target"))
    one, none = np.ones((2, 2), np.int8), np.zeros((2, 2), np.int8)
    sure = np.array([[9.0, 0.0]] * 2)
    pairs = Pairs(np.array([4, 7]), sure, sure, features, one, none)
    entry, side = np.array([7, 7, 4, 4]), np.array([0, 1, 0, 1], np.int8)
    names = ("helpful", "harmless")

    def labeler(name: str, rows: list[list[int]]) -> Labels:
        return Labels(name, entry, side, names, np.array(rows, np.int8))

    main = labeler("main", [[1, 1], [0, 0], [1, 1], [0, 0]])
    other = labeler("other", [[0, 0], [1, 1], [1, 1], [0, 0]])  # against pair 7's choice
    alone = pair_facts(pairs, (main,), Options(opinion_features=("harmless", "helpful")))
    both = pair_facts(pairs, (main, other), Options(opinion_features=("harmless", "helpful")))
    assert alone.ambiguity[0] == alone.ambiguity[1]
    assert both.ambiguity[0] < both.ambiguity[1]
    assert both.ambiguity_disagree[1] > both.ambiguity_disagree[0] + 0.3
    silent = replace(other, labels=np.full((4, 2), MISSING, np.int8))
    unheard = pair_facts(pairs, (main, silent), Options(opinion_features=("harmless", "helpful")))
    assert unheard.ambiguity == pytest.approx(alone.ambiguity)


def test_a_pair_without_an_opinion_is_judged_by_the_others() -> None:
    a = ambiguity([preference(np.zeros(1))], [np.array([3], np.int8)])
    assert a.score == pytest.approx(entropy(np.array([0.75])))
    assert a.unsure == pytest.approx([0.5])


def test_ambiguity_does_not_depend_on_the_scale_of_the_reward() -> None:
    rng = np.random.default_rng(0)
    margin, opinion = rng.normal(size=50), rng.integers(0, 3, 50).astype(np.int8)
    one, other = (ambiguity([preference(k * margin, k * 0.1)], [opinion]) for k in (1, 8))
    assert one.score == pytest.approx(other.score, abs=1e-12)
    flat = ambiguity([preference(np.zeros(3))], [np.ones(3, np.int8)])
    assert flat.unsure == pytest.approx([2 / 3] * 3)
    assert entropy(np.array([0.0, 0.5, 1.0])) == pytest.approx([0, 1, 0], abs=1e-12)


def test_resistance_bands_cover_all_pairs() -> None:
    rng = np.random.default_rng(0)
    score, aligned = rng.random(103), rng.random(103) < 0.7
    bands = ambiguity_rows(score, aligned)
    assert sum(b.n for b in bands) == 103
    assert sum(b.misaligned for b in bands) == int(np.sum(~aligned))
    assert all(x.score_high <= y.score_low for x, y in pairwise(bands))
    assert ambiguity_rows(np.zeros(0), np.zeros(0, bool)) == []
