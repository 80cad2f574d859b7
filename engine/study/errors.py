"""What is wrong with a study."""

from __future__ import annotations


class StudyError(ValueError):
    """The study file is wrong. The message names file, key and fix in one line."""
