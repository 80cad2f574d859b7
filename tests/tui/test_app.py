"""The frame: keys, help, palette, losing the engine, leaving, crashing."""

from __future__ import annotations

import ast
from itertools import chain
from pathlib import Path

import pytest
from textual.worker import WorkerFailed

import seal_tui
from seal_tui.explorer.actions import ACTIONS, BY_ID, TOGETHER
from seal_tui.explorer.app import SealApp, run_explorer
from seal_tui.explorer.screens.base import SealScreen

from .conftest import Opener, client_of, shows, until
from .fake_engine import FakeEngine, stage

SOURCES = sorted(Path(seal_tui.__file__).parent.rglob("*.py"))


# ---------------------------------------------------------------- actions


def test_action_ids_are_unique_and_no_key_means_two_things_in_one_place() -> None:
    assert len(BY_ID) == len(ACTIONS)
    assert set(chain(*TOGETHER)) == {action.scope for action in ACTIONS}
    for scopes in TOGETHER:
        keys = [key for act in ACTIONS if act.scope in scopes for key in act.keys.split(",")]
        assert len(keys) == len(set(keys)), (scopes, sorted(keys))


async def test_every_action_of_the_table_has_code_behind_it(explorer: Opener) -> None:
    async with explorer() as pilot:
        await shows(pilot, "72.1 %")
        found = set()
        for key in ("1", "2", "3", "4", "5", "6", "7", "1", "T"):
            await pilot.press(key)
            await pilot.pause()
            screen = pilot.app.screen
            nodes = [pilot.app, screen, *screen.query("*")]
            for action in ACTIONS:
                name = action.name.partition("(")[0]
                bound = [node for node in nodes if is_bound(node, action.id)]
                if bound:
                    found.add(action.id)
                    assert all(hasattr(node, f"action_{name}") for node in bound), action.id
        assert found == set(BY_ID)


def is_bound(node: object, action_id: str) -> bool:
    return any(binding.id == action_id for _, binding in node._bindings)  # type: ignore[attr-defined]


# ---------------------------------------------------------------- moving about


async def test_number_keys_go_from_screen_to_screen(explorer: Opener) -> None:
    async with explorer() as pilot:
        tabs = ("imprint", "resistance", "ambiguous", "robustness", "labelers", "plots", "overview")
        for key, tab in zip("2345671", tabs, strict=True):
            await pilot.press(key)
            await until(pilot, lambda tab=tab: pilot.app.screen.id == tab)  # type: ignore[misc]


async def test_what_does_not_exist_yet_is_not_shown(explorer: Opener) -> None:
    async with explorer() as pilot:
        await shows(pilot, "72.1 %")
        await pilot.press("8", "9")
        assert pilot.app.screen.id == "overview"


