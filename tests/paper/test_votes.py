"""Resistance where annotators agree and where they split: against statsmodels and planted truth."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from engine.paper.inference import wilson
from engine.paper.inputs import Feature, Options, Pairs
from engine.paper.measures import compute, pair_facts
from engine.paper.votes import vote_agreement, vote_codes
from engine.results.choices import TiePolicy
from engine.results.records import VOTES, VotesRow

FEATURES = (Feature("harmless", "bool", "target"), Feature("helpful", "bool", "target"))
KINDS = np.array([[3, 0, 0], [2, 1, 0], [1, 0, 0], [0, 0, 0], [2, 0, 1], [0, 2, 0], [0, 0, 2]])


def planted(
    seed: int, n: int = 1500, agree: float = 0.2, split: float = 0.4, size: int = 1, ties: float = 0
) -> Pairs:
    """Pairs with these resistances of post-D, in groups of `size` that share part of their luck."""
    dice = np.random.default_rng(seed)
    votes = KINDS[dice.integers(0, len(KINDS), n)]
    group = np.arange(n) // size
    if size > 1:
        votes = votes[group * size]
    luck = np.where(dice.random(n) < 0.7, dice.random(n)[group * size], dice.random(n))
    code = vote_codes(votes)
    share = np.where(code == VOTES.index("split"), split, agree)
    bad = luck < share
    post = np.column_stack([np.where(bad, -1.0, 1.0), np.zeros(n)])
    post[dice.random(n) < ties] = 0.0
    labels = np.zeros((n, 2), np.int8)
    pre = dice.normal(size=(n, 2))
    return Pairs(np.arange(n), pre, post, FEATURES, labels, labels, votes, group)


def found(pairs: Pairs, policy: TiePolicy = "misaligned") -> dict[str, VotesRow]:
    options = Options(tie_policy=policy, bootstrap=10)
    return {row.role: row for row in compute(pairs, None, (), options).resistance_by_votes}


def test_annotators_agree_if_there_are_two_and_all_say_the_same() -> None:
    expected = ["agree", "split", "one", "none", "split", "agree", "agree"]
    assert [VOTES[code] for code in vote_codes(KINDS)] == expected
    assert vote_agreement(KINDS) == pytest.approx([1, 2 / 3, 1, np.nan, 2 / 3, 1, 1], nan_ok=True)
    facts = pair_facts(planted(0, 40), (), Options())
    assert facts.votes.tolist() == [VOTES[code] for code in vote_codes(planted(0, 40).votes)]


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("policy", ["misaligned", "half", "exclude", "separate"])
def test_shares_and_their_difference_are_those_of_statsmodels(size: int, policy: TiePolicy) -> None:
    pairs = planted(4, size=size, ties=0.05)
    code = vote_codes(pairs.votes)
    for role, rewards in (("pre", pairs.pre), ("post", pairs.post)):
        row = found(pairs, policy)[role]
        tied = rewards[:, 0] == rewards[:, 1]
        weight = {"misaligned": 1.0, "half": 0.5, "exclude": np.nan, "separate": 0.0}[policy]
        bad = np.where(tied, weight, rewards[:, 0] < rewards[:, 1])
        use = np.isin(code, [VOTES.index("agree"), VOTES.index("split")]) & ~np.isnan(bad)
        split = code == VOTES.index("split")
        for name, of in (("agree", ~split), ("split", split)):
            here = bad[use & of]
            assert getattr(row, f"n_{name}") == len(here)
            assert getattr(row, f"aligned_{name}") == (rewards[use & of] @ [1, -1] > 0).sum()
            assert getattr(row, f"resistance_{name}") == pytest.approx(here.mean())
            ends = getattr(row, f"{name}_low"), getattr(row, f"{name}_high")
            assert ends == pytest.approx(wilson(here.sum(), len(here)))
        fit = sm.OLS(bad[use], sm.add_constant(split[use].astype(float))).fit(
            cov_type="cluster", cov_kwds={"groups": pairs.group[use]}, use_t=True
        )
        assert row.clusters == len(set(pairs.group[use]))
        assert row.difference == pytest.approx(fit.params[1])
        assert row.std_error == pytest.approx(fit.bse[1])
        assert (row.statistic, row.p_value) == pytest.approx((fit.tvalues[1], fit.pvalues[1]))
        assert (row.difference_low, row.difference_high) == pytest.approx(fit.conf_int()[1])


def test_a_planted_difference_is_found_and_none_where_there_is_none() -> None:
    row = found(planted(1))["post"]
    assert row.resistance_agree == pytest.approx(0.2, abs=0.04)
    assert row.resistance_split == pytest.approx(0.4, abs=0.05)
    assert row.p_value is not None and row.p_value < 1e-6
    assert found(planted(1))["pre"].p_value > 0.01  # type: ignore[operator]


def test_the_interval_holds_the_truth_as_often_as_it_says_also_in_groups() -> None:
    runs, held = 200, 0
    for seed in range(runs):
        row = found(planted(seed, 600, size=4))["post"]
        assert row.difference_low is not None and row.difference_high is not None
        held += row.difference_low <= 0.2 <= row.difference_high
    assert held / runs == pytest.approx(0.95, abs=0.04)


def test_without_votes_there_is_no_table_and_nothing_missing() -> None:
    pairs = planted(0, 50)
    bare = Pairs(pairs.pair_id, pairs.pre, pairs.post, FEATURES, pairs.chosen, pairs.rejected)
    tables = compute(bare, None, (), Options(bootstrap=10))
    assert tables.resistance_by_votes == ()
    assert all(row.table != "resistance_by_votes" for row in tables.dropped)


def test_too_few_pairs_for_a_difference_are_told() -> None:
    pairs = planted(0, 50).take(np.arange(2))
    pairs = Pairs(
        *(getattr(pairs, n) for n in ("pair_id", "pre", "post")),
        FEATURES,
        pairs.chosen,
        pairs.rejected,
        KINDS[:2],
    )
    tables = compute(pairs, None, (), Options(bootstrap=10))
    assert [row.difference for row in tables.resistance_by_votes] == [None, None]
    reasons = {row.reason for row in tables.dropped if row.table == "resistance_by_votes"}
    assert reasons == {"too_few_pairs"}


def test_the_order_of_the_pairs_does_not_matter() -> None:
    pairs = planted(3, size=3)
    order = np.random.default_rng(0).permutation(len(pairs))
    assert found(pairs.take(order)) == found(pairs)
