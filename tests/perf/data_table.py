"""The rows of the list of pairs in Textual's own DataTable, for comparison.

python -m tests.perf.data_table ROWS        s sorts, ctrl+q leaves
"""

from __future__ import annotations

import sys
from typing import ClassVar

import numpy as np
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widgets import DataTable

COLUMNS = ("pair", "mark", "regime", "labeler", "pre", "post", "gain", "shift θ", "amb.", "topic")


class Rows(App[None]):
    BINDINGS: ClassVar[list[BindingType]] = [("s", "order", "sort")]

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def compose(self) -> ComposeResult:
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns(*((name, name) for name in COLUMNS))
        numbers = np.random.default_rng(0).normal(size=(self._count, 5)).round(2).astype(str)
        table.add_rows(
            (str(n), "", "resisted", "rejected", *numbers[n].tolist(), "health")
            for n in range(self._count)
        )
        table.focus()

    def action_order(self) -> None:
        self.query_one(DataTable).sort("post")


if __name__ == "__main__":
    Rows(int(sys.argv[1])).run()
