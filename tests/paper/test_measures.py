"""The one entry: keys and fields of the design, degenerate data, order, size."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.paper import imprint, selftest
from engine.paper.inputs import MISSING, Feature, Labels, Options, Pairs, Rewrites, no_rewrites
from engine.paper.measures import compute, pair_facts
from engine.results import flat
from engine.results.choices import PRESETS

Study = Callable[..., tuple]

COEFFICIENT = "p_bonferroni p_holm p_bh mde log10_p"
DESIGN = {  # what scripts may rely on: docs/method.md lists every field
    "alignment": "model role n aligned ties alignment resistance ci_low ci_high",
    "regimes": "regime opinion n",
    "opinions": "opinion n aligned_pre aligned_post",
    "tests": "name group n statistic p_value log10_p details",
    "shifts": "group n undefined mean_deg median_deg sd_deg circular_mean_deg t t_p sign_m sign_p",
    "imprint": "outcome preset feature class estimate std_error statistic df p_value p_adjusted"
    " ci_low ci_high vif n clusters",
    "shift_imprint": "preset feature side class estimate std_error statistic df p_value p_adjusted"
    " ci_low ci_high vif n clusters",
    "misalignment": "preset feature side class estimate std_error statistic df p_value p_adjusted"
    " ci_low ci_high vif n clusters",
    "robustness": "preset feature side sign estimate std_error statistic p_value p_adjusted"
    " ci_low ci_high events n",
    "robustness_drift": "threshold rewrites feature side sign class population estimate std_error"
    " p_value log10_p ci_low ci_high events n total",
    "resistance_by_strategy": "strategy role n cosine_mean resistance_before resistance_after"
    " change change_low change_high aligned_before became_misaligned became_aligned loss loss_low"
    " loss_high p_value log10_p",
    "resistance_by_ambiguity": "band n score_low score_high misaligned resistance ci_low ci_high",
    "resistance_by_votes": "role n_agree aligned_agree resistance_agree agree_low agree_high"
    " n_split aligned_split resistance_split split_low split_high difference std_error"
    " difference_low difference_high statistic df p_value log10_p clusters tie_policy",
    "stability": "feature labeler_a labeler_b n agreement kappa kappa_low kappa_high pabak"
    " prevalence_a prevalence_b",
    "stability_imprint": "outcome feature class labeler_a labeler_b n estimate_a std_error_a"
    " ci_low_a ci_high_a estimate_b std_error_b ci_low_b ci_high_b difference difference_low"
    " difference_high differs sign_change sign_change_clear",
    "dropped": "table preset feature side reason detail",
}
FAST = Options(bootstrap=30)


def as_json(pairs: Pairs, rewrites: Rewrites | None, labelers: tuple, options: Options) -> str:
    """All tables as strict JSON; any warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tables = flat.tables(compute(pairs, rewrites, labelers, options))
    return json.dumps(tables, allow_nan=False)


def test_tables_have_the_keys_and_fields_of_the_design(study: Study) -> None:
    pairs, rewrites, labelers = study(500)
    labels = pairs.chosen.copy()
    labels[:, 4] = 1
    votes = np.tile([[2, 1, 0], [3, 0, 0]], (len(pairs) // 2, 1))
    voted = replace(pairs, chosen=labels, votes=votes)
    tables = flat.tables(compute(voted, rewrites, labelers, FAST))
    tables["dropped"].extend(flat.tables(compute(pairs, None, (), FAST))["dropped"])
    assert set(DESIGN) <= set(tables)
    for name, wanted in DESIGN.items():
        assert tables[name], name
        assert set(wanted.split()) <= set(tables[name][0]), name
    for name in ("imprint", "shift_imprint", "misalignment", "robustness"):
        assert set(COEFFICIENT.split()) <= set(tables[name][0]), name
        assert {row["preset"] for row in tables[name]} == set(PRESETS)
    assert {row["sign"] for row in tables["robustness"]} == {"+", "-"}
    assert {row["regime"] for row in tables["regimes"]} == {
        "stayed",
        "got",
        "resisted",
        "reversed",
    }
    assert len(tables["shifts"]) == 1 + 4 + 12


@pytest.mark.parametrize("policy", ["misaligned", "half", "exclude", "separate"])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 12, 50])
def test_any_small_number_of_pairs_is_measured(study: Study, n: int, policy: str) -> None:
    pairs, rewrites, labelers = study(n)
    options = replace(FAST, tie_policy=policy)
    as_json(pairs, rewrites, labelers, options)
    as_json(pairs, None, labelers[:1], options)
    pair_facts(pairs, labelers, options)


label = st.sampled_from([0, 1, 1, 0, MISSING])


