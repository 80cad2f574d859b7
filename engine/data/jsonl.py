"""JSON lines and JSON lists, plain or in gzip: a bad row is rejected and the rest is read."""

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import orjson

from engine.data.pairs import Reason, Reject, Row, RowError, excerpt
from engine.errors import BadInput

CHUNK = 1 << 18
MAX_LINE = 32 << 20
MAX_LIST = 2 << 30
BOM = b"\xef\xbb\xbf"
GZIP_MAGIC = b"\x1f\x8b"

# A string, whole or cut off by the end of the file, or one structural character.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)


class Damaged(Exception):
    """The gzip stream breaks off here; `rest` is the unfinished last line."""

    def __init__(self, reason: Reason, detail: str, rest: bytes = b"") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.rest = rest

    def reject(self, source: str, line: int) -> Reject:
        """The one reject that stands for all that is lost."""
        return Reject(source, line, self.reason, self.detail, excerpt(self.rest))


def open_bytes(path: Path) -> BinaryIO:
    """The file's bytes, unpacked where its content says it is gzip."""
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")


def beginning(path: Path) -> bytes:
    """The first bytes of the (unpacked) content; empty where not even those can be read."""
    try:
        with open_bytes(path) as stream:
            return next(_chunks(stream), b"").removeprefix(BOM)
    except Damaged:
        return b""


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The content in pieces; all that can be unpacked comes out before Damaged is raised."""
    size = 0
    while True:
        try:
            # read1 and not read: read gives nothing of what came before an error.
            chunk = cast(io.BufferedReader, stream).read1(CHUNK)
        except EOFError:
            detail = f"the file ends too early, after {size:,} unpacked bytes"
            raise Damaged("truncated_gzip", detail) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            detail = f"damaged after {size:,} unpacked bytes: {error}"
            raise Damaged("corrupt_gzip", detail) from None
        if not chunk:
            return
        size += len(chunk)
        yield chunk


def lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines without their line feed; one over the limit is cut to just over it.

    Raises Damaged, which holds the unfinished last line, where a gzip stream breaks off.
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
    except Damaged as damage:
        damage.rest = b"".join(pieces)[: MAX_LINE + 1]
        raise
    if size:
        yield b"".join(pieces)[: MAX_LINE + 1]


def parse(line: bytes) -> object:
    """The value of one JSON text, strictly: no NaN, no bad Unicode; of two equal keys the last."""
    if len(line) > MAX_LINE:
        raise RowError("too_long", f"the line is over {MAX_LINE >> 20} MiB")
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        detail = str(error)
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RowError("bad_utf8", f"byte {error.start + 1} is not UTF-8") from None
    # Half a surrogate pair, written as an escape, is fine in JSON but is no Unicode text.
    raise RowError("bad_utf8" if "surrogate" in detail else "unparsable_json", detail)


def jsonl_rows(path: Path, name: str) -> Iterator[Row | Reject]:
    """The rows of a file of JSON lines, blank lines left out."""
    number = 0
    with open_bytes(path) as stream:
        try:
            for number, line in enumerate(lines(stream), 1):
                if number == 1:
                    line = line.removeprefix(BOM)
                # A cut line may only look blank: what was cut off may be a row.
                if len(line) > MAX_LINE or (line and not line.isspace()):
                    yield _parsed(name, number, line)
        except Damaged as damage:
            # A last line that parses is whole: only its line feed is missing.
            last = _parsed(name, number + 1, damage.rest)
            if isinstance(last, Row):
                yield last
            yield damage.reject(name, number + 1)


def list_rows(path: Path, name: str) -> Iterator[Row | Reject]:
    """The rows of a file that is one JSON list.

    The list is cut at its commas and every item is parsed by itself, so that a bad item costs
    only itself. The whole file is held in memory.
    """
    damage: Damaged | None = None
    buffer = bytearray()
    with open_bytes(path) as stream:
        try:
            for chunk in _chunks(stream):
                buffer += chunk
                if len(buffer) > MAX_LIST:
                    raise BadInput(
                        f"{name}: one JSON list of over {MAX_LIST >> 20} MiB; "
                        "write it as JSON lines, one row a line"
                    )
        except Damaged as found:
            damage = found
    number = 1
    for number, item in _items(bytes(buffer).removeprefix(BOM)):
        if item is not None:
            yield _parsed(name, number, item)
        elif damage is None:
            detail = "the list does not end, or text follows its end"
            yield Reject(name, number, "unparsable_json", detail, "")
    if damage:
        yield damage.reject(name, number)


def _items(data: bytes) -> Iterator[tuple[int, bytes | None]]:
    """The list's items, each with its line; None stands for an end that is not as it should be."""
    depth = start = counted = 0
    line = 1
    for token in _TOKEN.finditer(data):
        kind = token.group()[:1]
        if kind in b"[{":
            depth += 1
            if depth == 1:
                start = token.end()
        elif kind in b"]}" or (kind == b"," and depth == 1):
            depth -= kind != b","
            if depth == 0 or kind == b",":
                item = data[start : token.start()]
                blank = len(item) - len(item.lstrip())
                line += data.count(b"\n", counted, start + blank)
                counted = start + blank
                if kind == b"," or item.strip():  # a comma after the last item is let pass
                    yield line, item.strip()
                start = token.end()
            if depth == 0:
                break
    if depth or data[start:].strip():
        yield line + data.count(b"\n", counted), None


def _parsed(name: str, number: int, line: bytes) -> Row | Reject:
    try:
        return Row(number, parse(line), line)
    except RowError as error:
        return Reject(name, number, error.reason, error.detail, excerpt(line))
