"""The command `seal-tui`, as this interpreter runs it from this checkout."""

from __future__ import annotations

import sys

# Not the installed script: that one runs whatever the environment was installed from.
# -P as in that script: the working folder is no place to import from.
COMMAND = [sys.executable, "-P", "-m", "seal_tui"]
