"""`seal-tui import`: a run from recorded results, or one clear line and nothing at all."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import taxonomy
from tests import records
from tests.cli.conftest import Answer
from tests.engine.conftest import end_engine
from tests.engine.released import SIDES, export, write_compare, write_csv, write_taxonomy_csv
from tests.engine.studies import manifest, sample_rows, write_pairs

Cli = Callable[..., Answer]
COUNT = 16


class Recording:
    """Own-written results of the first sample pairs, under numbers as keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = folder / "run"
        self.features = taxonomy.load()
        dice = random.Random(5)
        rows = [{**row, "id": str(i)} for i, row in enumerate(sample_rows(COUNT))]
        write_pairs(folder / "pairs.jsonl", rows)
        self.pre = {row["id"]: (dice.gauss(0, 2), dice.gauss(0, 2)) for row in rows}
        self.post = {row["id"]: (dice.gauss(1, 2), dice.gauss(0, 2)) for row in rows}
        self.texts = {(row["id"], side): row[side] for row in rows for side in SIDES}
        self.labels = {
            key: [dice.choice(feature.values) for feature in self.features] for key in self.texts
        }
        self.write()

    def write(self) -> None:
        write_compare(self.folder / "pre.csv", self.pre)
        write_compare(self.folder / "post.csv", self.post)
        write_taxonomy_csv(self.folder / "labels.csv", self.features, self.labels, self.texts)

    def options(self, **changes: str | None) -> list[str]:
        """The options of the command; None omits one."""
        files: dict[str, str | None] = {
            "pairs": "pairs.jsonl",
            "labels": "labels.csv",
            "pre": "pre.csv",
            "post": "post.csv",
            **changes,
        }
        arguments = [str(self.run)]
        for name, file in files.items():
            if file is not None:
                path = str(self.folder / file)
                role = name in SIDES or name in ("pre", "post")
                arguments += ["--rewards", f"{name}={path}"] if role else [f"--{name}", path]
        return arguments


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    recording = Recording(tmp_path)
    yield recording
    end_engine(recording.run)


def refused(answer: Answer, run: Path) -> str:
    """The error line of an import that was refused and changed nothing."""
    assert answer.returncode == 2, answer.stderr
    assert answer.stdout == ""
    assert not run.exists()
    (line,) = answer.stderr.splitlines()
    return line


def tables(answer: Answer) -> dict[str, Any]:
    """The metric tables without the fields that depend on the scorer."""
    metrics: dict[str, Any] = json.loads(answer.stdout)
    for row in metrics["alignment"]:
        del row["model"], row["noise_limited"]
    for row in metrics["resistance_by_ambiguity"]:  # the scores depend on scorer noise
        del row["score_low"], row["score_high"]
    return metrics


# ---------------------------------------------------------------- what goes in


def test_recorded_results_become_a_run(recording: Recording, seal_tui: Cli) -> None:
    answer = seal_tui("import", *recording.options())
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    metrics = tables(seal_tui("metrics", recording.run, "--json"))
    aligned = {row["role"]: row["aligned"] for row in metrics["alignment"]}
    for role, scores in (("pre", recording.pre), ("post", recording.post)):
        assert aligned[role] == sum(chosen > rejected for chosen, rejected in scores.values())
    status = json.loads(seal_tui("status", recording.run, "--json").stdout)
    notes = {stage["name"]: stage["note"] for stage in status["stages"]}
    assert "noise is assumed to be 0" in notes["score:pre"]
    models = manifest(recording.run)["models"]
    assert set(models) == {"labeler main", "pre", "post"}
    for model in models.values():
        (digest,) = model["fingerprint"]["files_sha256"]
        assert len(digest) == 64
    assert manifest(recording.run)["noise_floor"]["pre"] == {"floor": 0.0, "compared": 0}


def test_row_order_and_file_format_do_not_change_the_results(
    recording: Recording, seal_tui: Cli
) -> None:
    assert seal_tui("import", *recording.options()).returncode == 0
    digest = manifest(recording.run)["metrics_sha256"]
    end_engine(recording.run)
    dice = random.Random(1)
    for name in ("pre", "labels"):
        of = list(getattr(recording, name).items())
        dice.shuffle(of)
        setattr(recording, name, dict(of))
    recording.write()
    columns = {
        "id": list(recording.post),
        "scores_chosen": [chosen for chosen, _ in recording.post.values()],
        "scores_rejected": [rejected for _, rejected in recording.post.values()],
        "results": [int(chosen > rejected) for chosen, rejected in recording.post.values()],
        "model": "mine",
    }
    (recording.folder / "bench.json").write_text(json.dumps(columns))
    answer = seal_tui("import", *recording.options(post="bench.json"))
    assert answer.returncode == 0, answer.stderr
    benched = tables(seal_tui("metrics", recording.run, "--json"))
    end_engine(recording.run)
    assert seal_tui("import", *recording.options()).returncode == 0
    assert tables(seal_tui("metrics", recording.run, "--json")) == benched
    assert manifest(recording.run)["metrics_sha256"] == digest


