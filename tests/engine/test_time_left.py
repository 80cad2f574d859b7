"""The time that a run has left, from what is known of its stages."""

from __future__ import annotations

import msgspec

from engine.run.left import Later, Left, left
from engine.run.progress import Progress
from engine.wire.messages import StageProgress


def stage(name: str, state: str, done: int = 0, total: int = 0, **more: float) -> StageProgress:
    return StageProgress(
        name=name,
        label=name,
        unit="entries",
        state=state,  # type: ignore[arg-type]
        done=done,
        total=total,
        **more,  # type: ignore[arg-type]
    )


RUNNING = stage("score", "running", 10, 40, eta_s=30.0)


def test_the_time_left_is_that_of_this_stage_and_of_those_to_come() -> None:
    stages = [stage("label", "done", 40, 40), RUNNING, stage("again", "waiting")]
    later = {"again": Later(20, True, "score")}
    assert left(stages, later, {"score": 1.0}) == Left(50.0, False)


def test_a_stage_of_which_nothing_is_known_makes_it_at_least() -> None:
    stages = [RUNNING, stage("rewrite", "waiting"), stage("again", "waiting")]
    later = {"again": Later(20, True, "score")}
    assert left(stages, later, {"score": 1.0}) == Left(50.0, True)
    assert left([RUNNING, stage("again", "waiting")], later, {}) == Left(30.0, True)
    may_grow = {"again": Later(20, False, "score")}
    assert left([RUNNING, stage("again", "waiting")], may_grow, {"score": 1.0}).at_least


def test_before_anything_is_known_there_is_no_time_left() -> None:
    stages = [stage("score", "running", 0, 40), stage("measure", "waiting")]
    assert left(stages, {}, {}) == Left(None, True)
    assert left(stages, {"measure": Later(1, True, "measure")}, {"measure": 4.0}) == Left(4.0, True)


def test_the_pace_of_the_run_before_counts_if_the_study_is_the_same() -> None:
    before = Progress("/run", "study")
    before.begin([stage("score", "waiting"), stage("measure", "waiting")])
    done = (stage("score", "done", 40, 40, rate=2.0), stage("measure", "done", 1, 1, seconds=4.0))
    status = before.snapshot()
    before.end("stopped")
    earlier = Progress("/run", "study")
    earlier.restore(msgspec.structs.replace(status, stages=done), "stopped")
    for same, expected in ((True, 24.0), (False, None)):
        stages = [stage("score", "waiting"), stage("measure", "waiting")]
        earlier.begin(stages, paced_as_before=same)
        earlier.expect("score", Later(40, True, "score"))
        earlier.expect("measure", Later(1, True, "measure"))
        now = earlier.snapshot()
        assert (now.left_s, now.left_at_least) == (expected, not same)
        earlier.end("stopped")
        assert earlier.snapshot().left_s is None
