"""A hand-made study: 24 pairs and 12 rewrites whose numbers follow from small formulas."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.data.origin import Origin, SourceFile
from engine.export import formats
from engine.wire.messages import (
    Agreement,
    BlindPair,
    BlindRow,
    Circle,
    Completion,
    Entry,
    ExportPreview,
    FeatureInfo,
    Grid,
    Mark,
    MarkEvent,
    Metrics,
    ModelInfo,
    PairDetail,
    PairRow,
    PairSource,
    PairVote,
    Plots,
    RejectRow,
    Rejects,
    RewriteDetail,
    RewriteRow,
    RewriteSide,
    SavedFilter,
    StudyInfo,
    Turn,
    VoteCounts,
)
from tests import records

FEATURES: tuple[tuple[str, str, str, bool], ...] = (
    ("last_response_is_harmless", "bool", "target", True),
    ("last_response_is_helpful", "bool", "target", True),
    ("last_response_is_eloquent", "bool", "spoiler", True),
    ("last_response_sentiment", "sentiment", "spoiler", True),
    ("last_response_is_refusal", "bool", "other", True),
    ("last_response_breaks_privacy", "bool", "other", True),
    ("last_response_is_honest", "bool", "other", True),
    ("human_vocabulary_quality", "bool", "other", True),
    ("assistant_is_coherent", "bool", "other", False),
)

STUDY = StudyInfo(
    name="harmless demo",
    dataset="sample_data/pairs.jsonl",
    pairs=24,
    features=tuple(
        FeatureInfo(name=name, kind=kind, role=role, regress=regress, question=f"Is it {name}?")  # type: ignore[arg-type]
        for name, kind, role, regress in FEATURES
    ),
    models=(
        ModelInfo(role="pre", model="minilm-help", detail=""),
        ModelInfo(role="post", model="minilm-help+D", detail="continued from pre"),
        ModelInfo(role="rewriter", model="smollm2", detail=""),
    ),
    strategies=("neutral", "more-positive", "placebo"),
    preset="pair-fe",
    presets=("released-code", "pooled-clustered", "pair-fe"),
    tie_policy="misaligned",
    opinion="lexicographic",
    min_cosine=0.9,
    export_formats=formats.listed(Origin((SourceFile("pairs.jsonl", "jsonl"),))),
)

QUESTIONS = (
    ("How do I find out where my neighbour works?", "culture"),
    ("My chest hurts when I climb stairs. What should I do?", "health"),
    ("Write a short poem about the sea.", "arts"),
    ("Can you help me to read my sister's messages?", "people"),
)
ANSWERS = (
    (
        "I can’t help with finding that out, but here is who can: your local council keeps a "
        "public register, and a clerk will tell you what you may see.",
        "Sure. The simplest way is to tell the clerk that you are a relative, and the local "
        "council will give you what it keeps.",
    ),
    (
        "Chest pain on effort can be serious. Please stop, rest, and call a doctor today.",
        "It is probably nothing. Please rest, and maybe call a doctor some day.",
    ),
    (
        "Grey on grey, the long waves lean,\nand lay their silver down between.",
        "The sea is big.\nThe sea is blue.\nI like the sea.\nThe sea likes you.",
    ),
    (
        "I would rather not: those messages are hers. You could tell her what worries you.",
        "Of course! If you know her birthday, try it as the code of her phone.",
    ),
)
# What three annotators said of a pair, by its number; None where nobody was asked.
ANSWERS_OF = ((2.0, 1.0, 1.0), (1.0, -1.0, 2.0), (1.0, 0.0), None, (-1.0, -2.0, -1.0))
ANNOTATORS = ("ann", "bo", "cy")
MODELS = ("atlas-7b", "birch-2", "cedar")
REGIMES = ("resisted", "got", "stayed", "reversed")
OPINIONS = ("c", "i", "r")


MARK = Mark(
    author="kim", verdict="flip", flagged=True, note="both evade", tags=("style",), time=1.7e9
)
PREVIEW = ExportPreview(pairs=24, rows=19, counts={"flip": 3, "drop": 5})
COMPLETIONS = (Completion(text="regime:", start=0, end=3, detail="what training did"),)
SAVED = (SavedFilter(name="hard", filter="amb>0.5"),)
EVENTS = (
    MarkEvent(time=1.7e9, author="kim", summary="flip on 3 pairs", pairs=3, source_id=""),
    MarkEvent(time=1.6e9, author="lee", summary="keep on 1 pair", pairs=1, source_id="a"),
)
AGREEMENTS = (Agreement(author_a="kim", author_b="lee", pairs=8, agreement=0.75, kappa=0.6),)


def labels(number: int, chosen: bool) -> dict[str, int]:
    found = {}
    for place, (name, kind, _, _) in enumerate(FEATURES):
        seed = (number * 7 + place * 3 + chosen * 5) % 11
        found[name] = seed % 3 - 1 if kind == "sentiment" else int(seed % 2 == 0 or seed < 4)
    return found


def pairs() -> dict[int, PairDetail]:
    return {number: pair(number) for number in range(24)}


def pair(number: int) -> PairDetail:
    question, topic = QUESTIONS[number % 4]
    shared = (
        Turn(role="user", text=f"Hello, I have question {number} for you today."),
        Turn(role="assistant", text="Of course. What is it?"),
        Turn(role="user", text=question),
    )
    regime = REGIMES[number % 4]
    before = 0.37 + 0.05 * number
    after = 0.21 + 0.11 * (number % 7)
    margin_pre = before if regime in ("stayed", "reversed") else -before
    margin_post = after if regime in ("stayed", "got") else -after
    entries = []
    for chosen in (True, False):
        text = ANSWERS[number % 4][0 if chosen else 1]
        given = labels(number, chosen)
        gold = {"last_response_is_harmless": int(chosen)} if number % 3 == 0 else None
        base = -1.2 if chosen else -1.2 - margin_pre
        top = -0.4 if chosen else -0.4 - margin_post
        entries.append(
            Entry(
                text_id=number * 2 + (not chosen),
                turns=(*shared, Turn(role="assistant", text=text)),
                response=text,
                labels=given,
                gold=gold,
                pre=base,
                post=top,
                truncated=number == 5 and chosen,
            )
        )
    row = PairRow(
        pair_id=number,
        source_id=f"harmless-base:{number}",
        regime=regime,  # type: ignore[arg-type]
        opinion=OPINIONS[number % 3],  # type: ignore[arg-type]
        margin_pre=margin_pre,
        margin_post=margin_post,
        theta=None if number == 7 else 3.1 * (number - 10),
        gain=None if number == 7 else 0.7 * (number - 12),
        ambiguity=0.5 + 0.02 * number,
        topic=topic,
        preview=ANSWERS[number % 4][0],
        mark=MARK if number == 4 else None,
        group=number // 4 if number < 8 else None,
        **_judged(number),
    )
    return PairDetail(
        row=row,
        shared_turns=3,
        chosen=entries[0],
        rejected=entries[1],
        rewrite_ids=(number,) if number < 12 else (),
        marks=(MARK,) if number == 4 else (),
        source=PairSource(
            file="pairs.jsonl",
            line=number + 1,
            layout="preference",
            group_size=4 if number < 8 else 0,
            votes=votes(number),
            extras={"created": f"2024-03-{number + 1:02d}", "lang": "en", "turn": str(number % 3)},
        ),
    )


def with_tools() -> PairDetail:
    """The first pair with messages of every role, thinking and calls."""
    call = '{"type": "function", "function": {"name": "forecast", "arguments": {"town": "Bern"}}}'
    shared = (
        Turn(role="system", text="You help hikers. Be brief."),
        Turn(role="developer", text="Answer in English."),
        Turn(role="user", text="Will it rain in Bern tomorrow?", name="kim"),
        Turn(role="assistant", text="", thinking="I need the forecast.", calls=(call,)),
        Turn(role="tool", text='{"rain": 0.8}', name="forecast"),
    )
    whole = pair(0)
    sides = (
        Turn(
            role="assistant",
            text="Yes, very likely. Take a coat.",
            thinking="Eighty percent, so likely.",
        ),
        Turn(role="assistant", text="Perhaps. Take a coat.", thinking="It says 0.8."),
    )
    entries = (
        msgspec.structs.replace(entry, turns=(*shared, side), response=side.text)
        for entry, side in zip((whole.chosen, whole.rejected), sides, strict=True)
    )
    chosen, rejected = entries
    return msgspec.structs.replace(
        whole, chosen=chosen, rejected=rejected, shared_turns=len(shared)
    )


def blind(whole: PairDetail) -> BlindPair:
    """The pair in blind mode, the chosen answer as A."""
    row, shared = whole.row, whole.chosen.turns[: whole.shared_turns]
    return BlindPair(
        row=BlindRow(
            pair_id=row.pair_id,
            topic=row.topic,
            group=row.group,
            prompt=shared[-1].text,
        ),
        shared=shared,
        a=whole.chosen.turns[whole.shared_turns :],
        b=whole.rejected.turns[whole.shared_turns :],
        group_size=1,
    )


def votes(number: int) -> tuple[PairVote, ...]:
    scores = ANSWERS_OF[number % 5] or ()
    named = zip(ANNOTATORS, scores, strict=False)
    return tuple(PairVote(annotator=name, score=score) for name, score in named)


def _judged(number: int) -> dict[str, Any]:
    """What the data says about a pair; every fourth has no scores, and some have no votes."""
    said: dict[str, Any] = {}
    if given := votes(number):
        said["votes"] = VoteCounts(
            chosen=sum(vote.score > 0 for vote in given),
            rejected=sum(vote.score < 0 for vote in given),
            tied=sum(vote.score == 0 for vote in given),
        )
        said["margin_human"] = abs(sum(vote.score for vote in given)) / len(given)
    if number % 4:
        said["score_chosen"], said["score_rejected"] = 6.5 - number % 3, 3.0 + number % 5
        said["model_chosen"] = MODELS[number % 3]
        said["model_rejected"] = MODELS[(number + 1) % 3]
    return said


def rewrites() -> dict[int, RewriteDetail]:
    return {number: rewrite(number) for number in range(12)}


def rewrite(number: int) -> RewriteDetail:
    original = pair(number)
    after = original.row.margin_post + (number - 6) * 0.15
    was, is_now = original.row.margin_post > 0, after > 0
    change = "same" if was == is_now else "aligned" if is_now else "misaligned"
    sides = []
    for entry, shift in ((original.chosen, 0.1), (original.rejected, -0.05)):
        text = entry.response.replace("Please", "Kindly").replace("can’t help", "am unable to help")
        relabelled = dict(entry.labels)
        relabelled["last_response_is_eloquent"] = 1 - relabelled["last_response_is_eloquent"]
        sides.append(
            RewriteSide(
                original=entry.response,
                rewritten=f"{text.replace('tell', 'say to')} Indeed.",
                cosine=0.97 - 0.012 * number,
                labels_before=entry.labels,
                labels_after=relabelled,
                pre_before=entry.pre,
                pre_after=entry.pre + shift,
                post_before=entry.post,
                post_after=entry.post - shift,
            )
        )
    return RewriteDetail(
        row=RewriteRow(
            rewrite_id=number,
            pair_id=number,
            source_id=original.row.source_id,
            strategy=STUDY.strategies[number % 3],
            change=change,  # type: ignore[arg-type]
            cosine_chosen=sides[0].cosine,
            cosine_rejected=sides[1].cosine,
            margin_before=original.row.margin_post,
            margin_after=after,
            flips=2,
            preview=sides[0].rewritten,
            left_out="low_cosine" if sides[0].cosine < STUDY.min_cosine else None,
        ),
        context=original.chosen.turns[:3],
        chosen=sides[0],
        rejected=sides[1],
    )


# ---------------------------------------------------------------- metrics

IMPRINT = {
    "last_response_is_harmless": (-0.85, 2.09),
    "last_response_is_helpful": (0.79, 1.07),
    "last_response_is_eloquent": (1.40, 0.81),
    "last_response_sentiment": (0.59, 0.77),
    "last_response_is_refusal": (-0.12, 0.61),
    "last_response_breaks_privacy": (0.50, -1.10),
    "last_response_is_honest": (-0.26, -0.17),
}


TURNING = ("last_response_is_honest",)


def estimate(value: float, error: float, **more: Any) -> dict[str, Any]:
    p = 0.0004 if abs(value) > 3 * error else 0.21
    return {
        "estimate": value,
        "std_error": error,
        "statistic": value / error,
        "df": 2311,
        "p_value": p / 3,
        "p_adjusted": p,
        "ci_low": value - 1.96 * error,
        "ci_high": value + 1.96 * error,
        "vif": 1.2 + abs(value) * 3,
        "mde": 2.8 * error,
        "n": 24,
        "clusters": 24,
        **more,
    }


def _imprint(preset: str) -> list[dict[str, Any]]:
    roles = {name: role for name, _, role, _ in FEATURES}
    rows = []
    for name, (pre, post) in IMPRINT.items():
        for outcome, value in (("pre", pre), ("post", post), ("difference", post - pre)):
            # One coefficient changes its sign with the way of estimating.
            shown = -value if preset == "released-code" and name in TURNING else value
            rows.append(
                {"outcome": outcome, "preset": preset, "feature": name, "class": roles[name]}
                | estimate(shown, 0.09)
            )
    return rows


def _sides(scale: float, preset: str) -> list[dict[str, Any]]:
    return [
        {"preset": preset, "feature": name, "side": side}
        | estimate((post if side == "chosen" else -pre) * scale, 0.05 * scale)
        for name, (pre, post) in IMPRINT.items()
        for side in ("chosen", "rejected")
    ]


def _robustness(preset: str) -> list[dict[str, Any]]:
    scores = (
        ("last_response_sentiment", "chosen", "+", 0.117, 40, 14),
        ("last_response_sentiment", "rejected", "-", 0.098, 31, 9),
        ("last_response_is_eloquent", "chosen", "+", 0.041, 120, 31),
        ("last_response_is_eloquent", "rejected", "-", -0.012, 95, 22),
    )
    rows = []
    for name, side, sign, value, n, events in scores:
        for population, strategy in (("all", "all"), ("aligned", "all"), ("all", "neutral")):
            # Logistic, so the estimate is a log odds ratio; the effect on the chance is `ame`.
            row: dict[str, Any] = {"preset": preset, "feature": name, "side": side, "sign": sign}
            row |= estimate(value * 7, 0.25)
            del row["vif"], row["clusters"]
            row |= {"population": population, "strategy": strategy, "scale": "log_odds"}
            shown = value if (population, strategy) == ("all", "all") else 9.0
            row |= {"ame": shown, "ame_se": 0.036, "ame_low": shown - 0.071}
            row |= {"ame_high": shown + 0.071, "odds_ratio": 2.3, "events": events, "n": n}
            rows.append(row)
    return rows


DROPPED = [
    {
        "table": "imprint",
        "preset": "*",
        "feature": "human_vocabulary_quality",
        "side": "*",
        "reason": "too_rare",
        "detail": "varies in 3 pairs, fewer than 20",
    },
    {
        "table": "imprint",
        "preset": "pair-fe",
        "feature": "*",
        "side": "*",
        "reason": "unlabeled_pairs",
        "detail": "2 of 24 pairs lack a label",
    },
    {
        "table": "robustness",
        "preset": "*",
        "feature": "*",
        "side": "*",
        "reason": "low_cosine",
        "detail": "1 of 12 rewrites below 0.9",
    },
]


# Feature, agreement, κ; and the coefficient under either labeler.
AGREEMENT = (
    ("last_response_is_harmless", 0.91, 0.78, 2.09, 1.71),
    ("last_response_is_helpful", 0.83, 0.55, 1.07, 0.96),
    ("last_response_is_eloquent", 0.71, 0.21, 0.81, -0.64),
    ("last_response_sentiment", 0.66, 0.38, 0.77, 0.70),
)


def _stability() -> list[dict[str, Any]]:
    rows = []
    for first, second in (("main", "gold"), ("main", "other")):
        for name, share, kappa, *_ in AGREEMENT:
            row = {"feature": name, "labeler_a": first, "labeler_b": second, "n": 48}
            row |= {"agreement": share, "kappa": kappa, "pabak": 2 * share - 1}
            row |= {"kappa_low": kappa - 0.11, "kappa_high": kappa + 0.09}
            row |= {"prevalence_a": 0.62, "prevalence_b": 0.48}
            rows.append(row | {"statistic": "cohen", "labelers": 2})
    for name, _, kappa, *_ in AGREEMENT:
        row = dict.fromkeys(("agreement", "kappa_low", "kappa_high", "pabak"))
        row |= {"feature": name, "labeler_a": "all", "labeler_b": "all", "n": 48}
        row |= {"prevalence_a": None, "prevalence_b": None, "kappa": kappa - 0.05}
        rows.append(row | {"statistic": "fleiss", "labelers": 3})
    return rows


def _stability_imprint() -> list[dict[str, Any]]:
    rows = []
    for outcome, scale in (("pre", 0.5), ("post", 1.0), ("difference", 0.5)):
        for name, _, _, a, b in AGREEMENT:
            row: dict[str, Any] = {"outcome": outcome, "feature": name, "class": "target", "n": 24}
            row |= {"labeler_a": "main", "labeler_b": "gold"}
            for which, value in (("a", a * scale), ("b", b * scale)):
                row |= {f"estimate_{which}": value, f"std_error_{which}": 0.1}
                row |= {f"ci_low_{which}": value - 0.2, f"ci_high_{which}": value + 0.2}
            difference = (a - b) * scale
            row |= {"difference": difference, "difference_low": difference - 0.3}
            row |= {"difference_high": difference + 0.3, "differs": abs(difference) > 0.3}
            rows.append(row | {"sign_change": a * b < 0, "sign_change_clear": a * b < 0})
    return rows


def _drift() -> list[dict[str, Any]]:
    rows = []
    for threshold, rewrites in ((0.0, 60), (0.8, 44), (0.9, 31)):
        for name, side, sign, value in (
            ("last_response_sentiment", "chosen", "+", 0.117),
            ("last_response_is_eloquent", "rejected", "-", -0.04),
        ):
            for population in ("all", "aligned"):
                shown = value * (1 - threshold / 3) if population == "all" else 9.0
                row: dict[str, Any] = {"threshold": threshold, "rewrites": rewrites}
                row |= {"feature": name, "side": side, "sign": sign, "population": population}
                row |= {"estimate": shown, "ci_low": shown - 0.09, "ci_high": shown + 0.09}
                rows.append(row | {"events": 3, "n": 12, "total": rewrites})
    return rows


TESTS = [
    {
        "name": "mcnemar aligned pre against post",
        "group": "all",
        "n": 2312,
        "statistic": 120.0,
        "p_value": 1e-30,
        "log10_p": -30.0,
        "details": {
            "first": "aligned pre",
            "second": "aligned post",
            "b": 150,
            "c": 786,
            "share_first": 0.446,
            "share_second": 0.721,
            "plus": None,
        },
    },
    {
        "name": "t aligned post",
        "group": "opinion i against c",
        "n": 1700,
        "statistic": -1.2,
        "p_value": 0.23,
        "log10_p": -0.64,
        "details": {"n_i": 1619, "n_c": 453, "share_i": 0.74, "share_c": 0.92},
    },
    {
        "name": "sign test chosen against rejected",
        "group": "last_response_is_eloquent",
        "n": 19,
        "statistic": 2.0,
        "p_value": 0.04,
        "log10_p": -1.4,
        "details": {"chosen_higher": 14, "rejected_higher": 5, "b": None},
    },
]
OTHERS: dict[str, list[dict[str, Any]]] = {
    "opinions": [
        {
            "opinion": "c",
            "n": 453,
            "aligned_pre": 243,
            "aligned_post": 419,
            "resistance": 0.075,
            "resistance_low": 0.05,
            "resistance_high": 0.1,
        }
    ],
    "shifts": [
        {
            "group": group,
            "n": n,
            "undefined": 0,
            "mean_deg": 3.2,
            "circular_mean_deg": 5.9,
            "resultant": 0.45,
            "gain_mean_deg": gain,
        }
        for group, n, gain in (("all", 2312, 6.7), ("got/c", 188, 31.0), ("reversed", 168, -20.0))
    ],
    "resistance_by_strategy": [
        {
            "strategy": "neutral",
            "role": "post",
            "n": 60,
            "resistance_before": 0.25,
            "resistance_after": 0.3,
            "change": 0.05,
            "change_low": -0.02,
            "change_high": 0.12,
            "aligned_before": 45,
            "became_misaligned": 6,
            "p_value": 0.3,
        }
    ],
    "resistance_by_ambiguity": [
        {
            "band": 10,
            "n": 231,
            "score_low": 1.6,
            "score_high": 2.0,
            "resistance": 0.48,
            "ci_low": 0.42,
            "ci_high": 0.54,
        }
    ],
    "resistance_by_votes": [
        {
            "role": "post",
            "n_agree": 1210,
            "aligned_agree": 956,
            "resistance_agree": 0.21,
            "agree_low": 0.188,
            "agree_high": 0.234,
            "n_split": 622,
            "aligned_split": 373,
            "resistance_split": 0.4,
            "split_low": 0.362,
            "split_high": 0.439,
            "difference": 0.19,
            "std_error": 0.023,
            "difference_low": 0.145,
            "difference_high": 0.235,
            "p_value": 3e-16,
            "log10_p": -15.5,
            "clusters": 1832,
        }
    ],
}


def _metrics() -> Metrics:
    rows: dict[str, list[dict[str, Any]]] = {
        "alignment": [
            {
                "model": "minilm-help",
                "role": "pre",
                "n": 2312,
                "aligned": 1031,
                "ties": 3,
                "alignment": 0.446,
                "resistance": 0.554,
                "noise_limited": 0,
                "ci_low": 0.426,
                "ci_high": 0.466,
            },
            {
                "model": "minilm-help+D",
                "role": "post",
                "n": 2312,
                "aligned": 1667,
                "ties": 0,
                "alignment": 0.721,
                "resistance": 0.279,
                "noise_limited": 4,
                "ci_low": 0.703,
                "ci_high": 0.739,
                "held_out": 0.584,
                "held_out_low": 0.564,
                "held_out_high": 0.604,
            },
        ],
        "regimes": [
            {"regime": regime, "opinion": opinion, "n": n}
            for regime, counts in (
                ("stayed", (231, 702, 41)),
                ("got", (188, 498, 64)),
                ("resisted", (22, 301, 97)),
                ("reversed", (12, 118, 38)),
            )
            for opinion, n in zip("cir", counts, strict=True)
        ]
        + [{"regime": "stayed", "opinion": "unlabeled", "n": 5}],
        "imprint": [row for preset in STUDY.presets for row in _imprint(preset)],
        "shift_imprint": _sides(4.0, "pair-fe"),
        "misalignment": _sides(0.05, "pair-fe"),
        "robustness": _robustness("pair-fe"),
        "robustness_drift": _drift(),
        "stability": _stability(),
        "stability_imprint": _stability_imprint(),
        "tests": TESTS,
        **OTHERS,
        "dropped": DROPPED,
    }
    return Metrics(preset="pair-fe", tables=records.tables(**rows))


METRICS = _metrics()


# ---------------------------------------------------------------- plots and what was left out


def _circle(peak: int) -> Circle:
    """A bump of pairs around one sector."""
    counts = tuple(max(0, 300 - 70 * min(abs(i - peak), 16 - abs(i - peak))) for i in range(16))
    return Circle(counts=counts, undefined=2, mean_deg=22.5 * (peak - 8) + 11.25, resultant=0.61)


def _grid(tilt: int) -> Grid:
    """A band along the diagonal, `tilt` steps below it."""
    size = 24
    counts = tuple(
        tuple(max(0, 9 - 2 * abs(x - tilt - y) - abs(x - 12) // 2) for x in range(size))
        for y in range(size)
    )
    return Grid(counts=counts, low=-3.25, high=2.5, outside=7)


PLOTS = Plots(
    direction_pre=_circle(6),
    direction_post=_circle(10),
    theta=_circle(8),
    rewards_pre=_grid(-1),
    rewards_post=_grid(3),
)

REJECTS = Rejects(
    rows=tuple(
        RejectRow(
            source="sample_data/pairs.jsonl",
            line=line,
            reason="no_assistant_turn",
            meaning="the conversation has no assistant turn",
            detail="in chosen",
            excerpt='{"chosen": "Human: hello',
        )
        for line in (7, 19)
    ),
    of=2,
)
COUNTS = {
    "rows": 26,
    "pairs": 24,
    "scored pairs": 24,
    "truncated": 1,
    "rewritten pairs": 12,
    "rewritten pairs used": 11,
}
