"""JSON lines and JSON lists, plain or gzipped: a bad row is rejected and the rest is read."""

import gzip
import io
import json
import mmap
import re
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import orjson

from engine.data.nesting import MOST, is_deep
from engine.data.pairs import Reason, Reject, Row, RowError, excerpt
from engine.errors import BadInput
from engine.files import refuse_special

CHUNK = 1 << 18
MAX_LINE = 32 << 20
MAX_LIST = 2 << 30
MAX_WHOLE = 256 << 20  # of one JSON text that is parsed at once, and takes ten times as much then
BOM = b"\xef\xbb\xbf"
GZIP_MAGIC = b"\x1f\x8b"
LFS_POINTER = b"version https://git-lfs.github.com/spec/"

Mapped = bytes | mmap.mmap

# A string, complete or cut off by the end of the file, or one structural character.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)


class GzipDamage(Exception):
    """The gzip stream is unreadable from here on; `rest` is the incomplete last line."""

    def __init__(self, reason: Reason, detail: str, rest: bytes = b"") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.rest = rest

    def reject(self, source: str, line: int) -> Reject:
        """One reject that represents everything that was lost."""
        return Reject(source, line, self.reason, self.detail, excerpt(self.rest))


def open_bytes(path: Path) -> BinaryIO:
    """Opens the file for reading; decompresses it if its content is gzip, whatever its name."""
    refuse_special(path)
    with path.open("rb") as file:
        is_gzip = file.read(2) == GZIP_MAGIC
    return cast(BinaryIO, gzip.open(path, "rb")) if is_gzip else path.open("rb")


def peek(path: Path) -> bytes:
    """The first bytes of the decompressed content; empty if they cannot be read."""
    try:
        with open_bytes(path) as stream:
            return next(_chunks(stream), b"").removeprefix(BOM)
    except GzipDamage:
        return b""


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The content in chunks. Raises GzipDamage after everything that can be decompressed."""
    size = 0
    while True:
        try:
            # read1, because read would discard the bytes decompressed before an error.
            chunk = cast(io.BufferedReader, stream).read1(CHUNK)
        except EOFError:
            detail = f"the file ends unexpectedly after {size:,} decompressed bytes"
            raise GzipDamage("truncated_gzip", detail) from None
        except (gzip.BadGzipFile, zlib.error):
            detail = f"corrupt after {size:,} decompressed bytes"
            raise GzipDamage("corrupt_gzip", detail) from None
        if not chunk:
            return
        size += len(chunk)
        yield chunk


def lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines without their line feed; one over MAX_LINE is cut to one byte more than that.

    Raises GzipDamage, with the incomplete last line, if a gzip stream is damaged.
    """
    pieces: list[bytes] = []
    size = 0
    try:
        for chunk in _chunks(stream):
            first, *others = chunk.split(b"\n")
            if size <= MAX_LINE:
                pieces.append(first)
                size += len(first)
            if others:
                yield b"".join(pieces)[: MAX_LINE + 1]
                yield from others[:-1]
                pieces, size = [others[-1]], len(others[-1])
    except GzipDamage as damage:
        damage.rest = b"".join(pieces)[: MAX_LINE + 1]
        raise
    if size:
        yield b"".join(pieces)[: MAX_LINE + 1]


def parse(line: bytes) -> object:
    """Parses one JSON text strictly: no NaN, no invalid Unicode. The last duplicate key wins."""
    if len(line) > MAX_LINE:
        raise RowError("too_long", f"the line is longer than {MAX_LINE >> 20} MiB")
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        detail = str(error)
    else:
        return _checked(value, line)
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RowError("bad_utf8", f"byte {error.start + 1} is not valid UTF-8") from None
    if _has_nan(line):
        raise RowError("unparsable_json", "NaN and Infinity are no JSON: write null instead")
    # An unpaired surrogate, written as an escape, is valid JSON but not valid Unicode.
    raise RowError("bad_utf8" if "surrogate" in detail else "unparsable_json", detail)


def _checked(value: object, line: bytes) -> object:
    """The value of a line, with exact integers. Raises RowError if it is nested too deeply."""
    kinds = set(map(type, value.values())) if isinstance(value, dict) else {list}
    is_flat = list not in kinds and dict not in kinds  # then nothing is counted, which is slow
    if not is_flat and is_deep(value, line.count(b"[") + line.count(b"{")):
        raise RowError("wrong_type", f"values are nested more than {MOST} deep")
    if float in kinds and isinstance(value, dict) and _is_inexact(value):
        return json.loads(line)
    return value


def _is_inexact(row: Mapping[str, object]) -> bool:
    """Whether one of these may be an integer, such as an id, that is too large for orjson."""
    return any(type(value) is float and abs(value) >= 1 << 63 for value in row.values())


