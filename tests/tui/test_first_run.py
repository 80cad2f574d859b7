"""What can be read of the pairs before the first run of a study has ended."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import NotReady
from engine.paper.measures import PairFacts
from engine.service import Engine
from engine.store.database import sql
from engine.wire.messages import (
    Ids,
    MarkChange,
    MarkRequest,
    PairDetail,
    PairQuery,
    PairRequest,
    PairRow,
    PairRowsRequest,
    RewriteQuery,
    StopRequest,
)
from tests.engine.studies import prepare, sample_rows, stand_in_server, until
from tests.fault.kills import stage_now
from tests.fault.tiny import answer, write_light_study

from .conftest import open_on, shows
from .conftest import until as shown

PAIRS, FREE = 40, 64  # a batch has 64 texts


class Held:
    """A server that answers the first requests, and the others once it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self._asked = 0
        self._lock = threading.Lock()

    def __call__(self, body: dict[str, Any], _: object) -> str:
        with self._lock:
            self._asked += 1
            free = self._asked <= FREE
        if not free:
            self.opened.wait(60)
        return answer(body)


@pytest.fixture
def held() -> Iterator[tuple[Held, str]]:
    server = Held()
    with stand_in_server(server) as url:
        yield server, url
        server.opened.set()


@pytest.fixture
def first(held: tuple[Held, str], tmp_path: Path) -> Iterator[tuple[Held, Engine]]:
    """An engine whose first run is held while it labels."""
    server, url = held
    study = write_light_study(tmp_path / "study", url, sample_rows(PAIRS))
    engine = Engine(prepare(study, tmp_path / "run"))
    engine.start()
    until(lambda: stage_now(engine.status(), "label:main")[1] >= 1, "the first labels")
    yield server, engine
    server.opened.set()
    engine.close()


def found(engine: Engine, text: str = "", sort: str = "pair_id", down: bool = False) -> Ids:
    return engine.pairs(PairQuery(filter=text, sort=sort, descending=down))


def rows(engine: Engine) -> list[PairRow]:
    return engine.pair_rows(PairRowsRequest(ids=found(engine).ids))


def details(engine: Engine) -> list[PairDetail]:
    return [engine.pair(PairRequest(id=pair_id)) for pair_id in found(engine).ids]


def score(engine: Engine) -> None:
    """Let the run score before it has labeled everything."""
    assert engine._pipeline is not None
    for stage in engine._pipeline.stages:
        if stage.name.startswith("score:"):
            stage.run(engine._pipeline._run)


def test_every_pair_can_be_read_as_soon_as_the_data_is(first: tuple[Held, Engine]) -> None:
    _, engine = first
    ids = found(engine)
    assert (len(ids.ids), ids.of, ids.pending) == (PAIRS, PAIRS, True)
    for row in rows(engine):
        assert row.preview
        assert (row.regime, row.opinion, row.margin_pre, row.margin_post) == (None,) * 4
    sides = [side for pair in details(engine) for side in (pair.chosen, pair.rejected)]
    assert all(side.response and side.pre is None and side.post is None for side in sides)
    labeled = sum(bool(side.labels) for side in sides)
    assert 0 < labeled < len(sides)
    with pytest.raises(NotReady, match="not computed yet"):
        engine.rewrites(RewriteQuery())
    with pytest.raises(NotReady, match="not computed yet"):
        engine.metrics()


def test_rewards_are_shown_as_they_come(first: tuple[Held, Engine]) -> None:
    server, engine = first
    score(engine)
    pairs = details(engine)
    for pair in pairs:
        assert pair.row.margin_post is not None and pair.chosen.post is not None
        assert pair.row.margin_post == pair.chosen.post - (pair.rejected.post or 0.0)
        assert pair.row.regime is None
    aligned = {pair.row.pair_id for pair in pairs if (pair.row.margin_post or 0) > 0}
    assert set(found(engine, "is:aligned").ids) == set(found(engine, "margin>0").ids) == aligned
    falling = found(engine, sort="margin_post", down=True).ids
    margins = {pair.row.pair_id: pair.row.margin_post or 0.0 for pair in pairs}
    assert [margins[i] for i in falling] == sorted(margins.values(), reverse=True)
    server.opened.set()
    engine.join(60)
    assert engine.status().state == "done", engine.status().error
    assert not found(engine).pending
    assert {row.pair_id: row.margin_post for row in rows(engine)} == margins


