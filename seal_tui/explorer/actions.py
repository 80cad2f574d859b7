"""The table of all actions. Keys, footer, `?` help and the palette are read from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding
from textual.keys import format_key

Scope = Literal[
    "app",
    "list",
    "matrix",
    "overview",
    "over",
    "imprint",
    "browse",
    "triage",
    "ambiguous",
    "pair",
    "robustness",
    "rewrite",
    "labelers",
    "plots",
    "plot",
]


@dataclass(frozen=True)
class Action:
    """One user action. `name` is the Textual action, `in_footer` puts it in the footer."""

    scope: Scope
    name: str
    keys: str
    label: str
    help: str
    in_footer: bool = False
    key_label: str = ""

    @property
    def id(self) -> str:
        """Its name in the settings file."""
        return f"{self.scope}.{self.label.replace(' ', '-')}"

    @property
    def moves(self) -> bool:
        """Whether it only moves a cursor."""
        return self.scope in ("list", "matrix", "plot") and self.name != "open"

    @property
    def light(self) -> bool:
        """Whether it needs nothing of the engine but the list: a move, or a decision about the pair
        under the cursor. Such a key does not wait for rows and details that are being fetched."""
        return self.moves or self.name.partition("(")[0] in ("decide", "better", "flag")

    def display(self, binding: Binding) -> str:
        """The key as text; `binding` is the current binding."""
        usual = self.keys.split(",")
        if binding.key not in usual:
            return format_key(binding.key)
        return self.key_label or usual[0]


ACTIONS: tuple[Action, ...] = (
    # -------------------------------------------------------------- everywhere
    Action(
        "app",
        "show('overview')",
        "1",
        "overview",
        "Alignment before and after training, in numbers.",
    ),
    Action("app", "show('imprint')", "2", "imprint", "The effect of each feature on the reward."),
    Action("app", "show('resistance')", "3", "resistance", "Browse all pairs."),
    Action(
        "app",
        "show('ambiguous')",
        "4",
        "ambiguous",
        "Review queue: the most ambiguous pairs first.",
    ),
    Action("app", "show('robustness')", "5", "robustness", "Pairs with rewritten answers."),
    Action("app", "show('labelers')", "6", "labelers", "Agreement between the labelers."),
    Action(
        "app", "show('plots')", "7", "plots", "Plots of directions, rewards, regimes and drift."
    ),
    Action(
        "app",
        "start_run",
        "R",
        "start or resume",
        "Start the run, or resume it.",
        True,
    ),
    Action(
        "app", "stop_run", "S", "stop the run", "Stop the run. Finished batches are kept.", True
    ),
    Action("app", "explain", "question_mark", "help", "Explain this pane and its keys.", True, "?"),
    Action("app", "command_palette", "ctrl+p", "commands", "Search all actions.", True),
    Action(
        "app", "leave", "q", "quit", "Quit. A run in progress continues in the background.", True
    ),
    # -------------------------------------------------------------- any list
    Action("list", "cursor_up", "up,k", "up", "Previous line.", key_label="↑ k"),
    Action("list", "cursor_down", "down,j", "down", "Next line.", key_label="↓ j"),
    Action("list", "page_up", "pageup,ctrl+u", "page up", "Previous page.", key_label="PgUp ^u"),
    Action("list", "page_down", "pagedown,ctrl+d", "page down", "Next page.", key_label="PgDn ^d"),
    Action("list", "top", "home,g", "top", "Go to the first line.", key_label="Home g"),
    Action("list", "bottom", "end,G", "bottom", "Go to the last line.", key_label="End G"),
    Action("list", "open", "enter", "open", "Open the selected line.", True, "↵"),
    # -------------------------------------------------------------- the table of regimes
    Action("matrix", "move(0, -1)", "left,h", "left", "One column left.", key_label="← h"),
    Action("matrix", "move(0, 1)", "right,l", "right", "One column right.", key_label="→ l"),
    Action("matrix", "move(-1, 0)", "up,k", "up", "One row up.", key_label="↑ k"),
    Action("matrix", "move(1, 0)", "down,j", "down", "One row down.", key_label="↓ j"),
    Action("matrix", "open", "enter", "open its pairs", "List the pairs of this cell.", True, "↵"),
    # -------------------------------------------------------------- screens
    Action("overview", "warnings", "w", "warnings", "Show all warnings in full.", True),
    Action("overview", "rejects", "x", "left out", "List the skipped rows, with reasons."),
    Action("overview", "tables", "T", "all tables", "Show all metric tables.", True),
    Action("overview", "show_manifest", "m", "manifest", "Show what produced these results."),
    Action("over", "back", "escape,backspace", "back", "Back to the overview.", True, "esc"),
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
        "Next outcome: post-D, difference, pre-D.",
        True,
    ),
    Action("imprint", "next_preset", "p", "preset", "Next estimation preset.", True),
    Action("imprint", "compare", "c", "compare", "Compare all presets side by side.", True),
    Action("imprint", "next_sort", "s", "sort", "Sort by the next column.", True),
    Action("imprint", "reverse", "r", "reverse", "Reverse the order."),
    Action("labelers", "next_two", "p", "labelers", "Next pair of labelers.", True),
    Action(
        "labelers",
        "next_table",
        "t",
        "table",
        "Switch between agreement and coefficients.",
        True,
    ),
    Action(
        "labelers",
        "next_outcome",
        "o",
        "outcome",
        "Next outcome: post-D, difference, pre-D.",
        True,
    ),
    Action("labelers", "next_sort", "s", "sort", "Sort by the next column.", True),
    Action("labelers", "reverse", "r", "reverse", "Reverse the order."),
    Action("plots", "next_plot", "t", "next plot", "Next plot.", True),
    Action("plots", "previous_plot", "T", "last plot", "Previous plot."),
    Action("plots", "zoom", "z", "zoom", "Show one plot, or as many as fit.", True),
    Action(
        "plot",
        "move(-1)",
        "left,h,up,k",
        "before",
        "Previous element of the plot.",
        key_label="← h",
    ),
    Action(
        "plot", "move(1)", "right,l,down,j", "after", "Next element of the plot.", key_label="→ l"
    ),
    Action("plot", "open", "enter", "open", "List the pairs of this element.", True, "↵"),
    # -------------------------------------------------------------- the panes with long lists
    Action("browse", "filter", "slash", "filter", "Filter the list.", True, "/"),
    Action("browse", "next_sort", "s", "sort", "Sort by the next column.", True),
    Action("browse", "reverse", "r", "reverse", "Reverse the order."),
    Action(
        "browse",
        "undo_filter",
        "backspace",
        "last filter",
        "Restore the previous filter.",
        key_label="⌫",
    ),
    Action("triage", "saved_filters", "F", "saved filters", "Load or save a filter."),
    Action("browse", "show_sql", "Q", "SQL", "Show this filter as SQL."),
    Action("browse", "next_row", "J", "next", "Next item, also from the detail view."),
    Action("browse", "previous_row", "K", "previous", "Previous item, also from the detail view."),
    Action(
        "browse",
        "back",
        "escape",
        "back",
        "Back to the list; then clear the selection.",
        True,
        "esc",
    ),
    # -------------------------------------------------------------- decisions
    Action("triage", "decide('keep')", "a", "keep", "Keep the human preference.", True),
    Action(
        "triage",
        "decide('flip')",
        "x",
        "flip",
        "Reverse the preference: the rejected answer is better.",
        True,
    ),
    Action("triage", "decide('drop')", "d", "drop", "Exclude the pair from training data.", True),
    Action("triage", "decide('tie')", "t", "tie", "Neither answer is better.", True),
    Action(
        "triage",
        "decide('discuss')",
        "exclamation_mark",
        "discuss",
        "Mark for discussion.",
        True,
        "!",
    ),
    Action(
        "triage",
        "better('left')",
        "less_than_sign",
        "left is better",
        "The left answer is better (the upper one if stacked).",
        key_label="<",
    ),
    Action(
        "triage",
        "better('right')",
        "greater_than_sign",
        "right is better",
        "The right answer is better (the lower one if stacked).",
        key_label=">",
    ),
    Action(
        "triage", "decide('')", "z", "undecide", "Remove the decision; the log keeps both entries."
    ),
    Action("triage", "flag", "f", "flag", "Set or clear the flag.", True),
    Action("triage", "note", "n", "note", "Edit the note.", True),
    Action("triage", "tag", "number_sign", "tags", "Edit the tags.", key_label="#"),
    Action("triage", "select", "v", "select", "Select or deselect this pair."),
    Action(
        "triage",
        "select_range",
        "V",
        "select to here",
        "Select all pairs since the last selected one.",
    ),
    Action(
        "triage",
        "select_all",
        "asterisk",
        "select all",
        "Select all pairs of the filter.",
        key_label="*",
    ),
    Action(
        "triage",
        "next_undecided",
        "right_square_bracket",
        "next undecided",
        "Go to the next undecided pair.",
        key_label="]",
    ),
    Action("triage", "undo", "u", "undo", "Undo your last change.", True),
    Action("triage", "redo", "U", "redo", "Redo the change."),
    Action("triage", "log", "L", "decisions", "Show the log of decisions."),
    Action("triage", "blind", "b", "blind", "Hide the human preference, rewards and labels."),
    Action("triage", "copy", "y", "copy", "Copy the pair to the clipboard."),
    Action("triage", "export", "e", "export", "Export training data, decisions or a report.", True),
    Action("ambiguous", "next_queue", "o", "queue", "Next order: ambiguity, random audit, misfit."),
    Action("pair", "toggle_context", "space", "context", "Unfold or fold the shared turns.", True),
    Action("pair", "rewrites", "w", "rewrites", "Show the rewrites of this pair.", True),
    Action(
        "robustness",
        "toggle_scores",
        "t",
        "scores",
        "Show the robustness scores π.",
        True,
    ),
    Action(
        "rewrite",
        "toggle_side",
        "c",
        "other side",
        "Switch between the chosen and the rejected answer.",
        True,
    ),
    Action(
        "rewrite", "toggle_context", "space", "context", "Unfold or fold the preceding turns.", True
    ),
    Action("rewrite", "open_pair", "o", "its pair", "Open the original pair.", True),
)

# Scopes that are active together; their keys must not clash.
TOGETHER: tuple[tuple[Scope, ...], ...] = (
    ("app", "list", "overview"),
    ("app", "matrix", "overview"),
    ("app", "list", "over"),
    ("app", "list", "imprint"),
    ("app", "list", "browse", "triage", "ambiguous", "pair"),
    ("app", "list", "browse", "robustness", "rewrite"),
    ("app", "list", "labelers"),
    ("app", "plot", "plots"),
)
BY_ID: dict[str, Action] = {action.id: action for action in ACTIONS}


def bindings(*scopes: Scope) -> list[Binding]:
    """The key bindings of these scopes, for a `BINDINGS` attribute."""
    return [
        Binding(
            action.keys,
            action.name,
            action.label,
            show=action.in_footer,
            id=action.id,
        )
        for action in ACTIONS
        if action.scope in scopes
    ]
