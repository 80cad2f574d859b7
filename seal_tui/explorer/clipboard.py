"""Copying to the clipboard of the user's own machine, also over SSH and through tmux."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence

from textual.app import App

from seal_tui import paths
from seal_tui.text.safe import Safe, plain

# Terminals and tmux silently drop longer OSC 52 sequences.
MOST_BYTES = 74_000


async def copy(app: App[object], text: str) -> Safe:
    """Put `text` on the clipboard and return a message that says where it went.

    Escape codes are made visible first: a pasted one would act like a typed one. The text is
    always in a private file as well, because no terminal confirms OSC 52.
    """
    safe_text = plain(text)
    try:
        file = paths.copied_file()
        file.write_text(safe_text, "utf-8")
        where = Safe(f"saved to {plain(str(file))}")
    except OSError as error:
        where = Safe(f"not saved to a file ({plain(error.strerror or 'no room')})")
    if len(safe_text.encode()) > MOST_BYTES:
        return Safe(f"too long for the terminal clipboard; {where}")
    where = Safe(f"also {where}" if where.startswith("saved") else where)
    for name, command in _programs():
        if await _pipe_to(command, safe_text):
            return Safe(f"copied to {name}; {where}")
    app.copy_to_clipboard(safe_text)
    return Safe(f"copied to the terminal's clipboard; {where}")


def _programs() -> Sequence[tuple[str, Sequence[str]]]:
    """The programs that can reach a clipboard here, the best first."""
    programs = (
        ("WAYLAND_DISPLAY", "the clipboard", ("wl-copy",)),
        ("DISPLAY", "the clipboard", ("xclip", "-selection", "clipboard")),
        # A tmux with its default settings drops OSC 52 of programs in it, but sends its own.
        ("TMUX", "tmux and the terminal's clipboard", ("tmux", "load-buffer", "-w", "-")),
    )
    return [
        (name, command)
        for variable, name, command in programs
        if os.environ.get(variable) and shutil.which(command[0])
    ]


async def _pipe_to(command: Sequence[str], text: str) -> bool:
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(2):
            await process.communicate(text.encode())
    except (OSError, TimeoutError):
        return False
    return process.returncode == 0
