"""Runs `seal-tui` as a person at a terminal would, and leaves the explorer once it is drawn."""

from __future__ import annotations

import sys

from tests.command import COMMAND
from tests.tui.terminal import Terminal


def main() -> int:
    terminal = Terminal([*COMMAND, *sys.argv[1:]])
    terminal.read_until("overview")
    terminal.quiet()
    terminal.write("q")
    return terminal.ended()


if __name__ == "__main__":
    sys.exit(main())
