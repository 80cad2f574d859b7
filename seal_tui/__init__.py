"""The terminal client of the SEAL explorer. It talks to the engine through `engine.wire` only."""

import os

# Textual reads this once, when it is first imported. At its usual 60 frames a second a key waits
# up to 16 ms for the next frame. An explorer at rest sends no frames, so more of them cost nothing.
os.environ.setdefault("TEXTUAL_FPS", "120")