def test_the_labels_file_can_contain_the_pairs(recording: Recording, seal_tui: Cli) -> None:
    answer = seal_tui("import", *recording.options(pairs=None))
    assert answer.returncode == 0, answer.stderr
    assert tables(seal_tui("metrics", recording.run, "--json"))["alignment"][0]["n"] == COUNT


def test_without_labels_only_measures_without_labels_are_computed(
    recording: Recording, seal_tui: Cli
) -> None:
    answer = seal_tui("import", *recording.options(labels=None))
    assert answer.returncode == 0, answer.stderr
    metrics = tables(seal_tui("metrics", recording.run, "--json"))
    assert metrics["alignment"][0]["n"] == COUNT
    assert {row["group"] for row in metrics["shifts"]} >= {"all"}


def test_importing_the_recorded_results_of_a_run_gives_the_same_numbers(
    finished: Path, tmp_path: Path, seal_tui: Cli
) -> None:
    export(finished, tmp_path)
    run = tmp_path / "imported"
    try:
        answer = seal_tui(
            "import",
            run,
            *("--pairs", finished / "study" / "pairs.jsonl"),
            *("--taxonomy", finished / "study" / "taxonomy.toml"),
            *("--labels", tmp_path / "labels.csv"),
            *("--labels", f"gold={finished / 'study' / 'gold.jsonl'}"),
            *("--rewards", f"pre={tmp_path / 'pre.csv'}"),
            *("--rewards", f"post={tmp_path / 'post.csv'}"),
            *("--rewrites", tmp_path / "rewrites.csv"),
        )
        assert answer.returncode == 0, answer.stderr
        imported = tables(seal_tui("metrics", run, "--json"))
        ran = tables(seal_tui("metrics", finished, "--json"))
        assert imported["robustness"]
        for row in ran["alignment"]:  # recorded scores cannot tell what was held out
            row |= {key: None for key in row if key.startswith("held_out")}
        study = json.loads((finished / "study.json").read_text())
        records.drop_own_threshold(ran, study["rewrites"]["min_cosine"])
        assert imported == ran
    finally:
        end_engine(run)
        end_engine(finished)


# ---------------------------------------------------------------- what does not


def test_both_rewards_are_required(recording: Recording, seal_tui: Cli) -> None:
    line = refused(seal_tui("import", *recording.options(pre=None)), recording.run)
    assert "--rewards pre=FILE is missing: both pre and post are required" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rewards", "middle=x"], "must be pre=FILE or post=FILE"),
        (["--rewards", "pre=x", "--rewards", "pre=y"], "pre is given twice"),
        (["--labels", "x", "--labels", "y"], "labeler main is given twice"),
    ],
)
def test_wrong_usage_names_the_correct_form(
    arguments: list[str], words: str, seal_tui: Cli, tmp_path: Path
) -> None:
    assert words in refused(seal_tui("import", tmp_path / "run", *arguments), tmp_path / "run")


def test_pairs_or_labels_with_texts_are_required(recording: Recording, seal_tui: Cli) -> None:
    line = refused(seal_tui("import", *recording.options(pairs=None, labels=None)), recording.run)
    assert "--pairs is missing" in line


def edit(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Change a CSV file's rows; none of them spans lines but in labels.csv."""
    head, *rows = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([head, *change(rows)]) + "\n", "utf-8")


# What is wrong within a file is in tests/engine/test_recorded_scores.py.
BAD_SCORES: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "missing rows": (
        lambda rows: rows[:-3],
        "post.csv: 3 of 16 pairs have no score: row_id 13, 14, 15; every pair needs one",
    ),
    "unknown rows": (
        lambda rows: [*rows, "77,1.0,2.0,False", "78,1.0,2.0,False"],
        "post.csv: 2 of 18 scores match no pair: row_id 77, 78; the pairs have 0, 1, 10, …",
    ),
    "NaN": (
        lambda rows: ["0,nan,1.0,False", "1,NaN,1.0,False", *rows[2:]],
        "post.csv, line 2: chosen_score is nan, not a finite number; 2 numbers are affected, "
        "lines 2, 3",
    ),
}


@pytest.mark.parametrize("fault", BAD_SCORES)
def test_a_bad_score_file_is_one_line_with_count_and_examples(
    fault: str, recording: Recording, seal_tui: Cli
) -> None:
    change, words = BAD_SCORES[fault]
    edit(recording.folder / "post.csv", change)
    assert words in refused(seal_tui("import", *recording.options()), recording.run)


def set_label(recording: Recording, at: slice, feature: str, value: str) -> list[Any]:
    """Rewrite labels.csv with a value in the named feature's column of some rows."""
    path = recording.folder / "labels.csv"
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    (column,) = (i for i, name in enumerate(head) if name.endswith(feature))
    for row in rows[at]:
        row[column] = value
    write_csv(path, head, rows)
    return rows


