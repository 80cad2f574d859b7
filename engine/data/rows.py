"""Converts a row, in any of the common layouts, to the two transcripts of a pair."""

import csv
from collections.abc import Collection, Mapping
from typing import NamedTuple

import orjson

from engine.data.dialogue import (
    Role,
    Turn,
    canonical,
    from_messages,
    is_transcript,
    problem,
    transcript,
    turns,
)
from engine.data.pairs import MAX_CHARS, RowError

SIDES = ("chosen", "rejected")
# Of each group, the first field that a row has is used.
PROMPTS = ("prompt", "question", "input", "instruction")
IDS = ("row_id", "id")
TOPICS = ("topic", "subset")
COLUMNS = (*SIDES, *PROMPTS, *IDS, *TOPICS)

EXPECTED = "expected chosen and rejected, and optionally prompt, id or row_id, topic"


class Fields(NamedTuple):
    """The content of a row: its id and topic if it has them, and both transcripts."""

    id: str | None
    topic: str | None
    chosen: str
    rejected: str


def has_pairs(columns: Collection[str]) -> bool:
    """Whether a table with these columns holds preference pairs."""
    return all(name in columns for name in SIDES)


def header_columns(line: bytes, delimiter: str = ",") -> list[str]:
    """The column names of a CSV header line; empty if a bare carriage return splits the line."""
    try:
        return next(csv.reader([line.decode("utf-8", "replace")], delimiter=delimiter), [])
    except csv.Error:
        return []


def describe_columns(columns: Collection[str]) -> str:
    """The actual and the expected columns, for an error message."""
    names = ", ".join(str(name)[:40] for name in list(columns)[:20]) or "none"
    return f"found columns {names}; {EXPECTED}"


def read_row(value: object) -> Fields:
    """The fields of one row. Raises RowError if the row is not a usable pair."""
    if not isinstance(value, Mapping):
        raise RowError("not_an_object", f"expected an object, got {type(value).__name__}")
    for side in SIDES:
        if side not in value:
            raise RowError("missing_field", f"no field {side}: {describe_columns(value)}")
        if value[side] is None:
            raise RowError("missing_field", f"the field {side} is null")
    prompt = next((value[name] for name in PROMPTS if value.get(name) is not None), None)
    chosen, rejected = (_conversation(prompt, value[side], side) for side in SIDES)
    return Fields(_text_field(value, IDS), _text_field(value, TOPICS), chosen, rejected)


def _conversation(prompt: object, completion: object, side: str) -> str:
    if isinstance(completion, str) and _is_conversation(prompt, completion):
        text = canonical(completion)
    else:
        text = _join(prompt, completion, side)
    if reason := problem(text):
        raise RowError(reason, f"in {side}")
    if len(text) > MAX_CHARS:
        raise RowError("too_long", f"{side} has {len(text):,} characters, over {MAX_CHARS:,}")
    return text


def _is_conversation(prompt: object, completion: str) -> bool:
    """Whether the completion is the full conversation; an empty prompt before one is ignored."""
    return prompt is None or (prompt == "" and is_transcript(completion))


def _join(prompt: object, completion: object, side: str) -> str:
    before = () if prompt is None else _to_turns(prompt, "human", "the prompt")
    # A prompt may end in a bare "Assistant:" that the completion continues.
    if before and before[-1].role == "assistant" and not before[-1].text.strip():
        before = before[:-1]
    after = _to_turns(completion, "assistant", side)
    # Many datasets have a prompt and also repeat it at the start of both conversations.
    if _stripped(after[: len(before)]) == _stripped(before):
        return transcript(after)
    return transcript(before + after)


def _to_turns(value: object, role: Role, name: str) -> tuple[Turn, ...]:
    """The turns of a message list or a transcript; plain text is one turn of `role`."""
    if isinstance(value, str):
        return turns(canonical(value)) if is_transcript(value) else (Turn(role, value.strip()),)
    if not isinstance(value, list):
        raise RowError(
            "wrong_type", f"{name}: expected text or messages, got {type(value).__name__}"
        )
    try:
        return from_messages(value)
    except ValueError as error:
        raise RowError("wrong_type", f"{name}: {error}") from None


def _stripped(of: tuple[Turn, ...]) -> list[tuple[Role, str]]:
    return [(role, text.strip()) for role, text in of]


def own_id(row: Mapping[str, object]) -> str | None:
    """The row's own id as text, whatever its type in the file."""
    return _text_field(row, IDS)


def _text_field(row: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = row.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # pandas writes integer ids as floats if any id is missing
        if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).strip():
            return str(value)
    return None


def messages_in_cell(cell: str) -> object:
    """The message list that a table cell holds as JSON, else the cell itself."""
    if not cell.startswith("[{"):
        return cell
    try:
        return orjson.loads(cell)
    except ValueError:
        return cell