def _has_nan(line: bytes) -> bool:
    """Whether a line would be JSON but for NaN and Infinity, which Python writes for a float."""
    if b"NaN" not in line and b"Infinity" not in line:
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def jsonl_rows(path: Path, name: str) -> Iterator[Row | Reject]:
    """The rows of a JSON lines file. Blank lines are skipped."""
    number = 0
    with open_bytes(path) as stream:
        try:
            for number, line in enumerate(lines(stream), 1):
                if number == 1:
                    line = line.removeprefix(BOM)
                # A line over the limit may only look blank: the part cut off may be a row.
                if len(line) > MAX_LINE or (line and not line.isspace()):
                    yield _parse_row(name, number, line)
        except GzipDamage as damage:
            # If the last line parses, it is complete and only its line feed is missing.
            last = _parse_row(name, number + 1, damage.rest)
            if isinstance(last, Row):
                yield last
            yield damage.reject(name, number + 1)


def whole(path: Path, name: str) -> tuple[bytes, GzipDamage | None]:
    """All of a file, decompressed, and where that ended too early. Raises BadInput if it is
    larger than can be parsed as one text."""
    damage: GzipDamage | None = None
    buffer = bytearray()
    with open_bytes(path) as stream:
        try:
            for chunk in _chunks(stream):
                buffer += chunk
                if len(buffer) > MAX_WHOLE:
                    raise _too_large(name, MAX_WHOLE)
        except GzipDamage as error:
            damage = error
    return bytes(buffer).removeprefix(BOM), damage


def _too_large(name: str, most: int) -> BadInput:
    return BadInput(
        f"{name}: the JSON text is larger than {most >> 20} MiB: convert it to JSON lines, "
        "one row per line"
    )


@contextmanager
def _mapped(path: Path, name: str) -> Iterator[tuple[Mapped, GzipDamage | None]]:
    """The same in a file, of which only what is looked at need be in memory."""
    damage: GzipDamage | None = None
    size = 0
    with tempfile.TemporaryFile() as copy, open_bytes(path) as stream:
        try:
            for chunk in _chunks(stream):
                size += copy.write(chunk)
                if size > MAX_LIST:
                    raise _too_large(name, MAX_LIST)
        except GzipDamage as error:
            damage = error
        copy.flush()
        if not size:
            yield b"", damage
            return
        with mmap.mmap(copy.fileno(), size, access=mmap.ACCESS_READ) as content:
            yield content, damage


def list_rows(path: Path, name: str) -> Iterator[Row | Reject]:
    """The rows of a file that contains one JSON list.

    The list is split at its commas and every item is parsed separately, so that one bad item does
    not affect the others. The list is copied to a temporary file, and not held in memory.
    """
    number = 1
    with _mapped(path, name) as (content, damage):
        for number, item in _items(content):
            if item is not None:
                yield _parse_row(name, number, item)
            elif damage is None:
                detail = "the list is not closed, or text follows it"
                yield Reject(name, number, "unparsable_json", detail, "")
    if damage:
        yield damage.reject(name, number)


def _items(data: Mapped) -> Iterator[tuple[int, bytes | None]]:
    """The list's items with their line numbers; None for an item marks a malformed end."""
    depth = start = counted_to = 0
    line = 1
    for token in _TOKEN.finditer(data, len(BOM) if data[: len(BOM)] == BOM else 0):
        kind = data[token.start() : token.start() + 1]
        if kind in b"[{":
            depth += 1
            if depth == 1:
                start = token.end()
        elif kind in b"]}" or (kind == b"," and depth == 1):
            depth -= kind != b","
            if depth == 0 or kind == b",":
                item = data[start : min(token.start(), start + MAX_LINE + 1)]
                blank = len(item) - len(item.lstrip())
                line += _line_feeds(data, counted_to, start + blank)
                counted_to = start + blank
                if kind == b"," or item.strip():  # a trailing comma is accepted
                    yield line, item if len(item) > MAX_LINE else item.strip()
                start = token.end()
            if depth == 0:
                break
    if depth or data[start : start + CHUNK].strip() or len(data) - start > CHUNK:
        yield line + _line_feeds(data, counted_to, len(data)), None


def _line_feeds(data: Mapped, start: int, end: int) -> int:
    return sum(data[at : min(at + CHUNK, end)].count(b"\n") for at in range(start, end, CHUNK))


def _parse_row(name: str, number: int, line: bytes) -> Row | Reject:
    try:
        return Row(number, parse(line), line)
    except RowError as error:
        return Reject(name, number, error.reason, error.detail, excerpt(line))