async def test_the_palette_lists_what_works_here(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("3")
        await shows(pilot, "24 of 24")
        await pilot.press("ctrl+p")
        await shows(pilot, "filter (/)")
        await pilot.press(*"robustn")
        await shows(pilot, "robustness (5)")
        await pilot.press("enter", "enter")
        await until(pilot, lambda: pilot.app.screen.id == "robustness")


async def test_help_lists_the_keys_of_the_focused_pane(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("3")
        await shows(pilot, "24 of 24")
        await pilot.press("question_mark")
        await shows(
            pilot, "pre and post: the margin", "Sort by the next column.", "Filter the list."
        )


async def test_the_footer_drops_keys_before_it_overflows(explorer: Opener) -> None:
    async with explorer(50, 20) as pilot:
        await pilot.press("5")
        shown = await shows(pilot, "12 of 12")
        assert "q quit" in shown
        assert max(len(line) for line in shown.splitlines()) <= 50


async def test_with_little_room_the_names_of_screens_give_way_to_what_happens(
    engine: FakeEngine, explorer: Opener
) -> None:
    async with explorer(78, 24) as pilot:
        shown = await shows(pilot, "1 overview 2 imprint 3 resistance")
        assert "run done" not in shown
        engine.announce(state="running", stages=(stage("label", "running", 1, 2),))
        await shows(pilot, "label 50 %", " 1 overview  2 3 4 5 6 7")


# ---------------------------------------------------------------- the engine goes and comes


async def test_a_lost_engine_is_said_and_attached_again(
    engine: FakeEngine, explorer: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.wire.client._RETRY_S", (0.01,))
    async with explorer() as pilot:
        await shows(pilot, "72.1 %")
        engine.die()
        shown = await shows(pilot, "The engine does not respond", "engine lost")
        assert "72.1 %" in shown
        engine.down = False
        shown = await shows(pilot, "run done 4m12s")
        assert "does not respond" not in shown


async def test_asking_a_lost_engine_is_no_crash(engine: FakeEngine, explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("3")
        await shows(pilot, "pair 20 ·")
        engine.die()
        await shows(pilot, "The engine does not respond")
        await pilot.press("j", "s", "2", "p", "5")
        await until(pilot, lambda: pilot.app.screen.id == "robustness")
        assert pilot.app.return_code is None


# ---------------------------------------------------------------- leaving


async def test_leaving_during_a_run_says_that_it_goes_on(
    engine: FakeEngine, explorer: Opener
) -> None:
    engine.state, engine.stages = "running", (stage("label", "running", 1, 2),)
    async with explorer() as pilot:
        await shows(pilot, "1 of 2")
        await pilot.press("q")
        app = pilot.app
        assert isinstance(app, SealApp)
        assert "continues in the background (process 4321)" in app.farewell
        assert "seal-tui open /runs/demo" in app.farewell


async def test_leaving_after_a_run_says_nothing(explorer: Opener) -> None:
    async with explorer() as pilot:
        await shows(pilot, "72.1 %")
        await pilot.press("q")
        assert isinstance(pilot.app, SealApp) and pilot.app.farewell == ""


async def test_a_crash_ends_with_an_error_code_and_shows_no_dataset_text(
    engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    secret = "text of the dataset"

    async def broken(self: SealScreen) -> None:
        local = secret
        raise RuntimeError(f"\x1b[2J{len(local)}")

    monkeypatch.setattr("seal_tui.explorer.screens.overview.OverviewScreen.load", broken)
    app = SealApp(client_of(engine))
    with pytest.raises(WorkerFailed):
        async with app.run_test() as pilot:
            await until(pilot, lambda: app.return_code is not None)
    assert app.return_code == 1
    log = tmp_path / "seal-tui" / "crash.log"
    assert "RuntimeError: ␛[2J" in log.read_text()
    assert secret not in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_without_a_terminal_it_says_what_to_do_instead(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_explorer(client_of(engine), "Use: seal-tui status") == 2
    assert (
        capsys.readouterr().err == "seal-tui: the explorer needs a terminal. Use: seal-tui status\n"
    )


async def test_no_color_leaves_the_colours_to_the_terminal(
    engine: FakeEngine, explorer: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with explorer() as pilot:
        await shows(pilot, "72.1 %")
        strips = pilot.app.screen._compositor.render_strips()
        filtered = [
            strip.apply_filter(line_filter, pilot.app.screen.styles.background)
            for strip in strips
            for line_filter in pilot.app.get_line_filters()
        ]
        colours = {
            segment.style.color.name
            for strip in filtered
            for segment in strip
            if segment.style is not None and segment.style.color is not None
        }
        assert colours <= {"default"}


# ---------------------------------------------------------------- rules of the source


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_text_widget_and_toast_refuses_markup(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        called = node.func.id if isinstance(node.func, ast.Name) else called
        if called in ("Static", "Label", "notify"):
            given = {word.arg: word.value for word in node.keywords}
            markup = given.get("markup")
            assert isinstance(markup, ast.Constant) and markup.value is False, (
                f"{path.name}:{node.lineno}"
            )
