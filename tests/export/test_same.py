"""Rows as they came: unchanged without a decision, changed by the layout that read them."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet
import pytest

from engine.data.values import as_json, plain, restored
from engine.errors import BadInput, NotReady
from engine.service import Engine
from engine.store.dataset import ORIGIN
from engine.wire.messages import ExportRequest

from .conftest import decide
from .runs import export as export_as
from .runs import run_on

export = partial(export_as, form="same")

Open = Callable[..., Engine]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    engines = []

    def run(data: Path, extra: str = "") -> Engine:
        engines.append(run_on(tmp_path, data, extra))
        return engines[-1]

    yield run
    for engine in engines:
        engine.close()


def message_rows(count: int = 6) -> list[dict[str, Any]]:
    """Rows with much beside the texts of a conversation."""
    return [
        {
            "uuid": f"row-{number}",
            "prompt": [
                {"role": "system", "content": "Answer in one line."},
                {"role": "user", "content": f"What rhymes with word {number}?"},
            ],
            "chosen": [{"role": "assistant", "content": f"Bird {number}.", "thinking": "hm"}],
            "rejected": [{"role": "assistant", "content": f"Nothing {number}."}],
            "chosen_model": "m-1",
            "rejected_model": "m-2",
            "score_chosen": 4,
            "score_rejected": 1.0,
            "big": 12345678901234567890123,
            "nested": {"a": [1, None, {"b": "\u00e9"}]},
            "none": None,
        }
        for number in range(count)
    ]


def text_rows(count: int = 6) -> list[dict[str, str]]:
    return [
        {
            "prompt": f"Name, a; fruit\n{number}.",
            "chosen": f'An "apple" {number}',
            "rejected": f"No\t{number}",
            "note": "",
        }
        for number in range(count)
    ]


def lines(path: Path) -> list[Any]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in raw.splitlines()]


@pytest.mark.parametrize("name", ["in.jsonl", "in.jsonl.gz"])
def test_json_lines_come_back(tmp_path: Path, opened: Open, name: str) -> None:
    data = tmp_path / name
    raw = "".join(json.dumps(row) + "\n" for row in message_rows()).encode()
    data.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    path = export(opened(data), tmp_path / f"out{''.join(data.suffixes)}")
    assert lines(path) == message_rows()


def test_a_json_list_comes_back(tmp_path: Path, opened: Open) -> None:
    data = tmp_path / "in.json"
    data.write_text(json.dumps(message_rows(), indent=1), "utf-8")
    assert json.loads(export(opened(data), tmp_path / "out.json").read_text()) == message_rows()


@pytest.mark.parametrize(
    ("name", "delimiter"), [("in.csv", ","), ("in.csv", ";"), ("in.tsv", "\t")]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_table_comes_back_with_its_header_and_delimiter(
    tmp_path: Path, opened: Open, name: str, delimiter: str, encoding: str
) -> None:
    data = tmp_path / name
    with data.open("w", encoding=encoding, newline="") as file:
        table = csv.DictWriter(file, list(text_rows()[0]), delimiter=delimiter, lineterminator="\n")
        table.writeheader()
        table.writerows(text_rows())
    assert export(opened(data), tmp_path / f"out{data.suffix}").read_bytes() == data.read_bytes()


def test_a_parquet_file_comes_back_with_its_schema(tmp_path: Path, opened: Open) -> None:
    message = pyarrow.struct(
        [("role", pyarrow.string()), ("content", pyarrow.large_string()), ("x", pyarrow.int8())]
    )
    sides = dict.fromkeys(("prompt", "chosen", "rejected"), pyarrow.list_(message))
    schema = pyarrow.schema(
        [*sides.items(), *SCALARS.items(), pyarrow.field("row", pyarrow.int32(), nullable=False)]
    ).with_metadata({"huggingface": '{"info": {}}'})
    rows = [
        {
            "prompt": [{"role": "user", "content": f"Say {number}."}],
            "chosen": [{"role": "assistant", "content": "yes", "x": 3}],
            "rejected": [{"role": "assistant", "content": "no"}],
            "row": number,
            **(VALUES if number else {}),
        }
        for number in range(5)
    ]
    table = pyarrow.Table.from_pylist(rows, schema=schema)
    parquet.write_table(table, data := tmp_path / "in.parquet")
    path = export(opened(data), tmp_path / "out.parquet")
    again = parquet.read_table(path)
    assert again.equals(table)
    assert again.schema.equals(table.schema)
    assert set(again.schema.metadata) == {b"huggingface", b"seal_tui"}


def test_decisions_change_what_the_layout_calls_chosen(tmp_path: Path, opened: Open) -> None:
    data = tmp_path / "in.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in message_rows()), "utf-8")
    engine = opened(data)
    for verdict, ids in (("flip", (1,)), ("drop", (2,)), ("tie", (3,)), ("discuss", (4,))):
        decide(engine, ids, verdict=verdict)
    rows = message_rows()
    rows[1] |= {
        "chosen": rows[1]["rejected"],
        "rejected": rows[1]["chosen"],
        "chosen_model": "m-2",
        "rejected_model": "m-1",
        "score_chosen": 1.0,
        "score_rejected": 4,
    }
    assert lines(export(engine, tmp_path / "a.jsonl")) == [rows[0], rows[1], rows[5]]
    kept = export(engine, tmp_path / "b.jsonl", ties="keep", discuss="keep")
    assert lines(kept) == [rows[0], rows[1], rows[3], rows[4], rows[5]]
    filtered = export(engine, tmp_path / "c.jsonl", filter="verdict:flip")
    assert lines(filtered) == [rows[1]]


def test_the_two_rows_of_a_pair_change_together(tmp_path: Path, opened: Open) -> None:
    data = tmp_path / "in.jsonl"
    rows = [
        {
            "row_id": f"{number}",
            "preference": side,
            "text": f"\n\nHuman: {number}?\n\nAssistant: {side}",
        }
        for side in ("chosen", "rejected")
        for number in range(4)
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    engine = opened(data)
    assert lines(export(engine, tmp_path / "a.jsonl")) == rows
    decide(engine, (1,), verdict="flip")
    decide(engine, (2,), verdict="drop")
    rows[1]["preference"], rows[5]["preference"] = "rejected", "chosen"
    assert lines(export(engine, tmp_path / "b.jsonl")) == [
        row for row in rows if row["row_id"] != "2"
    ]


def test_rejected_rows_come_back_and_are_counted(tmp_path: Path, opened: Open) -> None:
    data = tmp_path / "in.jsonl"
    good = message_rows()
    bad = [{**good[0], "chosen": None}, {"another": "table"}]
    text = "".join(json.dumps(row) + "\n" for row in [*good, *bad])
    data.write_text(text + "{not json\n", "utf-8")
    engine = opened(data)
    request = ExportRequest(path="x.jsonl", format="same", author="kim")
    counts = engine.preview_export(request).counts
    assert counts["rejected rows as they came"] == 2
    assert counts["unreadable rows (not in the file)"] == 1
    assert lines(export(engine, tmp_path / "a.jsonl")) == [*good, *bad]
    assert lines(export(engine, tmp_path / "b.jsonl", filter="pair:0..2")) == good[:3]


def test_rows_outside_a_sample_are_counted(tmp_path: Path, opened: Open) -> None:
    data = tmp_path / "in.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in message_rows(9)), "utf-8")
    engine = opened(data, "limit = 6")
    request = ExportRequest(path="x.jsonl", format="same", author="kim")
    preview = engine.preview_export(request)
    assert (preview.rows, preview.counts["outside the sample (not in the file)"]) == (6, 3)
    written = lines(export(engine, tmp_path / "a.jsonl"))
    assert len(written) == 6
    assert [row for row in message_rows(9) if row in written] == written


def test_a_folder_comes_back_as_a_folder(tmp_path: Path, opened: Open) -> None:
    data = tmp_path / "data"
    (data / "more").mkdir(parents=True)
    one, other = message_rows()[:3], message_rows()[3:]
    (data / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in one), "utf-8")
    (data / "more/b.json").write_text(json.dumps(other), "utf-8")
    engine = opened(data)
    decide(engine, (0, 5), verdict="drop")
    path = export(engine, tmp_path / "out")
    assert lines(path / "a.jsonl") == one[1:]
    assert json.loads((path / "more/b.json").read_text()) == other[:-1]
    assert (tmp_path / "out.provenance.json").exists()
    export(engine, path, overwrite=True)
    (path / "mine.txt").write_text("x")
    with pytest.raises(BadInput, match="other than an export"):
        engine.export(ExportRequest(path=str(path), format="same", author="kim", overwrite=True))


def test_the_ending_must_fit_the_source(tmp_path: Path, opened: Open) -> None:
    data = tmp_path / "in.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in message_rows()), "utf-8")
    engine = opened(data)
    [listed] = [form for form in engine.info().export_formats if form.name == "same"]
    assert listed.default_path == "rows.jsonl"
    with pytest.raises(BadInput, match=r"an export as same must end in \.jsonl"):
        engine.export(ExportRequest(path=str(tmp_path / "a.csv"), format="same", author="kim"))


def test_a_run_of_an_older_version_is_to_be_run_again(decided: Engine) -> None:
    decided.store.put_meta(ORIGIN, "")
    request = ExportRequest(path="x.jsonl", format="same", author="kim")
    with pytest.raises(NotReady, match="run the study again"):
        decided.preview_export(request)
    assert "same" not in {form.name for form in decided.info().export_formats}


# ---------------------------------------------------------------- values of a table

_HOUR = timedelta(hours=1)
SCALARS: dict[str, Any] = {
    "day": pyarrow.date32(),
    "at": pyarrow.timestamp("us"),
    "there": pyarrow.timestamp("ms", tz="Europe/Paris"),
    "exact": pyarrow.timestamp("ns"),
    "clock": pyarrow.time64("us"),
    "took": pyarrow.duration("ms"),
    "price": pyarrow.decimal128(12, 3),
    "share": pyarrow.float32(),
    "count": pyarrow.uint64(),
    "raw": pyarrow.binary(),
    "files": pyarrow.list_(
        pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    ),
    "tags": pyarrow.map_(pyarrow.string(), pyarrow.int16()),
    "kind": pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
    "flag": pyarrow.bool_(),
    "fixed": pyarrow.list_(pyarrow.float64(), 2),
}
VALUES: dict[str, Any] = {
    "day": date(2024, 2, 29),
    "at": datetime(1969, 12, 31, 23, 59, 59, 999_999),
    "there": datetime(2024, 7, 1, 12, tzinfo=UTC),
    "exact": 1_700_000_000_123_456_789,
    "clock": time(1, 2, 3, 4),
    "took": -3 * _HOUR,
    "price": Decimal("-12.340"),
    "share": 0.1,
    "count": 2**64 - 1,
    "raw": "f\u00fcr".encode(),
    "files": [{"bytes": b"\xff\x00", "path": None}, None],
    "tags": [("a", 1), ("b", None)],
    "kind": "x",
    "flag": True,
    "fixed": [1.5, -0.0],
}


@pytest.mark.parametrize("name", SCALARS)
def test_values_of_a_table_come_back_from_json(name: str) -> None:
    kind = SCALARS[name]
    column = pyarrow.array([VALUES[name], None], plain(kind)).cast(kind)
    convert = restored(kind)
    read = []
    for value in column.to_pylist():
        if name == "raw" and value is not None:
            value = value.decode()  # as the reader does
        read.append(convert(json.loads(as_json({"v": value}))["v"]))
    assert pyarrow.array(read, plain(kind)).cast(kind).equals(column)


@pytest.mark.parametrize(
    "kind",
    [pyarrow.month_day_nano_interval(), pyarrow.dense_union([pyarrow.field("a", pyarrow.int8())])],
)
def test_other_types_are_refused(kind: Any) -> None:
    with pytest.raises(TypeError):
        restored(pyarrow.list_(kind))
