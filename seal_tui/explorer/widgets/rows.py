"""A short list with all rows in memory, such as coefficients and scores."""

from __future__ import annotations

from collections.abc import Sequence

from seal_tui.explorer.widgets.lines import NO_TEXT, Cell, Column, Drawing, LineList
from seal_tui.text.safe import Safe


class RowList(LineList):
    """Rows are ready to draw. Each has a key, and the cursor stays on its key."""

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        meaning: str = "",
        empty: Safe = NO_TEXT,
        id: str | None = None,
    ) -> None:
        self._rows: Sequence[Sequence[Cell | Drawing]] = ()
        self._keys: Sequence[str] = ()
        super().__init__(columns, empty=empty, id=id)
        self.meaning = meaning

    @property
    def count(self) -> int:
        return len(self._rows)

    @property
    def current(self) -> str | None:
        """The key of the row under the cursor."""
        return self._keys[self.cursor] if self._keys else None

    def show(self, rows: Sequence[Sequence[Cell | Drawing]], keys: Sequence[str]) -> None:
        keep = self.current
        self._rows, self._keys = rows, keys
        self.rows_changed(keys.index(keep) if keep in keys else 0)

    def go_to(self, key: str) -> None:
        if key in self._keys:
            self.cursor = list(self._keys).index(key)

    def cells(self, index: int) -> Sequence[Cell | Drawing]:
        return self._rows[index]
