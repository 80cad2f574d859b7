"""Every number opens the rows that it was computed from: as many as it says."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import msgspec
import pytest

from engine.paper.inputs import MISSING
from engine.results import views
from engine.service import Engine
from engine.wire.messages import (
    Entry,
    PairDetail,
    PairQuery,
    RewriteDetail,
    RewriteQuery,
    RewriteRowsRequest,
)
from seal_tui.explorer import filters
from seal_tui.explorer.widgets.drift import DriftCurve
from seal_tui.explorer.widgets.matrix import COLUMNS, ROWS, Matrix
from seal_tui.explorer.widgets.mosaic import Mosaic

from . import fake_study, recorded
from .conftest import open_on, shows, until

PAIRS = 120
NAMES = [name for name, *_ in fake_study.FEATURES]
change = msgspec.structs.replace


def _pair(number: int, chance: random.Random) -> PairDetail:
    """Random rewards and labels: every eighth pair is a tie, some labels are missing."""
    whole = fake_study.pair(number)

    def entry(side: Entry) -> Entry:
        given = {name: chance.randint(0, 1) for name in NAMES}
        given["last_response_sentiment"] = chance.randint(-1, 1)
        if chance.random() < 0.03:
            given["last_response_is_eloquent"] = MISSING
        return change(side, labels=given, pre=chance.gauss(0, 1), post=chance.gauss(0, 1))

    chosen, rejected = entry(whole.chosen), entry(whole.rejected)
    if number % 8 == 0:
        rejected = change(rejected, post=chosen.post)
    if number % 8 == 1:
        rejected = change(rejected, pre=chosen.pre)
    return change(whole, chosen=chosen, rejected=rejected)


def _rewrite(pair: PairDetail, number: int, chance: random.Random) -> RewriteDetail:
    whole = fake_study.rewrite(number)
    sides = []
    for side, entry in ((whole.chosen, pair.chosen), (whole.rejected, pair.rejected)):
        after = {
            name: value if chance.random() < 0.5 else chance.randint(0, 1)
            for name, value in entry.labels.items()
        }
        after["last_response_sentiment"] = chance.randint(-1, 1)
        sides.append(
            change(
                side,
                cosine=chance.uniform(0.6, 1.0),
                labels_before=entry.labels,
                labels_after=after,
                post_before=entry.post,
                post_after=entry.post + chance.gauss(0, 1),
            )
        )
    return change(whole, chosen=sides[0], rejected=sides[1], context=pair.chosen.turns[:3])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same study by what a tie counts as and by the preset."""
    chance = random.Random(11)
    pairs = {number: _pair(number, chance) for number in range(PAIRS)}
    rewrites = {number: _rewrite(pairs[number], number, chance) for number in pairs}
    third = '[labelers.third]\nbackend = "recorded"\npath = "labels.csv"\n'
    settings = (("misaligned", "released-code", third), ("exclude", "pooled-clustered", ""))
    return {
        policy: recorded.build(
            tmp_path_factory.mktemp(policy),
            pairs,
            rewrites,
            keys=f'min_cosine = 0.7\n[measures]\ntie_policy = "{policy}"\npreset = "{preset}"\n'
            + more,
        )
        for policy, preset, more in settings
    }


@pytest.fixture(params=["misaligned", "exclude"])
def engine(
    request: pytest.FixtureRequest, runs: dict[str, Path], tmp_path: Path
) -> Iterator[Engine]:
    engine = Engine(shutil.copytree(runs[request.param], tmp_path / "run"))
    yield engine
    engine.close()


def pairs_of(engine: Engine, text: str) -> int:
    return len(engine.pairs(PairQuery(filter=text)).ids)


def rewrites_of(engine: Engine, text: str) -> int:
    return len(engine.rewrites(RewriteQuery(filter=text)).ids)


def test_every_robustness_score_opens_the_rewrites_that_it_counts(engine: Engine) -> None:
    tables, policy = engine.metrics().tables, engine.info().tie_policy
    assert len(tables.robustness) > 50 and len(tables.robustness_drift) > 20
    assert {row.strategy for row in tables.robustness} > {"all"}
    for row in (*tables.robustness[::5], *tables.robustness_drift[::5]):
        text = filters.scored(row, policy)
        assert rewrites_of(engine, text) == row.n, text
        assert rewrites_of(engine, f"{text} change:misaligned") == row.events, text


def test_every_coefficient_opens_the_pairs_that_differ_in_its_feature(engine: Engine) -> None:
    rows = [row for row in engine.metrics().tables.imprint if row.preset == "pair-fe"]
    assert rows
    for row in rows:
        assert pairs_of(engine, filters.differs(row.feature)) == row.varies, row.feature


