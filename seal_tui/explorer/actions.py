"""Every action of the explorer, once: keys, footer, `?` help and the palette are read from here."""

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
    """One thing a person can do: `name` is the Textual action, `shown` puts it in the footer.

    `first` is for actions that open a line to type. They are done before the next key is looked
    at: over a slow line keys come in bunches, and Textual would hand the text typed after `/` to
    the list, where letters are decisions.
    """

    scope: Scope
    name: str
    keys: str
    label: str
    help: str
    in_footer: bool = False
    key_label: str = ""
    first: bool = False

    @property
    def id(self) -> str:
        """What the settings file calls it."""
        return f"{self.scope}.{self.label.replace(' ', '-')}"

    def display(self, binding: Binding) -> str:
        """Its key in print, where `binding` is what it is bound to now."""
        usual = self.keys.split(",")
        if binding.key not in usual:
            return format_key(binding.key)
        return self.key_label or usual[0]


ACTIONS: tuple[Action, ...] = (
    # -------------------------------------------------------------- everywhere
    Action("app", "show('overview')", "1", "overview", "How aligned the model is, in numbers."),
    Action("app", "show('imprint')", "2", "imprint", "What each feature is worth to the model."),
    Action("app", "show('resistance')", "3", "resistance", "The pairs, one by one."),
    Action("app", "show('ambiguous')", "4", "ambiguous", "The queue of unclear pairs, to decide."),
    Action("app", "show('robustness')", "5", "robustness", "Pairs whose wording was changed."),
    Action("app", "show('labelers')", "6", "labelers", "How far the labelers can be trusted."),
    Action("app", "show('plots')", "7", "plots", "Directions, rewards, regimes and drift, drawn."),
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
    Action("overview", "warnings", "w", "warnings", "Every warning in full.", True),
    Action("overview", "rejects", "x", "left out", "The rows that could not be used, and why."),
    Action("overview", "tables", "T", "all tables", "Every number of the study.", True),
    Action("overview", "show_manifest", "m", "manifest", "What made these results, in full."),
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
        "Whose interval and p to show: post-D, pre-D or the difference.",
        True,
    ),
    Action("imprint", "next_preset", "p", "preset", "Next way of estimating.", True),
    Action("imprint", "compare", "c", "compare", "All ways of estimating side by side.", True),
    Action("imprint", "next_sort", "s", "sort", "Sort by the next column.", True),
    Action("imprint", "reverse", "r", "reverse", "Turn the order round."),
    Action("labelers", "next_two", "p", "labelers", "The next two labelers.", True),
    Action(
        "labelers",
        "next_table",
        "t",
        "table",
        "Agreement, or the coefficients under each labeler.",
        True,
    ),
    Action(
        "labelers",
        "next_outcome",
        "o",
        "outcome",
        "Which coefficients: post-D, pre-D or the difference.",
        True,
    ),
    Action("labelers", "next_sort", "s", "sort", "Sort by the next column.", True),
    Action("labelers", "reverse", "r", "reverse", "Turn the order round."),
    Action("plots", "next_plot", "t", "next plot", "The next plot.", True),
    Action("plots", "previous_plot", "T", "last plot", "The plot before it."),
    Action("plots", "zoom", "z", "zoom", "One plot alone, or as many as fit.", True),
    Action("plot", "move(-1)", "left,h,up,k", "before", "The one before it.", key_label="← h"),
    Action("plot", "move(1)", "right,l,down,j", "after", "The next in the plot.", key_label="→ l"),
    Action("plot", "open", "enter", "open", "Open what the plot shows.", True, "↵"),
    # -------------------------------------------------------------- the panes with long lists
    Action(
        "browse", "filter", "slash", "filter", "Choose lines by words and terms.", True, "/", True
    ),
    Action("browse", "next_sort", "s", "sort", "Sort by the next number.", True),
    Action("browse", "reverse", "r", "reverse", "Turn the order round."),
    Action(
        "browse",
        "undo_filter",
        "backspace",
        "last filter",
        "Back to the filter before this one.",
        key_label="⌫",
    ),
    Action("triage", "saved_filters", "F", "saved filters", "Choose or save a filter."),
    Action("browse", "show_sql", "Q", "SQL", "The SQL of this filter, to use elsewhere."),
    Action("browse", "next_row", "J", "next", "The next of the list, from the detail too."),
    Action("browse", "previous_row", "K", "previous", "The one before it."),
    Action(
        "browse", "back", "escape", "back", "Back to the list; then to no selection.", True, "esc"
    ),
    # -------------------------------------------------------------- decisions
    Action("triage", "decide('keep')", "a", "keep", "The person chose right.", True),
    Action("triage", "decide('flip')", "x", "flip", "The other answer is better.", True),
    Action("triage", "decide('drop')", "d", "drop", "Not fit for training.", True),
    Action("triage", "decide('tie')", "t", "tie", "Neither answer is better.", True),
    Action(
        "triage", "decide('discuss')", "exclamation_mark", "discuss", "Talk about it.", True, "!"
    ),
    Action(
        "triage",
        "better('left')",
        "less_than_sign",
        "left is better",
        "The left answer is better (the first, where one is above the other).",
        key_label="<",
    ),
    Action(
        "triage",
        "better('right')",
        "greater_than_sign",
        "right is better",
        "The right answer is better (the second).",
        key_label=">",
    ),
    Action("triage", "decide('')", "z", "undecide", "Take the decision back; the log keeps both."),
    Action("triage", "flag", "f", "flag", "Flag, or no longer.", True),
    Action("triage", "note", "n", "note", "Write a note.", True, first=True),
    Action(
        "triage", "tag", "number_sign", "tags", "Add and remove tags.", key_label="#", first=True
    ),
    Action("triage", "select", "v", "select", "Select this line for a common decision."),
    Action("triage", "select_range", "V", "select to here", "Select from the last one to here."),
    Action("triage", "select_all", "asterisk", "select all", "All of the filter.", key_label="*"),
    Action(
        "triage",
        "next_undecided",
        "right_square_bracket",
        "next undecided",
        "To the next pair without a decision.",
        key_label="]",
    ),
    Action("triage", "undo", "u", "undo", "Take back your last change.", True),
    Action("triage", "redo", "U", "redo", "Make it again."),
    Action("triage", "log", "L", "decisions", "What was decided, by whom and when."),
    Action("triage", "blind", "b", "blind", "Hide which side the person chose, and all rewards."),
    Action("triage", "copy", "y", "copy", "Copy the pair, its id or its texts."),
    Action("triage", "export", "e", "export", "Write training data, a ledger or a report.", True),
    Action("ambiguous", "next_queue", "o", "queue", "Ambiguous first, random audit, misfits."),
    Action("pair", "toggle_context", "space", "context", "Open or fold the shared turns.", True),
    Action("pair", "rewrites", "w", "rewrites", "The rewritten forms of this pair.", True),
    Action(
        "robustness",
        "toggle_scores",
        "t",
        "scores",
        "The robustness scores π of every feature.",
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
    Action("rewrite", "toggle_context", "space", "context", "Open or fold the turns before.", True),
    Action("rewrite", "open_pair", "o", "its pair", "Open the pair it was made from.", True),
)

# The scopes whose keys work at the same time.
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
FIRST = frozenset(action.name.partition("(")[0] for action in ACTIONS if action.first)
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
            priority=action.first,
        )
        for action in ACTIONS
        if action.scope in scopes
    ]
