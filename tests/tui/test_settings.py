"""The settings file: what it changes, and what it says when it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import BadInput
from seal_tui.explorer import key_names, settings
from seal_tui.explorer.actions import ACTIONS
from seal_tui.explorer.app import SealApp

from .conftest import client_of, shows, until
from .fake_engine import FakeEngine


def load(tmp_path: Path, text: str) -> settings.Settings:
    path = tmp_path / "config.toml"
    path.write_text(text, "utf-8")
    return settings.load(path)


def test_without_a_file_there_are_defaults_and_the_login_signs(tmp_path: Path) -> None:
    found = settings.load(tmp_path / "none.toml")
    assert found == settings.Settings() and found.signature == settings.login()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("theme = ", "not valid TOML"),
        ("colour = 1", "colour"),
        ("mouse = 3", "mouse: must be true or false"),
        ('theme = "pink"', "unknown theme 'pink'; available: "),
        ('keys.triage.fly = "x"', "keys.triage.fly: unknown action"),
        ('keys.triage.flip = "d"', "keys.triage.drop: 'd' is already bound to triage.flip"),
        ('keys.triage.flip = "x,"', "keys.triage.flip: empty key"),
        ('keys.triage.flip = "ctrl+x+y"', "keys.triage.flip: 'ctrl+x+y' is not a key"),
        ('keys.triage.flip = "strg+x"', "keys.triage.flip: 'strg+x' is not a key"),
        ('keys.triage.flip = "?"', "keys.triage.flip: '?' is already bound to app.help"),
        ('keys.triage.flip = "question_mark"', "already bound to app.help"),
    ],
)
def test_an_error_names_the_file_and_the_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        load(tmp_path, text)
    assert said in str(caught.value) and "config.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("x", "x"),
        ("?", "question_mark"),
        ("+", "plus"),
        ("plus", "plus"),
        ("ctrl++", "ctrl+plus"),
        ("shift+ctrl+f5", "ctrl+shift+f5"),
        ("é", "é"),
        ("pagedown", "pagedown"),
        ("ctrl+ctrl+x", ""),
        ("page-down", ""),
        ("", ""),
    ],
)
def test_a_key_is_read_as_a_person_writes_it(written: str, key: str) -> None:
    assert key_names.read(written) == key


def test_every_key_of_the_table_is_a_key() -> None:
    keys = [key for action in ACTIONS for key in action.keys.split(",")]
    assert [key for key in keys if key_names.read(key) != key] == []


async def test_own_keys_work_and_are_shown_in_place_of_the_usual_ones(
    tmp_path: Path, engine: FakeEngine
) -> None:
    own = load(tmp_path, 'keys.browse.sort = "ctrl+s"\nauthor = "kim"')
    app = SealApp(client_of(engine), own)
    async with app.run_test(size=(160, 50)) as pilot:
        await until(pilot, lambda: app.session.status is not None)
        await pilot.press("3")
        await shows(pilot, "by margin after training", "ctrl+s sort")
        await pilot.press("s")
        await shows(pilot, "by margin after training")
        await pilot.press("ctrl+s")
        await shows(pilot, "by margin before training")
