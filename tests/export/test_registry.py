"""The registry of export formats, which everything else follows."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from engine.data.origin import Origin
from engine.errors import BadInput
from engine.export.formats import FORMATS, requested
from engine.service import Engine
from engine.store.dataset import ORIGIN
from engine.wire.messages import ExportRequest
from seal_tui.cli.commands import app

from .conftest import Export


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_writes_its_default_path(decided: Engine, export: Export, name: str) -> None:
    [listed] = [form for form in decided.info().export_formats if form.name == name]
    form = FORMATS[name].of(Origin.read(decided.store.meta(ORIGIN)))
    status, path = export(name, listed.default_path)
    assert (status.state, status.error) == ("done", None)
    assert path.is_dir() == form.is_folder
    assert status.done == status.total


def test_no_ending_is_the_default_for_two_formats() -> None:
    endings = [ending for form in FORMATS.values() for ending in form.default_for]
    assert len(endings) == len(set(endings))
    for form in FORMATS.values():
        assert set(form.default_for) <= set(form.endings)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("a.jsonl", "trl"),
        ("a.JSONL.GZ", "trl"),
        ("a.parquet", "trl"),
        ("a.csv", "csv"),
        ("a.md", "report"),
        ("/b/a.html", "report"),
    ],
)
def test_the_ending_of_a_file_selects_its_default_format(path: str, form: str) -> None:
    assert requested(ExportRequest(path=path)).name == form
    assert requested(ExportRequest(path=path, format="kto")).name == "kto"


def test_an_unknown_format_or_ending_is_named_with_the_choice() -> None:
    with pytest.raises(BadInput, match=r"'yaml'.*trl, trl-messages"):
        requested(ExportRequest(path="a.jsonl", format="yaml"))
    with pytest.raises(BadInput, match=r"^a\.yaml.*trl, trl-messages"):
        requested(ExportRequest(path="/b/a.yaml"))


def test_the_help_of_the_command_explains_every_format() -> None:
    text = CliRunner().invoke(app, ["export", "--help"]).output
    words = set(re.findall(r"[\w-]+", text))
    assert set(FORMATS) <= words
