"""The table of export forms: everything else follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import BadInput
from engine.export.formats import FORMATS, Format, for_path, named
from engine.service import Engine

from .conftest import Export


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_every_form_writes_the_file_it_proposes(
    decided: Engine, export: Export, form: Format
) -> None:
    status, path = export(form.name, form.default_path)
    assert (status.state, status.error) == ("done", None)
    assert path.is_dir() == form.is_folder
    assert status.done == status.total


def test_no_ending_means_two_forms() -> None:
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
        ("a.html", "report"),
    ],
)
def test_the_ending_of_a_file_means_its_usual_form(path: str, form: str) -> None:
    assert for_path(Path(path)).name == form
    assert for_path(Path(path), "kto").name == "kto"


def test_an_unknown_form_or_ending_is_named_with_what_there_is() -> None:
    with pytest.raises(BadInput, match=r"'yaml'.*trl, trl-messages"):
        named("yaml")
    with pytest.raises(BadInput, match=r"a\.yaml.*trl, trl-messages"):
        for_path(Path("a.yaml"))
