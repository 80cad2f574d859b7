"""What a process may hold: looked at in `sys.modules` of a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "duckdb",
    "torch",
    "transformers",
    "statsmodels",
    "sentence_transformers",
    "sklearn",
    "scipy",
    "datasets",
    "peft",
}


def loaded(statement: str) -> set[str]:
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def packages(statement: str) -> set[str]:
    return {name.partition(".")[0] for name in loaded(statement)}


@pytest.mark.parametrize(
    "statement",
    [
        "import seal_tui.cli.commands",
        "import seal_tui.explorer.app",
        "import engine.wire.client, seal_tui.cli.headless",
        "from typer.testing import CliRunner; from seal_tui.cli.commands import app; "
        "CliRunner().invoke(app, ['--help'])",
        "from typer.testing import CliRunner; from seal_tui.cli.commands import app; "
        "CliRunner().invoke(app, ['run', 'gone.toml'])",
    ],
)
def test_the_client_holds_no_heavy_library(statement: str) -> None:
    assert packages(statement) & HEAVY == set()


def test_the_command_line_paints_help_without_the_explorer() -> None:
    # Keys and themes are the explorer's: they cost every command a third of its start.
    explorers = {"seal_tui.explorer.app", "seal_tui.explorer.actions", "seal_tui.explorer.themes"}
    assert not loaded("import seal_tui.cli.commands") & explorers


@pytest.mark.parametrize("module", ["engine.wire.server", "engine.service", "engine.__main__"])
def test_the_engine_starts_without_user_interface_torch_and_scipy(module: str) -> None:
    found = packages(f"import {module}")
    assert found & {"textual", "rich", "seal_tui", "torch", "transformers", "scipy"} == set()


@pytest.mark.parametrize(
    "module", ["engine.executors.worker", "engine.backends.labelers.torch", "engine.launch"]
)
def test_workers_and_launching_know_no_database(module: str) -> None:
    found = loaded(f"import {module}")
    assert not [name for name in found if name.partition(".")[0] == "duckdb"]
    assert not [name for name in found if name.startswith("engine.store")]


def test_a_worker_that_has_loaded_a_model_still_knows_no_database() -> None:
    found = loaded(
        "from engine.executors.worker import Worker; "
        "from engine.executors.requests import Ask, Identify, Load; "
        "from engine.backends.base import Model, Use; from engine.models.operations import Score; "
        "from engine.backends.rewards.torch import ClassifierBackend; "
        "from engine.data import Conversation; from engine.models.protocols import Text; "
        "worker = Worker('cpu'); "
        "model = Model(ClassifierBackend(model='embedded:reward-pre'), Use()); "
        "Load(model, Identify(model).answer(worker)).answer(worker); "
        "said = Conversation.of_transcript('Human: a\\n\\nAssistant: b'); "
        "Ask(Score(), (Text(0, said),)).answer(worker)"
    )
    assert "torch" in found
    assert "duckdb" not in found
    assert not [name for name in found if name.startswith(("engine.store", "seal_tui", "textual"))]


def test_the_papers_measures_know_neither_store_nor_models() -> None:
    found = loaded("import engine.paper.measures")
    assert not [n for n in found if n.startswith(("engine.store", "engine.models", "engine.run"))]
    assert {"duckdb", "torch"} & found == set()


def test_the_results_hold_no_heavy_library() -> None:
    found = packages("import engine.results.tables, engine.results.reference")
    assert found & (HEAVY | {"numpy", "pandas", "pyarrow", "rich", "textual"}) == set()