@st.composite
def tiny_studies(draw: st.DrawFn) -> tuple[Pairs, Rewrites, tuple[Labels, ...], Options]:
    """Anything small: coarse rewards (many ties), missing labels, repeated rewrites."""
    n, k, m = draw(st.integers(0, 25)), draw(st.integers(0, 3)), draw(st.integers(0, 25))
    features = tuple(
        Feature(f"f{j}", "bool", draw(st.sampled_from(["target", "spoiler", "other"])))
        for j in range(k)
    )

    def labels(rows: int) -> np.ndarray:
        return draw(hnp.arrays(np.int8, (rows, k), elements=label))

    def rewards(rows: int) -> np.ndarray:
        return draw(hnp.arrays(np.float64, (rows, 2), elements=st.integers(-2, 2).map(float)))

    pairs = Pairs(np.arange(n) * 3, rewards(n), rewards(n), features, labels(n), labels(n))
    rewrites = Rewrites(
        np.arange(m) // 2,
        ["a" if i % 2 else "b" for i in range(m)],
        *(labels(m) for _ in range(4)),
        *(rewards(m) for _ in range(5)),
    )
    names = tuple(f.name for f in features)
    raters = tuple(
        Labels(name, np.arange(n) * 3, np.full(n, side, np.int8), names, labels(n))
        for name, side in (("a", 0), ("b", 0), ("c", 1))
    )
    options = Options(
        tie_policy=draw(st.sampled_from(["misaligned", "half", "exclude", "separate"])),
        opinion=draw(st.sampled_from(["lexicographic", "pareto"])),
        min_count=draw(st.integers(1, 4)),
        bootstrap=draw(st.integers(0, 9)),
        noise_floor=(draw(st.sampled_from([0.0, 1.0])), draw(st.sampled_from([0.0, 1.5]))),
    )
    return pairs, rewrites, raters, options


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tiny_studies())
def test_any_tiny_study_gives_finite_json_and_no_warning(
    tiny: tuple[Pairs, Rewrites, tuple[Labels, ...], Options],
) -> None:
    as_json(*tiny)
    pair_facts(tiny[0], tiny[2], tiny[3])


def constant(pairs: Pairs) -> Pairs:
    return replace(pairs, chosen=np.ones_like(pairs.chosen), rejected=np.ones_like(pairs.rejected))


@pytest.mark.parametrize(
    "change",
    [
        constant,
        lambda p: replace(p, post=np.ones_like(p.post)),
        lambda p: replace(p, pre=np.zeros_like(p.pre), post=np.zeros_like(p.post)),
        lambda p: replace(p, post=np.repeat(p.post[:, :1], 2, axis=1)),
        lambda p: replace(p, post=p.post * 1e150),
        lambda p: replace(p, features=tuple(replace(f, regress=False) for f in p.features)),
        lambda p: replace(p, features=tuple(replace(f, role="other") for f in p.features)),
        lambda p: replace(p, chosen=p.rejected),
    ],
    ids=["constant", "tied", "zero", "ties", "huge", "unregressed", "roleless", "same"],
)
def test_degenerate_pairs_give_tables_and_reasons(
    study: Study, change: Callable[[Pairs], Pairs]
) -> None:
    pairs, rewrites, labelers = study(80)
    for policy in ("misaligned", "exclude"):
        as_json(change(pairs), rewrites, labelers, replace(FAST, tie_policy=policy))


def test_no_features_at_all_still_measures_the_rewards() -> None:
    rng = np.random.default_rng(0)
    none = np.zeros((30, 0), np.int8)
    pairs = Pairs(np.arange(30), rng.normal(size=(30, 2)), rng.normal(size=(30, 2)), (), none, none)
    found = compute(pairs, no_rewrites(0), (), FAST)
    assert found.alignment[1].n == 30
    assert found.imprint == ()


@pytest.mark.parametrize("unit", [1.0, -1.0])
def test_all_verdicts_alike_leave_no_misalignment_model(study: Study, unit: float) -> None:
    pairs, rewrites, labelers = study(200)
    post = np.column_stack([np.full(200, unit), np.zeros(200)])
    found = compute(replace(pairs, post=post), rewrites, labelers, FAST)
    assert found.misalignment == ()
    assert found.alignment[1].alignment == (1.0 if unit > 0 else 0.0)


def test_the_order_of_the_rows_changes_no_bit(study: Study) -> None:
    pairs, rewrites, labelers = study(400)
    rng = np.random.default_rng(9)
    order, other = rng.permutation(400), rng.permutation(400)
    mixed = tuple(
        replace(x, pair_id=x.pair_id[e], side=x.side[e], labels=x.labels[e])
        for x, e in ((labels, rng.permutation(800)) for labels in labelers)
    )
    one = as_json(pairs, rewrites, labelers, FAST)
    assert one == as_json(pairs.take(order), rewrites.take(other), mixed, FAST)
    assert one == as_json(pairs, rewrites, labelers, FAST)
    a, b = pair_facts(pairs, labelers, FAST), pair_facts(pairs.take(order), mixed, FAST)
    for field in fields(a):
        assert getattr(a, field.name).tobytes() == getattr(b, field.name).tobytes(), field.name


