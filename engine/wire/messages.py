"""What the engine and its clients say to each other.

Every body on the wire is one of these, as JSON. Both sides import this module and nothing else
of each other, so it stays free of heavy imports.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from engine.errors import Kind
from engine.results.records import OPINIONS as OPINIONS
from engine.results.records import REGIMES as REGIMES
from engine.results.records import Opinion as Opinion
from engine.results.records import Regime as Regime
from engine.results.records import Tables

Side = Literal["chosen", "rejected"]
StageState = Literal["waiting", "running", "done", "failed"]
RunState = Literal["idle", "running", "done", "failed", "stopped"]


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of every message. A field that is not known here is passed over, so that an answer may
    grow."""


class Request(Message, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of what is asked. A field that is not known here is an error: it would be a condition
    that has no effect."""


class Nothing(Request, frozen=True, kw_only=True):
    """A request without fields."""


# ---------------------------------------------------------------- the run


class StageProgress(Message, frozen=True, kw_only=True):
    """How far one stage is. `rate` is units per second, `eta_s` seconds, both null when unknown;
    `where` is the devices at work, or `endpoint`."""

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


class RunStatus(Message, frozen=True, kw_only=True):
    """The whole run at one moment. `version` grows with every change.

    `contract` is a digest of what the engine can be asked: a client of another one may misread its
    answers. `error_kind` tells errors of the data or the study from those of the machine or this
    program;
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
    contract: str = ""
    error_kind: Kind | None = None
    stopping: bool = False


class StopRequest(Request, frozen=True, kw_only=True):
    """`now` drops the batch in work; without it that batch is finished first."""

    now: bool = False


class PlanRequest(Request, frozen=True, kw_only=True):
    """`study`: a resolved study (study.json); without it the one of the run folder."""

    study: dict[str, Any] | None = None


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


class ExportFormat(Message, frozen=True, kw_only=True):
    """One format of export. `default_path` is a name to propose; `has_rows` is false for a
    report."""

    name: str
    description: str
    default_path: str
    has_rows: bool


class StudyInfo(Message, frozen=True, kw_only=True):
    """`changed`: a run would compute something else than the results that are here."""

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
    export_formats: tuple[ExportFormat, ...] = ()


# ---------------------------------------------------------------- pairs


class PairQuery(Request, frozen=True, kw_only=True):
    """Which pairs, in which order. `filter` is in the filter language (docs/filters.md), empty
    for all; `author` is whose decisions it speaks of. `sort` is pair_id, margin_pre, margin_post,
    margin_change, theta, gain, ambiguity, residual, `influence:FEATURE`, or random with a `seed`.
    """

    filter: str = ""
    sort: str = "margin_post"
    descending: bool = False
    author: str = ""
    seed: int = 7


class Ids(Message, frozen=True, kw_only=True):
    """The `ids` that a query selects, in its order; `of` is how many there are without a filter,
    `sql` the query for reading, `dataset` the digest of the data whose pairs have these numbers."""

    ids: tuple[int, ...]
    of: int
    sql: str = ""
    dataset: str = ""


class PairRowsRequest(Request, frozen=True, kw_only=True):
    """`author` is whose marks come with the rows."""

    ids: tuple[int, ...]
    author: str = ""


class PairRequest(Request, frozen=True, kw_only=True):
    """`author` is whose mark comes with the row."""

    id: int
    author: str = ""


Verdict = Literal["keep", "flip", "drop", "tie", "discuss"]


class Mark(Message, frozen=True, kw_only=True):
    """What one author decided about one pair; `time` of the last change, in seconds since 1970."""

    author: str
    verdict: Verdict | None
    flagged: bool
    note: str
    tags: tuple[str, ...]
    time: float


class PairRow(Message, frozen=True, kw_only=True):
    """A line of the pair list. `source_id` is the row's own id; `opinion` is null for an unlabeled
    pair; margins are raw logits, `theta` and `gain` degrees; `preview` is the first 160 characters
    of the chosen response. `noise`: the margin after training is within the scorer's own noise."""

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
    noise: bool = False
    mark: Mark | None = None


class Turn(Message, frozen=True, kw_only=True):
    role: Literal["human", "assistant"]
    text: str


class Entry(Message, frozen=True, kw_only=True):
    """One side of a pair. Labels are by feature name; `gold` is null where there is none."""

    text_id: int
    turns: tuple[Turn, ...]
    response: str
    labels: dict[str, int]
    gold: dict[str, int] | None
    pre: float
    post: float
    truncated: bool


class PairDetail(Message, frozen=True, kw_only=True):
    """A whole pair. `shared_turns` leading turns are the same on both sides; `marks` are those of
    all authors."""

    row: PairRow
    shared_turns: int
    chosen: Entry
    rejected: Entry
    rewrite_ids: tuple[int, ...]
    marks: tuple[Mark, ...] = ()


# ---------------------------------------------------------------- rewrites

RewriteSort = Literal["pair_id", "cosine", "margin_shift"]
Change = Literal["misaligned", "aligned", "same"]


class RewriteQuery(Request, frozen=True, kw_only=True):
    """Which rewritten pairs, in which order; `filter` as in PairQuery, with terms of its own."""

    filter: str = ""
    sort: RewriteSort = "margin_shift"
    descending: bool = False


class RewriteRowsRequest(Request, frozen=True, kw_only=True):
    ids: tuple[int, ...]


class RewriteRequest(Request, frozen=True, kw_only=True):
    id: int


class RewriteRow(Message, frozen=True, kw_only=True):
    """A line of the rewrite list: one pair rewritten by one strategy, both sides. `change` is what
    became of the verdict after training; `flips` counts the labels that changed. Rewrites below
    the study's `min_cosine` are listed too."""

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


# ---------------------------------------------------------------- decisions


class MarkChange(Request, frozen=True, kw_only=True):
    """What changes of a mark; null leaves it as it is, verdict "" takes the decision back. A note
    has at most 4,000 characters, a tag is one word of at most 40."""

    verdict: Verdict | Literal[""] | None = None
    flag: Literal["on", "off", "toggle"] | None = None
    note: str | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()


class MarkRequest(Request, frozen=True, kw_only=True):
    """One change to these pairs, by this author (1 to 64 printable characters), which is one step
    for undo; `blind`: made without knowing what was chosen.

    With the `dataset` of the `Ids` that they are from, the change is refused once other data was
    read: its pairs have the same numbers.
    """

    pair_ids: tuple[int, ...]
    change: MarkChange
    author: str
    blind: bool = False
    dataset: str = ""


class AuthorRequest(Request, frozen=True, kw_only=True):
    author: str


class MarksChanged(Message, frozen=True, kw_only=True):
    """`changed`: how many marks; `said`: what was done, in one line."""

    changed: int
    said: str


class LogRequest(Request, frozen=True, kw_only=True):
    """The `limit` newest lines, at most 10,000."""

    limit: int = 200


class MarkEvent(Message, frozen=True, kw_only=True):
    """One line of the log: a change to one pair or, in bulk, to `pairs` of them."""

    time: float
    author: str
    said: str
    pairs: int
    source_id: str


class MarkProgress(Message, frozen=True, kw_only=True):
    """How far the author has come with the pairs of a filter."""

    pairs: int
    decided: int
    flagged: int
    verdicts: dict[str, int]


class ProgressRequest(Request, frozen=True, kw_only=True):
    filter: str
    author: str


class Agreement(Message, frozen=True, kw_only=True):
    """Two authors on the pairs that both decided: share of equal verdicts, Cohen's κ."""

    author_a: str
    author_b: str
    pairs: int
    agreement: float | None
    kappa: float | None


# ---------------------------------------------------------------- filters


class CompleteRequest(Request, frozen=True, kw_only=True):
    filter: str
    cursor: int
    rewrites: bool = False


class Completion(Message, frozen=True, kw_only=True):
    """What may stand in place of the characters from `start` to `end`."""

    text: str
    start: int
    end: int
    detail: str


class SavedFilter(Message, frozen=True, kw_only=True):
    """A filter with a name."""

    name: str
    filter: str


class SaveFilter(Request, frozen=True, kw_only=True):
    """Replaces the filter of that name; an empty `filter` removes it."""

    name: str
    filter: str


# ---------------------------------------------------------------- exports

ExportState = Literal["idle", "running", "done", "failed", "stopped"]


class ExportRequest(Request, frozen=True, kw_only=True):
    """Which pairs to export. `path`: docs/export.md; `overwrite` replaces an earlier export.

    Without a `format`, the ending of `path` selects it. The decisions are those of `author`;
    `ties` and `discuss` say what to do with pairs of that verdict."""

    path: str
    format: str = ""
    filter: str = ""
    ties: Literal["drop", "keep"] = "drop"
    discuss: Literal["drop", "keep"] = "drop"
    author: str = ""
    overwrite: bool = False


class ExportPreview(Message, frozen=True, kw_only=True):
    """What an export would write: `rows` in this `format` of `pairs`, and the number of each
    decision. `authors` are all who decided anything."""

    pairs: int
    rows: int
    counts: dict[str, int]
    authors: tuple[str, ...] = ()
    format: str = ""
    has_rows: bool = True


class ExportStatus(Message, frozen=True, kw_only=True):
    state: ExportState
    done: int
    total: int
    path: str
    error: str | None = None
    error_kind: Kind | None = None


class LedgerFile(Request, frozen=True, kw_only=True):
    """An exported ledger to bring in; `path` is absolute."""

    path: str


class Imported(Message, frozen=True, kw_only=True):
    """What became of a ledger's rows; `pairs` are the first source_ids not in this dataset."""

    applied: int
    already_there: int
    unknown: int
    pairs: tuple[str, ...]


# ---------------------------------------------------------------- rows left out, and plots


class RejectRow(Message, frozen=True, kw_only=True):
    """A row of the source that could not be used. `reason` is a key, `meaning` says it in words,
    `excerpt` is the beginning of the row."""

    source: str
    line: int
    reason: str
    meaning: str
    detail: str
    excerpt: str


class Rejects(Message, frozen=True, kw_only=True):
    """The first rows left out, in the order of the source, and how many there are in all."""

    rows: tuple[RejectRow, ...]
    of: int


class Circle(Message, frozen=True, kw_only=True):
    """Angles by sector; the sectors are equal, begin at −180° and go counter-clockwise."""

    counts: tuple[int, ...]
    undefined: int
    mean_deg: float | None
    resultant: float | None


class Grid(Message, frozen=True, kw_only=True):
    """Pairs by reward. `counts[y][x]`: x is the step of the chosen entry's reward, y of the
    rejected one's, both from `low` to `high`; `outside` pairs lie beyond."""

    counts: tuple[tuple[int, ...], ...]
    low: float
    high: float
    outside: int


class Plots(Message, frozen=True, kw_only=True):
    """Directions of the reward vectors (0° is both rewards equal and low; 0° to 180° is aligned),
    their shifts θ, and the rewards before and after training."""

    direction_pre: Circle
    direction_post: Circle
    theta: Circle
    rewards_pre: Grid
    rewards_post: Grid


# ---------------------------------------------------------------- requests and answers


class MetricsRequest(Request, frozen=True, kw_only=True):
    """`preset` is released-code, pooled-clustered or pair-fe; without it the rows of all come."""

    preset: str | None = None


class Metrics(Message, frozen=True, kw_only=True):
    """`tables`: name of a metric table → its rows (docs/method.md); the keys of a coefficient stand
    in an object of their own, `coefficient`. `preset` is the one asked for, else the study's."""

    preset: str
    tables: Tables


class Problem(Message, frozen=True, kw_only=True):
    """Why a request failed, in one line for a person, and the kind of error. `start` and `end` are
    the place in a filter that is wrong."""

    error: str
    kind: Kind
    start: int | None = None
    end: int | None = None
