"""Reading gzip files: complete, truncated, corrupt."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.data import Pair, Reject, Source, read_pairs
from engine.data import jsonl as jsonl_module
from engine.errors import BadInput

Lines = Callable[[int], list[bytes]]
Read = Callable[..., tuple[list[Pair], list[Reject]]]


@pytest.mark.parametrize("name", ["pairs.jsonl.gz", "pairs.json.gz", "pairs.gz", "pairs.jsonl"])
def test_gzip_is_recognised_by_its_content(lines: Lines, read_bytes: Read, name: str) -> None:
    pairs, rejects = read_bytes(gzip.compress(b"".join(lines(5))), name)
    assert (len(pairs), rejects) == (5, [])


def test_plain_text_named_gz_is_read_as_it_is(lines: Lines, read_bytes: Read) -> None:
    pairs, _ = read_bytes(b"".join(lines(5)), "pairs.jsonl.gz")
    assert len(pairs) == 5


def test_concatenated_gzip_members_are_one_file(lines: Lines, read_bytes: Read) -> None:
    whole = b"".join(lines(6))
    packed = gzip.compress(whole[:500]) + gzip.compress(b"") + gzip.compress(whole[500:])
    pairs, rejects = read_bytes(packed + b"\0" * 100, "pairs.jsonl.gz")
    assert (len(pairs), rejects) == (6, [])


def test_lists_and_tables_are_decompressed_too(lines: Lines, read_bytes: Read) -> None:
    pairs, _ = read_bytes(gzip.compress(b"[" + b",".join(lines(3)) + b"]"), "pairs.json.gz")
    assert len(pairs) == 3
    table = b"prompt,chosen,rejected\na,b,c\n"
    pairs, _ = read_bytes(gzip.compress(table), "pairs.csv.gz")
    assert len(pairs) == 1


@pytest.mark.parametrize("missing", [1, 8, 9, 60, 2000])
def test_a_truncated_file_gives_its_good_rows_then_one_reject(
    lines: Lines, read_bytes: Read, missing: int
) -> None:
    whole = lines(400)
    packed = gzip.compress(b"".join(whole))
    assert len(packed) > missing + 100
    pairs, rejects = read_bytes(packed[:-missing], "pairs.jsonl.gz")
    assert [reject.reason for reject in rejects] == ["truncated_gzip"]
    unpacked = zlib.decompressobj(wbits=31).decompress(packed[:-missing])
    assert len(pairs) == unpacked.count(b"\n")
    assert rejects[0].line == len(pairs) + 1
    assert f"{len(unpacked):,} decompressed bytes" in rejects[0].detail
    assert [pair.source_id for pair in pairs] == [str(row) for row in range(len(pairs))]


@pytest.mark.parametrize("size", [3, 10, 15])
def test_a_file_truncated_in_its_header_is_one_reject(
    lines: Lines, read_bytes: Read, size: int
) -> None:
    packed = gzip.compress(b"".join(lines(5)))
    pairs, rejects = read_bytes(packed[:size], "pairs.jsonl.gz")
    assert (pairs, [reject.reason for reject in rejects]) == ([], ["truncated_gzip"])


def test_the_checksum_is_checked(lines: Lines, read_bytes: Read) -> None:
    packed = bytearray(gzip.compress(b"".join(lines(5))))
    packed[-6] ^= 1
    pairs, rejects = read_bytes(bytes(packed), "pairs.jsonl.gz")
    assert len(pairs) == 5
    assert [reject.reason for reject in rejects] == ["corrupt_gzip"]


def test_a_last_row_without_line_feed_survives_a_bad_checksum(
    lines: Lines, read_bytes: Read
) -> None:
    packed = bytearray(gzip.compress(b"".join(lines(5)).rstrip()))
    packed[-6] ^= 1
    pairs, rejects = read_bytes(bytes(packed), "pairs.jsonl.gz")
    assert [pair.line for pair in pairs] == [1, 2, 3, 4, 5]
    assert [reject.reason for reject in rejects] == ["corrupt_gzip"]


def test_trailing_garbage_is_rejected(lines: Lines, read_bytes: Read) -> None:
    pairs, rejects = read_bytes(gzip.compress(b"".join(lines(5))) + b"junk", "pairs.jsonl.gz")
    assert len(pairs) == 5
    assert [reject.reason for reject in rejects] == ["corrupt_gzip"]


def test_a_flipped_bit_anywhere_is_never_silent(lines: Lines, read_bytes: Read) -> None:
    packed = gzip.compress(b"".join(lines(40)))
    # The header has a time and a name, which do not matter; checks cover the rest.
    for position in range(10, len(packed), 7):
        damaged = bytearray(packed)
        damaged[position] ^= 0x10
        try:
            _, rejects = read_bytes(bytes(damaged), "pairs.jsonl.gz")
        except BadInput:
            continue
        assert rejects[-1].reason in ("corrupt_gzip", "truncated_gzip")


@pytest.mark.parametrize(("name", "start"), [("pairs.json.gz", b"["), ("pairs.csv.gz", b"")])
def test_other_truncated_formats_give_their_good_rows_too(
    lines: Lines, read_bytes: Read, name: str, start: bytes
) -> None:
    if start:
        content = start + b",".join(lines(400)) + b"]"
    else:
        rows = [f'"q {row} {zlib.crc32(b"%d" % row)}",b,c' for row in range(400)]
        content = "\n".join(["prompt,chosen,rejected", *rows]).encode()
    packed = gzip.compress(content)
    pairs, rejects = read_bytes(packed[: len(packed) // 2], name)
    assert 0 < len(pairs) < 400
    assert [reject.reason for reject in rejects] == ["truncated_gzip"]


def test_empty_content_is_reported_as_empty(read_bytes: Read) -> None:
    with pytest.raises(BadInput, match="is empty"):
        read_bytes(gzip.compress(b""), "pairs.jsonl.gz")


def test_a_gzip_bomb_in_one_line_is_skipped_in_little_memory(
    lines: Lines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl_module, "MAX_LINE", 1 << 20)
    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(lines(1)[0])
        for _ in range(64):
            file.write(b"[" * (1 << 20))
        file.write(b"\n" + lines(1)[0])
    tracemalloc.start()
    items = list(read_pairs(Source(path=path)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [getattr(item, "reason", "pair") for item in items] == ["pair", "too_long", "pair"]
    assert peak < 16 << 20
