"""The manifest of a run, as stored: what produced its results."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static

from seal_tui.explorer.widgets.detail import Body
from seal_tui.text.safe import content


class ManifestScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,m,enter", "dismiss(None)", "close", show=False)
    ]

    def __init__(self, manifest: dict[str, Any]) -> None:
        super().__init__()
        self._text = content(json.dumps(manifest, indent=2, ensure_ascii=False))

    def compose(self) -> ComposeResult:
        with Body(id="help"):
            yield Static(self._text, markup=False)

    def on_mount(self) -> None:
        body = self.query_one("#help", Body)
        body.border_title = "manifest.json: what produced these results"
        body.border_subtitle = "esc closes"
        body.focus()
