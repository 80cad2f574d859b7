"""Every command on a pseudo terminal, with hostile names in every place where a name can stand."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from engine.visible import shell_word
from tests.cli.test_import import Recording
from tests.command import COMMAND
from tests.engine.conftest import end_engine
from tests.engine.studies import write_study
from tests.tui.terminal import Terminal
from tests.tui.test_hostile_terminal import leaks

# A title, a bell, the same as one C1 character, bidi controls, and words of a shell.
HOSTILE = (
    "a\x1b]0;pwned\x07\x1b[66;77H\x9d0;pwned\x9c\u202eb\u2066\u200b\r $(id) 'c' \"d\"; \x9b31m漢"
)
NEWLINE = "e\nseal-tui: all is well"


def on_terminal(*arguments: object, cwd: Path, **environment: str) -> tuple[int, bytes]:
    """Exit code, and the bytes that a terminal was sent."""
    # A shell of its own folder, for a Terminal has none.
    command = [sys.executable, "-c", "import os,sys; os.chdir(sys.argv[1]); "
               "os.execv(sys.argv[2], sys.argv[2:])", str(cwd), *COMMAND]  # fmt: skip
    terminal = Terminal([*command, *map(str, arguments)], environment=environment)
    try:
        code = terminal.ended()
    finally:
        terminal.close()
    assert b"Traceback" not in terminal.output, terminal.output
    return code, terminal.output


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("door") / HOSTILE
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def imported(place: Path) -> Iterator[tuple[Recording, bytes]]:
    """A run in a hostile folder, of hostile files, with a labeler's topics of that kind; and what
    its import wrote to the terminal."""
    recording = Recording(place)
    recording.run = place / f"run {HOSTILE}"
    rows = [json.loads(line) for line in (place / "pairs.jsonl").read_text().splitlines()]
    (place / f"{HOSTILE}.jsonl").write_text(
        "".join(json.dumps({**row, "topic": HOSTILE}) + "\n" for row in rows)
    )
    (place / "labels.csv").rename(place / f"{HOSTILE}.csv")
    options = recording.options(pairs=f"{HOSTILE}.jsonl", labels=f"{HOSTILE}.csv")
    code, output = on_terminal("import", *options, cwd=place)
    assert code == 0, output
    yield recording, output
    end_engine(recording.run)


def test_an_import_prints_no_name_as_it_is(imported: tuple[Recording, bytes]) -> None:
    assert leaks(imported[1]) == []
    assert b"pwned" in imported[1]


def test_the_line_that_it_ends_with_can_be_pasted(imported: tuple[Recording, bytes]) -> None:
    recording, output = imported
    line = output.decode().rstrip().splitlines()[-1]
    command = line.removeprefix("Explore it: seal-tui open ")
    said = subprocess.run(["bash", "-c", f"printf %s {command}"], capture_output=True, check=True)
    assert said.stdout == os.fsencode(recording.run)
    assert line.isascii()


COMMANDS: Sequence[tuple[str, ...]] = (
    ("status", "RUN"),
    ("status", "RUN", "--json"),
    ("metrics", "RUN"),
    ("metrics", "RUN", "--json"),
    ("metrics", "RUN", "--preset", HOSTILE),
    ("export", "RUN", "--to", f"{HOSTILE}.csv", "--author", HOSTILE),
    ("export", "RUN", "--to", f"{HOSTILE}.csv", "--author", HOSTILE),  # it exists now
    ("export", "RUN", "--to", f"1{HOSTILE}.md", "--author", HOSTILE, "--json"),
    ("export", "RUN", "--to", f"2{HOSTILE}.jsonl", "--dry-run", "--json", "--where", HOSTILE),
    ("export", "RUN", "--to", f"{HOSTILE}.nothing"),
    ("export", "RUN", "--to", "x.jsonl", "--format", HOSTILE),
    ("export", "RUN", "--to", "x.jsonl", "--tokenizer", HOSTILE),
    ("export", "RUN", "--to", "x.jsonl", "--ties", HOSTILE),
    ("export", "RUN", "--to", "x.jsonl", "--max-length", HOSTILE),
    ("import", "RUN", "--ledger", HOSTILE),
    ("import", "new", "--labels", f"{HOSTILE}=x"),
    ("import", "new", "--pairs", HOSTILE, "--rewards", HOSTILE),
    ("run", HOSTILE, "--headless"),
    ("run", f"study/{HOSTILE}.toml", "--plan"),
    ("run", f"bad {HOSTILE}.toml", "--headless"),
    ("doctor", f"study/{HOSTILE}.toml"),
    ("doctor", f"bad {HOSTILE}.toml", "--json"),
    ("keys",),
    ("keys", "--json"),
    ("open", HOSTILE),
    ("open", "--socket", HOSTILE),
    ("demo", HOSTILE),
    ("selftest", f"--{HOSTILE}"),
    ("stop", HOSTILE),
    ("stop", "RUN"),
    (HOSTILE,),
    (f"--{HOSTILE}",),
    ("status", "a", HOSTILE),
    ("status", f"-{HOSTILE}"),
    ("status", f"--json={HOSTILE}"),
    (NEWLINE,),
    ("status", NEWLINE),
    ("status", f"--{NEWLINE}"),
    ("status", "a", NEWLINE),
)


def test_no_command_prints_a_name_as_it_is(
    imported: tuple[Recording, bytes], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording, _ = imported
    name = json.dumps(HOSTILE)
    study = write_study(place / "study", pairs=8).read_text().replace("name = ", f"name = {name} #")
    (place / "study" / f"{HOSTILE}.toml").write_text(study)
    (place / f"bad {HOSTILE}.toml").write_text(f"[{name}]\nx = 1\n")
    config = place / "config" / "seal-tui"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(f"author = {name}\n[keys]\nlist.cursor_down = {name}\n")
    found, codes = {}, set()
    for command in COMMANDS:
        arguments = [str(recording.run) if word == "RUN" else word for word in command]
        code, output = on_terminal(*arguments, cwd=place, XDG_CONFIG_HOME=str(config.parent))
        codes.add(code)
        assert output, command
        if lost := leaks(output):
            found[command] = lost
        if NEWLINE in command:
            assert b"\nseal-tui: all is well" not in output.replace(b"\r", b""), output
    with capsys.disabled():
        print(f"\n{len(COMMANDS)} commands on a terminal: {len(found)} leaked")
    assert found == {}
    assert codes <= {0, 1, 2}


def test_json_is_ascii_and_says_the_same(imported: tuple[Recording, bytes], place: Path) -> None:
    recording, _ = imported
    _, output = on_terminal("status", recording.run, "--json", cwd=place)
    assert output.isascii()
    assert b"\x7f" not in output
    assert json.loads(output)["run_dir"] == str(recording.run)


def test_a_word_for_a_shell_is_quoted_only_where_it_must_be() -> None:
    assert shell_word("runs/demo") == "runs/demo"
    assert shell_word("my run") == "'my run'"
    for word in (HOSTILE, NEWLINE, "back\\slash\x01", "é\udcff\u202e7"):
        quoted = shell_word(word)
        assert quoted.startswith("$'")
        assert quoted.isascii()
        said = subprocess.run(["bash", "-c", f"printf %s {quoted}"], capture_output=True).stdout
        assert said == os.fsencode(word)
    assert shlex.split(shell_word("it's")) == ["it's"]