# Every term of the language, and every order, on pairs of which nothing is computed.
NONE = (
    "regime:resisted", "opinion:c", "margin>0", "margin<=0", "theta>0", "gain<0", "ambiguity>0",
    "residual<9", "margin_change<9", "is:aligned", "is:misaligned", "is:tie", "is:noise",
    "is:unlabeled", "is:truncated", "has:rewrites", "votes:split", "-pair>=0",
)  # fmt: skip
ALL = ("pair>=0", "is:undecided", "-is:aligned", "-regime:stayed", "-has:rewrites", "-is:noise")


def test_what_is_not_computed_matches_no_filter_and_comes_last(first: tuple[Held, Engine]) -> None:
    _, engine = first
    for text in NONE:
        assert found(engine, text).ids == (), text
    for text in ALL:
        assert len(found(engine, text).ids) == PAIRS, text
    for field in ("theta", "influence:" + engine.study.features[0].name, "residual", "votes"):
        for down in (False, True):
            assert found(engine, sort=field, down=down).ids == tuple(range(PAIRS))
    assert len(found(engine, "is:complete").ids) < PAIRS


def test_pairs_can_be_decided_while_they_are_computed(first: tuple[Held, Engine]) -> None:
    server, engine = first
    engine.mark(MarkRequest(pair_ids=(3,), author="kim", change=MarkChange(verdict="flip")))
    query = PairQuery(filter="is:decided", sort="pair_id", author="kim")
    assert engine.pairs(query).ids == (3,)
    blind = engine.blind_rows(PairRowsRequest(ids=(3, 4), author="kim"))
    assert [row.prompt != "" for row in blind] == [True, True]
    assert engine.blind_pair(PairRequest(id=3, author="kim")).row.mark is not None
    server.opened.set()
    engine.join(60)
    assert engine.pairs(query).ids == (3,)


def test_a_run_that_was_stopped_still_shows_what_it_computed(first: tuple[Held, Engine]) -> None:
    _, engine = first
    score(engine)
    engine.stop(StopRequest(now=True))
    engine.join(30)
    assert engine.status().state == "stopped"
    assert found(engine).pending
    assert all(row.margin_post is not None for row in rows(engine))


def test_pending_facts_have_the_columns_of_facts(first: tuple[Held, Engine]) -> None:
    _, engine = first
    query = f"DESCRIBE SELECT * FROM {sql('pending_facts')}"
    roles = {"pre": "", "post": ""}
    columns = [name for name, *_ in engine.store.read(query, roles).fetchall()]
    assert columns == [field.name for field in dataclasses.fields(PairFacts)]


def test_what_later_stages_have_to_do_is_known_once_the_data_is_read(
    first: tuple[Held, Engine],
) -> None:
    _, engine = first
    assert engine.progress.expects("measure")
    assert not engine.progress.expects("score:pre"), "of recorded results nothing is known"
    status = engine.status()
    assert status.left_s is not None and status.left_s > 0
    assert status.left_at_least


async def test_the_explorer_lists_pairs_and_fills_in_what_is_computed(
    first: tuple[Held, Engine],
) -> None:
    server, engine = first
    async with open_on(engine, 160, 50) as pilot:
        await pilot.press("3")
        shown_now = await shows(pilot, "40 of 40 pairs", "not measured yet", "pair 0 ·")
        assert "margin – → –" in shown_now
        score(engine)
        margin = engine.pair(PairRequest(id=0)).row.margin_post
        assert margin is not None
        await shows(pilot, f"→ {margin:+.2f}".replace("-", "−"))
        assert "not measured yet" in await shows(pilot, "40 of 40 pairs")
        server.opened.set()
        engine.join(60)
        await shown(pilot, lambda: pilot.app.session.finished)  # type: ignore[attr-defined]
        await shows(pilot, "40 of 40 pairs · by")
