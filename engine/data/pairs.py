"""What the readers return: pairs, and rejected rows with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import orjson

MAX_CHARS = 1_000_000
EXCERPT_CHARS = 200

Reason = Literal[
    "unparsable_json",
    "not_an_object",
    "missing_field",
    "wrong_type",
    "bad_utf8",
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
    ("bad_utf8", "the text is not valid Unicode: invalid UTF-8, or an unpaired surrogate"),
    ("no_assistant_turn", "the conversation has no assistant turn"),
    ("last_turn_not_assistant", "the conversation does not end with an assistant turn"),
    ("empty_response", "the last assistant turn is empty"),
    ("too_long", f"the conversation is longer than {MAX_CHARS:,} characters"),
    ("truncated_gzip", "the gzip file is truncated; the rows after this point are lost"),
    ("corrupt_gzip", "the gzip file is corrupt; the rows after this point are lost"),
)


class RowError(Exception):
    """One row cannot be used. Raised and caught inside this package only."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Pair:
    """One preference pair. Both texts are canonical transcripts that end in a response.

    `source_id` is unique within a source: the row's own id if it has one, else its zero-based
    position in the source (counting rejected rows, as the published row ids do). `line` is
    one-based within the pair's own file: a line of text, or a row of a Parquet file or hub dataset.
    """

    source_id: str
    line: int
    chosen: str
    rejected: str
    topic: str | None


@dataclass(frozen=True, slots=True)
class Reject:
    """A skipped row. `excerpt` is raw, untrusted text of at most 200 characters."""

    source: str
    line: int
    reason: Reason
    detail: str
    excerpt: str


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
