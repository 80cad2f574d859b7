"""Blind mode: the same study with the other answer chosen in every pair looks the same."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from engine.errors import FilterError, NotFound, SealError
from engine.filters.fields import PAIR_FIELDS, RELATIONS
from engine.service import Engine
from engine.store import browse as store_browse
from engine.store.blind import chosen_is_a
from engine.wire.messages import (
    CompleteRequest,
    LogRequest,
    MarkChange,
    MarkRequest,
    PairQuery,
    PairRequest,
    PairRowsRequest,
    ProgressRequest,
    SaveFilter,
    UndoRequest,
)
from seal_tui.explorer.actions import ACTIONS
from seal_tui.explorer.app import SealApp
from seal_tui.explorer.screens import browse
from seal_tui.explorer.screens.pairs import AmbiguousScreen, ResistanceScreen
from seal_tui.explorer.widgets.detail import Body

from . import recorded
from .conftest import Opener, open_on, screen_text, shows, until
from .fake_study import FEATURES

NAMES = [name for name, *_ in FEATURES]
IDS = tuple(range(24))
Asked, Result = TypeVar("Asked"), TypeVar("Result")


@pytest.fixture(scope="module")
def swapped_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded study, in which the human chose the other answer of every pair."""
    return recorded.build(tmp_path_factory.mktemp("swapped"), swapped=True)


