"""Every metric table of a run as plain lines: a title, a reading in a sentence, the numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from engine.messages import Metrics, RunStatus, StudyInfo
from seal_tui import numbers, summary, words
from seal_tui.summary import table
from seal_tui.tables import Record, Tables, real, whole, word
from seal_tui.text import Safe, one_line

Column = tuple[str, Callable[[Record], str]]


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


# ---------------------------------------------------------------- cells


def _print(
    title: str, reading: str, columns: Sequence[Column], records: Sequence[Record]
) -> Iterator[Safe]:
    rows = [[cell(record) for _, cell in columns] for record in records]
    return table(title, reading, [head for head, _ in columns], rows)


def _word(key: str) -> Callable[[Record], str]:
    return lambda record: one_line(word(record, key)) or numbers.NOTHING


def _count(key: str) -> Callable[[Record], str]:
    return lambda record: numbers.count(whole(record, key))


def _number(key: str, digits: int = 2) -> Callable[[Record], str]:
    return lambda record: numbers.number(real(record, key), digits)


def _signed(key: str, digits: int = 2, scale: float = 1.0) -> Callable[[Record], str]:
    def cell(record: Record) -> str:
        value = real(record, key)
        return numbers.signed(None if value is None else value * scale, digits)

    return cell


def _percent(key: str) -> Callable[[Record], str]:
    return lambda record: numbers.percent(real(record, key))


def _p(key: str) -> Callable[[Record], str]:
    return lambda record: numbers.p_value(real(record, key))


def _exact_p(record: Record) -> str:
    return numbers.power(real(record, "p_value"), real(record, "log10_p"))


def _range(low: str, high: str, digits: int = 2, scale: float = 1.0) -> Callable[[Record], str]:
    def cell(record: Record) -> str:
        first, last = real(record, low), real(record, high)
        if first is None or last is None:
            return numbers.NOTHING
        return f"{numbers.number(first * scale, digits)} to {numbers.number(last * scale, digits)}"

    return cell


def _feature(record: Record) -> str:
    return words.feature(word(record, "feature"))


def _flip(record: Record) -> str:
    name = words.feature(word(record, "feature"))
    done = "lost" if word(record, "sign") == "+" else "gained"
    return f"{name} {done} in {one_line(word(record, 'side'))}"


def _baseline(record: Record) -> str:
    n = whole(record, "baseline_n")
    return numbers.percent((whole(record, "baseline_events") or 0) / n if n else None)


def _chance(record: Record) -> tuple[float | None, float | None, float | None]:
    """Estimate and interval as a difference of probabilities, whatever the model."""
    if word(record, "scale") != "log_odds":
        return real(record, "estimate"), real(record, "ci_low"), real(record, "ci_high")
    effect, error = real(record, "ame"), real(record, "ame_se")
    if effect is None or error is None:
        return effect, None, None
    return effect, effect - 1.96 * error, effect + 1.96 * error


def _points(record: Record) -> str:
    return numbers.points(_chance(record)[0])


def _points_range(record: Record) -> str:
    _, low, high = _chance(record)
    if low is None or high is None:
        return numbers.NOTHING
    return f"{numbers.number(low * 100, 1)} to {numbers.number(high * 100, 1)}"


def _effect(record: Record) -> str:
    """The smallest effect that would be found: in points, or as an odds ratio."""
    size = real(record, "mde")
    if size is None or word(record, "scale") != "log_odds":
        return numbers.points(size)
    return f"OR {numbers.number(math.exp(size), 1)}" if size < 10 else numbers.NOTHING


_P_COLUMNS: tuple[Column, ...] = (
    ("p", _exact_p),
    ("adj. p", _p("p_adjusted")),
    ("Holm", _p("p_holm")),
    ("BH", _p("p_bh")),
)


# ---------------------------------------------------------------- the tables


def _opinions(tables: Tables) -> Iterator[Safe]:
    records = tables.rows("opinions")
    by = {word(r, "opinion"): real(r, "resistance") for r in records}
    reading = (
        "Where the labeler, too, would have chosen what the person chose, the post-D model "
        f"resists {numbers.percent(by.get('c'))}; where it would have chosen the other, "
        f"{numbers.percent(by.get('r'))}; where it sees no difference, "
        f"{numbers.percent(by.get('i'))}."
    )
    columns: list[Column] = [
        ("labeler prefers", lambda r: _opinion(word(r, "opinion"))),
        ("pairs", _count("n")),
        ("aligned pre", _count("aligned_pre")),
        ("aligned post", _count("aligned_post")),
        ("resistance", _percent("resistance")),
        ("95 %", _range("resistance_low", "resistance_high", 1, 100)),
    ]
    return _print("By the labeler's opinion", reading, columns, records)


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
    columns: list[Column] = [
        ("group", _word("group")),
        ("pairs", _count("n")),
        ("no θ", _count("undefined")),
        ("small", _count("small_norms")),
        ("mean θ", _signed("mean_deg", 1)),
        ("median", _signed("median_deg", 1)),
        ("circular", _signed("circular_mean_deg", 1)),
        ("z-scored", _signed("z_mean_deg", 1)),
        ("R", _number("resultant")),
        ("sign p", lambda r: numbers.power(real(r, "sign_p"), real(r, "sign_log10_p"))),
        ("t p", lambda r: numbers.power(real(r, "t_p"), real(r, "t_log10_p"))),
        ("gain", _signed("gain_mean_deg", 1)),
        ("margin", _signed("margin_change_mean")),
    ]
    return _print("Reward shifts θ, degrees", reading, columns, records)


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
            f"{_feature(strongest)} {numbers.signed(real(strongest, 'estimate'))}; "
            f"{clear} of {len(records)} differ from 0 at 5 % after correction. With 80 % power "
            "an effect of MDE would be found."
        )
        columns: list[Column] = [
            ("feature", _feature),
            ("class", _word("class")),
            ("points", _signed("estimate")),
            ("95 %", _range("ci_low", "ci_high")),
            *_P_COLUMNS,
            ("std.", _signed("standardized")),
            ("MDE", _number("mde")),
            ("VIF", _number("vif", 1)),
            ("varies", _count("varies")),
        ]
        yield from _print(f"{title} ({one_line(preset)})", reading, columns, records)


def _by_size(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=lambda r: -abs(real(r, "estimate") or 0.0))


def _shift_imprint(tables: Tables) -> Iterator[Safe]:
    records = _by_size(tables.rows("shift_imprint", tables.preset))
    reading = (
        "Degrees by which the reward vector turns with a feature on one side; positive is "
        "counter-clockwise, which is not the same as better."
    )
    columns: list[Column] = [
        ("feature", _feature),
        ("side", _word("side")),
        ("degrees", _signed("estimate", 1)),
        ("95 %", _range("ci_low", "ci_high", 1)),
        *_P_COLUMNS,
        ("MDE", _number("mde", 1)),
        ("VIF", _number("vif", 1)),
    ]
    title = f"Imprint on the shift θ ({one_line(tables.preset)})"
    return _print(title, reading, columns, records)


def _misalignment(tables: Tables) -> Iterator[Safe]:
    records = tables.rows("misalignment", tables.preset)
    records = sorted(records, key=lambda r: -abs(_chance(r)[0] or 0.0))
    strongest = next(iter(records), {})
    more = "more" if (_chance(strongest)[0] or 0.0) > 0 else "less"
    size = numbers.number(abs(_chance(strongest)[0] or 0.0) * 100, 1)
    reading = (
        "Percentage points by which a feature on one side makes a post-D misaligned pair likelier. "
        f"Strongest: {_feature(strongest)} in {one_line(word(strongest, 'side'))}, {size} points "
        f"{more}."
    )
    columns: list[Column] = [
        ("feature", _feature),
        ("side", _word("side")),
        ("points", _points),
        ("95 %", _points_range),
        *_P_COLUMNS,
        ("odds ratio", _number("odds_ratio")),
        ("MDE", _effect),
        ("misaligned", _count("events")),
        ("method", _word("method")),
    ]
    title = f"Features responsible for misalignment ({one_line(tables.preset)})"
    return _print(title, reading, columns, records)


def _robustness(tables: Tables) -> Iterator[Safe]:
    def key(record: Record) -> tuple[str, str]:
        return word(record, "strategy"), word(record, "population")

    for (strategy, population), group in groupby(tables.rows("robustness", tables.preset), key):
        records = sorted(group, key=lambda r: -abs(_chance(r)[0] or 0.0))
        whose = "all rewritten pairs" if population == "all" else "pairs aligned before rewriting"
        by = "every strategy" if strategy == "all" else f"strategy {one_line(strategy)}"
        reading = (
            "Percentage points by which a pair becomes misaligned more often when rewriting flips "
            "a feature. Rewriting alone does it too: “else” is how many of the pairs without that "
            "flip became misaligned."
        )
        columns: list[Column] = [
            ("flip", _flip),
            ("points", _points),
            ("95 %", _points_range),
            *_P_COLUMNS,
            ("odds ratio", _number("odds_ratio")),
            ("MDE", _effect),
            ("flips", _count("n")),
            ("misaligned", _count("events")),
            ("else", _baseline),
            ("method", _word("method")),
        ]
        title = f"Robustness π: {whose}, {by} ({one_line(tables.preset)})"
        yield from _print(title, reading, columns, records)


def _strategies(tables: Tables) -> Iterator[Safe]:
    records = tables.rows("resistance_by_strategy")
    placebo = [r for r in records if word(r, "strategy") == "placebo" and word(r, "role") == "post"]
    noise = "There is no placebo here to tell the noise of rewriting by."
    if placebo:
        noise = (
            "The placebo's, the noise of rewriting itself: "
            f"{numbers.percent(real(placebo[0], 'loss'))} of the aligned pairs lost."
        )
    columns: list[Column] = [
        ("strategy", _word("strategy")),
        ("model", _word("role")),
        ("pairs", _count("n")),
        ("cosine", _number("cosine_mean", 3)),
        ("resistance", _percent("resistance_before")),
        ("after", _percent("resistance_after")),
        ("change", _signed("change", 1, 100)),
        ("95 %", _range("change_low", "change_high", 1, 100)),
        ("p", _exact_p),
        ("lost", _count("became_misaligned")),
        ("won", _count("became_aligned")),
        ("loss", _percent("loss")),
    ]
    reading = f"What rewriting does to the verdicts, whatever it flips. {noise}"
    return _print("Resistance before and after rewriting", reading, columns, records)


def _drift(tables: Tables) -> Iterator[Safe]:
    records = [r for r in tables.rows("robustness_drift") if word(r, "population") == "aligned"]
    kept = {real(r, "threshold") or 0.0: whole(r, "rewrites") for r in records}
    thresholds = sorted(kept)
    flips = dict.fromkeys(_flip(r) for r in records)
    cells = {(_flip(r), real(r, "threshold") or 0.0): real(r, "estimate") for r in records}
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
    columns: list[Column] = [
        ("band", _count("band")),
        ("ambiguity", _range("score_low", "score_high")),
        ("pairs", _count("n")),
        ("misaligned", _count("misaligned")),
        ("resistance", _percent("resistance")),
        ("95 %", _range("ci_low", "ci_high", 1, 100)),
    ]
    return _print("Resistance by ambiguity", reading, columns, records)


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
            f"{_feature(worst)}, κ {numbers.number(real(worst, 'kappa'))}. Where a label is rare, "
            "κ is low even if nearly all agree: see PABAK."
        )
        columns: list[Column] = [
            ("feature", _feature),
            ("entries", _count("n")),
            ("agree", _percent("agreement")),
            ("κ", _number("kappa")),
            ("95 %", _range("kappa_low", "kappa_high")),
            ("PABAK", _number("pabak")),
            ("mean a", _number("prevalence_a")),
            ("mean b", _number("prevalence_b")),
        ]
        yield from _print(title, reading, columns, records)


def _stability_imprint(tables: Tables) -> Iterator[Safe]:
    def key(record: Record) -> tuple[str, str, str]:
        return word(record, "labeler_a"), word(record, "labeler_b"), word(record, "outcome")

    for (a, b, outcome), group in groupby(tables.rows("stability_imprint"), key):
        records = list(group)
        differ = sum(r.get("differs") is True for r in records)
        turned = [_feature(r) for r in records if r.get("sign_change") is True]
        clear = sum(r.get("sign_change_clear") is True for r in records)
        signs = f"{len(turned)} change sign ({', '.join(turned)}), {clear} of them clearly"
        reading = (
            f"Does the imprint depend on who labels? {differ} of {len(records)} coefficients "
            f"differ beyond chance; {signs if turned else 'none changes its sign'}."
        )
        columns: list[Column] = [
            ("feature", _feature),
            (one_line(a), _signed("estimate_a")),
            ("95 %", _range("ci_low_a", "ci_high_a")),
            (one_line(b), _signed("estimate_b")),
            ("95 %", _range("ci_low_b", "ci_high_b")),
            ("difference", _signed("difference")),
            ("95 %", _range("difference_low", "difference_high")),
            ("mark", _mark),
        ]
        model = words.OUTCOME.get(outcome, one_line(outcome))
        title = f"Imprint under the labels of {one_line(a)} and of {one_line(b)}: {model} (pair-fe)"
        yield from _print(title, reading, columns, records)


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
    columns: list[Column] = [
        ("test", _word("name")),
        ("of", _word("group")),
        ("n", _count("n")),
        ("statistic", _number("statistic")),
        ("p", _exact_p),
    ]
    return _print("Tests", reading, columns, tables.rows("tests"))


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
