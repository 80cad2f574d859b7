"""The bases of all messages, and the answer to a request that failed."""

from __future__ import annotations

import msgspec

from engine.errors import Kind


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of every message. A field that is not known here is passed over, so that an answer may
    grow."""


class Request(Message, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of what is asked. A field that is not known here is an error: it would be a condition
    that has no effect."""


class Nothing(Request, frozen=True, kw_only=True):
    """A request without fields."""


class Problem(Message, frozen=True, kw_only=True):
    """Why a request failed, in one line for a person, and the kind of error. `start` and `end` are
    the place in a filter that is wrong."""

    error: str
    kind: Kind
    start: int | None = None
    end: int | None = None
