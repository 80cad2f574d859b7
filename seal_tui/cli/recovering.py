"""`seal-tui recover`: what it found and did, in lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seal_tui.cli import runs
from seal_tui.text.safe import one_line, shell_word


def recover(folder: Path, force: bool) -> dict[str, Any]:
    found: dict[str, Any] = runs.ask_module(
        "engine.recover", str(folder), *(["--force"] if force else [])
    )
    return found


def lines(run_dir: Path, found: dict[str, Any]) -> list[str]:
    """What a recovery found and did, safe to print."""
    if not found["problem"]:
        if found["notices"]:
            return [one_line(f"{run_dir}: {notice}") for notice in found["notices"]]
        return [
            one_line(f"{run_dir}: no damage was found in the database; nothing was changed"),
            one_line("(if the engine says that it is damaged nevertheless: --force)"),
        ]
    said = [
        f"problem    {found['problem']}",
        f"recovered  {found['decisions']:,} decisions on pairs, in {found['actions']:,} actions",
    ]
    if found["filters"]:
        said.append(f"           {found['filters']:,} saved filters")
    if found["damaged_lines"]:
        said.append(f"lost       {found['damaged_lines']:,} damaged lines of decisions.jsonl")
    if found["aside"]:
        said.append(f"set aside  {', '.join(found['aside'])}")
    said += [f"noticed    {notice}" for notice in found["notices"]]
    said.append(
        f"next       seal-tui run {shell_word(run_dir / 'study.toml')} --run-dir "
        f"{shell_word(run_dir)}   (computes the results again)"
    )
    return [one_line(line) for line in said]
