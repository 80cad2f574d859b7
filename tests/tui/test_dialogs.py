"""What is typed into a dialog is saved, or still there."""

from __future__ import annotations

from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from engine.service import Engine
from engine.wire.messages import PairQuery
from seal_tui.explorer.screens.prompts import NoteScreen, PromptScreen

from .conftest import Opener, screen_text, shows, until
from .packets import Typist


async def type_at(pilot: Pilot[None], keys: str) -> None:
    typist = Typist(pilot)
    typist.send(keys)
    await typist.settled()


def notes(engine: Engine) -> list[str]:
    reader = engine.browser()
    rows = reader.pair_rows(reader.pair_ids(PairQuery()).ids, "kim")
    return [row.mark.note for row in rows if row.mark is not None and row.mark.note]


async def test_refused_tags_stay_in_the_dialog_with_the_reason(
    real_engine: Engine, browser: Opener
) -> None:
    async with browser(80, 24) as pilot:
        await type_at(pilot, "3#unsafe, needs-policy\r")
        await shows(pilot, "a tag must be one word", "unsafe, needs-policy")
        assert isinstance(pilot.app.screen, PromptScreen)
        await type_at(pilot, "\x1b[D" * 13 + "\x7f")
        assert "a tag must" not in screen_text(pilot)
        await type_at(pilot, "\r")
        await until(pilot, lambda: not isinstance(pilot.app.screen, PromptScreen))
        await type_at(pilot, "k\r")
        await shows(pilot, "#needs-policy")


async def test_a_note_over_the_limit_stays_in_the_dialog(
    real_engine: Engine, browser: Opener
) -> None:
    async with browser(80, 24) as pilot:
        await type_at(pilot, f"3n\x1b[200~{'word ' * 900}\x1b[201~\x13")
        await shows(pilot, "the limit is 4,000")
        area = pilot.app.screen.query_one(TextArea)
        assert area.text == "word " * 900
    assert notes(real_engine) == []


async def test_a_pasted_note_keeps_its_lines_and_shows_its_escapes(
    real_engine: Engine, browser: Opener
) -> None:
    async with browser() as pilot:
        await type_at(pilot, "3n\x1b[200~one\r\ntwo\rthr\x1b[2Jee\x1b[201~\x13")
        await shows(pilot, "“one ⏎ two ⏎ thr")
    (note,) = notes(real_engine)
    assert note.splitlines()[:2] == ["one", "two"] and note.count("ee") == 1
    assert "\x1b" not in note


async def test_a_changed_note_is_discarded_at_the_second_escape(
    real_engine: Engine, browser: Opener
) -> None:
    async with browser() as pilot:
        await type_at(pilot, "3nhalf a tho\x1b")
        await shows(pilot, "esc again discards")
        await type_at(pilot, "ught\x13")
        await until(pilot, lambda: not isinstance(pilot.app.screen, NoteScreen))
        await type_at(pilot, "n")
        assert pilot.app.screen.query_one(TextArea).text == "half a thought"
        await type_at(pilot, "\x1b")
        assert not isinstance(pilot.app.screen, NoteScreen)
        await type_at(pilot, "nx\x1b")
        await type_at(pilot, "\x1b")
        assert not isinstance(pilot.app.screen, NoteScreen)
    assert notes(real_engine) == ["half a thought"]


async def test_a_note_on_several_pairs_waits_for_the_answer(
    real_engine: Engine, browser: Opener
) -> None:
    async with browser() as pilot:
        await type_at(pilot, "3vvnboth\x13")
        await shows(pilot, "note: 2 selected pairs?")
        await type_at(pilot, "n")
        await shows(pilot, "not saved")
        assert pilot.app.screen.query_one(TextArea).text == "both"
        await type_at(pilot, "\x13y")
    assert notes(real_engine) == ["both", "both"]


async def test_a_refused_name_of_a_filter_stays_in_the_dialog(browser: Opener) -> None:
    async with browser() as pilot:
        await type_at(pilot, "3/regime:got\r")
        await type_at(pilot, "F\r")
        assert isinstance(pilot.app.screen, PromptScreen)
        await type_at(pilot, "\r")
        await shows(pilot, "a filter needs a name")
        await type_at(pilot, "two words\r")
        assert isinstance(pilot.app.screen, PromptScreen)
        assert pilot.app.screen.query_one(Input).value == "two words"
        assert screen_text(pilot).count("two words") == 1


async def test_a_key_that_does_nothing_here_says_so_until_the_next(browser: Opener) -> None:
    async with browser() as pilot:
        await type_at(pilot, "Z")
        assert "Z does nothing here" in screen_text(pilot)
        await type_at(pilot, "j")
        assert "does nothing here" not in screen_text(pilot)
        await type_at(pilot, "S")
        assert "S: stop the run is not possible here" in screen_text(pilot)
        await type_at(pilot, "3bx")
        assert "x: flip is off in blind mode; decide with < and >" in screen_text(pilot)
        await type_at(pilot, "b\x7f")
        assert "last filter is not possible here" in screen_text(pilot)
        await type_at(pilot, "Gj")
        assert "not possible" not in screen_text(pilot)


async def test_a_decision_without_a_pair_says_so(browser: Opener) -> None:
    async with browser() as pilot:
        await type_at(pilot, "3/zzzzzz\rx")
        assert "there is no pair to decide about" in screen_text(pilot)
