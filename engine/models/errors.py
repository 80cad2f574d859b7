"""What goes wrong with models, in words for a person."""

from __future__ import annotations


class ModelError(RuntimeError):
    """A model cannot be loaded or used. The message is one line: what, and how to mend it."""
