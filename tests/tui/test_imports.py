"""The explorer starts fast because it holds nothing heavy."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "duckdb",
    "torch",
    "transformers",
    "statsmodels",
    "sentence_transformers",
    "pandas",
    "pyarrow",
    "numpy",
    "scipy",
    "sklearn",
)
OWN = {
    "engine",
    "engine.author",
    "engine.door",
    "engine.errors",
    "engine.files",
    "engine.settings",
    "engine.toml",
    "engine.visible",
    "engine.wire",
    "engine.wire.client",
    "engine.wire.endpoints",
    "engine.wire.messages",
    "engine.wire.messages.base",
    "engine.wire.messages.decisions",
    "engine.wire.messages.exports",
    "engine.wire.messages.filters",
    "engine.wire.messages.pairs",
    "engine.wire.messages.results",
    "engine.wire.messages.rewrites",
    "engine.wire.messages.run",
    "engine.wire.messages.study",
    "engine.xdg",
}


def test_a_cold_import_pulls_in_no_heavy_library_and_only_the_wire_and_the_results() -> None:
    code = (
        "import sys, seal_tui.explorer.app, seal_tui.cli.headless\nprint('\\n'.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = done.stdout.split()
    tops = {name.partition(".")[0] for name in modules}
    assert not tops & set(HEAVY)
    own = {name for name in modules if name.partition(".")[0] == "engine"}
    assert {name for name in own if not name.startswith("engine.results")} == OWN
