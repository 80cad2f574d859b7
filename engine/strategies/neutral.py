"""Other words in the same tone (paper, section 4)."""

from engine.strategies import Strategy

STRATEGY = Strategy(
    name="neutral",
    purpose="says the same in other words and the same tone",
    local="Say this in other words. Keep the meaning, the tone and every number.",
    endpoint=(
        "Say the passage in other words: change vocabulary and sentence structure throughout. Its "
        "tone, its intensity and its quality of style stay as they are, neither warmer nor colder."
    ),
)
