"""Keys pressed in any order, on the real engine: the explorer stays, and so do the decisions."""

from __future__ import annotations

import random

import pytest
from textual.pilot import Pilot

from engine.service import Engine
from engine.wire.messages import PairQuery, UndoRequest
from seal_tui.explorer.actions import ACTIONS

from .conftest import Opener, screen_text

# Leaving is tested elsewhere; R would run the study anew.
LEFT_OUT = {"app.quit", "app.start-or-resume"}
KEYS = sorted(
    {key for action in ACTIONS if action.id not in LEFT_OUT for key in action.keys.split(",")}
)
# What people press without a meaning, and what they type where a line is open.
MORE = ["tab", "shift+tab", "escape", "escape", "enter", "enter", "space", *"abc:<>.-1 9", "é"]


async def press(pilot: Pilot[None], seed: int, count: int) -> list[str]:
    chance = random.Random(seed)
    pressed = []
    for _ in range(count):
        pressed.append(chance.choice(KEYS if chance.random() < 0.7 else MORE))
        await pilot.press(pressed[-1])
        assert pilot.app.is_running and pilot.app._exception is None, pressed
    return pressed


@pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=["80x24", "160x50"])
async def test_any_keys_in_any_order_leave_the_explorer_standing(
    real_engine: Engine, browser: Opener, size: tuple[int, int]
) -> None:
    async with browser(*size) as pilot:
        pressed = await press(pilot, seed=size[0], count=120)
        for _ in range(6):  # whatever is open is left by escape, and a pane is a key away
            await pilot.press("escape")
        await pilot.press("1")
        await pilot.pause(0.2)
        assert "overview" in screen_text(pilot), pressed
    while (last := real_engine.undo(UndoRequest(author="kim")).elsewhere) is not None:
        real_engine.undo(UndoRequest(author="kim", action=last.number))
        while real_engine.undo(UndoRequest(author="kim")).changed:
            pass
    reader = real_engine.browser()
    rows = reader.pair_rows(reader.pair_ids(PairQuery()).ids, "kim")
    assert not any(row.mark is not None and row.mark.verdict for row in rows)
