"""`python -m seal_tui`: the command `seal-tui`."""

from seal_tui.cli.commands import main

if __name__ == "__main__":
    main()
