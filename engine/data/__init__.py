"""Preference pairs: read them from files or the hub, and split their transcripts into turns."""

from engine.data.dialogue import (
    Dialogue,
    Problem,
    Role,
    Turn,
    from_messages,
    problem,
    split_response,
    transcript,
    turns,
)
from engine.data.pairs import REASONS, Pair, Reason, Reject
from engine.data.readers import Source, read_pairs
from engine.data.sample import digest, seeded_sample

__all__ = [
    "REASONS",
    "Dialogue",
    "Pair",
    "Problem",
    "Reason",
    "Reject",
    "Role",
    "Source",
    "Turn",
    "digest",
    "from_messages",
    "problem",
    "read_pairs",
    "seeded_sample",
    "split_response",
    "transcript",
    "turns",
]
