"""What a command prints beside its tables: JSON and command lines."""

from __future__ import annotations

import json
from typing import Any

from seal_tui.text.safe import Safe


def to_json(content: Any) -> Safe:
    """Indented JSON in visible ASCII, which any terminal shows as it is."""
    # JSON has an escape for DEL too, but does not demand it.
    return Safe(json.dumps(content, indent=2, allow_nan=False).replace("\x7f", "\\u007f"))
