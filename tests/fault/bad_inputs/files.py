"""Data files and recorded files, through `seal-tui import`."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.fault.bad_inputs.base import Case

OPTIONS = ["--pairs", "{pairs}", "--rewards", "pre={pre}", "--rewards", "post=post.csv", "--labels",
           "{labels}", "--taxonomy", "taxonomy.toml"]  # fmt: skip
Write = Callable[[Path], None]
BINARY = bytes(range(256)) * 50
DEEP = b"[" * 30_000
# What no reader of texts can take, whatever it is said to be.
ANYTHING: dict[str, bytes] = {
    "empty": b"",
    "spaces": b"  \n \n",
    "binary": BINARY,
    "zeros": b"\0" * 5_000,
    "UTF-16": '{"id": "a"}\n'.encode("utf-16") * 9,
    "UTF-16 without a mark": '{"id": "a"}\n'.encode("utf-16-le") * 9,
    "Latin-1": b'{"id": "caf\xe9"}\n',
    "deep lists": DEEP,
    "deep lists that end": DEEP + b"]" * 30_000,
    "deep objects": b'{"a":' * 30_000,
    "a number": b"7\n",
    "a text": b'"hello"\n',
    "null": b"null\n",
    "an HTML page": b"<!doctype html><html><body>Not found</body></html>\n",
    "XML": b"<?xml version='1.0'?><rows><row/></rows>\n",
    "a zstd file": b"\x28\xb5\x2f\xfd" + BINARY,
    "a bzip2 file": b"BZh9" + BINARY,
    "an xz file": b"\xfd7zXZ\x00" + BINARY,
    "an lz4 file": b"\x04\x22\x4d\x18" + BINARY,
    "a ZIP archive": b"PK\x03\x04" + BINARY,
    "a 7z archive": b"7z\xbc\xaf\x27\x1c" + BINARY,
    "a RAR archive": b"Rar!\x1a\x07" + BINARY,
    "a tar archive": b"a" * 257 + b"ustar" + BINARY,
    "an old spreadsheet": b"\xd0\xcf\x11\xe0" + BINARY,
    "an Arrow file": b"ARROW1\0\0" + BINARY,
    "a Feather file": b"FEA1" + BINARY,
    "an ORC file": b"ORC" + BINARY,
    "an Avro file": b"Obj\x01" + BINARY,
    "an SQLite database": b"SQLite format 3\x00" + BINARY,
    "an HDF5 file": b"\x89HDF\r\n" + BINARY,
    "a NumPy file": b"\x93NUMPY\x01\x00" + BINARY,
    "a PDF": b"%PDF-1.7\n" + BINARY,
    "a pickle": b"\x80\x04\x95" + BINARY,
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n",
    "the magic of Parquet alone": b"PAR1",
    "Parquet without an end": b"PAR1" + BINARY,
    "Parquet with a wild footer": b"PAR1" + BINARY + b"\xff\xff\xff\x7fPAR1",
    "the magic of gzip alone": b"\x1f\x8b",
    "gzip of nothing": gzip.compress(b""),
    "gzip of binary": gzip.compress(BINARY),
    "gzip cut short": gzip.compress(b'{"id": "a"}\n' * 5_000)[:-40],
    "gzip that is damaged": gzip.compress(b'{"id": "a"}\n' * 9)[:-8] + b"\0" * 8,
    "gzip with a wild body": b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + BINARY,
    "gzip of gzip": gzip.compress(gzip.compress(b"{}")),
    "zlib": zlib.compress(b"{}" * 99),
    "an open list": b'[{"id": "a"}, {"id"',
    "NaN alone": b"NaN\n",
    "SQL": b"DROP TABLE pairs;\n",
    "a shell script": b"#!/bin/sh\nrm -rf /\n",
}


def line(**changes: Any) -> bytes:
    row = {"id": "0", "prompt": "Why?", "chosen": "So.", "rejected": "No."}
    row |= changes
    return json.dumps({k: v for k, v in row.items() if v is not ...}).encode() + b"\n"


ROWS: dict[str, bytes] = {
    "no chosen": line(chosen=...),
    "no rejected": line(rejected=...),
    "a null side": line(chosen=None),
    "an empty side": line(chosen=""),
    "a side of spaces": line(rejected=" \n\t"),
    "a side that is a number": line(chosen=5),
    "a side that is a list of numbers": line(chosen=[1, 2]),
    "a side that is an object": line(chosen={"a": 1}),
    "a side that is true": line(chosen=True),
    "an unknown role": line(chosen=[{"role": "wizard", "content": "x"}]),
    "a role that is a number": line(chosen=[{"role": 5, "content": "x"}]),
    "no content": line(chosen=[{"role": "assistant"}]),
    "content that is a number": line(chosen=[{"role": "assistant", "content": 5}]),
    "an image": line(chosen=[{"role": "assistant", "content": [{"type": "image_url"}]}]),
    "a message that is null": line(chosen=[None]),
    "no last answer": line(prompt=..., chosen=[{"role": "user", "content": "x"}]),
    "an empty list": line(chosen=[]),
    "an id that is a list": line(id=["a"]),
    "an id that is an object": line(id={"a": 1}),
    "text that is not read": line(notes="one two three four five six seven eight nine"),
    "a surrogate": b'{"id": "0", "prompt": "a", "chosen": "\\ud800", "rejected": "b"}\n',
    "a key twice, then cut": b'{"id": "0", "chosen": "a", "chosen": \n',
    "values nested deeply": line(extra=json.loads("[" * 150 + "]" * 150)),
    "NaN as a side": b'{"id": "0", "prompt": "a", "chosen": NaN, "rejected": "b"}\n',
    "tools that are a number": line(tools=5),
    "tools that are no JSON": line(tools="{{"),
    "a prompt that is a number": line(prompt=5),
    "two systems": line(system="Be kind.", prompt=[{"role": "system", "content": "Be brief."}]),
    "a rendered text": line(chosen="<|im_start|>assistant\nYes<|im_end|>"),
    "messages as Python prints them, cut": line(chosen="[{'role': 'assistant', 'content': 'a"),
    "a text of 2 MB": line(chosen="a " * 1_000_000),
    "a tie": line(chosen=..., rejected=..., response_a="a", response_b="b", winner="tie"),
    "no row that is an object": b"[1, 2, 3]\n5\n",
    "columns of another task": b'{"question": "a", "answer": "b"}\n',
}  # fmt: skip
CSVS: dict[str, bytes] = {
    "a header alone": b"id,prompt,chosen,rejected\n",
    "no header": b"a,b,c\nd,e,f\n",
    "a header twice": b"id,chosen,chosen\n1,a,b\n",
    "too few cells": b"id,prompt,chosen,rejected\n1,a\n",
    "too many cells": b"id,prompt,chosen,rejected\n1,a,b,c,d,e\n",
    "an open quote": b'id,prompt,chosen,rejected\n1,"a,b,c\n',
    "a quote in a cell": b'id,prompt,chosen,rejected\n1,a"b"c,"d"e,f\n',
    "old line ends": b"id,prompt,chosen,rejected\r1,a,b,c\r",
    "a NUL": b"id,prompt,chosen,rejected\n1,a\0,b\0,\n",
    "bytes that are no text": b"id,prompt,chosen,rejected\n1,a,\xff\xfe,b\n",
}


def parquet(**columns: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = io.BytesIO()
    rows = {"prompt": ["Why?"], "chosen": ["So."], "rejected": ["No."], **columns}
    pq.write_table(pa.table(rows), made)
    return made.getvalue()


def parquets() -> Iterator[tuple[str, bytes]]:
    import pyarrow as pa

    far = pa.array([9 * 10**15], pa.int64())
    yield "a timestamp without a year", parquet(id=far.cast(pa.timestamp("ms")))
    yield "a date without a year", parquet(when=pa.array([10**8], pa.int32()).cast(pa.date32()))
    yield (
        "a time zone that is none",
        parquet(when=pa.array([5]).cast(pa.timestamp("s", "No/Where"))),
    )
    yield "a duration without end", parquet(when=pa.array([9 * 10**17]).cast(pa.duration("s")))
    yield "an id that is a map", parquet(id=pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8())))
    yield "an id that is binary", parquet(id=pa.array([b"\xff\xfe"]))
    yield "a text that is a date", parquet(chosen=pa.array([5], pa.int32()).cast(pa.date32()))
    yield "a text that is a number", parquet(chosen=pa.array([5]))
    yield "a text of no type", parquet(chosen=pa.nulls(1))
    yield "a text that is binary", parquet(chosen=pa.array([b"\xff\xfe"]))
    whole = parquet()
    yield "a footer cut short", whole[:-9]
    yield "half a file", whole[: len(whole) // 2]
    yield "a wild page", whole[:8] + b"\xff" * 30 + whole[38:]
    yield "no rows", parquet(prompt=pa.array([], pa.string()), chosen=pa.array([], pa.string()),
                             rejected=pa.array([], pa.string()))  # fmt: skip


SCORES: dict[str, bytes] = {
    "no ids": b"chosen_score,rejected_score\n1,2\n",
    "no scores": b"row_id,a\n0,2\n",
    "a score that is text": b"row_id,chosen_score,rejected_score\n0,high,2\n",
    "a score that is NaN": b"row_id,chosen_score,rejected_score\n0,nan,2\n",
    "a score that is infinite": b"row_id,chosen_score,rejected_score\n0,inf,2\n",
    "a score beyond floats": b"row_id,chosen_score,rejected_score\n0,1e400,2\n",
    "no score": b"row_id,chosen_score,rejected_score\n0,,2\n",
    "an id twice": b"row_id,chosen_score,rejected_score\n0,1,2\n0,1,2\n",
    "ids of no pair": b"row_id,chosen_score,rejected_score\nx,1,2\ny,1,2\n",
    "too few pairs": b"row_id,chosen_score,rejected_score\n0,1,2\n",
    "shares in place of scores": b"row_id,chosen_score,rejected_score\n0,.1,.2\n",
    "a verdict that is wrong": b"row_id,chosen_score,rejected_score,agreement\n0,1,2,True\n",
    "too many cells": b"row_id,chosen_score,rejected_score\n0,1,2,3\n",
    "too few cells": b"row_id,chosen_score,rejected_score\n0,1\n",
    "an open quote": b'row_id,chosen_score,rejected_score\n"0,1,2\n',
    "lists of scores": b'{"id": "0", "scores": [1, 2], "num_correct": 9}\n',
    "scores of texts": b'{"id": "0", "scores": ["a"], "num_correct": 0}\n',
    "columns of other lengths": b'{"id": ["0", "1"], "scores_chosen": [1], "scores_rejected": []}',
    "a row that is a list": b'{"id": "0", "chosen_score": 1, "rejected_score": 2}\n[1]\n',
    "an id that is a list": b'{"id": ["0"], "chosen_score": 1, "rejected_score": 2}\n',
    "a score that is a list": b'{"id": "0", "chosen_score": [1], "rejected_score": 2}\n',
    "400 digits in it": b'{"id": "0", "rejected_score": 2, "chosen_score": 1%b}\n' % (b"0" * 400),
    "5,000 digits": b'{"id": "0", "rejected_score": 2, "chosen_score": 1%b}\n' % (b"0" * 5_000),
    "a row cut short": b'{"id": "0", "chosen_score": 1, "rejected_score": 2}\n{"id": "1", "cho\n',
    "a score that is true": b'{"id": "0", "chosen_score": true, "rejected_score": 2}\n',
}  # fmt: skip
LABELS: dict[str, bytes] = {
    "no sides": b'{"id": "0", "labels": {"helpful": 1}}\n',
    "a side that is none": b'{"id": "0", "side": "left", "labels": {"helpful": 1}}\n',
    "a side that is a list": b'{"id": "0", "side": ["chosen"], "labels": {"helpful": 1}}\n',
    "labels that are a list": b'{"id": "0", "side": "chosen", "labels": [1]}\n',
    "labels that are null": b'{"id": "0", "side": "chosen", "labels": null}\n',
    "a label out of range": b'{"id": "0", "side": "chosen", "labels": {"helpful": 7}}\n',
    "a label that is text": b'{"id": "0", "side": "chosen", "labels": {"helpful": "very"}}\n',
    "a label that is a list": b'{"id": "0", "side": "chosen", "labels": {"helpful": [1]}}\n',
    "a label that is an object": b'{"id": "0", "side": "chosen", "labels": {"helpful": {}}}\n',
    "a label that is a fraction": b'{"id": "0", "side": "chosen", "labels": {"helpful": 0.5}}\n',
    "400 digits": b'{"id":"0","side":"chosen","labels":{"helpful":1%b}}\n' % (b"0" * 400),
    "an entry twice": b'{"id": "0", "side": "chosen", "labels": {"helpful": 1}}\n' * 2,
    "entries of no pair": b'{"id": "x", "side": "chosen", "labels": {"helpful": 1}}\n',
    "a table without features": b"row_id,preference,text\n0,chosen,a\n",
    "a preference that is none": b"row_id,preference,helpful\n0,left,True\n",
    "a word that is no label": b"row_id,preference,helpful\n0,chosen,maybe\n",
    "a cell that is a list": b'{"row_id": "0", "preference": "chosen", "helpful": [1]}\n',
    "other texts": b"row_id,preference,text,helpful\n0,chosen,something else,True\n",
    "texts that are numbers": b'{"row_id": "0", "preference": "chosen", "text": 5, "helpful": 1}\n',
    "no id": b'{"side": "chosen", "labels": {"helpful": 1}}\n',
}  # fmt: skip


def imported(name: str, file: str, content: bytes, names: tuple[str, ...] = ()) -> Case:
    """An import in which `content` stands for one of pairs, pre and labels, as `file`."""
    kind = name.partition(":")[0]

    def make(folder: Path) -> list[str]:
        (folder / file).write_bytes(content)
        files = {"pairs": "pairs.jsonl", "pre": "pre.csv", "labels": "labels.csv", kind: file}
        return ["import", "new", *(option.format(**files) for option in OPTIONS)]

    return Case(name, make, names or (f"work/{file}", f"of {file}"))


def cases() -> Iterator[Case]:
    for name, content in ANYTHING.items():
        yield imported(f"pairs: {name}", "given.jsonl", content)
        yield imported(f"pre: {name}", "given.data", content)
        yield imported(f"labels: {name}", "given.data", content)
    for name, content in ROWS.items():
        yield imported(f"pairs: {name}", "given.jsonl", content)
    for name, content in CSVS.items():
        yield imported(f"pairs: CSV, {name}", "given.csv", content)
    for name, content in parquets():
        yield imported(f"pairs: Parquet, {name}", "given.parquet", content)
    for name, content in SCORES.items():
        yield imported(f"pre: {name}", "given.data", content)
    for name, content in LABELS.items():
        yield imported(f"labels: {name}", "given.data", content)
