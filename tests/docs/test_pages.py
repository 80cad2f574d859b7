"""Every example of the documentation does what the page says of it."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import sys
import tomllib
from pathlib import Path

import duckdb
import pytest
import typer.main
from typer.core import TyperGroup

from engine import study as studies
from engine import taxonomy
from seal_tui.cli.commands import app
from seal_tui.explorer import settings
from tests.docs import pages
from tests.docs.conftest import Shell
from tests.docs.pages import PAGES, ROOT, Block

GROUP = typer.main.get_command(app)
assert isinstance(GROUP, TyperGroup)
# Other people's programs, which only a machine that has them can run.
OTHERS = ("export", "ssh", "vllm", "duckdb")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


# ---------------------------------------------------------------- how pages are written


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_block_names_a_language_that_is_tested(page: Path) -> None:
    found = pages.blocks(page)
    assert page.read_text("utf-8").count("```") == 2 * len(found), "a fence that is not closed"
    for block in found:
        assert block.language in pages.LANGUAGES, f"{block}: {block.language or 'no language'}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in pages.links(page):
        if re.match(r"\w+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), f"{_name(page)}: {link}"
        if anchor:
            assert anchor in _anchors(target), f"{_name(page)}: {link}"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("block", pages.of_kind("toml"), ids=str)
def test_every_study_of_a_page_is_accepted(block: Block, reader: Path) -> None:
    path = reader / "page.toml"
    path.write_text(block.text, "utf-8")
    studies.load(path)


@pytest.mark.parametrize("block", pages.of_kind("taxonomy"), ids=str)
def test_every_taxonomy_of_a_page_is_accepted(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "taxonomy.toml"
    path.write_text(block.text, "utf-8")
    assert taxonomy.load(path)


@pytest.mark.parametrize("block", pages.of_kind("settings"), ids=str)
def test_every_settings_file_of_a_page_is_accepted(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "seal-tui" / "config.toml"
    path.parent.mkdir()
    path.write_text(block.text, "utf-8")
    given = tomllib.loads(block.text)
    loaded = settings.load()
    assert loaded.author == given["author"]
    for scope, actions in given["keys"].items():
        for action, keys in actions.items():
            assert loaded.all_keys[f"{scope}.{action}"] == keys


@pytest.mark.parametrize("block", pages.of_kind("filter"), ids=str)
def test_every_filter_of_a_page_is_understood(block: Block, shell: Shell) -> None:
    done = shell(
        f"seal-tui export runs/demo --to x.csv --dry-run --where {shlex.quote(block.text)}"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", pages.of_kind("json"), ids=str)
def test_every_json_of_a_page_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", pages.of_kind("jsonl"), ids=str)
def test_all_json_lines_of_a_page_are_json(block: Block) -> None:
    for line in block.text.splitlines():
        json.loads(line)


def test_the_studies_of_the_examples_are_accepted(reader: Path) -> None:
    files = sorted((ROOT / "examples").glob("*.toml"))
    assert files
    for file in files:
        study = tomllib.loads(file.read_text("utf-8"))
        if "path" in study["data"]:  # the file's first lines say where its data come from
            path = reader / study["data"]["path"]
            path.parent.mkdir(exist_ok=True)
            path.write_bytes((reader / "pairs.jsonl.gz").read_bytes())
        copy = reader / file.name
        copy.write_text(file.read_text("utf-8"), "utf-8")
        studies.load(copy)


def test_the_readme_shows_the_study_of_the_examples() -> None:
    shown = [block.text for block in pages.blocks(ROOT / "README.md") if block.kind == "toml"]
    paper = (ROOT / "examples" / "paper.toml").read_text("utf-8")
    assert tomllib.loads(paper) in [tomllib.loads(text) for text in shown]


# ---------------------------------------------------------------- commands


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(b.kind == "sh" for b in pages.blocks(page))], ids=_name
)
def test_the_commands_of_a_page_work_in_their_order(page: Path, reader: Path, shell: Shell) -> None:
    for block in pages.blocks(page):
        if block.mark == "file":
            (reader / block.value).write_text(block.text, "utf-8")
        if block.kind == "python":
            (reader / "page.py").write_text(block.text, "utf-8")
            script = f"{sys.executable} page.py"
        elif block.kind == "sh":
            script = block.text
        else:
            continue
        if block.mark == "not run":
            _check(block)
            continue
        done = shell(script)
        assert done.returncode == 0, f"{block}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        assert "Traceback" not in done.stdout + done.stderr, str(block)


def _check(block: Block) -> None:
    """What can be said of commands that are not run: they exist, and have these options."""
    if block.kind == "python":
        compile(block.text, str(block), "exec")
        return
    for line in pages.commands(block):
        match shlex.split(line, comments=True):
            case ["seal-tui", name, *arguments]:
                command = GROUP.commands[name]
                command.make_context(name, list(arguments), resilient_parsing=False)
            case ["make", target, *_]:
                makefile = (ROOT / "Makefile").read_text("utf-8")
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{block}: {line}"
            case [".venv/bin/python", "-m", module, *_]:
                assert importlib.util.find_spec(module), f"{block}: {line}"
            case [".venv/bin/pytest", path, *_]:
                assert (ROOT / path).exists(), f"{block}: {line}"
            case [program, *_]:
                assert program in OTHERS, f"{block}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_the_commands_in_the_text_exist_with_their_options(page: Path) -> None:
    for text in pages.inline_commands(page):
        if page.name == "CHANGELOG.md" or "…" in text.split()[:2]:
            continue
        name, *words = text.replace("…", "").split()[1:]
        assert name in GROUP.commands, f"{_name(page)}: {text}"
        known = {option for p in GROUP.commands[name].params for option in p.opts} | {"--help"}
        for word in words:
            if word.startswith("-"):
                assert word.partition("=")[0] in known, f"{_name(page)}: {text}"


# ---------------------------------------------------------------- the database


@pytest.mark.parametrize("block", pages.of_kind("sql"), ids=str)
def test_every_query_of_a_page_can_be_asked(block: Block, reader: Path) -> None:
    database = str(reader / "runs" / "demo" / "seal.duckdb")
    with duckdb.connect(database, read_only=True) as connection:
        connection.execute(block.text).fetchall()
