"""What people's own files do: each is read as it was meant, or refused by name."""

from __future__ import annotations

import csv
import gzip
import importlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.data import Message, Pair, Reject
from engine.data.records import read_records
from engine.errors import BadInput

# It has no type hints.
pa: Any = importlib.import_module("pyarrow")
pq: Any = importlib.import_module("pyarrow.parquet")
np: Any = importlib.import_module("numpy")

Read = Callable[..., tuple[list[Pair], list[Reject]]]

ASKED = {"role": "user", "content": "Which bird wades?"}
GOOD = {
    "role": "assistant",
    "content": "It's the heron, 'Ardea'.\nIt \"wades\" {slowly} [1].",
}
BAD = {"role": "assistant", "content": "None."}
EXPECTED = (Message("user", ASKED["content"]), Message("assistant", GOOD["content"]))


def table(header: Sequence[str], *rows: Sequence[object]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([header, *rows])
    return out.getvalue().encode()


def printed_by_numpy(messages: list[dict[str, Any]]) -> str:
    """A cell as pandas and `datasets` write it: an array of objects, without commas."""
    array = np.empty(len(messages), dtype=object)
    array[:] = messages
    return str(array)


@pytest.mark.parametrize("print_cell", [json.dumps, str, printed_by_numpy, lambda m: f" {m} "])
def test_messages_in_the_cells_of_a_table_are_read(
    read_bytes: Read, print_cell: Callable[[list[dict[str, Any]]], str]
) -> None:
    content_first = [dict(reversed(list(message.items()))) for message in (ASKED, GOOD)]
    for chosen in ([ASKED, GOOD], content_first):
        cells = [ASKED["content"], print_cell(chosen), print_cell([ASKED, BAD])]
        pairs, rejects = read_bytes(table(["prompt", "chosen", "rejected"], cells), "pairs.csv")
        assert not rejects
        assert pairs[0].chosen.messages == EXPECTED
        assert pairs[0].rejected.messages == (EXPECTED[0], Message("assistant", "None."))


def test_short_messages_that_numpy_prints_in_one_line_are_read(read_bytes: Read) -> None:
    cell = printed_by_numpy([{"role": "user", "content": "a} {b"}, {"role": "gpt", "content": "c"}])
    assert "\n" not in cell
    pairs, _ = read_bytes(table(["chosen", "rejected"], [cell, cell]), "pairs.csv")
    assert pairs[0].chosen.messages == (Message("user", "a} {b"), Message("assistant", "c"))


@pytest.mark.parametrize(
    "cell",
    [
        "[{'role': 'user', 'content': 'Which bird",
        "[{'role': 'user', 'content': 'Which?'}, {'role': 'assistant', 'score': nan}]",
        "[{'content': 'Which?', 'role': 'user'} ... {'content': 'It.', 'role': 'assistant'}]",
        "array([{'role': 'assistant', 'content': 'It.'}], dtype=object)",
        "{'role': 'assistant', 'content': It}",
        "[{'role': 'user', 'content': '" + "\\'" * 100_000,
        "[{'role': 'user', 'content': [" + "1, " * 400_000 + "]}]",
    ],
    ids=lambda cell: cell[:80],
)
def test_a_printed_list_that_cannot_be_read_back_is_never_what_somebody_said(
    read_bytes: Read, cell: str
) -> None:
    content = table(["prompt", "chosen", "rejected"], ["Q", "a", "b"], ["Q", cell, "b"])
    pairs, rejects = read_bytes(content, "pairs.csv")
    assert len(pairs) == 1
    assert [reject.reason for reject in rejects] == ["wrong_type"]
    assert "JSON lines or Parquet" in rejects[0].detail


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2, 3]",
        '{"name": "heron", "legs": 2}',
        '[{"name": "heron"}]',
        "[{x: 1}]",
        '{"kind": "list", "items": [{"role": "user"}]}',
        "[Note] The role is 'user'.",
    ],
)
def test_an_answer_that_is_json_is_text(read_bytes: Read, text: str) -> None:
    row = {"prompt": "Give me JSON.", "chosen": text, "rejected": "No."}
    pairs, rejects = read_bytes(json.dumps(row).encode())
    assert not rejects
    assert pairs[0].chosen.split()[1] == text


def test_structures_in_the_cells_of_a_table_are_read(read_bytes: Read) -> None:
    history = json.dumps([["Hello.", "Hello!"]])
    header = ["instruction", "input", "history", "chosen", "rejected"]
    pairs, _ = read_bytes(table(header, ["Which?", "", history, "a", "b"]), "pairs.csv")
    assert [message.content for message in pairs[0].chosen.messages] == [
        "Hello.",
        "Hello!",
        "Which?",
        "a",
    ]
    tools = json.dumps([{"name": "look_up"}])
    header = ["prompt", "chosen", "rejected", "tools"]
    pairs, _ = read_bytes(table(header, ["Which?", "a", "b", tools]), "pairs.csv")
    assert pairs[0].chosen.tools == tools


def test_a_question_beside_conversations_that_begin_with_a_system_turn_stands_once(
    read_bytes: Read,
) -> None:
    system = {"role": "system", "content": "Be brief."}
    row = {
        "prompt": ASKED["content"],
        "chosen": [system, ASKED, GOOD],
        "rejected": [system, ASKED, BAD],
    }
    pairs, rejects = read_bytes(json.dumps(row).encode())
    assert not rejects
    assert pairs[0].chosen.messages == (Message("system", "Be brief."), *EXPECTED)


