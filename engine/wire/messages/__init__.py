"""What the engine and its clients say to each other.

Every body on the wire is one of these, as JSON. Both sides import them, so they stay free
of heavy imports.
"""

from engine.wire.messages.base import *  # noqa: F403
from engine.wire.messages.decisions import *  # noqa: F403
from engine.wire.messages.exports import *  # noqa: F403
from engine.wire.messages.filters import *  # noqa: F403
from engine.wire.messages.pairs import *  # noqa: F403
from engine.wire.messages.results import *  # noqa: F403
from engine.wire.messages.rewrites import *  # noqa: F403
from engine.wire.messages.run import *  # noqa: F403
from engine.wire.messages.study import *  # noqa: F403
