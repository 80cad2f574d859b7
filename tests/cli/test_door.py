"""Every command on a pseudo terminal, with hostile names in every place where a name can stand."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

import engine
from engine.visible import json_text, shell_word
from tests.cli.conftest import Answer
from tests.cli.test_import import Recording
from tests.command import COMMAND
from tests.engine.conftest import end_engine
from tests.engine.studies import ServerSays, stand_in_server, write_study
from tests.fault.tiny import answer as model_answer
from tests.fault.tiny import write_light_study
from tests.tally import Tally
from tests.tui.terminal import Terminal
from tests.tui.test_hostile_terminal import leaks

pytestmark = pytest.mark.fault("leaks")

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


# Commands after one another on one terminal, each in a process of its own that need not import
# everything again; after each a line with its exit code.
IN_TURN = """
import json, os, sys
from seal_tui.cli import commands
for number, words in enumerate(json.loads(sys.argv[1])):
    if (pid := os.fork()) == 0:
        sys.argv = ["seal-tui", *map(os.fsdecode, map(bytes.fromhex, words))]
        sys.exit(commands.main())
    _, status = os.waitpid(pid, 0)
    os.write(1, b"END %d %d;" % (number, os.waitstatus_to_exitcode(status)))
"""


def in_turn(
    commands: Sequence[Sequence[str]], *, cwd: Path, **environment: str
) -> list[tuple[int, bytes]]:
    """Exit code, and the bytes that a terminal was sent, of each."""
    words = [[os.fsencode(word).hex() for word in command] for command in commands]
    begin = "import os,sys; os.chdir(sys.argv[1]); os.execv(sys.argv[2], sys.argv[2:])"
    run = [sys.executable, "-P", "-c", IN_TURN, json.dumps(words)]
    terminal = Terminal([sys.executable, "-c", begin, str(cwd), *run], environment=environment)
    try:
        assert terminal.ended() == 0, terminal.output
    finally:
        terminal.close()
    parts = re.split(rb"END (\d+) (-?\d+);", terminal.output)
    assert parts[1::3] == [b"%d" % number for number in range(len(commands))]
    assert b"Traceback" not in terminal.output, terminal.output
    return [(int(code), output) for output, code in zip(parts[::3], parts[2::3], strict=False)]


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
    ("recover", HOSTILE),
    ("recover", "RUN", "--force"),
    ("recover", "RUN", "--json"),
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
    imported: tuple[Recording, bytes],
    place: Path,
    capsys: pytest.CaptureFixture[str],
    tally: Tally,
) -> None:
    recording, _ = imported
    name = json.dumps(HOSTILE)
    study = write_study(place / "study", pairs=8).read_text().replace("name = ", f"name = {name} #")
    (place / "study" / f"{HOSTILE}.toml").write_text(study)
    (place / f"bad {HOSTILE}.toml").write_text(f"[{name}]\nx = 1\n")
    config = place / "config" / "seal-tui"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(f"author = {name}\n[keys]\nlist.cursor_down = {name}\n")
    found, codes = {}, []
    arguments = [
        [str(recording.run) if word == "RUN" else word for word in command] for command in COMMANDS
    ]
    done = in_turn(arguments, cwd=place, XDG_CONFIG_HOME=str(config.parent))
    for command, (code, output) in zip(COMMANDS, done, strict=True):
        codes.append(code)
        assert output, command
        if lost := leaks(output):
            found[command] = lost
        if NEWLINE in command:
            assert b"\nseal-tui: all is well" not in output.replace(b"\r", b""), output
    with capsys.disabled():
        print(f"\n{len(COMMANDS)} commands on a terminal: {len(found)} leaked")
    tally.add(
        len(COMMANDS),
        survived=codes.count(0),
        refused=len(codes) - codes.count(0),
        leaked=len(found),
    )
    assert found == {}
    assert set(codes) <= {0, 1, 2}


MARKUP = "<script>x()</script> [a](javascript:b) | `c` =1+1 ${d}"
FILES = {
    "csv": "sheet.csv",
    "md": "report.md",
    "html": "report.html",
    "hub": "hub",
    "ledger": "log.jsonl",
    "trl": "rows.jsonl",
}


def test_no_file_that_people_open_holds_a_name_as_it_is(
    place: Path, tmp_path: Path, seal_tui: Callable[..., Answer]
) -> None:
    recording = Recording(tmp_path)
    # A folder may hold anything but a slash.
    recording.run = tmp_path / f"{HOSTILE} {MARKUP.replace('/', '')}"
    out = tmp_path / "out"
    out.mkdir()
    try:
        done = [seal_tui("import", *recording.options())]
        for form, name in FILES.items():
            how = ["--format", form] if form in ("hub", "ledger") else []
            done.append(seal_tui("export", recording.run, "--to", out / name, *how))
        for answer in done:
            assert answer.returncode == 0, answer.stderr
            assert leaks((answer.stdout + answer.stderr).encode()) == []
        written = [path for path in out.rglob("*") if path.is_file()]
        assert len(written) >= len(FILES)
        kept = ("engine.log", "manifest.json", "study.json", "study.toml")
        for path in [*written, *(recording.run / name for name in kept)]:
            if path.suffix == ".parquet":
                continue
            content = path.read_bytes().removeprefix(BOM_UTF8)
            assert leaks(content) == [], path
            if path.suffix == ".html":
                assert b"<script>" not in content, path
            elif path.suffix == ".md":
                # Without the card's YAML, and code, in which nothing is markup.
                content = content.partition(b"\n---\n")[2] or content
                bare = re.sub(rb"(`+).+?\1", b"", content, flags=re.DOTALL)
                assert b"<script>" not in bare, path
                assert b"](javascript:" not in bare, path
        with engine.open(recording.run) as run:
            assert leaks(repr(run).encode()) == [], "as a notebook prints it"
    finally:
        end_engine(recording.run)


SECRET = "sk-canary-8e41bd07f6"
KEY = 'api_key_env="CANARY_KEY"'


def test_a_key_of_the_environment_is_in_no_byte_that_is_written(
    tmp_path: Path, seal_tui: Callable[..., Answer], tally: Tally
) -> None:
    """Of a run that ends, of its exports, and of one whose server says the key."""

    def leak(body: dict[str, Any], headers: Message) -> str:
        raise ServerSays(400, f"bad key {headers['authorization']}")

    said: list[str] = []
    environment = {"CANARY_KEY": SECRET, "XDG_STATE_HOME": str(tmp_path / "state")}

    def call(*arguments: object) -> Answer:
        answer = seal_tui(*arguments, **environment)
        said.append(answer.stdout + answer.stderr)
        return answer

    asked: list[str] = []

    def right(body: dict[str, Any], headers: Message) -> str:
        asked.append(headers["authorization"])
        return model_answer(body)

    for name, server in (("good", right), ("bad", leak)):
        with stand_in_server(server) as address:
            folder = tmp_path / name
            study = write_light_study(folder / "study", address, labeler=KEY)
            try:
                run = call("run", study, "--headless", "--run-dir", folder / "run")
                assert run.returncode == (0 if name == "good" else 1), run.stderr
                call("doctor", study)
                call("status", folder / "run", "--json")
                call("metrics", folder / "run", "--json")
                for file in ("report.html", "rows.jsonl") if name == "good" else ():
                    call("export", folder / "run", "--to", folder / file)
            finally:
                end_engine(folder / "run")
    assert f"Bearer {SECRET}" in asked, "the key was used"
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"seal.duckdb", "engine.log", "rows.jsonl"} <= {path.name for path in written}
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []
    assert SECRET not in "".join(said)
    tally.add(2, survived=1, refused=1)


def test_json_is_ascii_and_says_the_same(imported: tuple[Recording, bytes], place: Path) -> None:
    recording, _ = imported
    _, output = on_terminal("status", recording.run, "--json", cwd=place)
    output = output[output.index(b"{") :]  # a busy machine may say before what it waits for
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


def test_escaped_json_says_the_same() -> None:
    for text in (HOSTILE, NEWLINE, "\x7f\t\r\U000e0041 👩\u200d🔬 漢", "plain"):
        content = {text: [text]}
        escaped = json_text(json.dumps(content, indent=2, ensure_ascii=False))
        assert json.loads(escaped) == content
        assert leaks(escaped.encode()) == []
