"""What has to be kept about a source so that its rows can be written again as they came."""

from __future__ import annotations

import base64
import importlib
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import msgspec

from engine.data.annotated import frame
from engine.data.hub import hub_schema
from engine.data.jsonl import BOM, lines, open_bytes
from engine.data.options import Options
from engine.data.readers import Kind, Source, file_kind, paths
from engine.data.table import delimiter_of_header, header_columns

_NO_OPTIONS = Options()


class SourceFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file. `name` is that of its rows; `path` is relative to the source's folder, and empty
    where the source is one file or a hub dataset. `schema` is an Arrow schema as base64; `frame` is
    the JSON object around the rows of an annotated file."""

    name: str
    kind: Kind
    path: str = ""
    delimiter: str = ","
    columns: tuple[str, ...] = ()
    bom: bool = False
    schema: str = ""
    frame: str = ""

    @property
    def arrow_schema(self) -> Any:
        arrow: Any = importlib.import_module("pyarrow")
        return arrow.ipc.read_schema(arrow.py_buffer(base64.b64decode(self.schema)))


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the pairs come from. `options` are those that the rows were read with; `outside` is the
    number of pairs that a sample leaves out."""

    files: tuple[SourceFile, ...]
    options: Options = _NO_OPTIONS
    outside: int = 0

    @property
    def form(self) -> Literal["file", "folder"]:
        return "folder" if any(file.path for file in self.files) else "file"

    def text(self) -> str:
        return msgspec.json.encode(self, enc_hook=sorted).decode()

    @staticmethod
    def read(text: str | None) -> Origin | None:
        """The origin that `text` encodes, or None for none."""
        return None if not text else msgspec.json.decode(text, type=Origin)

    @property
    def is_safe(self) -> bool:
        """Whether no path leads out of a folder."""
        return all(_inside(file.path) for file in self.files)


def origin(source: Source, outside: int = 0) -> Origin:
    """Describes a source that was just read. Raises BadInput if it cannot be read."""
    if source.dataset is not None:
        schema = hub_schema(source.dataset, source.split, source.config, source.revision)
        files = [SourceFile(source.dataset, "parquet", schema=_encoded(schema))]
    else:
        assert source.path is not None
        folder = source.path if source.path.is_dir() else None
        files = [
            _file(path, "" if folder is None else path.relative_to(folder).as_posix(), source)
            for path in paths(source.path, source.split)
        ]
    return Origin(tuple(files), source.options, outside)


def _file(path: Path, relative: str, source: Source) -> SourceFile:
    name, kind = str(path), file_kind(path, str(path), source.options)
    if kind == "parquet":
        parquet: Any = importlib.import_module("pyarrow.parquet")
        return SourceFile(name, kind, relative, schema=_encoded(parquet.read_schema(path)))
    if kind == "csv":
        with open_bytes(path) as stream:
            first = next(lines(stream), b"")
        header = first.removeprefix(BOM)
        delimiter = delimiter_of_header(header, source.options)
        columns = tuple(header_columns(header, delimiter))
        return SourceFile(name, kind, relative, delimiter, columns, first.startswith(BOM))
    if kind == "annotated":
        return SourceFile(name, kind, relative, frame=frame(path, name))
    return SourceFile(name, kind, relative)


def _encoded(schema: Any) -> str:
    return base64.b64encode(schema.serialize().to_pybytes()).decode()


def _inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return not PurePosixPath(path).is_absolute() and ".." not in parts and "\0" not in path
