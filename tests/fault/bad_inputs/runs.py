"""Ledger files, targets of exports, filters and run folders: what needs a run."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

from tests.fault.bad_inputs.base import Case
from tests.fault.bad_inputs.files import ANYTHING

HEAD = b'{"seal_tui": {"format": "ledger"}}\n'
LEDGERS: dict[str, bytes] = {
    "another head": b'{"seal_tui": {"format": "trl"}}\n',
    "a head that is a list": b'{"seal_tui": []}\n',
    "a row that is a number": HEAD + b"5\n",
    "a row that is a list": HEAD + b"[]\n",
    "a row of nothing": HEAD + b"{}\n",
    "a row of numbers": HEAD + b'{"id": 5, "author": 5, "action": 5, "at": 5}\n',
    "a row of lists": HEAD + b'{"id": [], "author": [], "action": [], "at": []}\n',
    "a row cut short": HEAD + b'{"id": "0", "author": \n',
    "deep rows": HEAD + b"[" * 30_000 + b"\n",
    "binary rows": HEAD + bytes(range(256)) + b"\n",
    "gzip cut short": gzip.compress(HEAD * 5_000)[:-40],
}
TARGETS = (
    *("gone/a.jsonl", "pairs.jsonl", "run", "a.xlsx", "a", "loop", "study.toml/a.jsonl"),
    "x" * 300 + ".jsonl",
)
FILTERS = (
    *(
        "(",
        ")",
        "topic:",
        "margin:>",
        "is:nothing",
        "nothing:x",
        "label:>1",
        '"open',
        "a:b:c",
        "or or",
    ),
    *("is:duplicate (", "margin:>1e400", "margin:nan", "not", "x" * 3_000 + ":"),
)
OPTIONS = (["--format", "magic"], ["--format", "../trl"])


def ledgers() -> Iterator[Case]:
    """Of a command in a folder that has a run in `run`."""
    for name, content in (LEDGERS | ANYTHING).items():

        def make(folder: Path, content: bytes = content) -> list[str]:
            (folder / "given.jsonl").write_bytes(content)
            return ["import", str(folder / "run"), "--ledger", str(folder / "given.jsonl")]

        yield Case(f"ledger: {name}", make, ("given.jsonl",))


def exports() -> Iterator[Case]:
    def export(
        name: str, *words: str, names: tuple[str, ...], codes: tuple[int, ...] = (2,)
    ) -> Case:
        def make(folder: Path) -> list[str]:
            if not (folder / "loop").is_symlink():
                (folder / "loop").symlink_to("loop")
            return ["export", str(folder / "run"), *words]

        return Case(f"export: {name}", make, names)

    for target in TARGETS:
        name = f"target {target[:20]}"
        yield export(name, "--to", target, names=("work/", f"{target}: "))
    for text in FILTERS:
        words = ("--to", "new.jsonl", "--where", text)
        yield export(f"filter {text[:20]}", *words, names=("--where",))
    for option in OPTIONS:
        words = ("--to", "new.jsonl", *option)
        yield export(f"option {' '.join(option)[:20]}", *words, names=("format",))
