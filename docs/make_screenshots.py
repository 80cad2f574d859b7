"""The screenshots of the documentation, made by the explorer itself from a finished run.

python docs/make_screenshots.py [RUN_DIR]        (default: runs/demo, made by `make demo`)

The run is copied first: some pictures show decisions, and those of the run stay as they are.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from engine.launch import ensure_engine
from engine.wire.client import EngineClient
from seal_tui.explorer.app import SealApp
from seal_tui.explorer.settings import Settings

HERE = Path(__file__).parent / "screenshots"
SIZES = {"": (120, 36), "-small": (80, 24)}
# Name of the picture → the keys that lead there from the picture before.
SHOTS: dict[str, tuple[str, ...]] = {
    "overview": ("1",),
    "imprint": ("2",),
    "compare": ("2", "c"),
    "resistance": ("3", "j", "j", "j"),
    "filter": ("slash", *"regime:resisted eloquent:"),
    "ambiguous": ("escape", "4", "a", "x", "f", "d", "n", *"both evade", "ctrl+s", "j"),
    "blind": ("b",),
    "export": ("b", "e"),
    "robustness": ("escape", "5"),
    "labelers": ("6",),
    "plots": ("7",),
    "help": ("3", "question_mark"),
}


async def shoot(folder: Path) -> None:
    HERE.mkdir(exist_ok=True)
    for suffix, size in SIZES.items():
        client = EngineClient.at(lambda: ensure_engine(folder))
        app = SealApp(client, Settings(author="ann"))
        async with app.run_test(size=size, notifications=False) as pilot:
            for name, keys in SHOTS.items():
                for key in keys:
                    await pilot.press(key)
                    await pilot.pause(0.1 if len(key) == 1 and key.isalpha() else 1.0)
                await pilot.pause(1.0)  # the engine answers over its socket
                title = f"SEAL explorer · {name}"
                (HERE / f"{name}{suffix}.svg").write_text(app.export_screenshot(title=title))


def main(run: Path) -> None:
    command = [sys.executable, "-P", "-m", "seal_tui", "stop"]
    subprocess.run([*command, str(run)], check=True)  # so that its files are at rest
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_STATE_HOME"] = scratch
        folder = shutil.copytree(run, Path(scratch) / run.name)
        try:
            asyncio.run(shoot(folder))
        finally:
            subprocess.run([*command, str(folder)], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/demo"))
