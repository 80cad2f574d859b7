"""Decisions of people about pairs, and their log."""

from __future__ import annotations

from typing import Literal

from engine.wire.messages.base import Message, Request
from engine.wire.messages.pairs import Verdict


class MarkChange(Request, frozen=True, kw_only=True):
    """What changes of a mark; null leaves it as it is, verdict "" takes the decision back, a and b
    (in blind mode, in place of keep and flip) say which answer as shown there is better. A note
    has at most 4,000 characters, a tag is one word of at most 40."""

    verdict: Verdict | Literal["", "a", "b"] | None = None
    flag: Literal["on", "off", "toggle"] | None = None
    note: str | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()


class MarkRequest(Request, frozen=True, kw_only=True):
    """One change to these pairs, by this author (1 to 64 printable characters), which is one step
    for undo; `blind`: made without knowing what was chosen, which the answer does not say either.

    With the `dataset` of the `Ids` that they are from, the change is refused once other data was
    read: its pairs have the same numbers. `session` names the client (at most 64 printable
    characters). With `seen`, the revision at which the client read the marks, the change is refused
    if another session of the author changed one of them since.
    """

    pair_ids: tuple[int, ...]
    change: MarkChange
    author: str
    blind: bool = False
    dataset: str = ""
    session: str = ""
    seen: int | None = None


class UndoRequest(Request, frozen=True, kw_only=True):
    """The last change of this author in this session; with `action` the one of that number, in
    whatever session the author made it. `blind`: the summary does not say what was chosen."""

    author: str
    session: str = ""
    action: int | None = None
    blind: bool = False


class RedoRequest(Request, frozen=True, kw_only=True):
    """The change of this author that this session took back last; `blind` as in UndoRequest."""

    author: str
    session: str = ""
    blind: bool = False


class MarksChanged(Message, frozen=True, kw_only=True):
    """`changed`: how many marks; `summary`: what was done, in one line; `revision`: that of the log
    afterwards. If a session has nothing to undo, `elsewhere` is the author's last change in another
    one: it can be undone by its number."""

    changed: int
    summary: str
    revision: int = 0
    elsewhere: MarkEvent | None = None


class LogRequest(Request, frozen=True, kw_only=True):
    """The `limit` newest lines, at most 10,000, of those that came after the revision `after`.
    `blind`: only those of `author`, and they do not say what was chosen."""

    limit: int = 200
    after: int = 0
    author: str = ""
    blind: bool = False


class MarkEvent(Message, frozen=True, kw_only=True):
    """One line of the log: a change to one pair or, in bulk, to `pairs` of them. `number` counts
    from 0; `session` is that of the client, empty if it named none."""

    time: float
    author: str
    summary: str
    pairs: int
    source_id: str
    number: int = 0
    session: str = ""


class MarkProgress(Message, frozen=True, kw_only=True):
    """How far the author has come with the pairs of a filter."""

    pairs: int
    decided: int
    flagged: int
    verdicts: dict[str, int]


class ProgressRequest(Request, frozen=True, kw_only=True):
    """`blind`: as in PairQuery; keep and flip are counted together, as decided."""

    filter: str
    author: str
    blind: bool = False


class Agreement(Message, frozen=True, kw_only=True):
    """Two authors on the pairs that both decided: share of equal verdicts, Cohen's κ."""

    author_a: str
    author_b: str
    pairs: int
    agreement: float | None
    kappa: float | None