@pytest.mark.parametrize("list_of", [pa.list_, pa.large_list])
@pytest.mark.parametrize("text", [pa.string(), pa.large_string(), pa.binary()])
def test_merged_structs_in_parquet_are_read_whatever_their_types(
    read: Read, tmp_path: Path, list_of: Any, text: Any
) -> None:
    names = ("role", "content", "from", "value")
    struct = pa.struct([*((name, text) for name in names), ("tool_calls", pa.list_(pa.string()))])
    share_gpt = [{"from": "human", "value": "Which?"}, {"from": "gpt", "value": "It."}]
    called = [
        {"role": "user", "content": "Which?"},
        {"role": "assistant", "tool_calls": ["look_up(bird)"]},
        {"role": "tool", "content": "heron"},
        {"role": "assistant", "content": "It."},
    ]
    sides = pa.array([[ASKED, BAD], share_gpt, called], list_of(struct))
    topics = pa.nulls(3)
    path = tmp_path / "pairs.parquet"
    pq.write_table(pa.table({"chosen": sides, "rejected": sides, "topic": topics}), path)
    pairs, rejects = read(path)
    assert not rejects
    assert pairs[0].chosen.encoded == "\n\nHuman: Which bird wades?\n\nAssistant: None."
    assert pairs[1].chosen.encoded == "\n\nHuman: Which?\n\nAssistant: It."
    assert pairs[2].chosen.messages[1:3] == (
        Message("assistant", tool_calls='["look_up(bird)"]'),
        Message("tool", "heron"),
    )
    assert [pair.topic for pair in pairs] == [None, None, None]


def test_nested_and_null_columns_of_parquet_stay_with_their_row(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    rows = [
        {"prompt": "Q", "chosen": "a", "rejected": "b", "n": {"a": [1, None]}, "x": None},
        {"prompt": None, "chosen": "a", "rejected": "b", "n": None, "x": None},
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    pairs, rejects = read(path)
    assert json.loads(pairs[0].rows[0].raw) == rows[0]
    assert [reject.reason for reject in rejects] == ["no_assistant_turn"]
    assert json.loads(rejects[0].rows[0].raw) == rows[1]


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_nan_in_json_is_named(
    lines: Callable[[int], list[bytes]], read_bytes: Read, number: bytes
) -> None:
    bad = b'{"chosen": "a", "rejected": "b", "margin": ' + number + b"}\n"
    pairs, rejects = read_bytes(lines(1)[0] + bad)
    assert len(pairs) == 1
    assert [reject.reason for reject in rejects] == ["unparsable_json"]
    assert "NaN" in rejects[0].detail
    assert "null" in rejects[0].detail


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.json", "a.csv", "a", "a.jsonl.gz"])
def test_a_git_lfs_pointer_is_named(read_bytes: Read, name: str) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    with pytest.raises(BadInput, match=r"Git LFS pointer.*git lfs pull"):
        read_bytes(pointer, name)


def test_a_git_lfs_pointer_in_place_of_recorded_results_is_named(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(BadInput, match="Git LFS pointer"):
        list(read_records(path))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["pairs.jsonl", "pairs.csv", "pairs.json", "pairs"])
def test_utf16_is_refused_in_one_line(read_bytes: Read, encoding: str, name: str) -> None:
    text = '{"chosen": "a", "rejected": "b"}\n' if "csv" not in name else "chosen,rejected\na,b\n"
    for content in (text.encode(encoding), gzip.compress(text.encode(encoding))):
        with pytest.raises(BadInput, match="is in UTF-16: save it as UTF-8"):
            read_bytes(content, name)


@pytest.mark.parametrize("name", ["pairs.jsonl", "pairs.json", "pairs.csv", "pairs"])
def test_a_byte_order_mark_is_no_text(read_bytes: Read, name: str) -> None:
    text = '[{"prompt": "Q", "chosen": "a", "rejected": "b"}]'
    if name in ("pairs.jsonl", "pairs"):
        text = text.strip("[]")
    if name == "pairs.csv":
        text = "prompt,chosen,rejected\nQ,a,b\n"
    pairs, rejects = read_bytes(b"\xef\xbb\xbf" + text.encode(), name)
    assert not rejects
    assert pairs[0].chosen.encoded == "\n\nHuman: Q\n\nAssistant: a"


def test_two_columns_of_one_name_are_refused(read: Read, read_bytes: Read, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match='two columns called "chosen"'):
        read_bytes(b"prompt,chosen,rejected,chosen\nQ,a,b,c\n", "pairs.csv")
    path = tmp_path / "pairs.parquet"
    columns = [pa.array([text]) for text in ("Q", "a", "b", "c")]
    names = ["prompt", "chosen", "rejected", "prompt"]
    pq.write_table(pa.Table.from_arrays(columns, names=names), path)
    with pytest.raises(BadInput, match='two columns called "prompt"'):
        read(path)


def test_ids_may_be_numbers_and_may_repeat(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    rows = [{"prompt": "Q", "chosen": "a", "rejected": "b", "id": n} for n in (3, 3, None, 2**60)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    pairs, _ = read(path)
    assert [pair.source_id for pair in pairs] == ["3", "3#2", "2", str(2**60)]


@pytest.mark.parametrize("value", [7, 7.5, True, {"a": 1}, {"content": "x"}, ["a"], [["a"]]])
@pytest.mark.parametrize("column", ["chosen", "rejected"])
def test_a_value_that_is_no_text_is_refused(read_bytes: Read, column: str, value: object) -> None:
    good = {"prompt": "Q", "chosen": "a", "rejected": "b"}
    content = f"{json.dumps(good)}\n{json.dumps({**good, column: value})}\n"
    pairs, rejects = read_bytes(content.encode())
    assert len(pairs) == 1
    assert [reject.reason for reject in rejects] == ["wrong_type"]
    assert column in rejects[0].detail
