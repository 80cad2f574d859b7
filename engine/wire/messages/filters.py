"""Completing and saving filters."""

from __future__ import annotations

from engine.wire.messages.base import Message, Request


class CompleteRequest(Request, frozen=True, kw_only=True):
    """`blind`: what a filter may contain in blind mode, with the tags of `author` alone."""

    filter: str
    cursor: int
    rewrites: bool = False
    author: str = ""
    blind: bool = False


class Completion(Message, frozen=True, kw_only=True):
    """What may stand in place of the characters from `start` to `end`."""

    text: str
    start: int
    end: int
    detail: str


class SavedFilter(Message, frozen=True, kw_only=True):
    """A filter with a name."""

    name: str
    filter: str


class SaveFilter(Request, frozen=True, kw_only=True):
    """Replaces the filter of that name; an empty `filter` removes it."""

    name: str
    filter: str
