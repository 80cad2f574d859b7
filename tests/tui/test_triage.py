"""Deciding about pairs by keyboard, on the real engine."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from engine.service import Engine
from engine.wire.messages import LogRequest, MarkProgress, ProgressRequest, UndoRequest
from seal_tui.explorer.widgets.window import WindowList
from tests.pairs import of_transcripts, put

from .conftest import Opener, screen_text, shows, until


def lines(pilot: Pilot[None]) -> WindowList[Any]:
    return pilot.app.screen.query_one("#list", WindowList)


def progress(engine: Engine, author: str = "kim") -> MarkProgress:
    return engine.mark_progress(ProgressRequest(filter="", author=author))


async def decided(pilot: Pilot[None], engine: Engine, count: int) -> None:
    await until(pilot, lambda: progress(engine).decided == count)


VERDICT_KEYS = (
    ("a", "keep", "✓"),
    ("x", "flip", "⇄"),
    ("d", "drop", "✗"),
    ("t", "tie", "="),
    ("exclamation_mark", "discuss", "!"),
)


async def test_one_key_decides_and_goes_on_to_the_next_pair(
    real_engine: Engine, browser: Opener
) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "24 of 24 pairs", "0 decided")
        start = lines(pilot).cursor
        for count, (key, verdict, sign) in enumerate(VERDICT_KEYS, start=1):
            await pilot.press(key)
            await shows(pilot, f"{count} decided", sign)
            assert progress(real_engine).verdicts[verdict] == 1
            await until(pilot, lambda at=start + count: lines(pilot).cursor == at)


async def test_the_decision_is_shown_with_the_pair(browser: Opener) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "0 decided")
        await pilot.press("x")
        await shows(pilot, "1 decided")
        await pilot.press("k")
        await shows(pilot, "kim: flip")


async def test_undo_and_redo_go_on_after_a_restart(real_engine: Engine, browser: Opener) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "0 decided")
        await pilot.press("x")
        await decided(pilot, real_engine, 1)
        await pilot.press("d")
        await decided(pilot, real_engine, 2)
    async with browser() as pilot:
        await shows(pilot, "2 decided")
        for left, what in ((1, "drop"), (0, "flip")):
            await pilot.press("u")
            await shows(pilot, "Nothing to undo in this explorer", f"{what} on pair harmless-base")
            await pilot.press("y")
            await shows(pilot, f"{left} decided")
        await pilot.press("U")
        await shows(pilot, "1 decided")
    assert progress(real_engine).verdicts["flip"] == 1


async def test_a_selection_is_decided_after_its_count_was_said(
    real_engine: Engine, browser: Opener
) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "0 decided")
        await pilot.press("v", "j", "j", "V")
        assert len(lines(pilot).selected) == 4
        await pilot.press("d")
        await shows(pilot, "drop: 4 selected pairs?")
        await pilot.press("n")
        assert progress(real_engine).decided == 0
        await pilot.press("d")
        await shows(pilot, "drop: 4 selected pairs?")
        await pilot.press("y")
        await decided(pilot, real_engine, 4)
        await pilot.press("u")
        await decided(pilot, real_engine, 0)


async def test_all_pairs_of_a_filter_are_selected_by_one_key_and_left_by_escape(
    browser: Opener,
) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "0 decided")
        await pilot.press("slash", *"regime:got", "enter")
        await shows(pilot, "6 of 24 pairs")
        await pilot.press("asterisk")
        assert len(lines(pilot).selected) == 6
        await pilot.press("escape")
        assert lines(pilot).selected == ()


async def test_notes_tags_and_flags_are_kept_and_found_again(browser: Opener) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "0 decided")
        await pilot.press("n", *"both", "enter", *"evade", "ctrl+s")
        await shows(pilot, "kim: “both ⏎ evade”")
        await pilot.press("number_sign", *"style hard", "enter")
        await shows(pilot, "#hard · #style")
        await pilot.press("f")
        await shows(pilot, "kim: flagged", "1 flagged")
        await pilot.press("slash", *"is:flagged tag:style has:note", "enter")
        await shows(pilot, "1 of 24 pairs")


async def test_the_queue_begins_with_the_most_ambiguous_and_says_how_far_one_is(
    browser: Opener,
) -> None:
    async with browser() as pilot:
        await pilot.press("4")
        await shows(pilot, "by ambiguity ↓", "▱▱▱▱▱▱▱▱▱▱ 0 of 24 decided")
        await pilot.press("a", "o")
        await shows(pilot, "by random audit", "1 of 24 decided · 1 keep")
        await pilot.press("o")
        await shows(pilot, "by misfit ↓")


async def test_the_next_undecided_pair_is_a_key_away(real_engine: Engine, browser: Opener) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "0 decided")
        await pilot.press("a")
        await decided(pilot, real_engine, 1)
        await pilot.press("a")
        await decided(pilot, real_engine, 2)
        await pilot.press("g", "right_square_bracket")
        await until(pilot, lambda: lines(pilot).cursor == 2)


async def test_the_log_says_who_decided_what_and_how_much_reviewers_agree(
    real_engine: Engine, browser: Opener
) -> None:
    for author in ("kim", "lee"):
        async with browser(author=author) as pilot:
            await pilot.press("3", "g")
            await shows(pilot, "0 decided")
            for key in ("a", "x", "d" if author == "kim" else "a"):
                before = progress(real_engine, author).decided
                await pilot.press(key)
                await shows(pilot, f"{before + 1} decided")
            await pilot.press("L")
            await shows(pilot, "3 of 24 decided", f"{author:<12} ")
            await pilot.press("escape")
    async with browser(author="lee") as pilot:
        await pilot.press("L")
        await shows(pilot, "kim and lee", "agree on 66.7 % of 3 pairs", "κ")


async def test_a_list_of_data_that_was_replaced_decides_nothing(
    real_engine: Engine, browser: Opener
) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "0 decided")
        before = lines(pilot).cursor
        said = "\n\nHuman: {}\n\nAssistant: {}"
        replaced = [
            of_transcripts(str(n), n, said.format(n, "yes"), said.format(n, "no"))
            for n in range(24)
        ]
        put(real_engine.store, "another", replaced)
        await pilot.press("x")
        await shows(pilot, "the dataset has changed since this list was loaded")
        assert lines(pilot).cursor == before
    assert real_engine.mark_log(LogRequest(limit=10)) == []


async def test_nothing_to_undo_is_said(real_engine: Engine, browser: Opener) -> None:
    assert real_engine.undo(UndoRequest(author="kim")).changed == 0
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "0 decided")
        await pilot.press("u")
        await shows(pilot, "nothing to undo")


async def test_a_filter_is_saved_and_used_by_its_name(browser: Opener) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "0 decided")
        await pilot.press("slash", *"regime:got", "enter")
        await shows(pilot, "6 of 24 pairs")
        await pilot.press("F")
        await shows(pilot, "save the current filter")
        await pilot.press("enter", *"won", "enter")
        await shows(pilot, "saved; type @won")
        await pilot.press("backspace")
        await shows(pilot, "24 of 24 pairs")
        await pilot.press("F", "enter")
        await shows(pilot, "6 of 24 pairs", "filter @won")


async def test_what_is_copied_is_harmless_and_where_it_went_is_said(
    browser: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "0 decided")
        await pilot.press("y")
        await shows(pilot, "copied to the terminal's clipboard")
        assert "--- chosen\nUser: Hello" in pilot.app.clipboard
        assert screen_text(pilot)


@pytest.mark.parametrize("tab", ["3", "4"])
async def test_the_counts_of_a_list_agree_while_its_pairs_are_decided(
    tab: str, browser: Opener
) -> None:
    async with browser(160, 40) as pilot:
        await pilot.press(tab, "slash", *"is:undecided", "enter")
        await shows(pilot, "24 of 24 pairs")
        await pilot.press("a")
        shown = await shows(pilot, "1 no longer match the filter")
        assert "24 of 24 pairs" in shown, "a decided pair stays in the list until it is loaded anew"
        assert "of 23" not in shown


async def test_a_long_filter_leaves_the_counts_and_the_order(browser: Opener) -> None:
    text = "regime:resisted,reversed or margin<0.25 or gain>3"
    async with browser(80, 24) as pilot:
        await pilot.press("3", "slash", *text, "enter")
        shown = await shows(pilot, "filter regime:resi")
        line = next(line for line in shown.splitlines() if "filter regime" in line)
        assert line.endswith(" of 24 pairs · by margin after training ↑"), line