def test_the_seed_changes_intervals_and_nothing_else(study: Study) -> None:
    pairs, rewrites, labelers = study(300)
    one = flat.tables(compute(pairs, rewrites, labelers, FAST))
    other = flat.tables(compute(pairs, rewrites, labelers, replace(FAST, seed=8)))
    assert {name for name in one if one[name] != other[name]} == {"stability", "stability_imprint"}


def test_swapping_sides_mirrors_the_verdicts(study: Study) -> None:
    pairs, _, _ = study(300)
    pairs = pairs.take(pairs.post[:, 0] != pairs.post[:, 1])
    swapped = replace(
        pairs,
        pre=pairs.pre[:, ::-1],
        post=pairs.post[:, ::-1],
        chosen=pairs.rejected,
        rejected=pairs.chosen,
    )
    one, other = compute(pairs, None, (), FAST), compute(swapped, None, (), FAST)
    assert other.alignment[1].aligned == one.alignment[1].n - one.alignment[1].aligned
    mirrored = {"stayed": "resisted", "resisted": "stayed", "got": "reversed", "reversed": "got"}
    opinion = {"c": "r", "i": "i", "r": "c"}
    cells = {(r.regime, r.opinion): r.n for r in one.regimes}
    assert {(mirrored[r.regime], opinion[r.opinion]): r.n for r in other.regimes} == cells
    for a, b in zip(one.imprint, other.imprint, strict=True):
        assert a.coefficient.estimate == pytest.approx(b.coefficient.estimate, rel=1e-9, abs=1e-12)


def test_facts_and_tables_tell_the_same_story(study: Study) -> None:
    pairs, _, _ = study(500)
    facts, found = pair_facts(pairs, (), FAST), compute(pairs, None, (), FAST)
    for row in found.regimes:
        mask = (facts.regime == row.regime) & (facts.opinion == row.opinion)
        assert int(mask.sum()) == row.n
    everything = next(r for r in found.shifts if r.group == "all")
    assert everything.mean_deg == pytest.approx(float(np.nanmean(facts.theta)))
    assert found.alignment[1].ties == int(facts.tied_post.sum())


def test_tests_table_holds_the_paper_tests(study: Study) -> None:
    pairs, rewrites, _ = study(500)
    tests = compute(pairs, rewrites, (), FAST).tests
    names = [t.name for t in tests]
    assert sum(n.startswith("mcnemar H_") or n == "mcnemar G against L" for n in names) == 5
    assert sum(n.startswith("t aligned") for n in names) == 8
    by_name = {t.name: t for t in tests}
    first = by_name["mcnemar aligned pre against post"]
    v = pair_facts(pairs, (), FAST)
    assert first.details["b"] == int(np.sum(v.aligned_pre & ~v.aligned_post))
    decided = int(np.sum(v.opinion != "i"))
    assert by_name["mcnemar G against L"].n == decided
    assert by_name["mcnemar aligned post original against rewritten"].group == "neutral"
    # H_post and G differ exactly where the labeler prefers the rejected side
    against = by_name["mcnemar H_post against G"].details
    assert against["b"] + against["c"] == int(np.sum(v.opinion == "r"))


def test_released_t_test_counts_ties_as_aligned_only_when_indifferent() -> None:
    n = 40
    labels = np.zeros((n, 1), np.int8)
    chosen = labels.copy()
    chosen[:20] = 1
    post = np.column_stack([np.where(np.arange(n) % 4 == 0, 0.0, 1.0), np.zeros(n)])
    pairs = Pairs(np.arange(n), post, post, (Feature("x", "bool", "target"),), chosen, labels)
    tests = {(t.name, t.group): t for t in compute(pairs, None, (), FAST).tests}
    plain = tests["t aligned post", "opinion i against c"]
    released = tests["t aligned post (as released)", "opinion i against c"]
    assert plain.details["share_i"] == plain.details["share_c"] == 0.75
    assert released.details["share_i"] == 1.0
    assert released.details["share_c"] == 0.75


