"""The base of every layout: what a row of this shape says, and how a decision changes it.

Every row is read by the first layout in `layouts.LAYOUTS` that recognises it. Most layouts have
one row per pair; N-best layouts have several pairs per row, and a grouped layout needs all rows
with the same key to make its pairs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

from engine.data.conversation import Conversation
from engine.data.options import Options
from engine.data.pairs import MAX_CHARS, NO_FACTS, Facts, RowError, Unused
from engine.data.prose import is_text
from engine.data.values import as_text, described

Row = Mapping[str, Any]

# Of each group, the first field that a row has is used.
IDS = ("row_id", "id", "prompt_id", "uid", "uuid", "question_id")
TOPICS = ("topic", "subset", "category", "domain")


class Draft(NamedTuple):
    """One pair of a row. `place` says which of the row's candidates it compares; it is empty where
    the row is one pair."""

    chosen: Conversation
    rejected: Conversation
    facts: Facts = NO_FACTS
    place: str = ""
    group: str | None = None


class Change(NamedTuple):
    """What is to become of one pair of a row."""

    place: str
    action: Literal["keep", "flip", "omit", "tie"]


class Layout(ABC):
    """One layout. An instance reads rows with the options of a study."""

    name: ClassVar[str]
    title: ClassVar[str]  # for people: whose layout it is, and its columns
    text: ClassVar[frozenset[str]]  # the columns whose text it reads
    # Columns it knows that are no part of a conversation, though they may hold text: reasons of
    # annotators, raw answers of a judge. They stay with the row.
    known: ClassVar[frozenset[str]] = frozenset()
    # The keys of [data.columns] that it follows; the others are refused, not passed over.
    settings: ClassVar[frozenset[str]] = frozenset(("id", "group", "topic"))
    grouped: ClassVar[bool] = False
    complete: ClassVar[int] = 0  # the number of rows that completes a group; 0 if any number may

    def __init__(self, options: Options) -> None:
        self.options = options
        self.named = options.columns.named
        self._used = self.text | self.known | options.ignore | self.named

    @property
    def unused_settings(self) -> tuple[str, ...]:
        """The keys of [data.columns] that the study sets and this layout does not follow."""
        columns = self.options.columns
        given = (key for key in columns.__struct_fields__ if getattr(columns, key) is not None)
        return tuple(key for key in given if key not in self.settings)

    @classmethod
    @abstractmethod
    def matches(cls, row: Row) -> bool:
        """Whether a row has this layout. Called once per combination of columns and types."""

    @abstractmethod
    def read(self, rows: Sequence[Row]) -> list[Draft]:
        """The pairs of a row; of all rows of one key if the layout is grouped.

        Raises RowError if there are none. The conversations are checked by the caller.
        """

    @abstractmethod
    def write(self, rows: Sequence[Row], changes: Sequence[Change]) -> list[Row | None]:
        """The rows after these changes to their pairs, None for a row that is left out. Without a
        change every row is returned as it came; no row is changed in place."""

    def key(self, row: Row) -> str:
        """Which rows belong together, for a grouped layout. Raises RowError."""
        raise NotImplementedError

    # ------------------------------------------------------------ the rest is the same for all

    def id(self, row: Row) -> str | None:
        """The row's own id as text, whatever its type in the file. Raises RowError for a list or
        an object."""
        named = self.options.columns.id
        names = IDS if named is None else (named,)
        text = text_field(row, names)
        if text is None:
            check_name(row, names)
        return text

    def topic(self, row: Row) -> str | None:
        name = self.options.columns.topic
        return text_field(row, TOPICS if name is None else (name,))

    def group(self, row: Row) -> str | None:
        """What the study's own column says that the row belongs to."""
        name = self.options.columns.group
        if name is None:
            return None
        text = text_field(row, (name,))
        if text is None:
            check_name(row, (name,))
        return text

    def unread(self, columns: Iterable[str]) -> tuple[str, ...]:
        """The columns that would be lost if they held text."""
        names = (*IDS, *TOPICS)
        return tuple(c for c in columns if c not in self._used and c not in names)

    def check_unread(self, row: Row, columns: Sequence[str]) -> None:
        """Raises Unused if one of these columns holds text that is not read elsewhere."""
        lost = [c for c in columns if is_text(c, row[c]) and not self._is_copy(row, c)]
        if lost:
            raise Unused(lost)

    def _is_copy(self, row: Row, column: str) -> bool:
        """Whether a column repeats one that is read, as `messages` repeats `chosen`."""
        value = row[column]
        return any(name != column and name in row and row[name] == value for name in self.text)


def check_conversation(conversation: Conversation, side: str) -> None:
    """Raises RowError if a conversation has no response, or is too long."""
    if reason := conversation.problem:
        raise RowError(reason, f"in {side}")
    if len(conversation.encoded) > MAX_CHARS:
        size = len(conversation.encoded)
        raise RowError("too_long", f"{side} has {size:,} characters, over {MAX_CHARS:,}")


def text_field(row: Row, names: Sequence[str]) -> str | None:
    """The first of these fields that holds a name, a number, a date or the like, as text."""
    for name in names:
        if name not in row:
            continue
        text = as_text(row[name])
        if text is not None and text.strip():
            return text
    return None


def check_name(row: Row, names: Sequence[str]) -> None:
    """Raises RowError if one of these fields has parts, and so cannot be a name."""
    for name in names:
        if isinstance(value := row.get(name), (Mapping, list, tuple)) and value:
            raise RowError("wrong_type", f"{name} is {described(value)}, not a name or a number")


def number(value: object) -> float | None:
    """A finite number, also where the row has it as text ("4", "N/A"); None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return result if abs(result) < float("inf") else None


def minus(text: object) -> str:
    """The negative of a number in a table's cell."""
    written = str(text).strip()
    return written[1:] if written.startswith("-") else f"-{written.removeprefix('+')}"


def swapped(row: Row, one: str, other: str) -> dict[str, Any]:
    """The row with the values of all columns swapped that differ in these words only, such as
    `chosen` and `rejected`, `score_chosen` and `score_rejected`."""
    new = dict(row)
    for name in row:
        if one in name and (partner := name.replace(one, other)) in row:
            new[name], new[partner] = row[partner], row[name]
    return new
