"""Reading JSON lines and JSON lists, with good and bad rows."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.data import REASONS, Pair, Reject, Source, read_pairs
from engine.data import jsonl as jsonl_module
from engine.errors import BadInput

Lines = Callable[[int], list[bytes]]
Read = Callable[..., tuple[list[Pair], list[Reject]]]

GOOD_TEXT = "\n\nHuman: A wader?\n\nAssistant: Heron."


def row(**fields: object) -> bytes:
    whole = {"chosen": GOOD_TEXT, "rejected": GOOD_TEXT} | fields
    return json.dumps(whole).encode() + b"\n"


def test_rows_come_in_order_with_position_as_id(lines: Lines, read_bytes: Read) -> None:
    pairs, rejects = read_bytes(b"".join(lines(3)))
    assert not rejects
    assert [(pair.source_id, pair.line) for pair in pairs] == [("0", 1), ("1", 2), ("2", 3)]
    assert pairs[2].chosen.encoded == "\n\nHuman: Tell me about bird 2.\n\nAssistant: It wades, 2."
    assert pairs[0].topic is None


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"chosen": "cut', "unparsable_json"),
        (b"{'chosen': 'x'}", "unparsable_json"),
        (b'{"chosen": NaN, "rejected": "x"}', "unparsable_json"),
        (b'{"margin": NaN, ' + row()[1:], "unparsable_json"),
        (b'{"a": ' + b"[" * 100_000, "unparsable_json"),
        (b'{"a": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "unparsable_json"),
        (b'["a", "b"]', "not_an_object"),
        (b"7", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"chosen": "x"}', "missing_field"),
        (row(rejected=None), "missing_field"),
        (row(chosen=5), "wrong_type"),
        (row(chosen={"a": 1}), "wrong_type"),
        (row(chosen=["a"]), "wrong_type"),
        (row(prompt=5), "wrong_type"),
        (b'{"chosen": "\xff\xfe", "rejected": "x"}', "bad_utf8"),
        (b'{"chosen": "\\ud800", "rejected": "x"}', "bad_utf8"),
        (b'{"chosen": "\xed\xa0\x80", "rejected": "x"}', "bad_utf8"),
        (row(chosen="no markers"), "no_assistant_turn"),
        (row(chosen=""), "no_assistant_turn"),
        (row(rejected=GOOD_TEXT + "\n\nHuman: Ta."), "last_turn_not_assistant"),
        (row(rejected="\n\nHuman: A?\n\nAssistant: "), "empty_response"),
        (row(rejected=GOOD_TEXT + "a" * 1_000_000), "too_long"),
    ],
)
def test_a_bad_line_is_rejected_and_the_rest_is_read(
    lines: Lines, read_bytes: Read, bad: bytes, reason: str
) -> None:
    good = lines(4)
    pairs, rejects = read_bytes(b"".join([*good[:2], bad.rstrip(b"\n") + b"\n", *good[2:]]))
    assert [pair.source_id for pair in pairs] == ["0", "1", "3", "4"]
    assert [(reject.line, reject.reason) for reject in rejects] == [(3, reason)]
    assert rejects[0].detail
    assert 0 < len(rejects[0].excerpt) <= 200
    rejects[0].excerpt.encode()
    assert reason in dict(REASONS)


def test_excerpt_is_raw_and_shows_bad_bytes(lines: Lines, read_bytes: Read) -> None:
    _, rejects = read_bytes(lines(1)[0] + b'{"x": "\x1b[2J\xff"}\n')
    assert rejects[0].excerpt == '{"x": "\x1b[2J\\xff"}'


def test_bom_crlf_blank_lines_and_no_last_line_feed(lines: Lines, read_bytes: Read) -> None:
    first, second, third = (line.rstrip() for line in lines(3))
    content = b"\xef\xbb\xbf" + first + b"\r\n\r\n  \n" + second + b"\n\n" + third
    pairs, rejects = read_bytes(content)
    assert not rejects
    assert [(pair.source_id, pair.line) for pair in pairs] == [("0", 1), ("1", 4), ("2", 6)]


def test_repeated_ids_are_numbered_apart_from_ids_that_look_like_it(read_bytes: Read) -> None:
    row = {"chosen": "Human: a\n\nAssistant: b", "rejected": "Human: a\n\nAssistant: c"}
    ids = ["x", "x#2", "x", "x", 7, "7", "x"]
    pairs, _ = read_bytes("\n".join(json.dumps(row | {"id": name}) for name in ids).encode())
    assert [pair.source_id for pair in pairs] == ["x", "x#2", "x#3", "x#4", "7", "7#2", "x#5"]


def test_nul_line_separators_and_duplicate_keys_are_accepted(read_bytes: Read) -> None:
    text = "\n\nHuman: a\u2028b\x85c\n\nAssistant: d\x00e"
    double = b'{"chosen": "old", "chosen": ' + json.dumps(text).encode() + b', "rejected": '
    pairs, rejects = read_bytes(double + json.dumps(text, ensure_ascii=False).encode() + b"}")
    assert not rejects
    assert pairs[0].chosen.encoded == pairs[0].rejected.encoded == text


def test_ids_and_topics_are_read_and_ids_made_unique(read_bytes: Read) -> None:
    content = [
        row(id="a", topic="birds"),
        row(id="a"),
        row(id="a#2"),
        row(id="a", row_id=7, subset="fish"),
        row(id=None, topic=""),
        row(id=4.0),
        row(id=["x"]),
    ]
    pairs, rejects = read_bytes(b"".join(content))
    assert [pair.source_id for pair in pairs] == ["a", "a#2", "a#2#2", "7", "4", "4#2"]
    assert [reject.detail for reject in rejects] == ["id is a list, not a name or a number"]
    assert [pair.topic for pair in pairs] == ["birds", None, None, "fish", None, None]


def test_identical_pairs_are_kept(lines: Lines, read_bytes: Read) -> None:
    pairs, _ = read_bytes(lines(1)[0] * 3)
    assert len(pairs) == 3


def test_a_long_line_is_read_and_one_over_the_limit_is_skipped(
    lines: Lines, read_bytes: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl_module, "MAX_LINE", 1 << 20)
    good = lines(2)
    fits = row(note="x" * 900_000)
    over = row(note="x" * 3_000_000)
    blank_at_first = b" " * 2_000_000 + row()
    content = good[0] + fits + over + good[1] + blank_at_first + over.rstrip()
    pairs, rejects = read_bytes(content)
    assert [pair.line for pair in pairs] == [1, 2, 4]
    assert [(reject.line, reject.reason) for reject in rejects] == [
        (3, "too_long"),
        (5, "too_long"),
        (6, "too_long"),
    ]


@pytest.mark.parametrize("name", ["pairs.json", "pairs", "pairs.jsonl"])
def test_a_json_list_is_read_with_each_rows_line(lines: Lines, read_bytes: Read, name: str) -> None:
    rows = [json.loads(line) for line in lines(3)]
    pairs, rejects = read_bytes(json.dumps(rows, indent=2).encode(), name)
    assert not rejects
    assert [pair.line for pair in pairs] == [2, 6, 10]
    pairs, rejects = read_bytes(json.dumps(rows).encode(), name)
    assert not rejects
    assert [pair.line for pair in pairs] == [1, 1, 1]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"{'a': [1, 2]}", "unparsable_json"),
        (b'{"chosen": NaN}', "unparsable_json"),
        (b"[" * 50_000 + b"]" * 50_000, "unparsable_json"),
        (b"7", "not_an_object"),
        (b"", "unparsable_json"),
        (b'{"chosen": "\\ud800"}', "bad_utf8"),
        (b'{"chosen": "\xff"}', "bad_utf8"),
    ],
)
def test_a_bad_list_item_does_not_affect_the_others(
    lines: Lines, read_bytes: Read, bad: bytes, reason: str
) -> None:
    first, second = lines(2)
    content = b"\xef\xbb\xbf[" + first + b",\n" + bad + b",\n" + second + b"]\n"
    pairs, rejects = read_bytes(content, "pairs.json")
    assert [pair.source_id for pair in pairs] == ["0", "2"]
    assert [reject.reason for reject in rejects] == [reason]


def test_brackets_commas_and_quotes_in_texts_do_not_split_rows(read_bytes: Read) -> None:
    tricky = '\n\nHuman: ]}, "a\\\n\nAssistant: [{"x": "\\"}], \\\\'
    content = b"[" + row(chosen=tricky) + b"," + row(rejected=tricky) + b",]"
    pairs, rejects = read_bytes(content, "pairs.json")
    assert not rejects
    assert pairs[0].chosen.encoded == pairs[1].rejected.encoded == tricky


@pytest.mark.parametrize("tail", [b"", b', {"chosen": "cut', b"] extra", b"]]"])
def test_a_list_with_a_malformed_end_gives_its_rows_and_one_reject(
    lines: Lines, read_bytes: Read, tail: bytes
) -> None:
    pairs, rejects = read_bytes(b"[" + b",".join(lines(2)) + tail, "pairs.json")
    # Without the closing bracket the last item may be incomplete, so it is not read.
    assert len(pairs) == (1 if tail == b"" else 2)
    assert [reject.reason for reject in rejects] == ["unparsable_json"]


def test_a_list_too_large_for_memory_is_refused(
    lines: Lines, read_bytes: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl_module, "MAX_LIST", 100)
    with pytest.raises(BadInput, match="convert it to JSON lines"):
        read_bytes(b"[" + b",".join(lines(3)) + b"]", "pairs.json")


@given(
    content=st.one_of(
        st.binary(max_size=300),
        st.lists(
            st.sampled_from(
                [b"[", b"]", b"{", b"}", b",", b'"', b"\\", b"\n", b"\xff", b"NaN", row()[:-1]]
            ),
            max_size=20,
        ).map(b"".join),
    ),
    name=st.sampled_from(["x.jsonl", "x.json", "x.csv", "x.tsv", "x", "x.jsonl.gz", "x.parquet"]),
)
@example(content=b"\x00\r\x00", name="x")  # a carriage return inside what could be a CSV header
@example(content=b"\x00\r\x00", name="x.csv")
def test_any_bytes_give_records_or_one_clear_error(content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            items = list(read_pairs(Source(path=path)))
        except BadInput as error:
            assert str(error).startswith(str(path))
            assert "\n" not in str(error)
        else:
            assert items
            assert all(isinstance(item, Pair) or item.reason in dict(REASONS) for item in items)
