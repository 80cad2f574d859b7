"""Textual's own private names must not be taken: an override by accident breaks from afar."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from textual.message_pump import MessagePump

import seal_tui

MEANT = re.compile(
    r"__\w+__|_abc_impl|[A-Z_]+|on_\w+|action_\w+|watch_\w+|validate_\w+|compose|render|"
    r"render_line|get_content_height|get_theme_variable_defaults|check_action|_handle_exception|"
    r"_(reactives|merged_bindings|css_type_names?|css_bases|computes|decorated_handlers|"
    r"inherit_\w+|reactive_\w+|default_\w+|init)|can_focus\w*|theme|display|virtual_size|border_title|"
    r"_action_command_list|push_screen_wait|notify|_check_bindings|get_driver_class|_on_paste|"
    r"_filters|_return_code|_exception|refresh|render_lines|notify_style_update"
)


def classes() -> list[type[MessagePump]]:
    found: dict[str, type[MessagePump]] = {}
    for info in pkgutil.walk_packages([str(Path(seal_tui.__file__).parent)], "seal_tui."):
        if info.name in ("seal_tui.cli.commands", "seal_tui.__main__"):
            continue
        for _, kind in inspect.getmembers(importlib.import_module(info.name), inspect.isclass):
            if issubclass(kind, MessagePump) and kind.__module__.startswith("seal_tui"):
                found[kind.__qualname__] = kind
    return list(found.values())


def own_names(kind: type) -> set[str]:
    """Class attributes, and attributes set on self in the source of the class."""
    in_init = re.findall(r"self\.(_?\w+)(?:: [^=\n]+)? = ", inspect.getsource(kind))
    return set(vars(kind)) | set(in_init)


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_no_name_of_textual_is_taken_by_accident(kind: type[MessagePump]) -> None:
    for base in kind.__mro__:
        if base.__module__.startswith("seal_tui") or base is object:
            continue
        theirs = set(vars(base)) | (
            set(re.findall(r"self\.(_\w+)(?:: [^=\n]+)? = ", inspect.getsource(base)))
            if base.__module__.startswith("textual")
            else set()
        )
        taken = {name for name in own_names(kind) & theirs if not MEANT.fullmatch(name)}
        assert not taken, f"{kind.__name__} takes {taken} from {base.__name__}"
