"""Dialogs that ignore what reaches them while they close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.await_complete import AwaitComplete

if TYPE_CHECKING:
    from textual.screen import Screen

    _Base = Screen[Any]
else:
    _Base = object  # Textual takes styles from the first base that is a widget


class ClosesOnce(_Base):
    """A mixin for dialogs: a second answer would close the screen below, or fail."""

    def dismiss(self, result: Any = None) -> AwaitComplete:
        return super().dismiss(result) if self.is_current else AwaitComplete()
