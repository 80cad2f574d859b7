"""From a row's fields, in any of the layouts in use, to the two transcripts of a pair."""

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

NEEDED = ("chosen", "rejected")
# The first of each that a row has is taken.
PROMPTS = ("prompt", "question", "input", "instruction")
IDS = ("row_id", "id")
TOPICS = ("topic", "subset")
COLUMNS = (*NEEDED, *PROMPTS, *IDS, *TOPICS)

EXPECTED = "expected chosen and rejected, with or without prompt, id, row_id, topic"


class Fields(NamedTuple):
    """What a row says: its own id and topic where it has them, and both transcripts."""

    id: str | None
    topic: str | None
    chosen: str
    rejected: str


def recognised(columns: Collection[str]) -> bool:
    """Whether these columns hold preference pairs."""
    return all(name in columns for name in NEEDED)


def header_columns(line: bytes, delimiter: str = ",") -> list[str]:
    """The names in a CSV header line; none where a bare carriage return makes it two lines."""
    try:
        return next(csv.reader([line.decode("utf-8", "replace")], delimiter=delimiter), [])
    except csv.Error:
        return []


def columns_found(columns: Collection[str]) -> str:
    """The columns found and those expected, for a message."""
    names = ", ".join(str(name)[:40] for name in list(columns)[:20]) or "none"
    return f"found the columns {names}; {EXPECTED}"


def read_row(value: object) -> Fields:
    """The fields of one row; raises RowError with the reason where it gives no pair."""
    if not isinstance(value, Mapping):
        raise RowError("not_an_object", f"the row is {type(value).__name__}, not an object")
    for side in NEEDED:
        if side not in value:
            raise RowError("missing_field", f"no field {side}: {columns_found(value)}")
        if value[side] is None:
            raise RowError("missing_field", f"the field {side} is null")
    prompt = next((value[name] for name in PROMPTS if value.get(name) is not None), None)
    chosen, rejected = (_conversation(prompt, value[side], side) for side in NEEDED)
    return Fields(_label(value, IDS), _label(value, TOPICS), chosen, rejected)


def _conversation(prompt: object, completion: object, side: str) -> str:
    if isinstance(completion, str) and _whole(prompt, completion):
        text = canonical(completion)
    else:
        text = _joined(prompt, completion, side)
    if found := problem(text):
        raise RowError(found, f"in {side}")
    if len(text) > MAX_CHARS:
        raise RowError("too_long", f"{side} has {len(text):,} characters, over {MAX_CHARS:,}")
    return text


def _whole(prompt: object, completion: str) -> bool:
    """Whether the completion is the conversation; an empty prompt before one says nothing."""
    return prompt is None or (prompt == "" and is_transcript(completion))


def _joined(prompt: object, completion: object, side: str) -> str:
    before = () if prompt is None else _turns(prompt, "human", "the prompt")
    # A prompt may end in a bare "Assistant:" that the completion is to fill.
    if before and before[-1].role == "assistant" and not before[-1].text.strip():
        before = before[:-1]
    after = _turns(completion, "assistant", side)
    # Many sets give a prompt and yet whole conversations that repeat it.
    if _stripped(after[: len(before)]) == _stripped(before):
        return transcript(after)
    return transcript(before + after)


def _turns(value: object, plain: Role, name: str) -> tuple[Turn, ...]:
    """Turns of a message list or a transcript; other text is one turn of the `plain` role."""
    if isinstance(value, str):
        return turns(canonical(value)) if is_transcript(value) else (Turn(plain, value.strip()),)
    if not isinstance(value, list):
        raise RowError("wrong_type", f"{name} is {type(value).__name__}, not text or messages")
    try:
        return from_messages(value)
    except ValueError as error:
        raise RowError("wrong_type", f"{name}: {error}") from None


def _stripped(of: tuple[Turn, ...]) -> list[tuple[Role, str]]:
    return [(role, text.strip()) for role, text in of]


def own_id(row: Mapping[str, object]) -> str | None:
    """The row's own id as text, whichever way the file writes it."""
    return _label(row, IDS)


def _label(row: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = row.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # pandas turns a column of ids with a gap into floats
        if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).strip():
            return str(value)
    return None


def messages_in_cell(cell: str) -> object:
    """A table cell's message list where it holds one as JSON, else the cell itself."""
    if not cell.startswith("[{"):
        return cell
    try:
        return orjson.loads(cell)
    except ValueError:
        return cell