def test_wrong_input_is_refused_with_a_clear_word(study: Study) -> None:
    pairs, rewrites, _ = study(10)
    with pytest.raises(ValueError, match="finite"):
        replace(pairs, post=np.full((10, 2), np.nan))
    with pytest.raises(ValueError, match="unique"):
        replace(pairs, pair_id=np.zeros(10, np.int64))
    with pytest.raises(ValueError, match="shape"):
        replace(pairs, chosen=pairs.chosen[:, :2])
    with pytest.raises(ValueError, match="harmless has a label 3"):
        replace(pairs, chosen=np.full_like(pairs.chosen, 3))
    with pytest.raises(ValueError, match="one row per pair and strategy"):
        replace(rewrites, pair_id=np.zeros(10, np.int64))
    narrow = no_rewrites(2)
    with pytest.raises(ValueError, match="one column per feature"):
        compute(pairs, narrow, (), FAST)


def test_a_study_of_the_papers_size_is_measured_whole(taxonomy: tuple[Feature, ...]) -> None:
    n, k = 160_800, len(taxonomy)
    rng = np.random.default_rng(1)
    labels = (rng.random((n, 2, k)) < rng.uniform(0.02, 0.95, k)).astype(np.int8)
    reward = rng.normal(size=(n, 2)) + labels @ rng.normal(size=k)
    pairs = Pairs(
        np.arange(n), reward + rng.normal(size=(n, 2)), reward, taxonomy, labels[:, 0], labels[:, 1]
    )
    found = compute(pairs, None, (), Options())
    assert len(found.imprint) == 3 * 3 * 15
    assert len(found.misalignment) == 3 * 30
    assert sum(row.n for row in found.regimes) == n
    facts = pair_facts(pairs, (), Options())
    assert len(facts.theta) == n
    assert np.all(np.isfinite(facts.ambiguity))


def test_planted_study_passes_its_own_check() -> None:
    report = selftest.run(seed=7, pairs=2000, replications=60)
    lines = selftest.verdict(report)
    assert [line for line in lines if line.endswith("FAILED")] == []
    assert report.passed
    assert lines[-1].startswith(f"All {len(report.checks)} checks passed (seed 7, 2,000 pairs")
    assert {check.part for check in report.checks} == set(selftest.PARTS)
    assert sum(line.endswith("  ok") for line in lines) == len(report.checks)
    assert report == selftest.run(seed=7, pairs=2000, replications=60)


def test_the_self_test_says_so_when_the_measures_are_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = imprint.first_difference
    monkeypatch.setattr(
        imprint, "first_difference", lambda x, y: replace(real(x, y), beta=1.3 * real(x, y).beta)
    )
    report = selftest.run(seed=7, pairs=2000, replications=60)
    assert not report.passed
    lines = selftest.verdict(report)
    wrong = [line for line in lines if line.endswith("FAILED")]
    assert any(line.lstrip().startswith("harmless, post ") for line in wrong)
    assert lines[-1].startswith(f"{len(wrong)} of {len(report.checks)} checks FAILED")


def test_the_test_of_a_strategy_is_the_same_in_both_tables(study: Study) -> None:
    pairs, rewrites, labelers = study(400)
    strategy = ["neutral", "placebo"] * 200
    found = compute(pairs, replace(rewrites, strategy=strategy), labelers, FAST)
    tests = {
        (row.group, row.name.split()[2]): row
        for row in found.tests
        if row.name.endswith("original against rewritten")
    }
    assert len(tests) == len(found.resistance_by_strategy) > 1
    for row in found.resistance_by_strategy:
        test = tests[row.strategy, row.role]
        assert (test.p_value, test.log10_p, test.n) == (row.p_value, row.log10_p, row.n)
        counts = row.became_misaligned, row.became_aligned
        assert (test.details["b"], test.details["c"]) == counts


def test_the_measures_and_the_study_have_the_same_defaults() -> None:
    from engine.study import Measures, Rewrites

    assert Options().min_cosine == Rewrites().min_cosine
    of_study = Measures()
    assert (Options().preset, Options().tie_policy, Options().opinion) == (
        of_study.preset,
        of_study.tie_policy,
        of_study.opinion,
    )


@pytest.mark.parametrize("least", [0.0, 0.85, 0.95, 0.9999])
def test_dissimilar_rewrites_count_nowhere_but_in_the_drift(study: Study, least: float) -> None:
    """Leaving them out beforehand gives the same tables."""
    pairs, rewrites, labelers = study(400)
    cosine = np.random.default_rng(1).uniform(0.8, 1.0, (400, 2))
    rewrites = replace(rewrites, cosine=cosine).ordered()
    filtered = compute(pairs, rewrites, labelers, replace(FAST, min_cosine=least))
    before = compute(pairs, rewrites.near(least), labelers, replace(FAST, min_cosine=0.0))
    assert filtered.robustness == before.robustness
    assert filtered.resistance_by_strategy == before.resistance_by_strategy
    assert [row for row in filtered.tests if row.n] == [row for row in before.tests if row.n]
    assert {row.rewrites for row in filtered.robustness_drift if row.threshold == 0.0} == {400}
