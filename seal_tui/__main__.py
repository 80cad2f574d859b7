"""`python -m seal_tui`: the command `seal-tui`."""

import sys

# `python -m` puts the working folder first. Nothing there is code of this program.
if not sys.flags.safe_path:
    sys.path.pop(0)

from seal_tui.cli.commands import main

if __name__ == "__main__":
    main()
