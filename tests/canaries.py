"""Modules planted where no code may be taken from: each leaves a file when it is imported."""

from __future__ import annotations

from pathlib import Path

# Of this program, of Python, of the libraries, of a data set's loading script; what Python imports
# by itself at its start; a package with a folder.
NAMES = (
    "engine/__init__",
    "engine/__main__",
    "seal_tui/__init__",
    "engine",
    "json",
    "logging",
    "msgspec",
    "duckdb",
    "torch",
    "numpy",
    "transformers",
    "sentence_transformers",
    "datasets",
    "pairs",
    "sitecustomize",
    "usercustomize",
    "planted_entry_point",
)
# A back end or strategy that a package found beside it would bring.
ENTRY_POINTS = "".join(
    f"[{group}]\nplanted = planted_entry_point:anything\n"
    for group in ("seal_tui.backends", "seal_tui.strategies", "engine.backends")
)


class Canaries:
    def __init__(self, fired: Path) -> None:
        """`fired` is where they leave their files."""
        fired.mkdir()
        self._fired = fired

    def plant(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in NAMES:
            self.write(folder / f"{name}.py")
        package = folder / "planted-1.0.dist-info"
        package.mkdir(mode=0o700)
        for name, content in {
            "METADATA": "Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n",
            "entry_points.txt": ENTRY_POINTS,
        }.items():
            (package / name).write_text(content)
            (package / name).chmod(0o600)

    def write(self, module: Path) -> None:
        """One module that leaves a file when it is run, and does nothing else."""
        module.parent.mkdir(mode=0o700, exist_ok=True)
        mark = self._fired / "-".join(module.parts[-3:])
        module.write_text(f"open({str(mark)!r}, 'w').close()\n")
        module.chmod(0o600)

    def fired(self) -> list[str]:
        return sorted(path.name for path in self._fired.iterdir())
