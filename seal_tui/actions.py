"""Every action of the explorer, once: keys, footer, `?` help and the palette are read from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding

Scope = Literal[
    "app", "list", "matrix", "overview", "imprint", "resistance", "pair", "robustness", "rewrite"
]


@dataclass(frozen=True)
class Action:
    """One thing a person can do. `call` is the Textual action; `shown` puts it in the footer."""

    scope: Scope
    name: str
    keys: str
    label: str
    help: str
    shown: bool = False
    key_label: str = ""

    @property
    def id(self) -> str:
        return f"{self.scope}.{self.name}"

    @property
    def display(self) -> str:
        return self.key_label or self.keys.split(",")[0]


ACTIONS: tuple[Action, ...] = (
    # -------------------------------------------------------------- everywhere
    Action("app", "show('overview')", "1", "overview", "How aligned the model is, in numbers."),
    Action("app", "show('imprint')", "2", "imprint", "What each feature is worth to the model."),
    Action("app", "show('resistance')", "3", "resistance", "The pairs, one by one."),
    Action("app", "show('robustness')", "5", "robustness", "Pairs whose wording was changed."),
    Action(
        "app",
        "start_run",
        "R",
        "start or resume",
        "Start the run, or go on where it stopped.",
        True,
    ),
    Action(
        "app", "stop_run", "S", "stop the run", "Stop the run. Finished batches are kept.", True
    ),
    Action("app", "explain", "question_mark", "help", "Keys and meanings of this pane.", True, "?"),
    Action("app", "command_palette", "ctrl+p", "commands", "Every action by name.", True),
    Action("app", "leave", "q", "quit", "Leave. A run that is on goes on without you.", True),
    # -------------------------------------------------------------- any list
    Action("list", "cursor_up", "up,k", "up", "One line up.", key_label="↑ k"),
    Action("list", "cursor_down", "down,j", "down", "One line down.", key_label="↓ j"),
    Action("list", "page_up", "pageup,ctrl+u", "page up", "One page up.", key_label="PgUp ^u"),
    Action(
        "list", "page_down", "pagedown,ctrl+d", "page down", "One page down.", key_label="PgDn ^d"
    ),
    Action("list", "top", "home,g", "top", "To the first line.", key_label="Home g"),
    Action("list", "bottom", "end,G", "bottom", "To the last line.", key_label="End G"),
    Action("list", "open", "enter", "open", "Open what the cursor is on.", True, "↵"),
    # -------------------------------------------------------------- the table of regimes
    Action("matrix", "move(0, -1)", "left,h", "left", "One column left.", key_label="← h"),
    Action("matrix", "move(0, 1)", "right,l", "right", "One column right.", key_label="→ l"),
    Action("matrix", "move(-1, 0)", "up,k", "up", "One row up.", key_label="↑ k"),
    Action("matrix", "move(1, 0)", "down,j", "down", "One row down.", key_label="↓ j"),
    Action("matrix", "open", "enter", "open its pairs", "List the pairs of this cell.", True, "↵"),
    # -------------------------------------------------------------- screens
    Action("overview", "show_manifest", "m", "manifest", "What made these results, in full."),
    Action(
        "imprint",
        "next_table",
        "t",
        "table",
        "Next table: rewards, reward shift, misalignment.",
        True,
    ),
    Action(
        "imprint",
        "next_outcome",
        "o",
        "outcome",
        "Whose interval and p to show: post-D, pre-D or the difference.",
        True,
    ),
    Action("imprint", "next_preset", "p", "preset", "Next way of estimating.", True),
    Action("imprint", "next_sort", "s", "sort", "Next order of the lines.", True),
    Action(
        "resistance", "filter", "slash", "filter", "Choose pairs by words and terms.", True, "/"
    ),
    Action("resistance", "next_sort", "s", "sort", "Sort by the next number.", True),
    Action("resistance", "reverse", "r", "reverse", "Turn the order round.", True),
    Action(
        "resistance",
        "undo_filter",
        "backspace",
        "last filter",
        "Back to the filter before this one.",
        key_label="⌫",
    ),
    Action("resistance", "next_pair", "J", "next pair", "The next pair of the list."),
    Action("resistance", "previous_pair", "K", "previous pair", "The pair before it."),
    Action("resistance", "back", "escape", "back", "Back to the list.", True, "esc"),
    Action("pair", "toggle_context", "space", "context", "Open or fold the shared turns.", True),
    Action("pair", "rewrites", "w", "rewrites", "The rewritten forms of this pair.", True),
    Action("robustness", "filter", "slash", "filter", "Choose rewrites by terms.", True, "/"),
    Action("robustness", "next_sort", "s", "sort", "Sort by the next number.", True),
    Action("robustness", "reverse", "r", "reverse", "Turn the order round.", True),
    Action(
        "robustness",
        "toggle_scores",
        "t",
        "scores",
        "The robustness scores π of every feature.",
        True,
    ),
    Action(
        "robustness",
        "undo_filter",
        "backspace",
        "last filter",
        "Back to the filter before this one.",
        key_label="⌫",
    ),
    Action("robustness", "next_pair", "J", "next rewrite", "The next rewrite of the list."),
    Action("robustness", "previous_pair", "K", "previous rewrite", "The rewrite before it."),
    Action("robustness", "back", "escape", "back", "Back to the list.", True, "esc"),
    Action(
        "rewrite",
        "toggle_side",
        "c",
        "other side",
        "Switch between the chosen and the rejected answer.",
        True,
    ),
    Action("rewrite", "toggle_context", "space", "context", "Open or fold the turns before.", True),
    Action("rewrite", "open_pair", "o", "its pair", "Open the pair it was made from.", True),
)

BY_ID: dict[str, Action] = {action.id: action for action in ACTIONS}


def bindings(*scopes: Scope) -> list[Binding]:
    """The key bindings of these scopes, for a `BINDINGS` attribute."""
    return [
        Binding(action.keys, action.name, action.label, show=action.shown, id=action.id)
        for action in ACTIONS
        if action.scope in scopes
    ]