@pytest.fixture
def both(recorded_run: Path, swapped_run: Path, tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    """Both studies: kim has seen and decided the same in each, lee the opposite."""
    engines = []
    for name, run, verdict in (("kept", recorded_run, "keep"), ("other", swapped_run, "flip")):
        engine = Engine(shutil.copytree(run, tmp_path / name))
        for pair, kims in enumerate(("a", "b", "drop", "tie", "a", "b")):
            mark(engine, pair, verdict=kims)
        mark(engine, 2, note="unclear", add_tags=("hard",))
        change = MarkChange(verdict=verdict, add_tags=(f"lee-{verdict}",))  # type: ignore[arg-type]
        engine.mark(
            MarkRequest(pair_ids=(3, 4 if verdict == "keep" else 5), change=change, author="lee")
        )
        engine.save_filter(SaveFilter(name="wrong", filter="is:misaligned"))
        engines.append(engine)
    yield engines[0], engines[1]
    for engine in engines:
        engine.close()


def mark(engine: Engine, *pairs: int, blind: bool = True, **change: object) -> str:
    request = MarkRequest(pair_ids=pairs, change=MarkChange(**change), author="kim", blind=blind)  # type: ignore[arg-type]
    return engine.mark(request).summary


def outcome(ask: Callable[[Asked], Result], asked: Asked) -> Result | str:
    """What is answered, or why not."""
    try:
        return ask(asked)
    except SealError as error:
        return str(error)


def found(engine: Engine, *, blind: bool = True, **asked: object) -> tuple[int, ...] | str:
    """The pairs that kim finds, or why there is no answer."""
    query = PairQuery(author="kim", blind=blind, **asked)  # type: ignore[arg-type]
    answer = outcome(engine.pairs, query)
    return answer if isinstance(answer, str) else answer.ids


FILTERS = [
    *(f"{field.name}:{value}" for field in PAIR_FIELDS for value in field.values),
    *(
        f"{field.name}{operator}{value}"
        for field in PAIR_FIELDS
        if field.kind == "number"
        for operator in ("<", ">=")
        for value in (-0.5, 0, 0.5, 3)
    ),
    *(f"{name}:{value}" for name in NAMES for value in RELATIONS),
    *(f"disagrees:{name}" for name in NAMES),
    *("topic:a", "id:harmless-base:3", "annotator:ann", "model:a", "by:lee", "by:kim"),
    *("tag:hard", "tag:lee-keep", "note:unclear", "question", "I", "@wrong"),
]


def test_no_filter_in_blind_mode_depends_on_what_was_chosen(both: tuple[Engine, Engine]) -> None:
    refused = set()
    for text in FILTERS:
        one, two = (found(engine, filter=text, sort="pair_id") for engine in both)
        assert one == two, text
        if isinstance(one, str):
            assert "hidden in blind mode" in one
            refused.add(re.split("[:<>]", text)[0])
    assert {"regime", "margin", "verdict", "by", "ambiguity", "is", NAMES[0], "@wrong"} <= refused
    assert "id" in refused
    assert not {"topic", "pair", "group", "tag", "note", "has", "disagrees"} & refused


def test_the_test_of_filters_would_see_a_leak(both: tuple[Engine, Engine]) -> None:
    for text in ("regime:stayed", "margin<0", "verdict:keep", "ambiguity<0.5", "by:lee"):
        one, two = (found(engine, filter=text, blind=False) for engine in both)
        assert one != two, text


def test_every_field_says_what_of_it_blind_mode_shows() -> None:
    for field in PAIR_FIELDS:
        if isinstance(field.blind, frozenset):
            assert field.blind <= set(field.values.values()), field.name


def test_no_order_in_blind_mode_depends_on_what_was_chosen(both: tuple[Engine, Engine]) -> None:
    orders = [*store_browse._PAIR_ORDER, *(f"influence:{name}" for name in NAMES)]
    allowed = []
    for sort in orders:
        for descending in (False, True):
            one, two = (found(engine, sort=sort, descending=descending) for engine in both)
            assert one == two, sort
        if not isinstance(one, str):
            allowed.append(sort)
    for screen in (ResistanceScreen, AmbiguousScreen):
        assert set(screen.BLIND_SORTS) <= set(allowed)
    with pytest.raises(NotFound, match="hidden in blind mode: the sort order margin_post"):
        both[0].pairs(PairQuery(sort="margin_post", blind=True))


def test_nothing_in_an_answer_depends_on_what_was_chosen_or_others_decided(
    both: tuple[Engine, Engine],
) -> None:
    def answers(engine: Engine) -> list[object]:
        me = UndoRequest(author="kim", blind=True)
        typed = ("is:", "verdict:", "tag:", "by:", "r", f"{NAMES[0]}:", "")
        log = engine.mark_log(LogRequest(author="kim", blind=True))
        return [
            engine.blind_rows(PairRowsRequest(ids=IDS, author="kim")),
            [engine.blind_pair(PairRequest(id=pair, author="kim")) for pair in IDS],
            engine.mark_progress(ProgressRequest(filter="", author="kim", blind=True)),
            [(one.summary, one.source_id) for one in log],
            [
                engine.complete(
                    CompleteRequest(filter=text, cursor=len(text), author="kim", blind=True)
                )
                for text in typed
            ],
            mark(engine, 7, verdict="a"),
            [engine.undo(me) for _ in range(4)],
            [engine.redo(me) for _ in range(2)],
        ]

    assert answers(both[0]) == answers(both[1])


def test_which_answer_is_a_depends_on_the_author_the_pair_and_the_texts_alone() -> None:
    pairs = [(f"row {n}", f"sha {n}", f"sha {n + 1}") for n in range(1000)]
    sides = {who: [chosen_is_a(who, *pair) for pair in pairs] for who in ("kim", "lee")}
    for who, first in sides.items():
        assert 450 < sum(first) < 550, "as often as not"
        exchanged = [chosen_is_a(who, row, other, one) for row, one, other in pairs]
        assert exchanged == [not one for one in first], "the same text is A"
    same = sum(one == other for one, other in zip(*sides.values(), strict=True))
    assert 450 < same < 550, "authors do not see the same order"


def test_a_decision_made_blind_is_kept_as_what_it_means(both: tuple[Engine, Engine]) -> None:
    for engine in both:
        for pair in (0, 1):
            shown = engine.blind_pair(PairRequest(id=pair, author="kim"))
            known = engine.pair(PairRequest(id=pair, author="kim"))
            better = shown.a if pair == 0 else shown.b
            assert known.row.mark is not None
            keeps = (*shown.shared, *better) == known.chosen.turns
            assert known.row.mark.verdict == ("keep" if keeps else "flip")
        assert mark(engine, *IDS, verdict="a").startswith("A is better on 2")
        assert engine.mark_progress(ProgressRequest(filter="", author="kim")).decided == 24
        assert engine.undo(UndoRequest(author="kim")).changed > 1, "one step"
        for verdict in ("keep", "flip"):
            with pytest.raises(SealError, match="in blind mode, decide with a and b"):
                mark(engine, 0, verdict=verdict)
        with pytest.raises(SealError, match="outside blind mode, decide with keep and flip"):
            mark(engine, 0, blind=False, verdict="a")


# ---------------------------------------------------------------- on the screen

SCOPES = ("app", "browse", "triage", "ambiguous", "pair")
LEFT_OUT = {"app.quit", "app.start-or-resume", "app.stop", "triage.blind"}
KEYS = [
    *(
        action.keys.split(",")[0]
        for action in ACTIONS
        if action.scope in SCOPES and action.id not in LEFT_OUT
    ),
    *("s", "s", "end", "enter"),
]
TYPED = ["regime:got", "@wrong", "-is:decided"]


async def seen(pilot: Pilot[None]) -> list[str]:
    """All that a person sees, once all that was asked is answered; dialogs wait for a person."""
    app, before = pilot.app, ""
    for _ in range(400):
        await pilot.pause()
        shown = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d|run done .*", "", screen_text(pilot))
        asked = {one.group for one in app.workers if one.is_running} - {"engine", "decide"}
        if shown == before and not asked:
            break
        before = shown
    said = [str(one.message) for one in app._notifications]
    app.clear_notifications()
    return [*said, app.clipboard, shown]


async def walk(pilot: Pilot[None], pane: str) -> list[tuple[str, list[str]]]:
    """Everything that any key shows to somebody who was blind from the beginning."""
    screens = []
    app = pilot.app
    assert isinstance(app, SealApp)
    app.session.blind = True
    await pilot.press(pane)
    await shows(pilot, "24 of 24 pairs", "6", "decided")
    for key in KEYS:
        await pilot.press(key)
        screens.append((key, await seen(pilot)))
        while len(app.screen_stack) > 1:
            await pilot.press("escape")
    for text in TYPED:
        await pilot.press("slash")
        app.screen.query_one(Input).value = text
        await pilot.press("enter")
        screens.append((text, await seen(pilot)))
        await pilot.press("escape")
    return screens


async def test_no_key_in_blind_mode_shows_anything_that_depends_on_what_was_chosen(
    both: tuple[Engine, Engine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browse, "_FOLLOW_S", 0.001)
    walks = []
    for engine in both:
        async with open_on(engine, 120, 30) as pilot:
            walks.append(await walk(pilot, "4"))
    for (key, one), (_, two) in zip(*walks, strict=True):
        assert one == two, key


async def test_the_list_has_text_to_choose_by(browser: Opener) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "0 decided", "resisted")
        await pilot.press("b")
        shown = await shows(pilot, "A is better", "prompt", "blind")
        for word in ("chosen", "rejected", "resisted", "pre-D", "margin", " amb."):
            assert word not in shown, word


async def test_panes_with_results_are_closed_and_what_was_open_is_gone(browser: Opener) -> None:
    async with browser() as pilot:
        await pilot.press("4")
        await shows(pilot, "by ambiguity", "resisted")
        await pilot.press("3", "b", "4")
        await until(pilot, lambda: "by size of the margin" in screen_text(pilot))
        assert "resisted" not in screen_text(pilot)
        await pilot.press("1")
        await shows(pilot, "overview is hidden in blind mode")
        await pilot.press("b", "1")
        await shows(pilot, "Alignment")


async def test_a_filter_that_tells_what_was_chosen_is_removed_and_that_is_said(
    browser: Opener,
) -> None:
    async with browser() as pilot:
        await pilot.press("3")
        await shows(pilot, "0 decided")
        await pilot.press("slash", *"regime:got", "enter")
        await shows(pilot, "6 of 24 pairs")
        await pilot.press("b")
        await shows(pilot, "24 of 24 pairs", "filter removed: regime is hidden in blind mode")
        await pilot.press("slash", *"margin<0", "enter")
        await shows(pilot, "margin is hidden in blind mode")


def test_a_refused_filter_says_where(both: tuple[Engine, Engine]) -> None:
    with pytest.raises(FilterError) as caught:
        both[0].pairs(PairQuery(filter="topic:a is:misaligned", blind=True, sort="pair_id"))
    assert (caught.value.start, caught.value.end) == (8, 21)


async def test_the_mode_changes_in_a_pair_without_losing_the_focus(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("3", "enter", "b")
        await shows(pilot, "A is better")
        await until(pilot, lambda: isinstance(pilot.app.focused, Body))
        await pilot.press("b", "L")
        await shows(pilot, "agree on")
        await pilot.press("escape", "F")
        await shows(pilot, "enter selects")
