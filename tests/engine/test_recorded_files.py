"""SEAL's label and rewrite files, and studies that are made of recorded files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from engine import data, taxonomy
from engine.errors import BadInput, Kind
from engine.models.recorded import MISSING, read_labels
from engine.models.recorded_rewrites import read_rewrites
from engine.service import Engine
from engine.store import Store
from engine.study import STRATEGIES
from tests.engine.released import COMPARE, export, write_csv, write_taxonomy_csv
from tests.engine.studies import manifest, prepare, run_to_end

FEATURES = taxonomy.load()
NAMES = [feature.name for feature in FEATURES]


def labels_csv(path: Path, **cells: str) -> Path:
    """One pair's labels, all 0, but for these cells of the chosen entry."""
    values = {(key, side): [0] * len(FEATURES) for key in ("4",) for side in ("chosen", "rejected")}
    texts = {key: f"Human: hi\n\nAssistant: {key[1]}" for key in values}
    write_taxonomy_csv(path, FEATURES, values, texts)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0].update(cells)
    return write_csv(path, tuple(rows[0]), [tuple(row.values()) for row in rows])


# ---------------------------------------------------------------- labels


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("last_response_is_helpful", "true", 1),
        ("last_response_is_helpful", "FALSE", 0),
        ("last_response_is_helpful", "1", 1),
        ("last_response_is_helpful", "", MISSING),
        ("last_response_sentiment", "Negative", -1),
        ("last_response_sentiment", "0", 0),
        ("last_response_sentiment", "1", 1),
        ("last_response_sentiment", "-1", -1),
    ],
)
def test_cells_are_read_as_they_are_written(
    name: str, cell: str, value: int, tmp_path: Path
) -> None:
    found = read_labels(labels_csv(tmp_path / "l.csv", **{name: cell}), FEATURES)
    at = next(i for i, feature in enumerate(FEATURES) if feature.released == name)
    assert found.values["4", "chosen"][at] == value
    assert found.values["4", "rejected"][at] == 0


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (
            {"last_response_is_helpful": "maybe"},
            "line 2: helpful is 'maybe', must be one of (0, 1)",
        ),
        ({"last_response_is_helpful": "2"}, "line 2: helpful is '2'"),
        ({"last_response_sentiment": "mixed"}, "line 2: sentiment is 'mixed'"),
        ({"last_response_sentiment": "true"}, "line 2: sentiment is 'true'"),
        ({"preference": "better"}, "line 2: preference must be chosen or rejected"),
        ({"preference": "rejected"}, "rejected of 4 is labeled twice"),
        ({"row_id": ""}, "line 2: no row_id or id"),
    ],
)
def test_a_wrong_cell_is_refused(cells: dict[str, str], words: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        read_labels(labels_csv(tmp_path / "l.csv", **cells), FEATURES)
    assert words in str(caught.value)


def test_our_own_names_do_as_well_and_other_columns_do_not_matter(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "l.csv", ("id", "preference", "mood", "helpful"), [("a", "chosen", "?", "true")]
    )
    (values,) = read_labels(path, FEATURES).values.values()
    assert [name for name, value in zip(NAMES, values, strict=True) if value == 1] == ["helpful"]
    assert values.count(MISSING) == len(FEATURES) - 1


def test_without_a_single_feature_the_columns_are_named(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "l.csv", ("row_id", "preference", "x"), [("1", "chosen", "y")])
    with pytest.raises(BadInput, match="the columns are assistant_is_anthropomorphic, "):
        read_labels(path, FEATURES)


def test_a_labels_file_gives_pairs_whatever_the_order_of_its_rows(tmp_path: Path) -> None:
    def text(key: str, side: str) -> str:
        return f'\n\nHuman: say "{key}", please\n\nAssistant: {side}'

    rows = [("9", "rejected"), ("8", "chosen"), ("9", "chosen"), ("7", "chosen"), ("8", "rejected")]
    path = write_csv(
        tmp_path / "l.csv", ("row_id", "preference", "text"), [(*r, text(*r)) for r in rows]
    )
    found = list(data.read_pairs(data.Source(path=path)))
    pairs = [record for record in found if isinstance(record, data.Pair)]
    assert [(p.source_id, p.chosen.transcript, p.rejected.transcript) for p in pairs] == [
        (key, text(key, "chosen"), text(key, "rejected")) for key in ("9", "8")
    ]
    (reject,) = [record for record in found if isinstance(record, data.Reject)]
    assert reject.reason == "missing_field"
    assert "pair 7 has only the chosen side" in reject.detail


# ---------------------------------------------------------------- a whole study


def recorded_study(finished: Path, folder: Path, **changes: str) -> Path:
    """The finished run as a study of its own written-out results."""
    export(finished, folder)
    given = finished / "study"
    lines = {
        "data": f'path = "{given / "pairs.jsonl"}"',
        "taxonomy": f'file = "{given / "taxonomy.toml"}"',
        "labelers.main": 'backend = "recorded"\npath = "labels.csv"',
        "labelers.gold": f'backend = "recorded"\npath = "{given / "gold.jsonl"}"',
        "rewards.pre": 'path = "pre.csv"',
        "rewards.post": 'path = "post.csv"',
        "rewrites": 'path = "rewrites.csv"\nscope = "transcript"\nmin_cosine = 0.5',
        **{name.replace("__", "."): line for name, line in changes.items()},
    }
    study = folder / "recorded.toml"
    study.write_text("".join(f"[{name}]\n{line}\n" for name, line in lines.items()))
    return study


def edit(path: Path, row: int, **cells: str) -> None:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[row].update(cells)
    write_csv(path, tuple(rows[0]), [tuple(of.values()) for of in rows])


def test_recorded_rewrites_are_browsed_with_the_labels_of_their_own_labeler(
    finished: Path, tmp_path: Path
) -> None:
    study = recorded_study(finished, tmp_path)
    # The labeler of the rewrites sees the original otherwise than the main labeler did.
    with (tmp_path / "rewrites.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    row = rows[0]
    name = "original_chosen_helpful"
    other = "False" if row[name] == "True" else "True"
    for at, of in enumerate(rows):
        if of["row_id"] == row["row_id"]:
            edit(tmp_path / "rewrites.csv", at, **{name: other})
    run = prepare(study, tmp_path / "run")
    status = run_to_end(run)
    assert status.state == "done", status.error
    engine = Engine(run)
    try:
        from engine.wire.messages import RewriteQuery

        browser = engine.browser()
        ids = browser.rewrite_ids(RewriteQuery(filter=f"strategy:{row['strategy']}")).ids
        found = [browser.rewrite(i) for i in ids]
        one = next(f for f in found if f.row.source_id == row["row_id"])
        assert one.chosen.labels_before["helpful"] == int(other == "True")
        pair = browser.pair(one.row.pair_id)
        assert pair.chosen.labels["helpful"] == int(other == "False")
        assert engine.info().strategies == STRATEGIES
        roles = {info.role: info.model for info in engine.info().models}
        assert roles["rewriter"] == "rewrites.csv"
        assert roles["pre"] == "pre.csv"
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"row_id": "nobody"}, "match no pair: row_id nobody"),
        ({"strategy": "shouting"}, "strategy is 'shouting', must be one of neutral"),
        ({"rewritten_chosen_helpful": "perhaps"}, "helpful is 'perhaps'"),
        ({"rewritten_chosen_score_rm_aligned": "nan"}, "rewritten_chosen_score_rm_aligned is nan"),
        (
            {"original_to_rewritten_chosen_vector_cos_sim": "1.5"},
            "the similarity 1.5 is not a cosine",
        ),
        ({"original_chosen_text": "Human: x\n\nAssistant: y"}, "differ from the pairs"),
        ({"original_chosen_score_rm_control": "99"}, "pre rewards that differ from the score file"),
    ],
)
def test_wrong_rewrites_leave_nothing_imported(
    cells: dict[str, str], words: str, finished: Path, tmp_path: Path
) -> None:
    study = recorded_study(finished, tmp_path)
    edit(tmp_path / "rewrites.csv", 0, **cells)
    run = prepare(study, tmp_path / "run")
    status = run_to_end(run)
    assert (status.state, status.error_kind) == ("failed", Kind.BAD_INPUT)
    assert words in str(status.error)
    store = Store(run / "seal.duckdb")
    try:
        for table in ("texts", "pairs", "labels", "scores", "rewrites"):
            assert store.read(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    finally:
        store.close()


def test_missing_columns_of_a_rewrite_file_are_named(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "r.csv", ("row_id", "rewritten_chosen_text"), [("1", "x")])
    with pytest.raises(BadInput) as caught:
        read_rewrites(path, FEATURES, STRATEGIES)
    for column in (
        "rewritten_rejected_text",
        "rewritten_chosen_score_rm_control",
        "original_to_rewritten_chosen_vector_cos_sim",
        "original_chosen_assistant_is_anthropomorphic",
    ):
        assert column in str(caught.value)
    assert "rewritten_chosen_text" not in str(caught.value)


def test_a_rewrite_without_a_last_response_is_refused_and_counted(
    finished: Path, tmp_path: Path
) -> None:
    study = recorded_study(finished, tmp_path)
    edit(tmp_path / "rewrites.csv", 0, rewritten_chosen_text="Human: only this")
    status = run_to_end(prepare(study, tmp_path / "run"))
    assert status.state == "done", status.error
    assert status.counts["refused: no_assistant_turn"] == 1


def test_a_changed_file_is_another_producer(finished: Path, tmp_path: Path) -> None:
    study = recorded_study(finished, tmp_path)
    run = prepare(study, tmp_path / "run")
    assert run_to_end(run).state == "done"
    before = manifest(run)
    with (tmp_path / "post.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    key = first["row_id"]
    edit(tmp_path / "post.csv", 0, chosen_score="40", rejected_score="-40", agreement="True")
    study = recorded_study_without_rewrites(study)
    prepare(study, run)
    status = run_to_end(run)
    assert status.state == "done", status.error
    after = manifest(run)
    assert after["models"]["post"]["producer"] != before["models"]["post"]["producer"]
    engine = Engine(run)
    try:
        browser = engine.browser()
        pairs = [browser.pair(i) for i in range(24)]
        (pair,) = [pair for pair in pairs if pair.row.source_id == key]
        assert (pair.chosen.post, pair.rejected.post) == (40.0, -40.0)
    finally:
        engine.close()


def recorded_study_without_rewrites(study: Path) -> Path:
    before, _, _ = study.read_text().partition("[rewrites]")
    study.write_text(before + "[rewrites]\nsample = 0\n")
    return study


def test_scores_of_pairs_outside_the_sample_do_no_harm(finished: Path, tmp_path: Path) -> None:
    pairs = finished / "study" / "pairs.jsonl"
    study = recorded_study(finished, tmp_path, data=f'path = "{pairs}"\nlimit = 9')
    status = run_to_end(prepare(study, tmp_path / "run"))
    assert status.state == "done", status.error
    assert status.counts["scored pairs"] == 9


def test_two_values_for_one_text_are_counted_and_the_first_pair_counts(tmp_path: Path) -> None:
    reply = "\n\nHuman: hi\n\nAssistant: "
    rows: list[dict[str, Any]] = [
        {"id": str(i), "chosen": reply + "same", "rejected": f"{reply}other {i}"} for i in range(3)
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    scores = [("2", "5", "0", "True"), ("1", "3", "0", "True"), ("0", "3", "-1", "True")]
    write_csv(tmp_path / "s.csv", COMPARE, scores)
    study = tmp_path / "study.toml"
    study.write_text(
        '[data]\npath = "pairs.jsonl"\n[labelers.main]\nbackend = "none"\n'
        '[rewards.pre]\npath = "s.csv"\n[rewards.post]\npath = "s.csv"\n[rewrites]\nsample = 0\n'
    )
    run = prepare(study, tmp_path / "run")
    status = run_to_end(run)
    assert status.state == "done", status.error
    assert any("1 entries have other recorded values" in w for w in status.warnings)
    engine = Engine(run)
    try:
        assert [engine.browser().pair(i).chosen.post for i in range(3)] == [3.0, 3.0, 3.0]
    finally:
        engine.close()
