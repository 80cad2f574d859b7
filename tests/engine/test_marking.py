"""Decisions over the engine's interface, and an engine that is killed after it answered."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from engine import launch
from engine.service import Engine
from engine.store import Store
from engine.store.marks import VERDICTS
from engine.store.recovery import DATABASE
from engine.wire.messages import (
    Agreement,
    Ids,
    MarkChange,
    MarkEvent,
    MarkProgress,
    MarkRequest,
    MarksChanged,
    Message,
    PairDetail,
    PairQuery,
    PairRow,
    PairRowsRequest,
    ProgressRequest,
    SavedFilter,
    SaveFilter,
    UndoRequest,
)
from tests.engine.conftest import alive
from tests.engine.planted import plant
from tests.engine.studies import until
from tests.engine.test_launch import client as client_of
from tests.engine.test_server import Client

COUNT = 40


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = Engine(plant(tmp_path, COUNT))
    yield opened
    opened.close()


@pytest.fixture
async def client(engine: Engine) -> AsyncIterator[Client]:
    made = Client(engine)
    yield made
    await made.http.aclose()


def request(*ids: int, author: str = "ann", **change: object) -> MarkRequest:
    return MarkRequest(pair_ids=ids, author=author, change=msgspec.convert(change, MarkChange))


async def test_marks_come_with_the_rows_and_all_of_them_with_the_pair(client: Client) -> None:
    said = await client.post("/marks", MarksChanged, request(3, 5, verdict="flip", note="why"))
    assert said == MarksChanged(changed=2, summary="flip, note on 2 pairs", revision=1)
    await client.post("/marks", MarksChanged, request(3, author="bo", flag="on"))
    asked = PairRowsRequest(ids=(5, 4, 3), author="ann")
    rows = await client.post("/pairs/rows", list[PairRow], asked)
    assert [row.pair_id for row in rows] == [5, 4, 3]
    assert [row.mark and row.mark.verdict for row in rows] == ["flip", None, "flip"]
    nobody = await client.post("/pairs/rows", list[PairRow], PairRowsRequest(ids=(3,)))
    assert nobody[0].mark is None
    pair: PairDetail = await client.get("/pairs/3?author=bo", PairDetail)
    assert [(m.author, m.verdict, m.flagged, m.note) for m in pair.marks] == [
        ("ann", "flip", False, "why"),
        ("bo", None, True, ""),
    ]
    assert pair.row.mark == pair.marks[1]
    assert (await client.get("/pairs/3", PairDetail)).row.mark is None


async def test_undo_redo_log_and_agreement_are_asked_for(client: Client) -> None:
    ann = UndoRequest(author="ann")
    await client.post("/marks", MarksChanged, request(*range(9), verdict="keep"))
    await client.post("/marks", MarksChanged, request(1, 2, author="bo", verdict="tie"))
    assert (await client.post("/marks/undo", MarksChanged, ann)).changed == 9
    assert (await client.post("/marks/redo", MarksChanged, ann)).changed == 9
    assert (await client.post("/marks/redo", MarksChanged, ann)).summary == "nothing to redo"
    events = await client.get("/marks/log", list[MarkEvent])
    assert [event.summary for event in events] == ["redone: keep", "undone: keep", "tie", "keep"]
    assert len(await client.get("/marks/log?limit=2", list[MarkEvent])) == 2
    (found,) = await client.get("/marks/agreement", list[Agreement])
    assert (found.pairs, found.agreement, found.kappa) == (2, 0.0, 0.0)


async def test_progress_is_that_in_the_pairs_of_a_filter(client: Client) -> None:
    await client.post("/marks", MarksChanged, request(*range(10), verdict="keep"))
    await client.post("/marks", MarksChanged, request(3, 20, verdict="tie", flag="on"))
    asked = ProgressRequest(filter="", author="ann")
    everything = await client.post("/marks/progress", MarkProgress, asked)
    assert (everything.pairs, everything.decided, everything.flagged) == (COUNT, 11, 2)
    some = PairQuery(filter="margin<0", author="ann")
    ids = (await client.post("/pairs", Ids, some)).ids
    assert 0 < len(ids) < COUNT
    asked = ProgressRequest(filter="margin<0", author="ann")
    found = await client.post("/marks/progress", MarkProgress, asked)
    tied = len({3, 20} & set(ids))
    kept = len((set(range(10)) - {3}) & set(ids))
    assert (found.pairs, found.verdicts["keep"], found.verdicts["tie"]) == (len(ids), kept, tied)


async def test_filters_are_saved_and_listed(client: Client) -> None:
    worst = SavedFilter(name="worst", filter="regime:resisted")
    wanted = SaveFilter(name="worst", filter="regime:resisted")
    assert await client.post("/filters", list[SavedFilter], wanted) == [worst]
    assert await client.get("/filters", list[SavedFilter]) == [worst]
    gone = SaveFilter(name="worst", filter="")
    assert await client.post("/filters", list[SavedFilter], gone) == []


@pytest.mark.parametrize(
    ("status", "method", "path", "content", "words"),
    [
        (404, "POST", "/marks", b'{"pair_ids": [0, 99], "author": "a", "change": {}}', "pair 99"),
        (404, "POST", "/marks", b'{"pair_ids": [-1], "author": "a", "change": {}}', "no pair -1"),
        (422, "POST", "/marks", b'{"pair_ids": [0], "author": "", "change": {}}', "author"),
        (422, "POST", "/marks", b'{"pair_ids": [0], "change": {}}', "author"),
        (
            422, "POST", "/marks",
            b'{"pair_ids": [0], "author": "a", "change": {"verdict": "burn"}}', "verdict",
        ),
        (
            422, "POST", "/marks",
            b'{"pair_ids": [0], "author": "a", "change": {"veredict": "keep"}}',
            "unknown field `veredict` - at `$.change`",
        ),
        (
            422, "POST", "/marks",
            b'{"pair_ids": [0], "author": "a", "change": {"add_tags": ["[b]"]}}', "tag",
        ),
        (422, "POST", "/marks/undo", b'{"author": "a\\u001b"}', "author"),
        (422, "POST", "/marks/redo", b"{}", "author"),
        (422, "GET", "/marks/log?limit=0", b"", "limit"),
        (422, "GET", "/marks/log?limit=many", b"", "limit"),
        (422, "GET", "/marks/log?limit=99999999999", b"", "limit"),
        (422, "POST", "/filters", b'{"name": "a b", "filter": "x"}', "name"),
        (422, "POST", "/marks", b"{", "not valid JSON"),
    ],
)  # fmt: skip
async def test_a_wrong_request_is_answered_by_one_line(
    status: int, method: str, path: str, content: bytes, words: str, client: Client
) -> None:
    found, error = await client.problem(method, path, content)
    assert (found, words in error) == (status, True), error


# ---------------------------------------------------------------- killed

KILLS = 8


def post(http: httpx.Client, path: str, kind: Any, body: Message) -> Any:
    response = http.post(path, content=msgspec.json.encode(body))
    assert response.status_code == 200, response.text
    return msgspec.json.decode(response.content, type=kind)


def test_an_engine_killed_right_after_its_answer_has_lost_nothing(
    tmp_path: Path, start_engine: Callable[[Path], Path]
) -> None:
    run = plant(tmp_path, COUNT)
    dice = random.Random(11)
    expected: dict[tuple[str, int], tuple[str, str]] = {}
    lost = 0
    for kill in range(KILLS):
        socket = start_engine(run)
        with client_of(socket) as http:
            for author in ("ann", "bo"):
                asked = PairRowsRequest(ids=tuple(range(COUNT)), author=author)
                for row in post(http, "/pairs/rows", list[PairRow], asked):
                    kept = row.mark and (row.mark.verdict, row.mark.note)
                    lost += kept != expected.get((author, row.pair_id))
            for count in range(dice.randint(1, 4)):
                author, verdict = dice.choice(["ann", "bo"]), dice.choice(VERDICTS)
                ids = dice.sample(range(COUNT), dice.choice([1, 1, 7]))
                note = f"{kill}.{count}"
                made = request(*ids, author=author, verdict=verdict, note=note)
                assert post(http, "/marks", MarksChanged, made).changed == len(ids)
                expected |= {(author, pair_id): (verdict, note) for pair_id in ids}
            found = launch.holder(run)
            assert found is not None
            os.kill(found.pid, signal.SIGKILL)
        until(lambda pid=found.pid: not alive(pid), "the engine is dead")
        until(lambda: launch.reachable(run) is None, "its socket is closed")
    assert lost == 0
    store = Store(run / DATABASE)
    kept = store.read("SELECT author, pair_id, verdict, note FROM pair_marks").fetchall()
    store.close()
    assert {(a, i): (v, n) for a, i, v, n in kept} == expected
