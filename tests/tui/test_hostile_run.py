"""Hostile texts in the data of a real run: what of them reaches a terminal, a sheet or a page.

Every string stands in answers, contexts, topics, ids, rewrites, models, annotators and other
columns. The explorer shows every pair and every rewrite on a pseudo terminal; then every command
and every form of export that a person reads is asked. Counted: strings tried in outlets, and bytes
that came through as they were.
"""

from __future__ import annotations

import subprocess
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from engine.wire.messages import Entry, PairDetail, PairVote, RewriteDetail, Turn
from tests.command import COMMAND
from tests.engine.conftest import _short_sockets

from . import recorded
from .fake_study import pairs, rewrites
from .terminal import Terminal
from .test_hostile_terminal import leaks

__all__ = ["_short_sockets"]

STRINGS = (
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b]0;pwned\x07",
    "\x9b31m\x9d0;pwned\x9c",
    "\x1b[66;77H\x1b[2J",
    "\x1bP+q544e\x1b\\",
    "nul\x00nul",
    "del\x7f\x08bell\x07",
    "\u202eabc\u2066def\u2069",
    "zero\u200b\ufeff\u2028width\u00ad",
    "[/x] [/INST]",
    "[@click=app.quit]quit[/]",
    "[link=https://example.org]here[/link]",
    "Z" + "\u0335\u0322\u0361" * 40,
    "\U0001f469\u200d\U0001f52c 漢字 \U000e0041",
    "long " + "x\x1b[5m" * 150_000,
)
PAIRS = 24


def hostile(number: int) -> str:
    return STRINGS[number % len(STRINGS)]


def _entry(entry: Entry, said: str) -> Entry:
    turns = tuple(Turn(role=turn.role, text=f"{turn.text} {said}") for turn in entry.turns)
    return msgspec.structs.replace(entry, turns=turns, response=turns[-1].text)


def poisoned() -> tuple[dict[int, PairDetail], dict[int, RewriteDetail]]:
    found, reworded = {}, {}
    for number, pair in pairs().items():
        said = hostile(number)
        short = said[:60]
        # Those with rewrites keep their ids, for the rewrites are joined by them.
        source_id = pair.row.source_id + ("" if number < 12 else short)
        assert pair.source is not None
        votes = tuple(PairVote(annotator=short, score=vote.score) for vote in pair.source.votes)
        source = msgspec.structs.replace(pair.source, votes=votes, extras={f"lang {short}": short})
        found[number] = msgspec.structs.replace(
            pair,
            row=msgspec.structs.replace(
                pair.row,
                source_id=source_id,
                topic=short,
                model_chosen=short,
                model_rejected=f"{short} 2",
            ),
            source=source,
            chosen=_entry(pair.chosen, said),
            rejected=_entry(pair.rejected, said),
        )
    for number, rewrite in rewrites().items():
        said = hostile(number)
        sides = {
            side: msgspec.structs.replace(
                getattr(rewrite, side), rewritten=f"{getattr(rewrite, side).rewritten} {said}"
            )
            for side in ("chosen", "rejected")
        }
        context = found[number].chosen.turns[:-1]
        reworded[number] = msgspec.structs.replace(rewrite, context=context, **sides)
    return found, reworded


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    found, reworded = poisoned()
    folder = recorded.build(tmp_path_factory.mktemp("hostile"), found, reworded)
    yield folder
    subprocess.run([*COMMAND, "stop", str(folder)], capture_output=True)


def test_nothing_of_a_hostile_dataset_reaches_a_terminal(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path)}
    terminal = Terminal([*COMMAND, "open", str(run)], environment=state)
    terminal.read_until("stayed")
    terminal.quiet()
    shown = 0
    for pane, count in (("3", PAIRS), ("5", 12)):
        terminal.write(pane)
        terminal.quiet()
        for key in ("g", "\r", " "):
            terminal.write(key)
            terminal.quiet()
        for _ in range(count):
            terminal.write("J")
            terminal.quiet()
            shown += 1
        terminal.press("\x1b", "open")
    for keys in ("4", "L", "\x1b", "2", "6", "7", "1", "m", "\x1b", "x", "\x1b", "T", "q"):
        terminal.write(keys)
        terminal.quiet()
    assert terminal.ended() == 0
    found = leaks(terminal.output)
    with capsys.disabled():
        print(f"\n{len(STRINGS)} strings, {shown} pairs and rewrites shown: {len(found)} leaked")
    assert found == []
    for visible in ("␛]52;c;ZXZpbA==␇", "[@click=app.quit]quit[/]", "⟨U+202E⟩", "漢字"):
        assert visible.encode() in terminal.output, visible
    for number in range(PAIRS):
        assert hostile(number).encode() not in terminal.output or hostile(number)[0] in "[Z"


OUTLETS: tuple[tuple[str, ...], ...] = (
    ("status",),
    ("status", "--json"),
    ("metrics",),
    ("metrics", "--json"),
    ("export", "--to", "sheet.csv"),
    ("export", "--to", "report.md"),
    ("export", "--to", "report.html"),
    ("export", "--to", "hub", "--format", "hub"),
)


def test_nothing_of_it_is_printed_or_in_what_people_open(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tried, found = 0, []
    for name, *more in OUTLETS:
        command = [*COMMAND, name, str(run), *more]
        done = subprocess.run(command, capture_output=True, check=True, cwd=tmp_path)
        found += leaks(done.stdout) + leaks(done.stderr)
        tried += 1
    files = ("sheet.csv", "report.md", "report.html", "hub/README.md", run / "engine.log")
    for path in files:
        # Spreadsheets want the mark at the beginning.
        found += leaks((tmp_path / path).read_bytes().removeprefix(BOM_UTF8))
        tried += 1
    with capsys.disabled():
        print(f"\n{len(STRINGS)} strings × {tried} outlets: {len(found)} leaked")
    assert found == []
