"""Every metric table of a run as plain lines: a title, a reading in a sentence, the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from engine.wire.messages import Metrics, RunStatus, StudyInfo
from seal_tui.cli import columns, summary
from seal_tui.cli.summary import table
from seal_tui.text import numbers, words
from seal_tui.text.safe import Safe, one_line
from seal_tui.text.tables import Record, Tables, real, whole, word


def lines(metrics: Metrics, study: StudyInfo, status: RunStatus) -> Iterator[Safe]:
    """The whole report, the coefficient tables of one preset."""
    tables = Tables(metrics)
    yield from summary.heading(study)
    yield from summary.alignment(tables)
    yield from summary.regimes(tables)
    yield from _opinions(tables)
    yield from _shifts(tables)
    yield from _imprint(tables)
    yield from _shift_imprint(tables)
    yield from _misalignment(tables)
    yield from _robustness(tables)
    yield from _strategies(tables)
    yield from _drift(tables)
    yield from _ambiguity(tables)
    yield from _stability(tables)
    yield from _stability_imprint(tables)
    yield from _tests(tables)
    yield from _dropped(tables)
    yield from summary.left_out(status)


def _opinions(tables: Tables) -> Iterator[Safe]:
    records = tables.rows("opinions")
    by = {word(r, "opinion"): real(r, "resistance") for r in records}
    reading = (
        "Where the labeler, too, would have chosen what the person chose, the post-D model "
        f"resists {numbers.percent(by.get('c'))}; where it would have chosen the other, "
        f"{numbers.percent(by.get('r'))}; where it sees no difference, "
        f"{numbers.percent(by.get('i'))}."
    )
    shown: list[columns.Column] = [
        ("labeler prefers", lambda r: _opinion(word(r, "opinion"))),
        ("pairs", columns.count("n")),
        ("aligned pre", columns.count("aligned_pre")),
        ("aligned post", columns.count("aligned_post")),
        ("resistance", columns.percent("resistance")),
        ("95 %", columns.interval("resistance_low", "resistance_high", 1, 100)),
    ]
    return columns.printed("By the labeler's opinion", reading, shown, records)


def _opinion(name: str) -> str:
    known = {str(key): value for key, value in words.OPINION.items()}
    return known.get(name, one_line(name))


def _shifts(tables: Tables) -> Iterator[Safe]:
    records = tables.rows("shifts")
    every = next((r for r in records if word(r, "group") == "all"), {})
    reading = (
        "The sign of θ says which way a reward vector turned, not whether for the better; gain and "
        "margin change are positive where a pair got more aligned: on average "
        f"{numbers.degrees(real(every, 'gain_mean_deg'))} and "
        f"{numbers.signed(real(every, 'margin_change_mean'))} reward points."
    )
    shown: list[columns.Column] = [
        ("group", columns.text("group")),
        ("pairs", columns.count("n")),
        ("no θ", columns.count("undefined")),
        ("small", columns.count("small_norms")),
        ("mean θ", columns.signed("mean_deg", 1)),
        ("median", columns.signed("median_deg", 1)),
        ("circular", columns.signed("circular_mean_deg", 1)),
        ("z-scored", columns.signed("z_mean_deg", 1)),
        ("R", columns.number("resultant")),
        ("sign p", lambda r: numbers.power(real(r, "sign_p"), real(r, "sign_log10_p"))),
        ("t p", lambda r: numbers.power(real(r, "t_p"), real(r, "t_log10_p"))),
        ("gain", columns.signed("gain_mean_deg", 1)),
        ("margin", columns.signed("margin_change_mean")),
    ]
    return columns.printed("Reward shifts θ, degrees", reading, shown, records)


def _imprint(tables: Tables) -> Iterator[Safe]:
    preset = tables.preset
    for outcome, title in (
        ("pre", "Imprint before training on D"),
        ("post", "Imprint after training on D"),
        ("difference", "Imprint of the training: after − before"),
    ):
        records = [r for r in tables.rows("imprint", preset) if word(r, "outcome") == outcome]
        records = _by_size(records)
        clear = sum((real(r, "p_adjusted") or 1.0) < 0.05 for r in records)
        strongest = next(iter(records), {})
        reading = (
            "Reward points that go with a feature, all others equal. Strongest: "
            f"{columns.feature(strongest)} {numbers.signed(real(strongest, 'estimate'))}; "
            f"{clear} of {len(records)} differ from 0 at 5 % after correction. With 80 % power "
            "an effect of MDE would be found."
        )
        shown: list[columns.Column] = [
            ("feature", columns.feature),
            ("class", columns.text("class")),
            ("points", columns.signed("estimate")),
            ("95 %", columns.interval("ci_low", "ci_high")),
            *columns.P_VALUES,
            ("std.", columns.signed("standardized")),
            ("MDE", columns.number("mde")),
            ("VIF", columns.number("vif", 1)),
            ("varies", columns.count("varies")),
        ]
        yield from columns.printed(f"{title} ({one_line(preset)})", reading, shown, records)


def _by_size(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=lambda r: -abs(real(r, "estimate") or 0.0))


def _shift_imprint(tables: Tables) -> Iterator[Safe]:
    records = _by_size(tables.rows("shift_imprint", tables.preset))
    reading = (
        "Degrees by which the reward vector turns with a feature on one side; positive is "
        "counter-clockwise, which is not the same as better."
    )
    shown: list[columns.Column] = [
        ("feature", columns.feature),
        ("side", columns.text("side")),
        ("degrees", columns.signed("estimate", 1)),
        ("95 %", columns.interval("ci_low", "ci_high", 1)),
        *columns.P_VALUES,
        ("MDE", columns.number("mde", 1)),
        ("VIF", columns.number("vif", 1)),
    ]
    title = f"Imprint on the shift θ ({one_line(tables.preset)})"
    return columns.printed(title, reading, shown, records)


def _misalignment(tables: Tables) -> Iterator[Safe]:
    records = tables.rows("misalignment", tables.preset)
    records = sorted(records, key=lambda r: -abs(columns.chance(r)[0] or 0.0))
    strongest = next(iter(records), {})
    more = "more" if (columns.chance(strongest)[0] or 0.0) > 0 else "less"
    size = numbers.number(abs(columns.chance(strongest)[0] or 0.0) * 100, 1)
    reading = (
        "Percentage points by which a feature on one side makes a post-D misaligned pair likelier. "
        f"Strongest: {columns.feature(strongest)} in {one_line(word(strongest, 'side'))}, "
        f"{size} points {more}."
    )
    shown: list[columns.Column] = [
        ("feature", columns.feature),
        ("side", columns.text("side")),
        ("points", columns.points),
        ("95 %", columns.points_range),
        *columns.P_VALUES,
        ("odds ratio", columns.number("odds_ratio")),
        ("MDE", columns.effect),
        ("misaligned", columns.count("events")),
        ("method", columns.text("method")),
    ]
    title = f"Features responsible for misalignment ({one_line(tables.preset)})"
    return columns.printed(title, reading, shown, records)


def _robustness(tables: Tables) -> Iterator[Safe]:
    def key(record: Record) -> tuple[str, str]:
        return word(record, "strategy"), word(record, "population")

    for (strategy, population), group in groupby(tables.rows("robustness", tables.preset), key):
        records = sorted(group, key=lambda r: -abs(columns.chance(r)[0] or 0.0))
        whose = "all rewritten pairs" if population == "all" else "pairs aligned before rewriting"
        by = "every strategy" if strategy == "all" else f"strategy {one_line(strategy)}"
        reading = (
            "Percentage points by which a pair becomes misaligned more often when rewriting flips "
            "a feature. Rewriting alone does it too: “else” is how many of the pairs without that "
            "flip became misaligned."
        )
        shown: list[columns.Column] = [
            ("flip", columns.flip),
            ("points", columns.points),
            ("95 %", columns.points_range),
            *columns.P_VALUES,
            ("odds ratio", columns.number("odds_ratio")),
            ("MDE", columns.effect),
            ("flips", columns.count("n")),
            ("misaligned", columns.count("events")),
            ("else", columns.baseline),
            ("method", columns.text("method")),
        ]
        title = f"Robustness π: {whose}, {by} ({one_line(tables.preset)})"
        yield from columns.printed(title, reading, shown, records)


def _strategies(tables: Tables) -> Iterator[Safe]:
    records = tables.rows("resistance_by_strategy")
    placebo = [r for r in records if word(r, "strategy") == "placebo" and word(r, "role") == "post"]
    noise = "There is no placebo here to tell the noise of rewriting by."
    if placebo:
        noise = (
            "The placebo's, the noise of rewriting itself: "
            f"{numbers.percent(real(placebo[0], 'loss'))} of the aligned pairs lost."
        )
    shown: list[columns.Column] = [
        ("strategy", columns.text("strategy")),
        ("model", columns.text("role")),
        ("pairs", columns.count("n")),
        ("cosine", columns.number("cosine_mean", 3)),
        ("resistance", columns.percent("resistance_before")),
        ("after", columns.percent("resistance_after")),
        ("change", columns.signed("change", 1, 100)),
        ("95 %", columns.interval("change_low", "change_high", 1, 100)),
        ("p", columns.exact_p),
        ("lost", columns.count("became_misaligned")),
        ("won", columns.count("became_aligned")),
        ("loss", columns.percent("loss")),
    ]
    reading = f"What rewriting does to the verdicts, whatever it flips. {noise}"
    return columns.printed("Resistance before and after rewriting", reading, shown, records)


def _drift(tables: Tables) -> Iterator[Safe]:
    records = [r for r in tables.rows("robustness_drift") if word(r, "population") == "aligned"]
    kept = {real(r, "threshold") or 0.0: whole(r, "rewrites") for r in records}
    thresholds = sorted(kept)
    flips = dict.fromkeys(columns.flip(r) for r in records)
    cells = {(columns.flip(r), real(r, "threshold") or 0.0): real(r, "estimate") for r in records}
    rows = [[flip, *(numbers.points(cells.get((flip, t))) for t in thresholds)] for flip in flips]
    rows.append(["rewrites", *(numbers.count(kept[t]) for t in thresholds)])
    reading = (
        "The linear scores, in points, on rewrites at least so similar to their originals. A row "
        "that stays level speaks for the flip, one that fades for a drift in meaning."
    )
    head = ["cosine from", *(numbers.number(t, 3) for t in thresholds)]
    title = "Robustness against drift, pairs aligned before rewriting"
    return table(title, reading, head, rows if thresholds else [])


def _ambiguity(tables: Tables) -> Iterator[Safe]:
    records = tables.rows("resistance_by_ambiguity")
    first, last = (records[0], records[-1]) if records else ({}, {})
    reading = (
        "Ambiguity is a sort key, not a verdict. The post-D model resists "
        f"{numbers.percent(real(first, 'resistance'))} of the clearest pairs and "
        f"{numbers.percent(real(last, 'resistance'))} of the most ambiguous; a part of that rise "
        "is by construction, because a contradiction of the person counts as ambiguity."
    )
    shown: list[columns.Column] = [
        ("band", columns.count("band")),
        ("ambiguity", columns.interval("score_low", "score_high")),
        ("pairs", columns.count("n")),
        ("misaligned", columns.count("misaligned")),
        ("resistance", columns.percent("resistance")),
        ("95 %", columns.interval("ci_low", "ci_high", 1, 100)),
    ]
    return columns.printed("Resistance by ambiguity", reading, shown, records)


def _stability(tables: Tables) -> Iterator[Safe]:
    def key(record: Record) -> tuple[str, str, str]:
        return word(record, "statistic"), word(record, "labeler_a"), word(record, "labeler_b")

    for (statistic, a, b), group in groupby(tables.rows("stability"), key):
        records = sorted(group, key=lambda r: real(r, "kappa") or 0.0)
        known = [r for r in records if real(r, "kappa") is not None]
        worst = min(known, key=lambda r: real(r, "kappa") or 0.0) if known else {}
        title = f"Agreement of {one_line(a)} and {one_line(b)} (Cohen's κ)"
        if statistic == "fleiss":
            labelers = whole(records[0], "labelers")
            title = f"Agreement of all {numbers.count(labelers)} labelers (Fleiss' κ)"
        reading = (
            "κ is agreement beyond chance: 1 is perfect, 0 is chance. Weakest: "
            f"{columns.feature(worst)}, κ {numbers.number(real(worst, 'kappa'))}. Where a label is "
            "rare, κ is low even if nearly all agree: see PABAK."
        )
        shown: list[columns.Column] = [
            ("feature", columns.feature),
            ("entries", columns.count("n")),
            ("agree", columns.percent("agreement")),
            ("κ", columns.number("kappa")),
            ("95 %", columns.interval("kappa_low", "kappa_high")),
            ("PABAK", columns.number("pabak")),
            ("mean a", columns.number("prevalence_a")),
            ("mean b", columns.number("prevalence_b")),
        ]
        yield from columns.printed(title, reading, shown, records)


def _stability_imprint(tables: Tables) -> Iterator[Safe]:
    def key(record: Record) -> tuple[str, str, str]:
        return word(record, "labeler_a"), word(record, "labeler_b"), word(record, "outcome")

    for (a, b, outcome), group in groupby(tables.rows("stability_imprint"), key):
        records = list(group)
        differ = sum(r.get("differs") is True for r in records)
        turned = [columns.feature(r) for r in records if r.get("sign_change") is True]
        clear = sum(r.get("sign_change_clear") is True for r in records)
        signs = f"{len(turned)} change sign ({', '.join(turned)}), {clear} of them clearly"
        reading = (
            f"Does the imprint depend on who labels? {differ} of {len(records)} coefficients "
            f"differ beyond chance; {signs if turned else 'none changes its sign'}."
        )
        shown: list[columns.Column] = [
            ("feature", columns.feature),
            (one_line(a), columns.signed("estimate_a")),
            ("95 %", columns.interval("ci_low_a", "ci_high_a")),
            (one_line(b), columns.signed("estimate_b")),
            ("95 %", columns.interval("ci_low_b", "ci_high_b")),
            ("difference", columns.signed("difference")),
            ("95 %", columns.interval("difference_low", "difference_high")),
            ("mark", _mark),
        ]
        model = words.OUTCOME.get(outcome, one_line(outcome))
        title = f"Imprint under the labels of {one_line(a)} and of {one_line(b)}: {model} (pair-fe)"
        yield from columns.printed(title, reading, shown, records)


def _mark(record: Record) -> str:
    if record.get("sign_change_clear") is True:
        return "contrary"
    marks = [
        text
        for key, text in (("differs", "differs"), ("sign_change", "sign"))
        if record.get(key) is True
    ]
    return ", ".join(marks) or numbers.NOTHING


def _tests(tables: Tables) -> Iterator[Safe]:
    reading = (
        "A small p says that chance alone seldom gives such a difference, not that it is large. "
        "McNemar and sign tests are exact; nothing here is corrected for the number of tests."
    )
    shown: list[columns.Column] = [
        ("test", columns.text("name")),
        ("of", columns.text("group")),
        ("n", columns.count("n")),
        ("statistic", columns.number("statistic")),
        ("p", columns.exact_p),
    ]
    return columns.printed("Tests", reading, shown, tables.rows("tests"))


def _dropped(tables: Tables) -> Iterator[Safe]:
    """Features of one table and reason together; `--json` has each with its own detail."""
    groups: dict[tuple[str, str, str], dict[str, int]] = {}
    for record in tables.rows("dropped", tables.preset):
        feature = word(record, "feature")
        whole_table = feature == "*"
        key = word(record, "table"), word(record, "reason"), word(record, "detail")
        names = groups.setdefault(key if whole_table else (*key[:2], ""), {})
        if not whole_table:
            name = words.feature(feature)
            names[name] = names.get(name, 0) + 1
    rows = [
        (
            one_line(name),
            one_line(reason.replace("_", " ")),
            one_line(detail) or ", ".join(f"{f} ({n})" if n > 1 else f for f, n in names.items()),
        )
        for (name, reason, detail), names in groups.items()
    ]
    reading = "Not estimated, or not counted, and why (how often); nothing here is silently 0."
    return table("Left out of the tables", reading, ("table", "reason", "what"), rows)