def test_labels_outside_the_vocabulary_are_refused(recording: Recording, seal_tui: Cli) -> None:
    set_label(recording, slice(2, 6), "sentiment", "furious")
    line = refused(seal_tui("import", *recording.options()), recording.run)
    assert "labels.csv, line" in line
    assert "sentiment is 'furious', must be one of (-1, 0, 1); 4 labels are affected" in line


def test_duplicate_labels_and_labels_of_unknown_pairs_are_refused(
    recording: Recording, seal_tui: Cli
) -> None:
    path = recording.folder / "labels.csv"
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    write_csv(path, head, [*rows, rows[0], rows[5]])
    line = refused(seal_tui("import", *recording.options()), recording.run)
    assert "is labeled twice; 2 entries are labeled twice, lines" in line
    write_csv(path, head, [*rows, ["99", *rows[0][1:]]])
    line = refused(seal_tui("import", *recording.options()), recording.run)
    assert f"labels.csv: 1 of {2 * COUNT + 1} labels match no pair: row_id 99" in line


def test_entries_without_labels_are_imported_counted_and_excluded(
    recording: Recording, seal_tui: Cli
) -> None:
    path = recording.folder / "labels.csv"
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    write_csv(path, head, rows[6:])
    answer = seal_tui("import", *recording.options())
    assert answer.returncode == 0, answer.stderr
    assert "labeler main: 6 entries have no recorded label" in answer.stdout
    metrics = tables(seal_tui("metrics", recording.run, "--json"))
    assert {r["n"] for r in metrics["opinions"] if r["opinion"] == "unlabeled"} == {3}
    assert [r for r in metrics["dropped"] if r["reason"] == "unlabeled_pairs"]


def test_a_bad_file_does_not_change_an_earlier_import(recording: Recording, seal_tui: Cli) -> None:
    assert seal_tui("import", *recording.options()).returncode == 0
    before = seal_tui("metrics", recording.run, "--json").stdout
    study = (recording.run / "study.json").read_bytes()
    good = (recording.folder / "post.csv").read_text()
    edit(recording.folder / "post.csv", BAD_SCORES["NaN"][0])
    answer = seal_tui("import", *recording.options())
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "not a finite number" in answer.stderr
    assert (recording.run / "study.json").read_bytes() == study
    assert seal_tui("metrics", recording.run, "--json").stdout == before
    (recording.folder / "post.csv").write_text(good)
    assert seal_tui("import", *recording.options()).returncode == 0


def test_ids_of_unknown_pairs_are_refused_with_counts_and_examples(
    recording: Recording, seal_tui: Cli
) -> None:
    recording.post = {f"x{key}": scores for key, scores in recording.post.items()}
    recording.write()
    line = refused(seal_tui("import", *recording.options()), recording.run)
    assert f"post.csv: {COUNT} of {COUNT} scores match no pair: row_id x0, x1, x2, …" in line
    assert "the pairs have" in line


def test_labels_of_other_texts_are_refused(recording: Recording, seal_tui: Cli) -> None:
    keys = [*recording.labels]
    texts = dict(recording.texts)
    recording.texts = {key: texts[keys[i - 2]] for i, key in enumerate(keys)}
    recording.write()
    line = refused(seal_tui("import", *recording.options()), recording.run)
    assert "texts differ from the pairs with the same row_id" in line


def test_squashed_scores_are_imported_when_allowed(recording: Recording, seal_tui: Cli) -> None:
    recording.pre = {key: (0.25, 0.75) for key in recording.pre}
    recording.write()
    answer = seal_tui("import", *recording.options(), "--allow-squashed")
    assert answer.returncode == 0, answer.stderr


def test_a_fixed_file_is_imported_into_the_same_folder(recording: Recording, seal_tui: Cli) -> None:
    whole = dict(recording.pre)
    del recording.pre["3"]
    recording.write()
    line = refused(seal_tui("import", *recording.options()), recording.run)
    assert f"1 of {COUNT} pairs have no score: row_id 3" in line
    recording.pre = whole
    recording.write()
    assert seal_tui("import", *recording.options()).returncode == 0


def test_a_folder_with_another_run_is_not_changed(recording: Recording, seal_tui: Cli) -> None:
    recording.run.mkdir()
    (recording.run / "study.toml").write_text("# mine\n")
    answer = seal_tui("import", *recording.options())
    assert answer.returncode == 2
    assert "contains a run that was not imported" in answer.stderr
    assert [path.name for path in recording.run.iterdir()] == ["study.toml"]


def test_the_error_for_an_unrelated_csv_file_lists_its_columns(
    recording: Recording, seal_tui: Cli
) -> None:
    write_csv(recording.folder / "pre.csv", ("row_id", "reward"), [("0", "1.5")])
    line = refused(seal_tui("import", *recording.options()), recording.run)
    assert "the columns are row_id, chosen_score, rejected_score" in line
