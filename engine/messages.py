"""What the engine and its clients say to each other.

Every body on the wire is one of these, as JSON. Both sides import this module and nothing else
of each other, so it stays free of heavy imports.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Side = Literal["chosen", "rejected"]
Regime = Literal["stayed", "got", "resisted", "reversed"]
Opinion = Literal["c", "i", "r"]
StageState = Literal["waiting", "running", "done", "failed"]
RunState = Literal["idle", "running", "done", "failed", "stopped"]

REGIMES: tuple[Regime, ...] = ("stayed", "got", "resisted", "reversed")
OPINIONS: tuple[Opinion, ...] = ("c", "i", "r")


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of every message."""


# ---------------------------------------------------------------- the run


class StageProgress(Message, frozen=True, kw_only=True):
    """How far one stage is. `rate` is units per second, `eta_s` seconds, both None when unknown."""

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


class RunStatus(Message, frozen=True, kw_only=True):
    """The whole run at one moment. `version` grows with every change.

    `bad_input` says that `error` is about the data or the study, not about this program;
    `stopping` that the run was asked to stop and is at its last batch.
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
    bad_input: bool = False
    stopping: bool = False


class StopRequest(Message, frozen=True, kw_only=True):
    """`now` drops the batch in work; without it that batch is finished first."""

    now: bool = False


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


# ---------------------------------------------------------------- the study


class FeatureInfo(Message, frozen=True, kw_only=True):
    name: str
    kind: Literal["bool", "sentiment"]
    role: Literal["target", "spoiler", "other"]
    regress: bool
    question: str


class ModelInfo(Message, frozen=True, kw_only=True):
    """One model of the study: `role` is pre, post, rewriter, embedder or `labeler NAME`."""

    role: str
    model: str
    detail: str


class StudyInfo(Message, frozen=True, kw_only=True):
    """`changed`: a run would be of another study than the last one in this folder."""

    name: str
    dataset: str
    pairs: int
    features: tuple[FeatureInfo, ...]
    models: tuple[ModelInfo, ...]
    strategies: tuple[str, ...]
    preset: str
    presets: tuple[str, ...]
    tie_policy: str
    opinion: str
    min_cosine: float
    changed: bool = False


# ---------------------------------------------------------------- pairs

PairSort = Literal[
    "pair_id", "margin_pre", "margin_post", "margin_change", "theta", "gain", "ambiguity"
]


class PairQuery(Message, frozen=True, kw_only=True):
    """Which pairs, in which order. A None restricts nothing.

    `feature` keeps the pairs whose two sides differ in it, or with `feature_side` those that
    carry it on that side; `text` is searched in both transcripts, whatever the case.
    """

    regime: Regime | None = None
    opinion: Opinion | None = None
    feature: str | None = None
    feature_side: Side | None = None
    text: str | None = None
    sort: PairSort = "margin_post"
    descending: bool = False


class Ids(Message, frozen=True, kw_only=True):
    """The ids a query selects, in its order, and how many it chose from."""

    ids: tuple[int, ...]
    of: int


class PairRow(Message, frozen=True, kw_only=True):
    """A line of the pair list. Rewards are raw logits, `theta` and `gain` degrees."""

    pair_id: int
    source_id: str
    regime: Regime
    opinion: Opinion | None
    margin_pre: float
    margin_post: float
    theta: float | None
    gain: float | None
    ambiguity: float | None
    topic: str | None
    preview: str


class Turn(Message, frozen=True, kw_only=True):
    role: Literal["human", "assistant"]
    text: str


class Entry(Message, frozen=True, kw_only=True):
    """One side of a pair. Labels are by feature name; `gold` is None where there is none."""

    text_id: int
    turns: tuple[Turn, ...]
    response: str
    labels: dict[str, int]
    gold: dict[str, int] | None
    pre: float
    post: float
    truncated: bool


class PairDetail(Message, frozen=True, kw_only=True):
    """A whole pair. `shared_turns` leading turns are the same on both sides."""

    row: PairRow
    shared_turns: int
    chosen: Entry
    rejected: Entry
    rewrite_ids: tuple[int, ...]


# ---------------------------------------------------------------- rewrites

RewriteSort = Literal["pair_id", "cosine", "margin_shift"]
Change = Literal["misaligned", "aligned", "same"]


class RewriteQuery(Message, frozen=True, kw_only=True):
    """Which rewritten pairs. `change` is what became of the post-D verdict."""

    strategy: str | None = None
    change: Change | None = None
    feature: str | None = None
    pair_id: int | None = None
    sort: RewriteSort = "margin_shift"
    descending: bool = False


class RewriteRow(Message, frozen=True, kw_only=True):
    """A line of the rewrite list: one pair rewritten by one strategy, both sides."""

    rewrite_id: int
    pair_id: int
    source_id: str
    strategy: str
    change: Change
    cosine_chosen: float
    cosine_rejected: float
    margin_before: float
    margin_after: float
    flips: int
    preview: str


class RewriteSide(Message, frozen=True, kw_only=True):
    """Original beside rewritten. Rewards and labels before and after; `cosine` of the responses."""

    original: str
    rewritten: str
    cosine: float
    labels_before: dict[str, int]
    labels_after: dict[str, int]
    pre_before: float
    pre_after: float
    post_before: float
    post_after: float


class RewriteDetail(Message, frozen=True, kw_only=True):
    row: RewriteRow
    context: tuple[Turn, ...]
    chosen: RewriteSide
    rejected: RewriteSide


# ---------------------------------------------------------------- requests and answers


class RowsRequest(Message, frozen=True, kw_only=True):
    ids: tuple[int, ...]


class Metrics(Message, frozen=True, kw_only=True):
    """`tables`: the design's metric tables, each a list of records; `preset` is the default one."""

    preset: str
    tables: dict[str, list[dict[str, Any]]]


class Problem(Message, frozen=True, kw_only=True):
    """Why a request failed, in one line for a person."""

    error: str
