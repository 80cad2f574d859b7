"""The metric tables as printed: which rows stand together, and what they come to in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TypeVar

from engine.results import names, numbers, views
from engine.results.columns import (
    P_VALUES,
    SCORE,
    Column,
    Section,
    estimates,
    feature,
    of,
    of_effect,
    section,
)
from engine.results.effect import detects, effect
from engine.results.names import Kinds
from engine.results.records import (
    OPINIONS,
    REGIMES,
    AlignmentRow,
    AmbiguityRow,
    ImprintRow,
    MisalignmentRow,
    OpinionRow,
    RobustnessRow,
    ShiftImprintRow,
    ShiftRow,
    StabilityImprintRow,
    StabilityRow,
    StrategyRow,
    Tables,
    TestRow,
    VotesRow,
)

Sections = Iterator[Section]
_Row = TypeVar("_Row", ImprintRow, ShiftImprintRow, MisalignmentRow, RobustnessRow)
_TIES = {
    "misaligned": "counts as misaligned",
    "half": "counts as half aligned",
    "exclude": "is left out",
    "separate": "is neither aligned nor misaligned",
}


def _by_size(rows: Iterable[_Row]) -> list[_Row]:
    return sorted(rows, key=lambda row: -effect(row).size)


def alignment(tables: Tables, preset: str, kinds: Kinds) -> Sections:
    key = of(AlignmentRow)
    rows = views.alignment(tables)
    by_role = {row.role: row for row in rows}
    pre, post = by_role.get("pre"), by_role.get("post")
    summary = ""
    if pre is not None and post is not None:
        summary = (
            f"The model before training on D agrees with the human preference in "
            f"{numbers.percent(pre.alignment)} of the pairs, the one after it in "
            f"{numbers.percent(post.alignment)}; the rest is its resistance, "
            f"{numbers.percent(post.resistance)}. A tie "
            f"{_TIES.get(post.tie_policy, _TIES['misaligned'])}."
        )
        if post.held_out is not None:
            summary += (
                " The model after training is measured on its own training pairs; on pairs held "
                f"out of its training it agrees in {numbers.percent(post.held_out)}."
            )
    columns: list[Column[AlignmentRow]] = [
        key("model", "role"),
        key("aligned", "alignment"),
        Column("95 %", lambda row, kinds: numbers.interval(row.ci_low, row.ci_high, 1, 100)),
        key("resistance", "resistance"),
        *([key("held out", "held_out")] if any(r.held_out is not None for r in rows) else ()),
        key("ties", "ties"),
        key("in noise", "noise_limited"),
        key("pairs", "n"),
    ]
    yield section("Alignment with the human preference", summary, columns, rows, kinds)


def regimes(tables: Tables, preset: str, kinds: Kinds) -> Sections:
    cells = views.regimes(tables)
    total = sum(cells.values())
    if not total:
        return
    opinions: list[str] = [*OPINIONS]
    opinions += dict.fromkeys(opinion for _, opinion in cells if opinion not in opinions)
    of_regime = {
        regime: sum(n for (row, _), n in cells.items() if row == regime) for regime in REGIMES
    }
    share = {regime: numbers.percent(n / total) for regime, n in of_regime.items()}
    summary = (
        f"Resistance has two parts: {share['resisted']} of the pairs were misaligned before too "
        f"(resisted), {share['reversed']} were aligned before (reversed)."
    )
    columns: list[Column[str]] = [
        Column("regime", lambda regime, kinds: regime),
        *(_opinion(cells, opinion) for opinion in opinions),
        Column("all", lambda regime, kinds: numbers.count(of_regime[regime])),  # type: ignore[index]
        Column("share", lambda regime, kinds: share[regime]),  # type: ignore[index]
    ]
    title = "Pairs by regime and by the labeler's preference"
    yield section(title, summary, columns, REGIMES, kinds)


def _opinion(cells: dict[tuple[str, str], int], opinion: str) -> Column[str]:
    return Column(
        names.opinion(opinion),
        lambda regime, kinds: numbers.count(cells.get((regime, opinion), 0)),
    )


def opinions(tables: Tables, preset: str, kinds: Kinds) -> Sections:
    key = of(OpinionRow)
    by = {row.opinion: row.resistance for row in tables.opinions}
    summary = (
        "Where the labeler prefers the chosen answer too, the resistance of post-D is "
        f"{numbers.percent(by.get('c'))}; where it prefers the rejected one, "
        f"{numbers.percent(by.get('r'))}; where it is indifferent, {numbers.percent(by.get('i'))}."
    )
    columns: list[Column[OpinionRow]] = [
        Column("labeler prefers", lambda row, kinds: names.opinion(row.opinion), numeric=False),
        key("pairs", "n"),
        key("aligned pre", "aligned_pre"),
        key("aligned post", "aligned_post"),
        key("resistance", "resistance"),
        Column(
            "95 %",
            lambda row, kinds: numbers.interval(row.resistance_low, row.resistance_high, 1, 100),
        ),
    ]
    yield section("By the labeler's preference", summary, columns, tables.opinions, kinds)


def tests(tables: Tables, preset: str, kinds: Kinds) -> Sections:
    key = of(TestRow)
    summary = (
        "A small p means that chance alone seldom gives such a difference, not that the difference "
        "is large. McNemar and sign tests are exact; none of these p-values is corrected for the "
        "number of tests."
    )
    columns: list[Column[TestRow]] = [
        key("test", "name"),
        key("of", "group"),
        key("n", "n"),
        key("statistic", "statistic"),
        Column("p", lambda row, kinds: numbers.power(row.p_value, row.log10_p)),
    ]
    yield section("Tests", summary, columns, tables.tests, kinds)


def shifts(tables: Tables, preset: str, kinds: Kinds) -> Sections:
    key = of(ShiftRow)
    every = next((row for row in tables.shifts if row.group == "all"), None)
    gain = None if every is None else every.gain_mean_deg
    margin = None if every is None else every.margin_change_mean
    summary = (
        "The sign of θ is the direction in which a reward vector turned, not whether it improved; "
        "gain and margin change are positive where a pair became more aligned: on average "
        f"{numbers.degrees(gain)} and {numbers.signed(margin)} reward points."
    )
    columns: list[Column[ShiftRow]] = [
        key("group", "group"),
        key("pairs", "n"),
        key("no θ", "undefined"),
        key("small", "small_norms"),
        key("mean θ", "mean_deg"),
        key("median", "median_deg"),
        key("circular", "circular_mean_deg"),
        key("z-scored", "z_mean_deg"),
        key("R", "resultant"),
        Column("sign p", lambda row, kinds: numbers.power(row.sign_p, row.sign_log10_p)),
        Column("t p", lambda row, kinds: numbers.power(row.t_p, row.t_log10_p)),
        key("gain", "gain_mean_deg"),
        key("margin", "margin_change_mean"),
    ]
    yield section("Reward shifts θ, degrees", summary, columns, tables.shifts, kinds)


# ---------------------------------------------------------------- coefficients

_OUTCOMES = {
    "pre": "Imprint before training on D",
    "post": "Imprint after training on D",
    "difference": "Imprint of the training: after − before",
}


def imprint(tables: Tables, preset: str, kinds: Kinds) -> Sections:
    key = of(ImprintRow)
    columns: list[Column[ImprintRow]] = [
        Column("feature", lambda row, kinds: feature(row), numeric=False),
        key("class", "class"),
        *estimates("points"),
        *P_VALUES,
        key("std.", "standardized"),
        of_effect("MDE", lambda estimate: estimate.detects()),
        key("VIF", "vif"),
        key("varies", "varies"),
    ]
    for outcome, title in _OUTCOMES.items():
        rows = [row for row in tables.imprint if row.outcome == outcome]
        rows = _by_size(views.of_preset(rows, preset))
        if not rows:
            continue
        clear = sum(effect(row).significant for row in rows)
        summary = (
            "Reward points that go with a feature, all others equal. Strongest: "
            f"{feature(rows[0])} {effect(rows[0]).text()}; {clear} of {len(rows)} are significant "
            "at 5 % after correction. MDE is the effect that would be found with 80 % power."
        )
        yield section(f"{title} ({preset})", summary, columns, rows, kinds)


def shift_imprint(tables: Tables, preset: str, kinds: Kinds) -> Sections:
    key = of(ShiftImprintRow)
    summary = (
        "Degrees by which the reward vector turns with a feature on one side; positive is "
        "counter-clockwise, which is not the same as better."
    )
    columns: list[Column[ShiftImprintRow]] = [
        Column("feature", lambda row, kinds: feature(row), numeric=False),
        key("side", "side"),
        *estimates("degrees"),
        *P_VALUES,
        of_effect("MDE", lambda estimate: estimate.detects()),
        key("VIF", "vif"),
    ]
    rows = _by_size(views.of_preset(tables.shift_imprint, preset))
    yield section(f"Imprint on the shift θ ({preset})", summary, columns, rows, kinds)


def misalignment(tables: Tables, preset: str, kinds: Kinds) -> Sections:
    key = of(MisalignmentRow)
    rows = _by_size(views.of_preset(tables.misalignment, preset))
    if not rows:
        return
    first, strongest = rows[0], effect(rows[0])
    more = "more" if (strongest.value or 0.0) > 0 else "less"
    summary = (
        "Percentage points by which a feature on one side makes a misaligned pair (post-D) more "
        f"likely. Strongest: {feature(first)} in {names.name(first.side)}, {strongest.magnitude()} "
        f"points {more}."
    )
    columns: list[Column[MisalignmentRow]] = [
        Column("feature", lambda row, kinds: feature(row), numeric=False),
        key("side", "side"),
        *estimates("points"),
        *P_VALUES,
        key("odds ratio", "odds_ratio"),
        Column("MDE", lambda row, kinds: detects(row)),
        key("misaligned", "events"),
        key("method", "method"),
    ]
    title = f"Features that go with misalignment ({preset})"
    yield section(title, summary, columns, rows, kinds)


def robustness(tables: Tables, preset: str, kinds: Kinds) -> Sections:
    summary = (
        "Percentage points by which a pair becomes misaligned more often when rewriting flips a "
        "feature. Rewriting alone does it too: “else” is the share of the pairs without that flip "
        "that became misaligned."
    )

    def group(row: RobustnessRow) -> tuple[str, str]:
        return row.strategy, row.population

    for (strategy, population), rows in groupby(views.of_preset(tables.robustness, preset), group):
        whose = "all rewritten pairs" if population == "all" else "pairs aligned before rewriting"
        by = "every strategy" if strategy == "all" else f"strategy {names.name(strategy)}"
        title = f"Robustness π: {whose}, {by} ({preset})"
        yield section(title, summary, SCORE, _by_size(rows), kinds)


# ---------------------------------------------------------------- rewriting and ambiguity


def strategies(tables: Tables, preset: str, kinds: Kinds) -> Sections:
    key = of(StrategyRow)
    placebo = next(
        (
            row
            for row in tables.resistance_by_strategy
            if (row.strategy, row.role) == ("placebo", "post")
        ),
        None,
    )
    noise = "Without a placebo strategy the noise of rewriting itself is not known."
    if placebo is not None:
        noise = (
            "With the placebo, which measures the noise of rewriting itself, "
            f"{numbers.percent(placebo.loss)} of the aligned pairs became misaligned."
        )
    columns: list[Column[StrategyRow]] = [
        key("strategy", "strategy"),
        key("model", "role"),
        key("pairs", "n"),
        key("cosine", "cosine_mean"),
        key("resistance", "resistance_before"),
        key("after", "resistance_after"),
        *estimates("change"),
        of_effect("p", lambda estimate: estimate.power()),
        key("lost", "became_misaligned"),
        key("won", "became_aligned"),
        key("loss", "loss"),
    ]
    summary = f"What rewriting does to the verdicts, whatever it flips. {noise}"
    title = "Resistance before and after rewriting"
    yield section(title, summary, columns, tables.resistance_by_strategy, kinds)


def votes(tables: Tables, preset: str, kinds: Kinds) -> Sections:
    key = of(VotesRow)
    columns: list[Column[VotesRow]] = [
        key("model", "role"),
        key("agree", "resistance_agree"),
        Column("95 %", lambda row, kinds: numbers.interval(row.agree_low, row.agree_high, 1, 100)),
        key("pairs", "n_agree"),
        key("split", "resistance_split"),
        Column("95 %", lambda row, kinds: numbers.interval(row.split_low, row.split_high, 1, 100)),
        key("pairs", "n_split"),
        *estimates("difference"),
        of_effect("p", lambda estimate: estimate.power()),
        key("groups", "clusters"),
    ]
    summary = (
        "Resistance on pairs whose annotators all gave the same answer, and on those where they "
        "did not: part of what looks like an error of the model is a question without one answer. "
        "The difference is in percentage points, clustered by group."
    )
    title = "Resistance where annotators agree and where they split"
    yield section(title, summary, columns, tables.resistance_by_votes, kinds)


def drift(tables: Tables, preset: str, kinds: Kinds) -> Sections:
    rows = [row for row in tables.robustness_drift if row.population == "aligned"]
    rewrites = dict(sorted({row.threshold: row.rewrites for row in rows}.items()))
    flips = {
        (row.feature, row.side, row.sign): names.change(
            row.feature, row.side, row.sign, kinds(row.feature)
        )
        for row in rows
    }
    cells = {(row.feature, row.side, row.sign, row.threshold): effect(row).text() for row in rows}
    lines = [
        (name, *(cells.get((*flip, at), numbers.NOTHING) for at in rewrites))
        for flip, name in flips.items()
    ]
    lines.append(("rewrites", *(numbers.count(n) for n in rewrites.values())))
    summary = (
        "The linear scores, in percentage points, on rewrites at least that similar to their "
        "originals. A row that stays level supports the flip as the cause, one that fades a drift "
        "in meaning."
    )
    yield Section(
        title="Robustness against drift, pairs aligned before rewriting",
        summary=summary,
        head=("cosine from", *(numbers.number(at, 3) for at in rewrites)),
        rows=tuple(lines) if rewrites else (),
        numeric=(False, *(True for _ in rewrites)),
    )


def ambiguity(tables: Tables, preset: str, kinds: Kinds) -> Sections:
    key = of(AmbiguityRow)
    rows = tables.resistance_by_ambiguity
    if not rows:
        return
    summary = (
        "Ambiguity is a sort key, not a verdict. The resistance of post-D is "
        f"{numbers.percent(rows[0].resistance)} on the least ambiguous pairs and "
        f"{numbers.percent(rows[-1].resistance)} on the most ambiguous ones; a part of that rise "
        "is by construction, because contradicting the human counts as ambiguity."
    )
    columns: list[Column[AmbiguityRow]] = [
        key("band", "band"),
        Column("ambiguity", lambda row, kinds: numbers.interval(row.score_low, row.score_high)),
        key("pairs", "n"),
        key("misaligned", "misaligned"),
        key("resistance", "resistance"),
        Column("95 %", lambda row, kinds: numbers.interval(row.ci_low, row.ci_high, 1, 100)),
    ]
    yield section("Resistance by ambiguity", summary, columns, rows, kinds)


# ---------------------------------------------------------------- labelers


def stability(tables: Tables, preset: str, kinds: Kinds) -> Sections:
    key = of(StabilityRow)
    columns: list[Column[StabilityRow]] = [
        Column("feature", lambda row, kinds: names.feature(row.feature), numeric=False),
        key("entries", "n"),
        key("agree", "agreement"),
        key("κ", "kappa"),
        Column("95 %", lambda row, kinds: numbers.interval(row.kappa_low, row.kappa_high)),
        key("PABAK", "pabak"),
        key("mean a", "prevalence_a"),
        key("mean b", "prevalence_b"),
    ]

    def group(row: StabilityRow) -> tuple[str, str, str]:
        return row.statistic, row.labeler_a, row.labeler_b

    for (statistic, a, b), of_two in groupby(tables.stability, group):
        rows = sorted(of_two, key=lambda row: row.kappa or 0.0)
        worst = next((row for row in rows if row.kappa is not None), None)
        title = f"Agreement of {names.name(a)} and {names.name(b)} (Cohen's κ)"
        if statistic == "fleiss":
            title = f"Agreement of all {numbers.count(rows[0].labelers)} labelers (Fleiss' κ)"
        weakest = "No κ is defined."
        if worst is not None:
            weakest = f"Weakest: {names.feature(worst.feature)}, κ {numbers.number(worst.kappa)}."
        summary = (
            f"κ is agreement beyond chance: 1 is perfect, 0 is chance. {weakest} Where a label is "
            "rare, κ is low even if nearly all agree: see PABAK."
        )
        yield section(title, summary, columns, rows, kinds)


def stability_imprint(tables: Tables, preset: str, kinds: Kinds) -> Sections:
    key = of(StabilityImprintRow)

    def group(row: StabilityImprintRow) -> tuple[str, str, str]:
        return row.labeler_a, row.labeler_b, row.outcome

    for (a, b, outcome), of_two in groupby(tables.stability_imprint, group):
        rows = list(of_two)
        first, second = names.name(a), names.name(b)
        columns: list[Column[StabilityImprintRow]] = [
            Column("feature", lambda row, kinds: names.feature(row.feature), numeric=False),
            key(first, "estimate_a"),
            Column("95 %", lambda row, kinds: numbers.interval(row.ci_low_a, row.ci_high_a)),
            key(second, "estimate_b"),
            Column("95 %", lambda row, kinds: numbers.interval(row.ci_low_b, row.ci_high_b)),
            *estimates("difference"),
            Column("mark", lambda row, kinds: _mark(row), numeric=False),
        ]
        title = f"Imprint under the labels of {first} and of {second}: {names.outcome(outcome)}"
        yield section(f"{title} (pair-fe)", _depends(rows), columns, rows, kinds)


def _depends(rows: list[StabilityImprintRow]) -> str:
    differ = sum(row.differs for row in rows)
    turned = [names.feature(row.feature) for row in rows if row.sign_change]
    clear = sum(row.sign_change_clear for row in rows)
    signs = "none changes its sign"
    if turned:
        signs = (
            f"{len(turned)} change sign ({', '.join(turned)}), {clear} of them with both estimates "
            "significant"
        )
    return (
        f"Does the imprint depend on the labeler? {differ} of {len(rows)} coefficients differ "
        f"significantly; {signs}."
    )


def _mark(row: StabilityImprintRow) -> str:
    if row.sign_change_clear:
        return "contrary"
    marks = [text for text, holds in (("differs", row.differs), ("sign", row.sign_change)) if holds]
    return ", ".join(marks) or numbers.NOTHING


# ---------------------------------------------------------------- what was left out


def dropped(tables: Tables, preset: str, kinds: Kinds) -> Sections:
    """Features of one table and reason together; `--json` has each with its own detail."""
    groups: dict[tuple[str, str, str], dict[str, int]] = {}
    for row in views.of_preset(tables.dropped, preset):
        whole = row.feature == "*"
        key = row.table, row.reason, row.detail if whole else ""
        features = groups.setdefault(key, {})
        if not whole:
            name = names.feature(row.feature)
            features[name] = features.get(name, 0) + 1
    rows = tuple(
        (
            names.name(table),
            names.reason(reason),
            names.name(detail)
            or ", ".join(f"{name} ({n})" if n > 1 else name for name, n in features.items()),
        )
        for (table, reason, detail), features in groups.items()
    )
    yield Section(
        title="Left out of the tables",
        summary="Not estimated, or not counted, and why (how often); none of this is counted as 0.",
        head=("table", "reason", "what"),
        rows=rows,
        numeric=(False, False, False),
    )
