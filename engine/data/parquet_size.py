"""How many rows of a Parquet file can be read at once, by what they may unpack to.

A file names every value of a dictionary once and refers to it from any number of rows, so a
kilobyte of it can stand for gigabytes. Only the header of a dictionary's page says how large it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.data.jsonl import MAX_LINE
from engine.errors import BadInput

ROWS = 1024
MOST = 512 << 20  # bytes, of the rows that are read at once
_HEADER = 32  # bytes that hold the first two fields of a page's header
_I32 = 0x15  # how they begin: the next field, an integer


def rows_at_once(path: Path, name: str, group: Any) -> int:
    """For this row group of the file. Raises BadInput if a value may be longer than a row may."""
    repeated = packed = 0
    for at in range(group.num_columns):
        column = group.column(at)
        packed += column.total_uncompressed_size
        if not column.has_dictionary_page:
            continue
        size = _dictionary(path, column.dictionary_page_offset)
        if size > MAX_LINE:
            raise BadInput(
                f'{name}: the values of column "{column.path_in_schema[:40]}" unpack to '
                f"{size >> 20:,} MiB, and a row has at most {MAX_LINE >> 20} MiB: write the file "
                "again without dictionaries, or leave the column out"
            )
        repeated += size
    mean: int = packed // max(group.num_rows, 1) + repeated
    return max(1, min(ROWS, MOST // max(mean, 1)))


def _dictionary(path: Path, offset: int) -> int:
    """The unpacked size of the dictionary page that begins there; 0 if that cannot be told."""
    with path.open("rb") as file:
        file.seek(offset)
        header = file.read(_HEADER)
    at, value = 0, 0
    for _ in ("type", "uncompressed_page_size"):
        if header[at : at + 1] != bytes([_I32]):
            return 0
        at, shift, value = at + 1, 0, 0
        while at < len(header):
            byte = header[at]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if not byte & 0x80:
                break
    return value >> 1  # zigzag
