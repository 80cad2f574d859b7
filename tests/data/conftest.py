"""Helpers for tests that read real files."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.data import Options, Pair, Reject, Source, read_pairs

Rows = tuple[list[Pair], list[Reject]]


@pytest.fixture
def lines() -> Callable[[int], list[bytes]]:
    """Makes rows in the hh-rlhf format, each a line of JSON with its line feed."""

    def make(count: int) -> list[bytes]:
        rows = []
        for number in range(count):
            context = f"\n\nHuman: Tell me about bird {number}.\n\nAssistant: "
            row = {"chosen": f"{context}It wades, {number}.", "rejected": f"{context}No idea."}
            rows.append(json.dumps(row).encode() + b"\n")
        return rows

    return make


@pytest.fixture
def read() -> Callable[..., Rows]:
    """Reads a path to its pairs and rejects."""

    def read_path(path: Path, split: str = "train", options: Options | None = None) -> Rows:
        pairs: list[Pair] = []
        rejects: list[Reject] = []
        for item in read_pairs(Source(path=path, split=split, options=options or Options())):
            if isinstance(item, Pair):
                pairs.append(item)
            else:
                rejects.append(item)
        return pairs, rejects

    return read_path


@pytest.fixture
def read_bytes(read: Callable[..., Rows], tmp_path: Path) -> Callable[..., Rows]:
    """Writes bytes to a file and reads it."""

    def read_content(
        content: bytes, name: str = "pairs.jsonl", options: Options | None = None
    ) -> Rows:
        path = tmp_path / name
        path.write_bytes(content)
        return read(path, options=options)

    return read_content
