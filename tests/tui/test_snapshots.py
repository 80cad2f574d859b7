"""How every screen looks, at the smallest and at a large size; some at sizes between and above."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs
from textual.pilot import Pilot

from seal_tui.explorer.app import SealApp

from . import fake_study
from .conftest import client_of, shows
from .fake_engine import FakeEngine, stage

SIZES = ((80, 24), (160, 50))
BETWEEN = ((100, 30), (120, 40), (220, 60))  # for the screens whose parts move

SCREENS: dict[str, tuple[tuple[str, ...], str]] = {
    "overview": ((), "2,317"),
    "imprint": (("2",), "adds 2.09 points"),
    "shift": (("2", "t"), "counter-clockwise"),
    "compare": (("2", "c"), "+2.09 by pair-fe"),
    "labelers": (("6",), "21 % of the way"),
    "two-imprints": (("6", "t"), "The sign depends"),
    "plots": (("7",), "44.6 % of pairs are"),
    "heat": (("7", "t", "z"), "7 pairs have a reward"),
    "mosaic": (("7", "t", "t", "z"), "of the column"),
    "drift": (("7", "t", "t", "t", "z"), "+11.7 points"),
    "tables": (("T",), "44.6 % of 2,312 pairs"),
    "rejects": (("x",), "has no assistant turn"),
    "warnings": (("w",), "esc closes"),
    "resistance": (("3", *"ssssss", "j"), "pairs"),
    "pair": (("3", *"ssssss", "j", "enter"), "shared context"),
    "filtering": (("3", "slash", *"reg"), "enter applies"),
    "ambiguous": (("4",), "7 of 24 decided"),
    "selected": (("3", "v", "v", "d"), "drop: 2 selected pairs?"),
    "blind": (("3", "enter", "b"), "A is better"),
    "export": (("3", "e"), "19 rows of 24 pairs"),
    "robustness": (("5",), "rewritten pairs"),
    "rewrite": (("5", "enter"), "preceding turns"),
    "scores": (("5", "t"), "becomes misaligned"),
    "help": (("question_mark",), "Columns: whether"),
}


CASES = [(name, size) for name in SCREENS for size in SIZES]
CASES += [(name, size) for name in ("overview", "resistance", "pair") for size in BETWEEN]


@pytest.mark.parametrize(
    ("name", "size"), CASES, ids=lambda of: of if isinstance(of, str) else f"{of[0]}x{of[1]}"
)
def test_screen(
    name: str, size: tuple[int, int], snap_compare: Callable[..., Any], engine: FakeEngine
) -> None:
    keys, wait_for = SCREENS[name]

    async def drive(pilot: Pilot[None]) -> None:
        await shows(pilot, "2,317")
        for key in keys:
            await pilot.press(key)
        await shows(pilot, wait_for)
        if size[0] >= 120 and name == "resistance":
            await shows(pilot, "pair 1 ·")
        if size[0] >= 120 and name == "robustness":
            await shows(pilot, "pair 0 ·")

    assert snap_compare(SealApp(client_of(engine)), terminal_size=size, run_before=drive)


def test_running(snap_compare: Callable[..., Any], engine: FakeEngine) -> None:
    engine.ready, engine.state = False, "running"
    engine.stages = (
        stage("read", "done", 24, 24, seconds=0.4),
        stage("label", "running", 12, 48, rate=3.2, eta_s=11.0),
        stage("score", "waiting", 0, 96),
    )

    async def drive(pilot: Pilot[None]) -> None:
        await shows(pilot, "12 of 48")

    assert snap_compare(SealApp(client_of(engine)), terminal_size=(80, 24), run_before=drive)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_conversation_with_all_roles(
    size: tuple[int, int], snap_compare: Callable[..., Any], engine: FakeEngine
) -> None:
    engine.pairs = {0: fake_study.with_tools()}
    engine.study = structs.replace(engine.study, pairs=1)

    async def drive(pilot: Pilot[None]) -> None:
        await shows(pilot, "2,317")
        await pilot.press("3", "enter")
        await shows(pilot, "shared context")
        await pilot.press("space")
        await shows(pilot, "developer")

    assert snap_compare(SealApp(client_of(engine)), terminal_size=size, run_before=drive)
