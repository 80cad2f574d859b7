"""The hand-made study as a real run: recorded results, the real engine, no models."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine import taxonomy
from engine.data.transcript import Speaker, Turn, join
from engine.service import Engine
from engine.taxonomy import Feature
from engine.wire.messages import Entry, PairDetail, RewriteDetail
from engine.wire.messages import Turn as Said
from tests.engine.released import SIDES, word, write_compare, write_csv, write_taxonomy_csv
from tests.engine.studies import prepare, write_taxonomy

from .fake_study import FEATURES, labels, pairs, rewrites

STUDY = """name = "harmless demo"
[data]
path = "pairs.jsonl"
[data.columns]
votes = "votes"
group = "group"
[taxonomy]
file = "taxonomy.toml"
[labelers.main]
backend = "recorded"
path = "labels.csv"
[labelers.second]
backend = "recorded"
path = "second.csv"
[rewards.pre]
path = "pre.csv"
[rewards.post]
path = "post.csv"
[rewrites]
path = "rewrites.csv"
"""


_SPEAKER: dict[str, Speaker] = {"user": "human", "human": "human", "assistant": "assistant"}


def text_of(turns: Sequence[Said]) -> str:
    return join(Turn(_SPEAKER[turn.role], turn.text) for turn in turns)


def build(
    folder: Path,
    study_pairs: Mapping[int, PairDetail] | None = None,
    study_rewrites: Mapping[int, RewriteDetail] | None = None,
    *,
    swapped: bool = False,
    keys: str = "",
) -> Path:
    """Write the files of a study of these pairs and rewrites into `folder` and run it; the run
    folder. `swapped`: the human chose the other answer of every pair. `keys`: more of the study
    file."""
    study_pairs = study_pairs or pairs()
    as_came = dict(zip(SIDES, SIDES[::-1] if swapped else SIDES, strict=True))
    write_taxonomy(folder / "taxonomy.toml", tuple((n, k, r) for n, k, r, _ in FEATURES))
    sides = {
        (pair.row.source_id, side): getattr(pair, as_came[side])
        for pair in study_pairs.values()
        for side in SIDES
    }
    texts = {key: text_of(entry.turns) for key, entry in sides.items()}
    rows = [
        {
            "id": pair.row.source_id,
            "topic": pair.row.topic,
            **{side: texts[pair.row.source_id, side] for side in SIDES},
            **_judged(pair, -1 if swapped else 1),
        }
        for pair in study_pairs.values()
    ]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (folder / "study.toml").write_text(STUDY + keys, "utf-8")
    features = taxonomy.load(folder / "taxonomy.toml")
    for role in ("pre", "post"):
        scores = {
            source_id: tuple(getattr(sides[source_id, side], role) for side in SIDES)
            for source_id in (pair.row.source_id for pair in study_pairs.values())
        }
        write_compare(folder / f"{role}.csv", scores)
    second = {
        (pair.row.source_id, side): labels(number + 1, as_came[side] == "chosen")
        for number, pair in study_pairs.items()
        for side in SIDES
    }
    main = {key: entry.labels for key, entry in sides.items()}
    for name, given in (("labels", main), ("second", second)):
        values = {key: _values(features, of) for key, of in given.items()}
        write_taxonomy_csv(folder / f"{name}.csv", features, values, texts)
    of_pairs = (study_rewrites or rewrites()).values()
    rows_of = [_rewrite_row(rewrite, features, sides, as_came) for rewrite in of_pairs]
    write_csv(folder / "rewrites.csv", tuple(rows_of[0]), [tuple(row.values()) for row in rows_of])
    run = prepare(folder / "study.toml", folder / "run")
    engine = Engine(run)
    engine.start()
    engine.join()
    status = engine.status()
    engine.close()
    assert status.state == "done", status.error
    return run


def _judged(pair: PairDetail, sign: int) -> dict[str, object]:
    """What the row says about a pair beside its texts; with −1 for the sides exchanged."""
    row, source = pair.row, pair.source
    votes = source.votes if source is not None else ()
    scores, models = (row.score_chosen, row.score_rejected), (row.model_chosen, row.model_rejected)
    return {
        "margin": row.margin_human,
        "votes": [{"annotator": vote.annotator, "score": sign * vote.score} for vote in votes],
        "group": row.group,
        **dict(zip(("score_chosen", "score_rejected"), scores[::sign], strict=True)),
        **dict(zip(("model_chosen", "model_rejected"), models[::sign], strict=True)),
        **(source.extras if source is not None else {}),
    }


def _values(features: Sequence[Feature], given: Mapping[str, int]) -> list[int]:
    return [given[feature.name] for feature in features]


def _rewrite_row(
    rewrite: RewriteDetail,
    features: Sequence[Feature],
    sides: Mapping[tuple[str, str], Entry],
    as_came: Mapping[str, str],
) -> dict[str, str]:
    key = rewrite.row.source_id
    row = {"row_id": key, "strategy": rewrite.row.strategy}
    for side in SIDES:
        of, entry = getattr(rewrite, as_came[side]), sides[key, side]
        reworded = Said(role="assistant", text=of.rewritten)
        versions = (
            ("original", entry.turns, entry.pre, entry.post, of.labels_before),
            (
                "rewritten",
                (*rewrite.context, reworded),
                of.pre_after,
                of.post_after,
                of.labels_after,
            ),
        )
        for version, turns, pre, post, given in versions:
            row[f"{version}_{side}_text"] = text_of(turns)
            row[f"{version}_{side}_score_rm_control"] = repr(pre)
            row[f"{version}_{side}_score_rm_aligned"] = repr(post)
            for feature in features:
                name = f"{version}_{side}_{feature.released or feature.name}"
                row[name] = word(feature, given[feature.name])
        row[f"original_to_rewritten_{side}_vector_cos_sim"] = repr(of.cosine)
    return row
