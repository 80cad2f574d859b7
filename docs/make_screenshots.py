"""The screenshots of the documentation, made by the explorer itself from a finished run.

python docs/make_screenshots.py [RUN_DIR]        (default: runs/demo, made by `make demo`)
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from engine.launch import ensure_engine
from seal_tui.app import SealApp
from seal_tui.client import EngineClient

HERE = Path(__file__).parent / "screenshots"
SIZES = {"": (120, 36), "-small": (80, 24)}
# Name of the picture → the keys that lead there.
SHOTS: dict[str, tuple[str, ...]] = {
    "overview": ("1",),
    "imprint": ("2",),
    "compare": ("2", "c"),
    "resistance": ("3", "j", "j", "j"),
    "robustness": ("5",),
    "labelers": ("6",),
    "plots": ("7",),
    "help": ("3", "question_mark"),
}


async def shoot(folder: Path) -> None:
    HERE.mkdir(exist_ok=True)
    for suffix, size in SIZES.items():
        app = SealApp(EngineClient.at(lambda: ensure_engine(folder)))
        async with app.run_test(size=size, notifications=True) as pilot:
            for name, keys in SHOTS.items():
                for key in keys:
                    await pilot.press(key)
                    await pilot.pause(1.0)  # the engine answers over its socket
                title = f"SEAL explorer · {name}"
                (HERE / f"{name}{suffix}.svg").write_text(app.export_screenshot(title=title))
                if name == "help":
                    await pilot.press("escape")


if __name__ == "__main__":
    asyncio.run(shoot(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/demo")))
