"""Measures of a stored run: from the same results always the same, and anew when they are stale."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import study as studies
from engine.data import Conversation
from engine.errors import NotReady
from engine.executors.workers import Workers
from engine.paper.inputs import Labels
from engine.results import flat, names, numbers, views
from engine.results.tables import printed, sentence
from engine.run import measure
from engine.service import Engine
from engine.store import Store, dataset, measures, results
from engine.store.complete import put_complete
from seal_tui.cli import summary
from seal_tui.explorer.widgets.alignment import alignment_text
from tests.engine.studies import manifest, prepare, write_study
from tests.pairs import put


@pytest.fixture(autouse=True)
def _no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("measuring asks no model")

    monkeypatch.setattr(Workers, "ask", refuse)
    monkeypatch.setattr(Workers, "run", refuse)


def change(run: Path, key: str, **values: object) -> None:
    study = json.loads((run / "study.json").read_text())
    study[key] |= values
    (run / "study.json").write_text(json.dumps(study))


def asked(run: Path, ask: Callable[[Engine], Any]) -> Any:
    engine = Engine(run)
    try:
        return ask(engine)
    finally:
        engine.close()


def test_another_way_to_measure_needs_no_run(finished: Path) -> None:
    before = manifest(finished)
    change(finished, "measures", tie_policy="exclude", preset="pooled-clustered")
    change(finished, "rewrites", min_cosine=0.97)
    found, status = asked(finished, lambda e: (e.metrics(), e.status()))
    assert {row.tie_policy for row in found.tables.alignment} == {"exclude"}
    assert found.preset == "pooled-clustered"
    assert status.state == "done"
    assert [w for w in status.warnings if "below min_cosine 0.97" in w]
    assert not [w for w in status.warnings if "(pair-fe)" in w], "of the measures before"
    after = manifest(finished)
    assert after["metrics_sha256"] != before["metrics_sha256"]
    assert after["study"]["measures"]["tie_policy"] == "exclude"
    assert after["status"]["warnings"] == list(status.warnings)
    kept = ("models", "dataset", "noise_floor", "lineage")
    assert [after[key] for key in kept] == [before[key] for key in kept]
    again = asked(finished, lambda e: (e.metrics(), e.status()))
    assert again[0] == found
    assert again[1].warnings == status.warnings


def test_agreement_on_held_out_pairs_stands_wherever_that_in_sample_stands(finished: Path) -> None:
    found, study, status = asked(finished, lambda e: (e.metrics(), e.info(), e.status()))
    post = views.alignment(found.tables)[1]
    assert post.alignment != post.held_out
    in_sample, held_out = numbers.percent(post.alignment), numbers.percent(post.held_out)
    shown = {
        "explorer": alignment_text(found.tables, 78).plain,
        "sentence": sentence("alignment", post, names.every_bool),
        "summary": "\n".join(summary.lines(found, study, status)),
    }
    for where, text in shown.items():
        assert in_sample in text, where
        assert held_out in text, where
    (section,) = printed("alignment", found.tables, found.preset, names.every_bool)
    assert section.rows[1][section.head.index("held out")] == held_out, "as in report and tables"


def test_measured_anew_is_what_was_measured_before(finished: Path) -> None:
    before = asked(finished, lambda e: e.metrics().tables)
    digest, warnings = (manifest(finished)[key] for key in ("metrics_sha256", "measures_warnings"))
    store = Store(finished / "seal.duckdb")
    store.put_meta("measured", "by an older version of the program")
    store.close()
    engine = Engine(finished)
    try:
        assert engine.status().state == "done"
        assert engine.browser().pair(0).row.pair_id == 0  # the explorer's way in
        assert engine.metrics().tables == before
    finally:
        engine.close()
    after = manifest(finished)
    assert (after["metrics_sha256"], after["measures_warnings"]) == (digest, warnings)


def test_an_engine_that_is_up_sees_the_changed_study(finished: Path) -> None:
    engine = Engine(finished)
    try:
        assert engine.metrics().preset == "pair-fe"
        change(finished, "measures", preset="released-code")
        assert engine.metrics().preset == "released-code"
        (finished / "study.json").write_text("{")
        with pytest.raises(NotReady, match=r"study\.json"):
            engine.metrics()
    finally:
        engine.close()


def test_a_study_that_asks_for_other_models_leaves_the_last_results_as_they_are(
    finished: Path,
) -> None:
    before = asked(finished, lambda e: e.metrics())
    change(finished, "post", penalty=0.5)
    change(finished, "measures", tie_policy="exclude")
    engine = Engine(finished)
    try:
        assert engine.status().state == "done"
        assert engine.info().changed, "a run would compute something else"
        found = engine.metrics().tables
        assert {row.tie_policy for row in found.alignment} == {"exclude"}
        assert [row.n for row in found.alignment] == [row.n for row in before.tables.alignment]
        assert engine.browser().pair(0).row.pair_id == 0
    finally:
        engine.close()
    change(finished, "post", penalty=0.001)
    change(finished, "measures", tie_policy="misaligned")
    assert not asked(finished, lambda e: e.info().changed)
    assert asked(finished, lambda e: e.metrics()) == before


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    run = prepare(write_study(tmp_path / "study"), tmp_path / "run")
    with pytest.raises(NotReady, match="missing stages: read pairs, label · main, label · gold"):
        asked(run, lambda e: e.metrics())


# ---------------------------------------------------------------- the order of insertion


def stored(folder: Path, study: studies.Study, seed: int, texts: int = 120) -> Store:
    """One run's results, entered one by one in an order of the seed's."""
    from tests.engine.test_store import pair, rewards

    truth = np.random.default_rng(1)
    labels = truth.integers(0, 2, size=(3, texts, len(study.features)))
    score = {role: truth.normal(size=texts) for role in ("pre", "post")}
    cosine = 0.5 + truth.random(texts) / 2
    store = Store(folder / f"{seed}.duckdb")
    pairs = [pair(i, f"a{i}", f"b{i}") for i in range(texts // 2)]
    put(store, "d", pairs)
    roles = ("labeler main", "labeler gold", "labeler third", "pre", "post", "rewriter", "embedder")
    producers = list(roles)
    dice = np.random.default_rng(seed)
    for at in dice.permutation(len(producers)):
        results.put_producer(store, producers[at], producers[at], "m", "{}")
    with store.write() as cursor:
        new = dataset.put_texts(
            cursor, [Conversation(f"\n\nHuman: q\n\nAssistant: new {i}") for i in range(texts)]
        )
    work: list[Callable[[Any], None]] = []
    for i in range(texts):
        for role in ("pre", "post"):
            value = score[role][i]
            for text, reward in ((i, value), (new[i], -0.5 * value + 0.2)):
                work.append(
                    lambda c, m=role, t=text, r=reward: results.put_scores(c, m, [t], rewards([r]))
                )
        for at, producer in enumerate(producers[:3]):
            row = labels[at, i].tolist()
            work.append(lambda c, m=producer, t=i, v=row: results.put_recorded_labels(c, m, {t: v}))
        other = (1 - labels[0, i]).tolist()
        work.append(
            lambda c, t=new[i], v=other: results.put_recorded_labels(c, "labeler main", {t: v})
        )
        for strategy in ("neutral", "placebo"):
            work.append(
                lambda c, s=strategy, t=i, n=new[i]: results.put_rewrites(
                    c, "rewriter", s, [results.Rewrite(t, "raw", None, n)]
                )
            )
        work.append(
            lambda c, t=i, n=new[i], x=cosine[i]: results.put_similarities(
                c, "embedder", [(t, n)], [x]
            )
        )
    with store.write() as cursor:
        for at in dice.permutation(len(work)):
            work[at](cursor)
    put_complete(store, studies.dump_resolved(study))
    return store


def test_the_order_of_insertion_changes_no_bit_of_any_measure(tmp_path: Path) -> None:
    study = studies.load(
        write_study(tmp_path / "study", rewriter_url="http://127.0.0.1:9/v1", sample=60)
    )
    found = set()
    for seed in (0, 1):
        store = stored(tmp_path, study, seed)
        measure.measure(study, store)
        tables = measures.tables(store)
        names = ("robustness", "robustness_drift", "resistance_by_strategy", "stability_imprint")
        assert all(getattr(tables, name) for name in names)
        assert {row.statistic for row in tables.stability} == {"cohen", "fleiss"}
        facts = store.read("SELECT * FROM pair_facts ORDER BY pair_id").fetchall()
        found.add(json.dumps([flat.tables(tables), facts]))  # floats as JSON tell every bit
        store.close()
    assert len(found) == 1


def test_the_main_labeler_comes_first(tmp_path: Path) -> None:
    study = studies.load(write_study(tmp_path / "study"))
    store = stored(tmp_path, study, 3, texts=4)
    features = measure.paper_features(study)
    labelers: tuple[Labels, ...] = measures.labelers(store, results.roles(store), features)
    assert [labels.name for labels in labelers] == ["main", "gold", "third"]
    store.close()
