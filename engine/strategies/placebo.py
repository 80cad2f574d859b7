"""Almost no change: its effect on the rewards is the noise of rewriting itself."""

from engine.strategies import Strategy

STRATEGY = Strategy(
    name="placebo",
    purpose="changes a word or two, as a control",
    local="Copy-edit this lightly: change a word or two at most, nothing else.",
    endpoint=(
        "Copy-edit the passage lightly: put one or two words into a plain equivalent, or mend "
        "punctuation. Leave every other word as it is."
    ),
)
