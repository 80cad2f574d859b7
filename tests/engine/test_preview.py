"""What a run would reuse and compute is what it then does; asking changes nothing."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine import study as studies
from engine.errors import BadInput, NotReady
from engine.service import Engine
from engine.wire.messages import PlanRequest, RunPlan, StagePlan, StopRequest
from tests.engine.studies import FEATURES, prepare, run_to_end, stand_in_server, write_taxonomy
from tests.engine.test_pipeline import rows
from tests.fault.tiny import answer, write_light_study


def plan_of(run: Path, study: Path | None = None) -> RunPlan:
    engine = Engine(run)
    try:
        wanted = msgspec.to_builtins(studies.load(study)) if study else None
        return engine.plan(PlanRequest(study=wanted))
    finally:
        engine.close()


def stage(plan: RunPlan, name: str) -> StagePlan:
    (found,) = (stage for stage in plan.stages if stage.name == name)
    return found


def test_a_plan_says_what_the_run_then_computes(tmp_path: Path) -> None:
    asked: list[object] = []

    def count(body: dict[str, object], _: object) -> str:
        asked.append(body)
        return answer(body)

    with stand_in_server(count) as url:
        study = write_light_study(tmp_path / "study", url)
        run = prepare(study, tmp_path / "run")
        whole = stage(plan_of(run), "label:main")
        assert (whole.reused, whole.computed, whole.before) == (0, 24, 0)
        assert not asked
        assert not rows(run)["texts"], "nothing is stored by asking"
        assert run_to_end(run).state == "done"
        assert len(asked) == whole.computed

        again = plan_of(run)
        assert [s.name for s in again.stages if s.computed] == ["measure"]
        assert stage(again, "label:main").reused == 24

        # Another taxonomy is another question to the labeler; the rewards are as before.
        write_taxonomy(study.parent / "taxonomy.toml", FEATURES[:3])
        before, held = repr(rows(run)), (run / "study.json").read_bytes()
        changed = plan_of(run, study)
        assert stage(changed, "label:main") == StagePlan(
            name="label:main",
            label="label · main",
            unit="entries",
            reused=0,
            computed=24,
            before=24,
        )
        assert stage(changed, "ingest").computed == 0
        assert (repr(rows(run)), (run / "study.json").read_bytes()) == (before, held)

        prepare(study, run)
        engine = Engine(run)
        try:
            assert engine.info().changed
            asked.clear()
            engine.start()
            engine.join()
            assert engine.status().state == "done", engine.status().error
            assert len(asked) == 24
            assert not engine.info().changed
        finally:
            engine.close()


def test_a_plan_of_a_finished_run_with_rewrites_has_nothing_left_to_do(finished: Path) -> None:
    engine = Engine(finished)
    try:
        plan, totals = engine.plan(PlanRequest()), {s.name: s.total for s in engine.status().stages}
    finally:
        engine.close()
    assert [s.name for s in plan.stages if s.computed] == ["measure"]
    reused = {s.name: s.reused for s in plan.stages if s.name != "measure"}
    assert reused == {name: total for name, total in totals.items() if name != "measure"}


def test_a_study_that_cannot_run_is_refused_in_the_words_of_the_run(tmp_path: Path) -> None:
    study = write_light_study(tmp_path / "study", "")
    run = prepare(study, tmp_path / "run")
    (study.parent / "pairs.jsonl").write_text("")
    with pytest.raises(BadInput, match="has no rows"):
        plan_of(run)
    with pytest.raises(BadInput, match="study"):
        engine = Engine(run)
        try:
            engine.plan(PlanRequest(study={}))
        finally:
            engine.close()


def test_there_is_no_plan_while_a_run_is_on(tmp_path: Path) -> None:
    import threading

    gate = threading.Event()

    def wait(body: dict[str, object], _: object) -> str:
        gate.wait(60)
        return answer(body)

    with stand_in_server(wait) as url:
        engine = Engine(prepare(write_light_study(tmp_path / "study", url), tmp_path / "run"))
        try:
            engine.start()
            with pytest.raises(NotReady, match="a run is in progress"):
                engine.plan(PlanRequest())
            engine.stop(StopRequest(now=True))
            engine.join(30)
            assert engine.status().state == "stopped"
        finally:
            gate.set()
            engine.close()
