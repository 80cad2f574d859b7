"""Pairs: which ones, their rows, one whole."""

from __future__ import annotations

from typing import Literal

from engine.results.records import OPINIONS as OPINIONS
from engine.results.records import REGIMES as REGIMES
from engine.results.records import Opinion as Opinion
from engine.results.records import Regime as Regime
from engine.wire.messages.base import Message, Request

Side = Literal["chosen", "rejected"]
Role = Literal["system", "developer", "user", "assistant", "tool"]


class PairQuery(Request, frozen=True, kw_only=True):
    """Which pairs, in which order. `filter` is in the filter language (docs/filters.md), empty
    for all; `author` is whose decisions it speaks of. `sort` is pair_id, margin_pre, margin_post,
    margin_change, margin_size (of the margin after training), theta, gain, ambiguity, residual,
    `influence:FEATURE`, or random with a `seed`; of what the source says, margin_human, votes (the
    share of the commonest vote), score_chosen, score_rejected, score_gap or group. `blind` refuses
    every filter and sort order that depends on the human's choice or on others' decisions.
    """

    filter: str = ""
    sort: str = "margin_post"
    descending: bool = False
    author: str = ""
    seed: int = 7
    blind: bool = False


class Ids(Message, frozen=True, kw_only=True):
    """The `ids` that a query selects, in its order; `of` is how many there are without a filter,
    `sql` the query for reading, `dataset` the digest of the data whose pairs have these numbers,
    `revision` that of the log of decisions when they were read. `left_out`: the rewrites among
    `ids` that no score counts; `hint`: if there are no `ids`, what the filter may have meant.
    `pending`: the measures of these pairs are not computed yet."""

    ids: tuple[int, ...]
    of: int
    left_out: int = 0
    sql: str = ""
    dataset: str = ""
    revision: int = 0
    hint: str = ""
    pending: bool = False


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


class VoteCounts(Message, frozen=True, kw_only=True):
    """How many annotators preferred the chosen side, the rejected side, and neither."""

    chosen: int
    rejected: int
    tied: int


class PairRow(Message, frozen=True, kw_only=True):
    """A line of the pair list. `source_id` is the row's own id; `opinion` is null for an unlabeled
    pair, and everything that is not computed yet; margins are raw logits, `theta` and `gain`
    degrees; `preview` is the first 160 characters of the chosen response. `noise`: the margin
    after training is within the scorer's own noise. `group` is equal for pairs that share a
    prompt. It, the human's margin, votes, scores and models are what the source says, null where
    it says nothing. `revision` is that of the log of decisions when the mark was read.
    """

    pair_id: int
    source_id: str
    regime: Regime | None
    opinion: Opinion | None
    margin_pre: float | None
    margin_post: float | None
    theta: float | None
    gain: float | None
    ambiguity: float | None
    topic: str | None
    preview: str
    noise: bool = False
    mark: Mark | None = None
    group: int | None = None
    margin_human: float | None = None
    votes: VoteCounts | None = None
    score_chosen: float | None = None
    score_rejected: float | None = None
    model_chosen: str | None = None
    model_rejected: str | None = None
    revision: int = 0


class Turn(Message, frozen=True, kw_only=True):
    """One message of a conversation. `calls` are its tool calls, each as JSON; `name` is that of a
    tool, or of one of several users."""

    role: Role
    text: str
    thinking: str = ""
    calls: tuple[str, ...] = ()
    name: str = ""


class Entry(Message, frozen=True, kw_only=True):
    """One side of a pair. Labels are by feature name; `gold` is null where there is none, a
    reward while it is not computed yet."""

    text_id: int
    turns: tuple[Turn, ...]
    response: str
    labels: dict[str, int]
    gold: dict[str, int] | None
    pre: float | None
    post: float | None
    truncated: bool


class PairVote(Message, frozen=True, kw_only=True):
    """The answer of one annotator: positive for the chosen side, 0 for a tie, in the unit of the
    source. The name may be empty."""

    annotator: str
    score: float


class PairSource(Message, frozen=True, kw_only=True):
    """Where a pair comes from and what is said there. `extras` are the columns of its rows that
    are no text of the conversations, by name; `file`, `line` and `layout` are those of its last
    row, empty and 0 if the rows are not known. `group_size` counts the pairs of its group."""

    file: str
    line: int
    layout: str
    group_size: int
    votes: tuple[PairVote, ...]
    extras: dict[str, str]


class PairDetail(Message, frozen=True, kw_only=True):
    """A whole pair. `shared_turns` leading turns are the same on both sides; `marks` are those of
    all authors."""

    row: PairRow
    shared_turns: int
    chosen: Entry
    rejected: Entry
    rewrite_ids: tuple[int, ...]
    marks: tuple[Mark, ...] = ()
    source: PairSource | None = None


# ---------------------------------------------------------------- in blind mode

BlindVerdict = Literal["a", "b", "drop", "tie", "discuss"]


class BlindMark(Message, frozen=True, kw_only=True):
    """The author's own decision: that the answer shown as A or as B is better, or that neither
    is."""

    verdict: BlindVerdict | None
    flagged: bool
    note: str
    tags: tuple[str, ...]


class BlindRow(Message, frozen=True, kw_only=True):
    """A line of the pair list in blind mode: only what depends neither on the human's choice nor
    on others' decisions, which the id of the row may. `prompt` is the beginning of the last user
    message before the answers."""

    pair_id: int
    topic: str | None
    group: int | None
    prompt: str
    mark: BlindMark | None = None
    revision: int = 0


class BlindPair(Message, frozen=True, kw_only=True):
    """A whole pair in blind mode: the turns that both sides share, then the rest of each. Which
    answer is A depends on a digest of the author and of the texts."""

    row: BlindRow
    shared: tuple[Turn, ...]
    a: tuple[Turn, ...]
    b: tuple[Turn, ...]
    group_size: int
