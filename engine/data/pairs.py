"""The records that reading gives: pairs, and rejects with the reason for each."""

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

# One line for each reason, as a person is told it.
REASONS: tuple[tuple[Reason, str], ...] = (
    ("unparsable_json", "the line is not valid JSON (or, in a CSV file, has broken quoting)"),
    ("not_an_object", "the line is JSON, but not an object with named fields"),
    ("missing_field", "a field that is needed is absent or null"),
    ("wrong_type", "a field holds something other than text or a list of messages"),
    ("bad_utf8", "the text is not valid Unicode: bad bytes, or half a surrogate pair"),
    ("no_assistant_turn", "the conversation has no assistant turn"),
    ("last_turn_not_assistant", "the conversation does not end with an assistant turn"),
    ("empty_response", "the last assistant turn is empty"),
    ("too_long", f"the conversation is longer than {MAX_CHARS:,} characters"),
    ("truncated_gzip", "the gzip file ends too early; rows after this point are lost"),
    ("corrupt_gzip", "the gzip file is damaged; rows after this point are lost"),
)


class RowError(Exception):
    """One row cannot be used; only readers raise and catch it."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Pair:
    """One preference pair. Both texts are canonical transcripts that end in a response.

    `source_id` is the row's own id where it has one, else its position from 0 in the whole
    source (rejected rows counted, as the published row ids have it); unique within a source.
    `line` counts from 1 in the pair's own file: a line of text, or a row of Parquet or the hub.
    """

    source_id: str
    line: int
    chosen: str
    rejected: str
    topic: str | None


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was left out. `excerpt` is raw, untrusted text of at most 200 characters."""

    source: str
    line: int
    reason: Reason
    detail: str
    excerpt: str


class Row(NamedTuple):
    """A parsed row on its way to becoming a pair; `raw` is what an excerpt is made from."""

    line: int
    value: object
    raw: object


def excerpt(raw: object) -> str:
    """The beginning of a raw row; bytes that are no UTF-8 are shown as escapes."""
    if isinstance(raw, Mapping):
        raw = orjson.dumps({str(key): _short(value) for key, value in raw.items()}, default=str)
    if isinstance(raw, bytes):
        # Four bytes a character at most, so this much is enough for the characters wanted.
        return raw[: 4 * EXCERPT_CHARS].decode("utf-8", "backslashreplace")[:EXCERPT_CHARS]
    return str(raw)[:EXCERPT_CHARS].encode("utf-8", "backslashreplace").decode()[:EXCERPT_CHARS]


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text[:EXCERPT_CHARS].encode("utf-8", "backslashreplace").decode()
