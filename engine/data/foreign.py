"""Names files of formats that are not read, by their first bytes."""

from __future__ import annotations

_UNPACK = "unpack it first"
# The first bytes, what the file is, and what to do with it.
_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer, not the data",
     "fetch it with git lfs pull"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it first with zstd -d"),
    (b"BZh", "compressed with bzip2", "unpack it first with bunzip2"),
    (b"\xfd7zXZ\x00", "compressed with xz", "unpack it first with unxz"),
    (b"\x04\x22\x4d\x18", "compressed with lz4", "unpack it first with unlz4"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet", "unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet or document", "save the sheet as CSV"),
    (b"ARROW1", "an Arrow file", "write it as Parquet"),
    (b"FEA1", "a Feather file", "write it as Parquet"),
    (b"ORC", "an ORC file", "write it as Parquet"),
    (b"Obj\x01", "an Avro file", "write it as Parquet"),
    (b"SQLite format 3\x00", "an SQLite database", "export the table as CSV or JSON lines"),
    (b"\x89HDF", "an HDF5 file", "write it as Parquet"),
    (b"\x93NUMPY", "a NumPy file", "write it as Parquet"),
    (b"%PDF", "a PDF document", "save the text of the pairs as JSON lines"),
    (b"\x80\x02", "a pickle, which is code", "write it as Parquet or JSON lines"),
    (b"\x80\x03", "a pickle, which is code", "write it as Parquet or JSON lines"),
    (b"\x80\x04", "a pickle, which is code", "write it as Parquet or JSON lines"),
    (b"\x80\x05", "a pickle, which is code", "write it as Parquet or JSON lines"),
)  # fmt: skip


def foreign(head: bytes) -> str | None:
    """What a file that begins with these bytes is, and the remedy; None if it may be one of those
    that are read."""
    for magic, what, remedy in _KINDS:
        if head.startswith(magic):
            return f"is {what}: {remedy}"
    if head[257:262] == b"ustar":
        return f"is a tar archive: {_UNPACK}"
    return None
