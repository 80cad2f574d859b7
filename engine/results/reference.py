"""The list of every field in docs/method.md, from the records.

    python -m engine.results.reference docs/method.md

writes it again; a test holds the two equal.
"""

from __future__ import annotations

import sys
from pathlib import Path

from engine.results import flat
from engine.results.records import Coefficient, Record
from engine.results.tables import TABLES, Table

BEGIN = "<!-- fields: written by engine.results.reference -->\n"
END = "<!-- fields: end -->\n"


def fields() -> str:
    """Every table with its keys in order, as Markdown between the two marks."""
    parts = [
        f"**Coefficient**, in `imprint`, `shift_imprint`, `misalignment` and `robustness`: "
        f"{_list(Coefficient)}.\n"
    ]
    parts += [_table(name, table) for name, table in TABLES.items()]
    return BEGIN + "\n" + "\n".join(parts) + "\n" + END


def _table(name: str, table: Table[Record]) -> str:
    meaning = table.meaning[:1].upper() + table.meaning[1:]
    return f"**{name}**, one row per {table.rows}. {meaning}. Keys: {_list(table.record)}.\n"


def _list(record: type[Record]) -> str:
    """`key` (unit) meaning; the keys of a coefficient are named only."""
    embedded = record is not Coefficient
    return "; ".join(
        f"`{key.name}`" if key.inside and embedded else _key(key) for key in flat.keys(record)
    )


def _key(key: flat.Key) -> str:
    if key.about is None:
        raise TypeError(f"{key.name} has no Field that says what it is")
    unit = f" ({key.about.unit})" if key.about.unit not in ("", "count") else ""
    return f"`{key.name}`{unit}: {key.about.meaning}"


def written(text: str) -> str:
    """A page with the list between the marks written again."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + fields() + after


def main() -> None:
    path = Path(sys.argv[1])
    path.write_text(written(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
