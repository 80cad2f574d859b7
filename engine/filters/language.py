"""The shape of a filter: text in, a tree of terms out, and back.

    filter   ::= all ("or" all)*
    all      ::= one+                      side by side means both; "and" may be written
    one      ::= ("not" | "-") one | "(" filter ")" | "@" name | term | words
    term     ::= key ":" value | key ("<" | "<=" | ">" | ">=" | "=" | "!=") value
    words    ::= word | '"' any text '"'   searched in the texts

What keys and values there are is the vocabulary's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from engine.errors import FilterError

Operator = Literal[":", "<", "<=", ">", ">=", "=", "!="]
MAX_DEPTH = 50
MAX_LENGTH = 4_000


@dataclass(frozen=True)
class Span:
    """Where something stands in the filter. Two trees that only differ in this are equal."""

    start: int
    end: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span)

    def __hash__(self) -> int:
        return 0


@dataclass(frozen=True)
class Words:
    """Text to be found in either transcript, whatever the case."""

    text: str
    at: Span


@dataclass(frozen=True)
class Term:
    """A key, how it is compared, and with what."""

    key: str
    operator: Operator
    value: str
    at: Span
    value_at: Span


@dataclass(frozen=True)
class Saved:
    """A saved filter by its name."""

    name: str
    at: Span


@dataclass(frozen=True)
class Not:
    inner: Tree


@dataclass(frozen=True)
class All:
    """Every one of these; none at all selects everything."""

    inner: tuple[Tree, ...]


@dataclass(frozen=True)
class Either:
    inner: tuple[Tree, ...]


Tree = Words | Term | Saved | Not | All | Either

_SPACE = re.compile(r"\s*")
_KEY = re.compile(r"([A-Za-z_]\w*)(:|\s*(?:<=|>=|!=|<|>|=)\s*)")
_BARE = re.compile(r'[^\s()"]+')
_NAME = re.compile(r"@([\w-]*)")
_WORD = {"or", "and", "not"}


def parse(text: str) -> Tree:
    """The tree of a filter; an empty one selects everything. Raises FilterError."""
    if len(text) > MAX_LENGTH:
        raise FilterError(f"a filter has at most {MAX_LENGTH:,} characters", MAX_LENGTH, len(text))
    reader = _Reader(text)
    tree = reader.filter(0)
    if (rest := reader.peek()) is not None:
        raise FilterError(f"{rest} closes nothing", reader.place, reader.place + 1)
    return tree


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0

    def peek(self) -> str | None:
        """The next character that is no space."""
        match = _SPACE.match(self.text, self.place)
        assert match is not None
        self.place = match.end()
        return self.text[self.place] if self.place < len(self.text) else None

    def word(self, word: str) -> bool:
        """Takes this word if it is next, alone."""
        self.peek()
        match = _BARE.match(self.text, self.place)
        if match is None or match.group().lower() != word:
            return False
        self.place = match.end()
        return True

    def filter(self, depth: int) -> Tree:
        found = [self.all(depth)]
        while self.word("or"):
            found.append(self.all(depth))
        if len(found) == 1:
            return found[0]
        if any(part == All(()) for part in found):
            raise FilterError("“or” needs something on both sides", self.place, self.place)
        return Either(tuple(found))

    def all(self, depth: int) -> Tree:
        found: list[Tree] = []
        while (character := self.peek()) is not None and character != ")":
            match = _BARE.match(self.text, self.place)
            word = match.group().lower() if match else ""
            if word == "or":
                break
            if word == "and" and found:
                self.word("and")
                continue
            found.append(self.one(depth))
        return found[0] if len(found) == 1 else All(tuple(found))

    def one(self, depth: int) -> Tree:
        start = self.place
        if depth > MAX_DEPTH:
            raise FilterError("too many parentheses inside each other", start, start + 1)
        character = self.peek()
        if character is None or character == ")":
            raise FilterError("“not” needs something after it", start, self.place)
        if character == "(":
            return self.group(depth)
        if character == "-" and self.place + 1 < len(self.text):
            self.place += 1
            if self.text[self.place].isspace():
                raise FilterError("put - right before what it excludes", start, self.place)
            return Not(self.one(depth + 1))
        if self.word("not"):
            return Not(self.one(depth + 1))
        if character == "@":
            return self.saved()
        if (match := _KEY.match(self.text, self.place)) is not None:
            return self.term(match)
        start = self.place
        words = self.value()
        return Words(words, Span(start, self.place))

    def group(self, depth: int) -> Tree:
        start = self.place
        self.place += 1
        inner = self.filter(depth + 1)
        if self.peek() != ")":
            raise FilterError("this parenthesis is not closed", start, start + 1)
        self.place += 1
        if inner == All(()):
            raise FilterError("nothing between the parentheses", start, self.place)
        return inner

    def saved(self) -> Tree:
        match = _NAME.match(self.text, self.place)
        assert match is not None
        start, self.place = self.place, match.end()
        if not match.group(1):
            raise FilterError("@ needs the name of a saved filter", start, self.place)
        return Saved(match.group(1), Span(start, self.place))

    def term(self, match: re.Match[str]) -> Tree:
        start = self.place
        self.place = match.end()
        value_start = self.place
        value = self.value()
        operator: Operator = match.group(2).strip()  # type: ignore[assignment]
        span = Span(start, self.place)
        if not value:
            raise FilterError(f"{match.group(1)}{operator} needs a value", start, self.place)
        return Term(match.group(1), operator, value, span, Span(value_start, self.place))

    def value(self) -> str:
        """A quoted text (quotes inside are doubled) or everything up to a space."""
        start = self.place
        if self.text[start : start + 1] != '"':
            match = _BARE.match(self.text, start)
            self.place = match.end() if match else start
            return match.group() if match else ""
        parts: list[str] = []
        while True:
            end = self.text.find('"', self.place + 1)
            if end < 0:
                raise FilterError("this quotation mark is not closed", start, len(self.text))
            parts.append(self.text[self.place + 1 : end])
            self.place = end + 1
            if self.text[self.place : self.place + 1] != '"':
                return '"'.join(parts)


# ---------------------------------------------------------------- back to text


def write(tree: Tree) -> str:
    """The filter as one would type it; `parse` gives the same tree back."""
    return _written(tree, outer=True)


def _written(tree: Tree, *, outer: bool = False) -> str:
    match tree:
        case Words(text):
            return quoted(text)
        case Term(key, operator, value):
            return f"{key}{operator}{quoted(value, in_term=True)}"
        case Saved(name):
            return f"@{name}"
        case Not(inner):
            return f"not {_written(inner)}"
        case All(inner):
            said = " ".join(_written(part) for part in inner)
            return said if outer else f"({said})"
        case Either(inner):
            said = " or ".join(_written(part) for part in inner)
            return said if outer else f"({said})"


def quoted(text: str, *, in_term: bool = False) -> str:
    """`text` in quotation marks where it would not be read as one plain word without."""
    bare = _BARE.fullmatch(text) is not None
    if bare and not in_term:
        bare = text.lower() not in _WORD and text[0] not in "-@" and not _KEY.match(text)
    return text if bare else '"' + text.replace('"', '""') + '"'


def terms(tree: Tree) -> Iterator[Term]:
    """Every term of a tree."""
    match tree:
        case Term():
            yield tree
        case Not(inner):
            yield from terms(inner)
        case All(parts) | Either(parts):
            for part in parts:
                yield from terms(part)
        case _:
            return
