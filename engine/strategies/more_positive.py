"""The same content in a warmer tone."""

from engine.strategies import Strategy

STRATEGY = Strategy(
    name="more-positive",
    purpose="says the same in a warmer tone",
    local="Say this in a warmer, more positive tone. Keep the meaning and every number.",
    endpoint=(
        "Say the passage in a warmer, more positive tone: friendlier words, the same content. "
        "Where it declines, criticises or warns, it goes on doing so, only more kindly."
    ),
)