def test_every_cell_opens_its_pairs(engine: Engine) -> None:
    table, policy = views.regimes(engine.metrics().tables), engine.info().tie_policy
    for regime, opinion in product(ROWS, COLUMNS):
        says = sum(
            n
            for (row, column), n in table.items()
            if regime in (row, None) and opinion in (column, None)
        )
        assert pairs_of(engine, filters.cell(regime, opinion, policy)) == says, (regime, opinion)


@pytest.mark.parametrize("engine", ["misaligned"], indirect=True)
def test_two_of_three_labelers_open_the_pairs_on_which_they_disagree(engine: Engine) -> None:
    tables, names = engine.metrics().tables, ["main", "second", "third"]
    assert {(row.labeler_a, row.labeler_b) for row in tables.stability} >= {("main", "third")}
    differing = 0
    for row in tables.stability:
        two = (row.labeler_a, row.labeler_b)
        text = filters.disagrees(row.feature, two, names)
        agree = row.agreement == 1.0 and row.statistic == "cohen"
        assert (pairs_of(engine, text) == 0) == agree, text
        differing += not agree
    assert differing
    assert filters.disagrees("x", ("third", "main"), names) == "disagrees_main_third:x"
    assert filters.disagrees("x", ("all", "all"), names) == "disagrees:x"
    assert filters.disagrees("x", ("main", "second"), names[:2]) == "disagrees:x"


def test_rewrites_that_no_score_counts_are_marked_and_counted(engine: Engine) -> None:
    found = engine.rewrites(RewriteQuery())
    rows = engine.rewrite_rows(RewriteRowsRequest(ids=found.ids))
    out = [row for row in rows if row.left_out is not None]
    assert found.left_out == len(out) == len(rows) - rewrites_of(engine, "is:used")
    low = {row.rewrite_id for row in rows if min(row.cosine_chosen, row.cosine_rejected) < 0.7}
    assert low and {row.rewrite_id for row in out if row.left_out == "low_cosine"} == low
    assert rewrites_of(engine, "is:low_cosine") == len(low)
    assert {row.left_out for row in out} == {"low_cosine", "no_labels"}
    [total] = {
        row.total
        for row in engine.metrics().tables.robustness
        if (row.preset, row.population, row.strategy) == ("released-code", "all", "all")
    }
    assert total == rewrites_of(engine, "is:used") == engine.info().rewritten_used


def number(text: str, what: str) -> int:
    """The number that a sentence says."""
    match = re.search(what.replace("N", r"([\d,]+)"), " ".join(text.split()))
    assert match is not None, text
    return int(match.group(1).replace(",", ""))


@pytest.mark.parametrize("engine", ["exclude"], indirect=True)
async def test_every_number_of_every_pane_opens_as_many_rows_as_it_says(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_on(engine) as pilot:
        app, opened = pilot.app, []
        await shows(pilot, "Alignment")
        monkeypatch.setattr(app, "open_pairs", lambda text, *_: opened.append((pairs_of, text)))
        monkeypatch.setattr(app, "open_rewrites", lambda text: opened.append((rewrites_of, text)))

        async def check(says: int) -> None:
            await pilot.press("enter")
            await until(pilot, lambda: bool(opened))
            count, text = opened.pop()
            assert count(engine, text) == says, text

        matrix = app.screen.query_one(Matrix)
        for at in ((0, 0), (2, 3), (4, 1), (4, 3)):
            matrix.at = at
            await check(number(matrix.explain(), "^N pairs"))
        robust = app.screen.query_one("#robust")
        robust.focus()
        for at in range(0, robust.count, 4):
            robust.cursor = at
            await pilot.pause()
            await check(number(app.screen.interpretation(), "Of N such rewrites"))
        await pilot.press("2")
        await shows(pilot, "differ")
        lines = app.screen.query_one("#table")
        for at in range(0, lines.count, 3):
            lines.cursor = at
            await check(number(app.screen.interpretation(), "differ in N pairs"))
        await pilot.press("5", "t")
        await shows(pilot, "robustness scores π", "such rewrites")
        scores = app.screen.query_one("#scores-table")
        for at in range(0, scores.count, 6):
            if not app.screen.scores_open:
                await pilot.press("t")
            scores.cursor = at
            await pilot.pause()
            says = number(str(app.screen.query_one("#scores-reading").render()), "Of N such")
            await pilot.press("enter")
            await shows(pilot, f"{says} of ")
        await pilot.press("7")
        await shows(pilot, "directions and shifts")
        mosaic, drift = app.screen.query_one(Mosaic), app.screen.query_one(DriftCurve)
        for plot, what in ((mosaic, "^N pairs"), (drift, "N rewrites with that change")):
            plot.focus()
            assert plot.items
            for at in range(0, plot.items, 4):
                plot.item = at
                await check(number(plot.interpretation(), what))
