"""What a person did that cannot be done as asked."""

from __future__ import annotations


class WrongUsage(ValueError):
    """Options or settings that are wrong; one line: what, where, and how to mend it."""
