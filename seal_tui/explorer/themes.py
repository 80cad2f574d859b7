"""Colours. The default takes them from the terminal; two fixed themes are a command away."""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

DEFAULT: Final = "seal-terminal"

# `caution` and the two accents are the only colours with a meaning; see the design.
FALLBACK: Final[dict[str, str]] = {
    "chosen": "ansi_cyan",
    "rejected": "ansi_magenta",
    "caution": "ansi_yellow",
    "line": "ansi_bright_black",
}

THEMES: Final[tuple[Theme, ...]] = (
    Theme(
        name=DEFAULT,
        ansi=True,
        primary="ansi_blue",
        secondary="ansi_cyan",
        warning="ansi_yellow",
        error="ansi_red",
        success="ansi_green",
        accent="ansi_cyan",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        variables=FALLBACK
        | {
            "ansi-background": "ansi_black",
            "ansi-foreground": "ansi_white",
            "border": "ansi_bright_black",
            "border-blurred": "ansi_bright_black",
            "block-cursor-foreground": "ansi_black",
            "block-cursor-background": "ansi_white",
            "input-cursor-background": "ansi_white",
            "input-cursor-foreground": "ansi_black",
            "input-selection-background": "ansi_blue",
            "input-selection-foreground": "ansi_white",
            "screen-selection-background": "ansi_blue",
            "screen-selection-foreground": "ansi_white",
            "scrollbar": "ansi_bright_black",
            "scrollbar-hover": "ansi_white",
            "scrollbar-active": "ansi_white",
            "scrollbar-background": "ansi_default",
            "scrollbar-background-hover": "ansi_default",
            "scrollbar-background-active": "ansi_default",
            "scrollbar-corner-color": "ansi_default",
        },
    ),
    Theme(
        name="seal-dark",
        primary="#7aa2f7",
        secondary="#5fc9c9",
        warning="#e0af68",
        error="#e0787a",
        success="#8fbf6f",
        accent="#5fc9c9",
        foreground="#d0d0d0",
        background="#161616",
        surface="#161616",
        panel="#202020",
        variables={
            "chosen": "#5fc9c9",
            "rejected": "#d48ac0",
            "caution": "#e0af68",
            "line": "#4a4a4a",
        },
    ),
    Theme(
        name="seal-light",
        dark=False,
        primary="#2f5faf",
        secondary="#00707a",
        warning="#8a5a00",
        error="#a02c2e",
        success="#3f7a1f",
        accent="#00707a",
        foreground="#202020",
        background="#fafafa",
        surface="#fafafa",
        panel="#eeeeee",
        variables={
            "chosen": "#00707a",
            "rejected": "#93337f",
            "caution": "#8a5a00",
            "line": "#b0b0b0",
        },
    ),
)
