"""The tests on verdicts and opinions (docs/method.md), as rows of one table."""

from __future__ import annotations

import numpy as np

from engine.paper.changes import VerdictChange
from engine.paper.given import Given, Measured, measure
from engine.paper.inference import Test, adjust, mcnemar, sign_test, two_sample_t
from engine.paper.inputs import MISSING, Bool, Float, Pairs
from engine.paper.verdicts import Verdicts, counted
from engine.results.records import TestRow, finite


@measure("tests")
def tests(given: Given) -> Measured[TestRow]:
    """All tests: pre against post; human, labeler and reward model among pairs with an opinion
    (five McNemar); alignment by opinion (four t, and the same as released); gain; each feature
    chosen against rejected; the verdict before and after rewriting."""
    v, shift = given.verdicts, given.shift
    keep = counted(v, given.options.tie_policy)
    rows = [
        _mcnemar(
            "mcnemar aligned pre against post",
            "all",
            v.aligned_pre[keep],
            v.aligned_post[keep],
            ("aligned pre", "aligned post"),
        )
    ]
    rows += _opinion_mcnemar(v, keep)
    rows += _opinion_t(v, keep)
    gain = shift.gain[~np.isnan(shift.gain)]
    plus, minus = int(np.sum(gain > 0)), int(np.sum(gain < 0))
    rows.append(
        _row("sign test of gain", "all", sign_test(plus, minus), {"plus": plus, "minus": minus})
    )
    rows += _features(given.pairs)
    rows += [_rewriting(change) for change in given.changes]
    return Measured(rows)


def _row(name: str, group: str, test: Test, details: dict[str, object]) -> TestRow:
    return TestRow(name, group, test.n, test.statistic, test.p_value, test.log10_p, details)


def _mcnemar(name: str, group: str, a: Bool, b: Bool, of: tuple[str, str]) -> TestRow:
    """Exact McNemar of two 0/1 variables on the same pairs."""
    only_a, only_b, n = int(np.sum(a & ~b)), int(np.sum(b & ~a)), len(a)
    details: dict[str, object] = {
        "first": of[0],
        "second": of[1],
        "b": only_a,  # first holds, second does not
        "c": only_b,
        "share_first": finite(np.mean(a)) if n else None,
        "share_second": finite(np.mean(b)) if n else None,
    }
    return _row(name, group, mcnemar(only_a, only_b, n), details)


def _opinion_mcnemar(v: Verdicts, keep: Bool) -> list[TestRow]:
    """The paper's five, on pairs with γ = c or r. H: the reward model agrees with the human;
    L: the labeler does; G: the labeler agrees with the reward model (post-D)."""
    decided = keep & ((v.opinion == 0) | (v.opinion == 2))
    h_pre, h_post = v.aligned_pre[decided], v.aligned_post[decided]
    with_human = v.opinion[decided] == 0
    with_model = with_human == h_post
    names = {
        "H_pre": h_pre,
        "H_post": h_post,
        "L": with_human,
        "G": with_model,
    }
    tests = ("H_pre", "G"), ("H_pre", "L"), ("G", "L"), ("H_post", "G"), ("H_post", "L")
    return [
        _mcnemar(f"mcnemar {a} against {b}", "opinion c or r", names[a], names[b], (a, b))
        for a, b in tests
    ]


def _opinion_t(v: Verdicts, keep: Bool) -> list[TestRow]:
    """Pooled t-tests of δ between γ = i and γ = c, r. As released, a tie counts as aligned, but
    only where γ = i."""
    rows = []
    models = ("pre", v.aligned_pre, v.tied_pre), ("post", v.aligned_post, v.tied_post)
    for role, aligned, tied in models:
        for code, name in ((0, "c"), (2, "r")):
            for released in (False, True):
                use = np.ones_like(keep) if released else keep
                indifferent = (aligned | tied) if released else aligned
                x = indifferent[use & (v.opinion == 1)].astype(np.float64)
                y = aligned[use & (v.opinion == code)].astype(np.float64)
                rows.append(
                    _row(
                        f"t aligned {role}" + (" (as released)" if released else ""),
                        f"opinion i against {name}",
                        two_sample_t(x, y),
                        {
                            "n_i": len(x),
                            f"n_{name}": len(y),
                            "share_i": finite(np.mean(x)) if len(x) else None,
                            f"share_{name}": finite(np.mean(y)) if len(y) else None,
                        },
                    )
                )
    return rows


def _features(pairs: Pairs) -> list[TestRow]:
    """Is a feature's label higher in chosen entries or in rejected ones? Sign test on the pairs
    that differ (McNemar for a bool feature), p corrected over the features."""
    results = []
    for j, feature in enumerate(pairs.features):
        chosen, rejected = pairs.chosen[:, j], pairs.rejected[:, j]
        labeled = (chosen != MISSING) & (rejected != MISSING)
        chosen, rejected = chosen[labeled], rejected[labeled]
        plus, minus = int(np.sum(chosen > rejected)), int(np.sum(chosen < rejected))
        details: dict[str, object] = {
            "chosen_higher": plus,
            "rejected_higher": minus,
            "mean_chosen": finite(np.mean(chosen)) if len(chosen) else None,
            "mean_rejected": finite(np.mean(rejected)) if len(rejected) else None,
        }
        results.append((feature.name, sign_test(plus, minus), details))
    p = np.array([np.nan if t.p_value is None else t.p_value for _, t, _ in results])
    adjusted: Float = adjust(p.astype(np.float64), "bonferroni")
    return [
        _row(
            "sign test chosen against rejected",
            name,
            test,
            {**details, "p_adjusted": finite(adjusted[i])},
        )
        for i, (name, test, details) in enumerate(results)
    ]


def _rewriting(change: VerdictChange) -> TestRow:
    """The verdict before and after rewriting: with a placebo strategy the share that changes is
    the noise of rewriting itself."""
    n, after = change.n, change.good - change.lost + change.gained
    details: dict[str, object] = {
        "first": "original",
        "second": "rewritten",
        "b": change.lost,
        "c": change.gained,
        "share_first": change.good / n if n else None,
        "share_second": after / n if n else None,
    }
    name = f"mcnemar aligned {change.role} original against rewritten"
    return _row(name, change.strategy, change.test, details)
