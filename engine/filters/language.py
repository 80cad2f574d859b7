"""The syntax of filters: parses text into a syntax tree, and writes a tree as text.

    filter   ::= all ("or" all)*
    all      ::= unit+                     adjacent units are joined by "and", which is optional
    unit     ::= ("not" | "-") unit | "(" filter ")" | "@" name | term | words
    term     ::= field ":" value | field ("<" | "<=" | ">" | ">=" | "=" | "!=") value
    words    ::= word | '"' any text '"'   searched for in the texts

Which fields and values exist is defined by the vocabulary.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from engine.errors import FilterError

Operator = Literal[":", "<", "<=", ">", ">=", "=", "!="]
MAX_DEPTH = 50
MAX_LENGTH = 4_000


@dataclass(frozen=True)
class Span:
    """Position in the filter text. All spans are equal, so that trees compare by content."""

    start: int
    end: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span)

    def __hash__(self) -> int:
        return 0


@dataclass(frozen=True)
class Words:
    """Text to search for in both transcripts, ignoring case."""

    text: str
    at: Span


@dataclass(frozen=True)
class Term:
    """A field, an operator and a value."""

    field: str
    operator: Operator
    value: str
    at: Span
    value_at: Span


@dataclass(frozen=True)
class Saved:
    """A reference to a saved filter."""

    name: str
    at: Span


@dataclass(frozen=True)
class Not:
    """The condition does not hold."""

    inner: Tree


@dataclass(frozen=True)
class All:
    """All conditions hold. Without any, everything is selected."""

    inner: tuple[Tree, ...]


@dataclass(frozen=True)
class Either:
    """At least one condition holds."""

    inner: tuple[Tree, ...]


Tree = Words | Term | Saved | Not | All | Either

_SPACE = re.compile(r"\s*")
_FIELD = re.compile(r"([A-Za-z_]\w*)(:|\s*(?:<=|>=|!=|<|>|=)\s*)")
_BARE = re.compile(r'[^\s()"]+')
_NAME = re.compile(r"@([\w-]*)")
_KEYWORDS = {"or", "and", "not"}


def parse(text: str) -> Tree:
    """Parses a filter; an empty one selects everything. Raises FilterError."""
    if len(text) > MAX_LENGTH:
        raise FilterError(
            f"a filter may have at most {MAX_LENGTH:,} characters", MAX_LENGTH, len(text)
        )
    parser = _Parser(text)
    tree = parser.filter(0)
    if (rest := parser.peek()) is not None:
        raise FilterError(f"unmatched “{rest}”", parser.position, parser.position + 1)
    return tree


class _Parser:
    """Recursive descent; every method consumes what it returns."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def peek(self) -> str | None:
        """The next character, after any white space; None at the end. Does not consume it."""
        match = _SPACE.match(self.text, self.position)
        assert match is not None
        self.position = match.end()
        return self.text[self.position] if self.position < len(self.text) else None

    def keyword(self, keyword: str) -> bool:
        """Consumes this keyword if it comes next; otherwise returns False."""
        self.peek()
        match = _BARE.match(self.text, self.position)
        if match is None or match.group().lower() != keyword:
            return False
        self.position = match.end()
        return True

    def filter(self, depth: int) -> Tree:
        parts = [self.all(depth)]
        while self.keyword("or"):
            parts.append(self.all(depth))
        if len(parts) == 1:
            return parts[0]
        if any(part == All(()) for part in parts):
            raise FilterError("“or” needs a condition on both sides", self.position, self.position)
        return Either(tuple(parts))

    def all(self, depth: int) -> Tree:
        parts: list[Tree] = []
        while (character := self.peek()) is not None and character != ")":
            match = _BARE.match(self.text, self.position)
            word = match.group().lower() if match else ""
            if word == "or":
                break
            if word == "and" and parts:
                self.keyword("and")
                continue
            parts.append(self.unit(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def unit(self, depth: int) -> Tree:
        start = self.position
        if depth > MAX_DEPTH:
            raise FilterError("the filter is nested too deeply", start, start + 1)
        character = self.peek()
        if character is None or character == ")":
            raise FilterError("“not” needs a condition after it", start, self.position)
        if character == "(":
            return self.group(depth)
        if character == "-" and self.position + 1 < len(self.text):
            self.position += 1
            if self.text[self.position].isspace():
                raise FilterError("no space is allowed after “-”", start, self.position)
            return Not(self.unit(depth + 1))
        if self.keyword("not"):
            return Not(self.unit(depth + 1))
        if character == "@":
            return self.saved()
        if (match := _FIELD.match(self.text, self.position)) is not None:
            return self.term(match)
        start = self.position
        words = self.value()
        return Words(words, Span(start, self.position))

    def group(self, depth: int) -> Tree:
        start = self.position
        self.position += 1
        inner = self.filter(depth + 1)
        if self.peek() != ")":
            raise FilterError("this parenthesis is not closed", start, start + 1)
        self.position += 1
        if inner == All(()):
            raise FilterError("the parentheses are empty", start, self.position)
        return inner

    def saved(self) -> Tree:
        match = _NAME.match(self.text, self.position)
        assert match is not None
        start, self.position = self.position, match.end()
        if not match.group(1):
            raise FilterError("“@” needs the name of a saved filter", start, self.position)
        return Saved(match.group(1), Span(start, self.position))

    def term(self, match: re.Match[str]) -> Tree:
        start = self.position
        self.position = match.end()
        value_start = self.position
        value = self.value()
        operator: Operator = match.group(2).strip()  # type: ignore[assignment]
        span = Span(start, self.position)
        if not value:
            raise FilterError(f"{match.group(1)}{operator} needs a value", start, self.position)
        return Term(match.group(1), operator, value, span, Span(value_start, self.position))

    def value(self) -> str:
        """Quoted text (quotation marks inside it are doubled), or everything up to a space."""
        start = self.position
        if self.text[start : start + 1] != '"':
            match = _BARE.match(self.text, start)
            self.position = match.end() if match else start
            return match.group() if match else ""
        parts: list[str] = []
        while True:
            end = self.text.find('"', self.position + 1)
            if end < 0:
                raise FilterError("this quotation mark is not closed", start, len(self.text))
            parts.append(self.text[self.position + 1 : end])
            self.position = end + 1
            if self.text[self.position : self.position + 1] != '"':
                return '"'.join(parts)


# ---------------------------------------------------------------- back to text


def write(tree: Tree) -> str:
    """The tree as text; `parse` returns an equal tree."""
    return _write(tree, outermost=True)


def _write(tree: Tree, *, outermost: bool = False) -> str:
    match tree:
        case Words(text):
            return quoted(text)
        case Term(field, operator, value):
            return f"{field}{operator}{quoted(value, in_term=True)}"
        case Saved(name):
            return f"@{name}"
        case Not(inner):
            return f"not {_write(inner)}"
        case All(parts) | Either(parts):
            separator = " " if isinstance(tree, All) else " or "
            text = separator.join(_write(part) for part in parts)
            return text if outermost else f"({text})"


def quoted(text: str, *, in_term: bool = False) -> str:
    """`text`, with quotation marks if it would not be parsed as one plain word without them."""
    bare = _BARE.fullmatch(text) is not None
    if bare and not in_term:
        bare = text.lower() not in _KEYWORDS and text[0] not in "-@" and not _FIELD.match(text)
    return text if bare else '"' + text.replace('"', '""') + '"'
