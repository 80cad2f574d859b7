"""Reading CSV and Parquet."""

import csv
import importlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import Pair, Reject, Source, read_pairs
from engine.errors import BadInput

# It has no type hints.
pa: Any = importlib.import_module("pyarrow")
pq: Any = importlib.import_module("pyarrow.parquet")

Read = Callable[..., tuple[list[Pair], list[Reject]]]

CHOSEN = "\n\nHuman: A wader?\n\nAssistant: A heron."
REJECTED = "\n\nHuman: A wader?\n\nAssistant: A shark."


def sides(pair: Pair) -> tuple[str, str]:
    return pair.chosen.encoded, pair.rejected.encoded


def csv_bytes(rows: list[list[str]], delimiter: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode()


@pytest.mark.parametrize(
    ("name", "delimiter"),
    [("pairs.csv", ","), ("pairs.tsv", "\t"), ("pairs.csv", ";"), ("pairs", ","), ("a.txt", ",")],
)
def test_csv_cells_with_line_ends_keep_them(read_bytes: Read, name: str, delimiter: str) -> None:
    rows = [["chosen", "rejected", "id", "topic"], [CHOSEN, REJECTED, "a", "birds"]]
    rows.append([CHOSEN + ' "q", ;\t', REJECTED, "b", ""])
    pairs, rejects = read_bytes(b"\xef\xbb\xbf" + csv_bytes(rows, delimiter), name)
    assert not rejects
    first, second = pairs
    assert (first.source_id, first.line, first.topic) == ("a", 2, "birds")
    assert sides(first) == (CHOSEN, REJECTED)
    # The first row spans nine lines of the file.
    assert (second.source_id, second.line, second.topic) == ("b", 11, None)
    assert second.chosen.encoded == CHOSEN + ' "q", ;\t'


def test_csv_accepts_prompts_messages_and_big_cells(read_bytes: Read) -> None:
    messages = '[{"role": "assistant", "content": "A heron."}]'
    rows = [
        ["prompt", "chosen", "rejected"],
        ["A wader?", messages, "A shark."],
        ["A wader?", "b" * 500_000, "[not messages]"],
    ]
    pairs, rejects = read_bytes(csv_bytes(rows), "pairs.csv")
    assert not rejects
    assert sides(pairs[0]) == (CHOSEN, REJECTED)
    assert len(pairs[1].chosen.encoded) > 500_000
    assert pairs[1].rejected.encoded.endswith("[not messages]")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"a,b\n", "missing_field"),
        (b"a,b,c,d\n", "wrong_type"),
        (b"a,,c\n", "empty_response"),
        (b"a,\xff,c\n", "bad_utf8"),
        (b'a,"b" x,c\n', "unparsable_json"),
    ],
)
def test_a_bad_csv_row_is_rejected_and_the_rest_is_read(
    read_bytes: Read, bad: bytes, reason: str
) -> None:
    content = b"prompt,chosen,rejected\na,b,c\n" + bad + b"\na\x00,b,c\n"
    pairs, rejects = read_bytes(content, "pairs.csv")
    assert [pair.line for pair in pairs] == [2, 5]
    assert [(reject.line, reject.reason) for reject in rejects] == [(3, reason)]
    assert rejects[0].excerpt.startswith(("a,", '{"prompt":"a"'))


def test_rows_swallowed_by_an_unclosed_quote_are_reported(read_bytes: Read) -> None:
    content = b'prompt,chosen,rejected\na,b,c\na,b,"c\na,b,c\na,b,c\n'
    pairs, rejects = read_bytes(content, "pairs.csv")
    assert len(pairs) == 1
    assert [(reject.line, reject.reason) for reject in rejects] == [(3, "unparsable_json")]


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
            lambda text: bool(text.strip())
        ),
        min_size=1,
        max_size=5,
    )
)
@settings(deadline=None)
def test_the_output_of_a_csv_writer_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "pairs.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(["prompt", "chosen", "rejected"])
        for text in texts:
            writer.writerow([text, "yes", "no"])
    items = list(read_pairs(Source(path=path)))
    assert len(items) == len(texts)
    assert all(isinstance(item, Pair) for item in items)


def test_parquet_strings_and_messages(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    rows = [{"chosen": CHOSEN, "rejected": REJECTED, "row_id": 5, "unused": 1.0}] * 2500
    pq.write_table(pa.Table.from_pylist(rows), path)
    pairs, rejects = read(path)
    assert (len(pairs), rejects) == (2500, [])
    assert (pairs[0].source_id, pairs[0].line, pairs[0].topic) == ("5", 1, None)
    assert sides(pairs[0]) == (CHOSEN, REJECTED)
    assert (pairs[-1].source_id, pairs[-1].line) == ("5#2500", 2500)

    messages = {
        "prompt": [{"role": "user", "content": "A wader?"}],
        "chosen": [{"role": "assistant", "content": "A heron."}],
        "rejected": [{"role": "assistant", "content": "A shark."}],
    }
    pq.write_table(pa.Table.from_pylist([messages]), path)
    pairs, _ = read(path)
    assert sides(pairs[0]) == (CHOSEN, REJECTED)


def test_parquet_is_recognised_by_its_content(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "download"
    pq.write_table(pa.table({"chosen": [CHOSEN], "rejected": [REJECTED]}), path)
    pairs, _ = read(path)
    assert len(pairs) == 1


def test_parquet_rows_with_null_or_bad_text_are_rejected(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    chosen = pa.array([CHOSEN.encode(), None, b"\xff\xfe", CHOSEN.encode()], pa.binary())
    rejected = pa.array([REJECTED] * 4)
    for column in (chosen, chosen.view(pa.string())):
        pq.write_table(pa.table({"chosen": column, "rejected": rejected}), path)
        pairs, rejects = read(path)
        assert [pair.line for pair in pairs] == [1, 4]
        assert [(reject.line, reject.reason) for reject in rejects] == [
            (2, "missing_field"),
            (3, "bad_utf8"),
        ]


def test_a_truncated_or_mistaken_parquet_file_is_refused(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    pq.write_table(pa.table({"chosen": [CHOSEN], "rejected": [REJECTED]}), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadInput, match="not a readable Parquet file"):
        read(path)
    whole = pa.table({"chosen": ["a"], "rejected": ["b"]})
    pq.write_table(whole, path)
    path.write_bytes(path.read_bytes().replace(b"rejected", b"re\xeaected"))
    with pytest.raises(BadInput, match=r"pairs\.parquet"):
        read(path)
    path.write_text("{}")
    with pytest.raises(BadInput, match="not a Parquet file"):
        read(path)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_error_for_unknown_columns_lists_the_expected_ones(
    read: Read, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"pairs.{kind}"
    if kind == "csv":
        path.write_text("prompt,completion\na,b\n")
    else:
        pq.write_table(pa.table({"prompt": ["a"], "completion": ["b"]}), path)
    with pytest.raises(BadInput, match="prompt, completion; expected chosen and rejected"):
        read(path)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_without_rows_is_reported_as_empty(read: Read, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"pairs.{kind}"
    if kind == "csv":
        path.write_text("chosen,rejected\n")
    else:
        pq.write_table(pa.table({"chosen": pa.array([], pa.string()), "rejected": []}), path)
    with pytest.raises(BadInput, match="is empty"):
        read(path)
