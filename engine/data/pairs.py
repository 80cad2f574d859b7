"""What the readers return: pairs, and rejected rows with the reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import orjson

from engine.data.conversation import Conversation

MAX_CHARS = 1_000_000
EXCERPT_CHARS = 200

Reason = Literal[
    "unparsable_json",
    "not_an_object",
    "missing_field",
    "wrong_type",
    "bad_utf8",
    "unknown_role",
    "media",
    "rendered",
    "contradiction",
    "tie",
    "both_bad",
    "no_rival",
    "no_vote",
    "no_assistant_turn",
    "last_turn_not_assistant",
    "empty_response",
    "too_long",
    "truncated_gzip",
    "corrupt_gzip",
]

# One line per reason, as the user sees it.
REASONS: tuple[tuple[Reason, str], ...] = (
    ("unparsable_json", "the line is not valid JSON (or, in a CSV file, has invalid quoting)"),
    ("not_an_object", "the line is valid JSON, but not an object"),
    ("missing_field", "a required field is missing or null"),
    ("wrong_type", "a field is neither text nor a list of messages"),
    ("unknown_role", "a message has a role that is none of system, user, assistant, tool"),
    ("media", "the conversation has images, audio or video, which are not read"),
    ("rendered", "the text is already rendered by a chat template: use the messages themselves"),
    ("contradiction", "two columns say different things: prompt and conversation, or two systems"),
    ("tie", "the human preferred neither response"),
    ("both_bad", "the human refused both responses"),
    ("no_rival", "there is no second response to this prompt to compare with"),
    ("no_vote", "nobody has said yet which response is better"),
    ("bad_utf8", "the text is not valid Unicode: invalid UTF-8, or an unpaired surrogate"),
    ("no_assistant_turn", "the conversation has no assistant turn"),
    ("last_turn_not_assistant", "the conversation does not end with an assistant turn"),
    ("empty_response", "the last assistant turn is empty"),
    ("too_long", f"the conversation is longer than {MAX_CHARS:,} characters"),
    ("truncated_gzip", "the gzip file is truncated; the rows after this point are lost"),
    ("corrupt_gzip", "the gzip file is corrupt; the rows after this point are lost"),
)


# Reasons that are the human's answer and no fault of the data: they count as no reject.
NEUTRAL: frozenset[Reason] = frozenset(("tie", "both_bad", "no_rival", "no_vote"))


class RowError(Exception):
    """One row cannot be used. Raised and caught inside this package only."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Unused(Exception):
    """A row has text that its layout does not use. Raised and caught inside this package only."""

    def __init__(self, columns: Sequence[str], where: str = "") -> None:
        super().__init__(", ".join(columns))
        self.columns = tuple(columns)
        self.where = where


class Vote(NamedTuple):
    """The answer of one annotator: `score` is positive for the chosen side, negative for the
    rejected side and 0 for a tie, in the unit of the source. `annotator` may be empty."""

    annotator: str
    score: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What the source says about a pair beside its texts.

    `margin` is by how much the human preferred the chosen side, in the unit of the source. Scores
    and model names belong to the chosen and the rejected side.
    """

    margin: float | None = None
    votes: tuple[Vote, ...] = ()
    score_chosen: float | None = None
    score_rejected: float | None = None
    model_chosen: str | None = None
    model_rejected: str | None = None


NO_FACTS = Facts()


class SourceRow(NamedTuple):
    """A row as it came, so that it can be written again.

    `number` is its zero-based position in the source, counting rejected rows; `raw` is the row as
    a JSON object.
    """

    number: int
    file: str
    line: int
    layout: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Pair:
    """One preference pair. Both conversations end in a response.

    `source_id` is unique within a source: the row's own id if it has one, else its zero-based
    position in the source (counting rejected rows, as the published row ids do). `line` is
    one-based within the pair's own file: a line of text, or a row of a Parquet file or hub dataset.

    `group` is equal for pairs that the source puts together, such as those of one N-best row; it is
    None where the prompt alone says what belongs together. `rows` are the rows that the pair came
    from, and `place` is what its layout needs to find it there again.
    """

    source_id: str
    line: int
    chosen: Conversation
    rejected: Conversation
    topic: str | None = None
    facts: Facts = NO_FACTS
    group: str | None = None
    rows: tuple[SourceRow, ...] = ()
    place: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """A skipped row. `excerpt` is raw, untrusted text of at most 200 characters. `rows` are the
    rows it came from, if they could be parsed."""

    source: str
    line: int
    reason: Reason
    detail: str
    excerpt: str
    rows: tuple[SourceRow, ...] = ()


class Row(NamedTuple):
    """A parsed row that is not yet validated as a pair; `raw` is the source of its excerpt."""

    line: int
    value: object
    raw: object


def excerpt(raw: object) -> str:
    """The start of a raw row; bytes that are not valid UTF-8 become escapes."""
    if isinstance(raw, Mapping):
        raw = orjson.dumps({str(key): _short(value) for key, value in raw.items()}, default=str)
    if isinstance(raw, bytes):
        # A character has at most four bytes, so this slice holds enough characters.
        return raw[: 4 * EXCERPT_CHARS].decode("utf-8", "backslashreplace")[:EXCERPT_CHARS]
    return str(raw)[:EXCERPT_CHARS].encode("utf-8", "backslashreplace").decode()[:EXCERPT_CHARS]


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text[:EXCERPT_CHARS].encode("utf-8", "backslashreplace").decode()
