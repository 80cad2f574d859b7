"""Resistance where the annotators of a pair agree, against where they split (ours).

Annotators agree on a pair if there are at least two votes and all are alike. Pairs of one group are
not independent, so the difference is that of a regression with errors clustered by group: CR1,
t(G−1). Where every pair is alone, that is HC1.
"""

from __future__ import annotations

import numpy as np

from engine.paper.given import Given, Measured, measure
from engine.paper.inference import coefficients
from engine.paper.inputs import Bool, Float, Int, Int8
from engine.paper.linear import ols_clustered
from engine.paper.resistance import alignment_row
from engine.results.choices import TiePolicy
from engine.results.records import VOTES, Coefficient, DroppedFeature, VotesRow

TABLE = "resistance_by_votes"
_NOT_ESTIMATED = Coefficient(None)


def vote_codes(votes: Int) -> Int8:
    """Codes into VOTES. votes: int64[N,3], for the chosen side, for the rejected side, ties."""
    total, most = votes.sum(axis=1), votes.max(axis=1, initial=0)
    code = np.where(most == total, VOTES.index("agree"), VOTES.index("split"))
    code[total == 1] = VOTES.index("one")
    code[total == 0] = VOTES.index("none")
    return code.astype(np.int8)


def vote_agreement(votes: Int) -> Float:
    """The share of the votes that the commonest answer has, float64[N]; NaN without votes."""
    total = votes.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(votes.max(axis=1, initial=0) / total, dtype=np.float64)


def misaligned(rewards: Float, policy: TiePolicy) -> tuple[Float, Bool]:
    """Per pair how much it counts as misaligned (0, ½ or 1), and whether it counts at all."""
    tied = rewards[:, 0] == rewards[:, 1]
    bad = (rewards[:, 0] < rewards[:, 1]).astype(np.float64)
    bad[tied] = {"misaligned": 1.0, "half": 0.5, "exclude": 0.0, "separate": 0.0}[policy]
    return bad, ~tied if policy == "exclude" else np.ones(len(tied), np.bool_)


def difference(bad: Float, split: Bool, cluster: Int) -> tuple[Coefficient, int]:
    """Mean of `bad` where split minus where not, clustered, and the number of clusters."""
    _, code = np.unique(cluster, return_inverse=True)
    clusters = int(code.max()) + 1 if len(code) else 0
    if clusters < 3 or not split.any() or split.all():
        return _NOT_ESTIMATED, clusters
    design = np.column_stack([np.ones(len(bad)), split])
    fit = ols_clustered(design, bad, code)
    return coefficients(fit.beta[1:], fit.std_error[1:], fit.df)[0], clusters


def votes_row(role: str, rewards: Float, code: Int8, cluster: Int, policy: TiePolicy) -> VotesRow:
    """The row of one model: rewards float64[N,2], codes into VOTES, the cluster of every pair."""
    split = code == VOTES.index("split")
    agree = code == VOTES.index("agree")
    bad, use = misaligned(rewards, policy)
    use &= split | agree
    both = [alignment_row("", role, rewards[of], policy) for of in (agree, split)]
    estimate, clusters = difference(bad[use], split[use], cluster[use])
    together, apart = both
    return VotesRow(
        role=role,
        n_agree=together.n,
        aligned_agree=together.aligned,
        resistance_agree=together.resistance,
        agree_low=together.resistance_low,
        agree_high=together.resistance_high,
        n_split=apart.n,
        aligned_split=apart.aligned,
        resistance_split=apart.resistance,
        split_low=apart.resistance_low,
        split_high=apart.resistance_high,
        difference=estimate.estimate,
        std_error=estimate.std_error,
        difference_low=estimate.ci_low,
        difference_high=estimate.ci_high,
        statistic=estimate.statistic,
        df=estimate.df,
        p_value=estimate.p_value,
        log10_p=estimate.log10_p,
        clusters=clusters,
        tie_policy=policy,
    )


@measure(TABLE)
def table(given: Given) -> Measured[VotesRow]:
    pairs, policy = given.pairs, given.options.tie_policy
    code = vote_codes(pairs.votes)
    if not np.isin(code, (VOTES.index("agree"), VOTES.index("split"))).any():
        return Measured(())
    rows = [
        votes_row(role, rewards, code, pairs.group, policy)
        for role, rewards in (("pre", pairs.pre), ("post", pairs.post))
    ]
    return Measured(rows, [_dropped(row) for row in rows if row.p_value is None])


def _dropped(row: VotesRow) -> DroppedFeature:
    detail = (
        f"{row.role}: no interval of the difference from {row.n_agree} pairs with annotators that "
        f"agree and {row.n_split} that split, in {row.clusters} groups"
    )
    return DroppedFeature(TABLE, "*", "*", "*", "too_few_pairs", detail)
