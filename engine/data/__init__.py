"""Preference pairs: read from files or the hub, in any common layout, as conversations."""

from engine.data.conversation import Conversation, Message
from engine.data.options import Columns, Options
from engine.data.pairs import REASONS, Facts, Pair, Reason, Reject, SourceRow, Vote
from engine.data.readers import Source, read_pairs
from engine.data.sample import Digest, digest, seeded_sample

__all__ = [
    "REASONS",
    "Columns",
    "Conversation",
    "Digest",
    "Facts",
    "Message",
    "Options",
    "Pair",
    "Reason",
    "Reject",
    "Source",
    "SourceRow",
    "Vote",
    "digest",
    "read_pairs",
    "seeded_sample",
]
