"""Why the store does not do what it was asked; one line for a person each."""

from __future__ import annotations


class NotFound(LookupError):
    """No such pair, rewrite, feature or order."""


class Refused(ValueError):
    """What is asked for is not a mark, an author or a filter."""
