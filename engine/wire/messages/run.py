"""The run: its status, stopping it, what it would compute."""

from __future__ import annotations

from typing import Any, Literal

from engine.errors import Kind
from engine.wire.messages.base import Message, Request

StageState = Literal["waiting", "running", "done", "failed"]
RunState = Literal["idle", "running", "done", "failed", "stopped"]


class StageProgress(Message, frozen=True, kw_only=True):
    """How far one stage is. `rate` is units per second, `eta_s` seconds, both null when unknown;
    `where` is the devices at work, or `endpoint`. `waits_for` is what the stage waits for, for
    `waits_s` seconds; empty while it gets on."""

    name: str
    label: str
    unit: str
    state: StageState
    done: int
    total: int
    rate: float | None = None
    eta_s: float | None = None
    seconds: float = 0.0
    note: str = ""
    where: str = ""
    waits_for: str = ""
    waits_s: float = 0.0


class RunStatus(Message, frozen=True, kw_only=True):
    """The whole run at one moment. `version` grows with every change.

    `contract` is a digest of what the engine can be asked: a client of another one may misread its
    answers. `error_kind` tells errors of the data or the study from those of the machine or this
    program;
    `stopping` that the run was asked to stop and is at its last batch. `revision` counts what was
    ever done to decisions: the length of their log. `left_s`: the seconds that the run has left,
    null while nothing is known; `left_at_least`: there are stages of which nothing is known yet.
    """

    version: int
    run_dir: str
    study: str
    state: RunState
    stages: tuple[StageProgress, ...]
    counts: dict[str, int]
    rejects: dict[str, int]
    warnings: tuple[str, ...]
    error: str | None
    elapsed_s: float
    pid: int
    engine_version: str
    contract: str = ""
    error_kind: Kind | None = None
    stopping: bool = False
    revision: int = 0
    left_s: float | None = None
    left_at_least: bool = False


class StartRequest(Request, frozen=True, kw_only=True):
    """`seen`: the digest of an `OutsideInfo` that was shown to the user, who confirmed it."""

    seen: str = ""


class OutsideInfo(Message, frozen=True, kw_only=True):
    """What a run would read, call and run outside of the run folder, in words. `seen`: the user has
    written or confirmed it on this machine. If not, a run needs `digest`."""

    lines: tuple[str, ...]
    digest: str
    seen: bool


class StopRequest(Request, frozen=True, kw_only=True):
    """`now` drops the batch in work; without it that batch is finished first. A server has two
    seconds for that: what it answered is kept, and only the rest is asked for again."""

    now: bool = False


class PlanRequest(Request, frozen=True, kw_only=True):
    """`study`: a resolved study (study.json); without it the one of the run folder, with `seen` as
    for a run of it."""

    study: dict[str, Any] | None = None
    seen: str = ""


class StagePlan(Message, frozen=True, kw_only=True):
    """What a run would do in one stage, in units: `reused` + `computed` of them, of which `before`
    have results that were made with other settings. `at_most` where what an earlier stage makes
    decides how many there will be."""

    name: str
    label: str
    unit: str
    reused: int
    computed: int
    before: int = 0
    at_most: bool = False


class RunPlan(Message, frozen=True, kw_only=True):
    """What a run would do, before it does so."""

    stages: tuple[StagePlan, ...]
