"""Which version of this program this is, for an engine and its clients to compare.

The *contract* is what can be asked and answered: with another one, a client may misread an answer.
The *build* is the engine's whole source: with another one, an answer may be that of older code.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import get_type_hints

import msgspec

from engine import __version__
from engine.wire.endpoints import ENDPOINTS, STREAMS, Endpoint
from engine.wire.messages import Nothing, StopRequest
from engine.wire.shapes import messages, shape

_SOURCE = Path(__file__).resolve().parents[1]
_SUFFIXES = (".py", ".sql", ".toml")
_NO_SOURCE = {"__pycache__", "sample_data"}


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine of any version says of itself; 0.1.0 has no `contract`."""

    engine_version: str = ""
    contract: str = ""
    state: str = ""

    @property
    def compatible(self) -> bool:
        return (self.engine_version, self.contract) == (__version__, contract())

    def __str__(self) -> str:
        return "+".join(part for part in (self.engine_version, self.contract) if part)


# What engines of all versions answer, read so that each is understood.
PEER = Endpoint("GET", "/status", Nothing, Peer, "")
PEER_EXPORT = Endpoint("GET", "/export", Nothing, Peer, "")
PEER_STOP = Endpoint("POST", "/stop", StopRequest, Peer, "")
PEER_SHUTDOWN = Endpoint("POST", "/shutdown", Nothing, Peer, "")


def this() -> str:
    """This program's version, as a `Peer` is printed."""
    return str(Peer(engine_version=__version__, contract=contract()))


@cache
def contract() -> str:
    """Digest of every endpoint with the fields and types of its messages."""
    lines = [f"{row} {row.request.__name__} {shape(row.answer)}" for row in ENDPOINTS]
    lines += [f"{stream.path} {shape(stream.answer)}" for stream in STREAMS]
    for message in messages():
        hints = get_type_hints(message)
        lines += [
            f"{message.__name__}.{field.name} {shape(hints[field.name])} {field.required}"
            for field in msgspec.structs.fields(message)
        ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]


@cache
def build() -> str:
    """Digest of the engine's source, as it was when this process first asked."""
    return build_on_disk()


def build_on_disk() -> str:
    """Digest of the engine's source as it is now."""
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(_SOURCE):
        folders[:] = sorted(set(folders) - _NO_SOURCE)
        for name in sorted(files):
            if name.endswith(_SUFFIXES):
                path = os.path.join(folder, name)
                digest.update(os.path.relpath(path, _SOURCE).encode())
                with open(path, "rb") as source:
                    digest.update(hashlib.sha256(source.read()).digest())
    return digest.hexdigest()[:16]
