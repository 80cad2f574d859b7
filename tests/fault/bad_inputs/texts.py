"""Taxonomies, settings files and arguments of commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.fault.bad_inputs.base import Case
from tests.fault.bad_inputs.studies import BROKEN

ROW = '[[feature]]\nname = "kind"\nquestion = "Is it kind?"\nkind = "bool"\n'
TAXONOMIES: dict[str, tuple[str, str]] = {
    "no feature": ("[[features]]\n", "features"),
    "a table in place of a list": ('[feature]\nname = "a"\n', "feature"),
    "a number in place of a list": ("feature = 3\n", "feature"),
    "numbers in the list": ("feature = [1, 2]\n", "feature"),
    "an empty list": ("feature = []\n", "[[feature]]"),
    "an unknown key": (ROW + "weight = 3\n", "weight"),
    "no question": ('[[feature]]\nname = "a"\nkind = "bool"\n', "question"),
    "no name": ('[[feature]]\nquestion = "a?"\nkind = "bool"\n', "name"),
    "no kind": ('[[feature]]\nname = "a"\nquestion = "a?"\n', "kind"),
    "a kind of its own": (ROW.replace("bool", "scale"), "kind"),
    "a class of its own": (ROW + 'class = "best"\n', "class"),
    "a name with a space": (ROW.replace('"kind"', '"very kind"'), "very kind"),
    "a name with a quote": (ROW.replace('name = "kind"', "name = 'a\"b'"), "taxonomy.toml"),
    "an empty name": (ROW.replace('name = "kind"', 'name = ""'), "taxonomy.toml"),
    "an empty question": (ROW.replace("Is it kind?", " "), "question"),
    "a name that is a number": (ROW.replace('name = "kind"', "name = 3"), "name"),
    "a question that is a list": (ROW.replace('"Is it kind?"', '["a"]'), "question"),
    "a truth value that is text": (ROW + 'regress = "yes"\n', "regress"),
    "a released name that is a date": (ROW + "released = 2024-01-01\n", "released"),
    "a feature twice": (ROW + ROW, "kind"),
}
KEYS = "[keys]\n"
SETTINGS: dict[str, tuple[str, str]] = {
    "an unknown key": ("colour = 3\n", "colour"),
    "a theme that is a number": ("theme = 3\n", "theme"),
    "a theme that is none": ('theme = "neon"\n', "neon"),
    "a mouse that is text": ('mouse = "on"\n', "mouse"),
    "an author that is a list": ("author = ['a']\n", "author"),
    "keys that are a list": ("keys = []\n", "keys"),
    "keys that are text": ('keys = "x"\n', "keys"),
    "a scope that is text": (f'{KEYS}triage = "x"\n', "keys.triage"),
    "an unknown scope": (f'{KEYS}nowhere.flip = "x"\n', "keys.nowhere.flip"),
    "an unknown action": (f'{KEYS}triage.explode = "x"\n', "keys.triage.explode"),
    "a key that is a number": (f"{KEYS}triage.flip = 3\n", "keys.triage.flip"),
    "an empty key": (f'{KEYS}triage.flip = ""\n', "keys.triage.flip"),
    "a key of another action": (f'{KEYS}triage.flip = "d"\n', "triage"),
    "a comma alone": (f'{KEYS}triage.flip = ","\n', "keys.triage.flip"),
}
# The arguments, and what the line has to name.
ARGUMENTS: tuple[tuple[list[str], str], ...] = (
    (["fly"], "fly"),
    (["run"], "study"),
    (["run", ""], "folder"),
    (["run", "gone.toml"], "gone.toml"),
    (["run", "."], "folder"),
    (["run", "pairs.jsonl"], "pairs.jsonl"),
    (["run", "study.toml", "extra"], "extra"),
    (["run", "study.toml", "--run-dir"], "--run-dir"),
    (["run", "study.toml", "--fast"], "--fast"),
    (["run", "a\nb.toml"], "b.toml"),
    (["run", "x" * 5_000], "xxx"),
    (["run", "~nobody/study.toml"], "~nobody"),
    (["open"], "open"),
    (["open", "gone"], "gone"),
    (["open", "study.toml"], "study.toml"),
    (["open", "--socket", "gone.sock"], "gone.sock"),
    (["open", "x", "--socket", "y"], "--socket"),
    (["status", "gone"], "gone"),
    (["status", "study.toml"], "study.toml"),
    (["status", "."], "run"),
    (["status", "x" * 5_000], "xxx"),
    (["stop", "gone"], "gone"),
    (["stop", "."], "run"),
    (["metrics", "gone"], "gone"),
    (["metrics", ".", "--preset", "best"], "best"),
    (["recover", "gone"], "gone"),
    (["recover", "study.toml"], "study.toml"),
    (["recover", "."], "run"),
    (["export", "."], "--to"),
    (["export", "gone", "--to", "a.jsonl"], "gone"),
    (["export", ".", "--to", "a.jsonl", "--ties", "flip"], "flip"),
    (["export", ".", "--to", "a.jsonl", "--max-length", "0"], "--max-length"),
    (["export", ".", "--to", "a.jsonl", "--max-length", "many"], "--max-length"),
    (["export", ".", "--to", "a.jsonl", "--soft-labels", "all"], "all"),
    (["import"], "run_dir"),
    (["import", "new"], "--rewards"),
    (["import", "new", "--pairs", "pairs.jsonl"], "--rewards"),
    (["import", "new", "--rewards", "pre=pre.csv"], "--"),
    (["import", "new", "--pairs", "pairs.jsonl", "--rewards", "both=pre.csv"], "both"),
    (["import", "new", "--pairs", "pairs.jsonl", "--rewards", "pre="], "pre="),
    (["import", "new", "--rewards", "pre=pre.csv", "--rewards", "pre=post.csv"], "twice"),
    (["import", "new", "--ledger", "pairs.jsonl", "--pairs", "pairs.jsonl"], "--ledger"),
    (["import", "gone", "--ledger", "pairs.jsonl"], "gone"),
    (["doctor", "gone.toml", "x"], "x"),
    (["keys", "--yaml"], "--yaml"),
    (["demo", "--run-dir"], "--run-dir"),
)  # fmt: skip


def taxonomies() -> Iterator[Case]:
    contents = {name: text.encode() for name, (text, _) in TAXONOMIES.items()}
    words = {name: word for name, (_, word) in TAXONOMIES.items()}
    for name, content in (contents | BROKEN).items():

        def make(folder: Path, content: bytes = content) -> list[str]:
            (folder / "taxonomy.toml").write_bytes(content)
            return ["run", str(folder / "study.toml"), "--plan"]

        yield Case(f"taxonomy: {name}", make, (words.get(name, "taxonomy.toml"),))


def settings() -> Iterator[Case]:
    """Of `seal-tui keys` in a folder that XDG_CONFIG_HOME names."""
    contents = {name: text.encode() for name, (text, _) in SETTINGS.items()}
    words = {name: word for name, (_, word) in SETTINGS.items()}
    broken = {name: text for name, text in BROKEN.items() if name not in ("empty", "only spaces")}
    for name, content in (contents | broken).items():

        def make(folder: Path, content: bytes = content) -> list[str]:
            place = folder / "config" / "seal-tui"
            place.mkdir(parents=True)
            (place / "config.toml").write_bytes(content)
            return ["keys"]

        yield Case(f"settings: {name}", make, (words.get(name, "config.toml"),))


def arguments() -> Iterator[Case]:
    for words, name in ARGUMENTS:
        shown = " ".join(words).replace("\n", "\\n")[:60]
        yield Case(f"arguments: {shown}", lambda _, words=words: list(words), (name,))  # type: ignore[misc]
