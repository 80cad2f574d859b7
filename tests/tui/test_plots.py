"""Screen 7: what is drawn is what was counted, at any size and without colours."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.results import views
from engine.wire.endpoints import PAIRS, REWRITES
from engine.wire.messages import Grid
from seal_tui.explorer.widgets.drift import curve_lines
from seal_tui.explorer.widgets.heat import heat_map, rebin
from seal_tui.explorer.widgets.mosaic import shares
from seal_tui.explorer.widgets.plot import RAMP, shade
from seal_tui.explorer.widgets.rose import rose
from tests import records

from .conftest import Opener, screen_text, shows, until
from .fake_engine import FakeEngine
from .fake_study import METRICS, PLOTS

SIZES = [(80, 24), (120, 30), (120, 36), (160, 50), (40, 12)]


# ---------------------------------------------------------------- the drawings


@given(
    st.lists(st.integers(0, 5000), min_size=1, max_size=6),
    st.integers(0, 200),
    st.integers(0, 12),
)
def test_shares_fill_the_room_and_forget_nobody(counts: list[int], room: int, least: int) -> None:
    cells = shares(counts, room, least)
    assert sum(cells) == (room if any(counts) else 0)
    assert all(cell == 0 for cell, n in zip(cells, counts, strict=True) if not n)
    if least and room >= len(counts):
        assert all(cell > 0 for cell, n in zip(cells, counts, strict=True) if n)


@given(st.integers(1, 130), st.integers(1, 60))
def test_adding_neighbours_together_loses_no_pair(size: int, most: int) -> None:
    counts = [[(3 * x + 5 * y) % 7 for x in range(size)] for y in range(size)]
    found = rebin(counts, most)
    assert len(found) <= most
    assert sum(map(sum, found)) == sum(map(sum, counts))


def test_a_shade_tells_none_from_few_and_few_from_many() -> None:
    assert shade(0, 100) == " " and shade(1, 10_000) == "·" and shade(100, 100) == "█"
    assert [RAMP.index(shade(n, 64)) for n in range(65)] == sorted(
        RAMP.index(shade(n, 64)) for n in range(65)
    )


def test_high_rejected_rewards_are_at_the_top_and_high_chosen_ones_at_the_right() -> None:
    counts = ((0, 0, 5), (0, 0, 0), (1, 0, 0))
    lines = heat_map(Grid(counts=counts, low=-1.0, high=1.0, outside=0), 3)
    top, _, bottom = (line.plain[7:] for line in lines[:3])
    assert top == "▒▒   ╱" or top.startswith(shade(1, 5) * 2)
    assert bottom.endswith("██") and top.rstrip().endswith("╱")


def test_a_petal_points_where_its_angles_do() -> None:
    counts = [0] * 16
    counts[8] = 10  # just counter-clockwise of 0°
    right = [line.plain for line in rose(tuple(counts), 0.0, 30, 16, halves=False)]
    rows = [row for row in right if any(ord(c) > 0x28C0 for c in row[18:26])]
    assert rows and all(right.index(row) <= 8 for row in rows)
    # 0° at the lower left, as for directions: counter-clockwise of it is to the right and below.
    low = [line.plain for line in rose(tuple(counts), 225.0, 30, 16, halves=True)]
    dense = [y for y, row in enumerate(low) if "⣿" in row]
    assert dense and min(dense) >= 8


def test_the_erring_half_is_thinner_than_the_aligned_one() -> None:
    def dots(counts: list[int]) -> int:
        lines = rose(tuple(counts), 225.0, 40, 20, halves=True)
        return sum((ord(c) - 0x2800).bit_count() for line in lines for c in line.plain if c > "⠀")

    empty = dots([0] * 16)
    erring, aligned = dots([5] * 8 + [0] * 8), dots([0] * 8 + [5] * 8)
    assert 1.6 < (aligned - empty) / (erring - empty) < 2.4


def test_a_curve_shows_every_threshold_with_its_interval() -> None:
    first = views.curves(METRICS.tables)[0]
    lines = [line.plain for line in curve_lines(first, 0.9, 60, 16)]
    assert sum(line.count("●") for line in lines) == 3
    assert "≥ 0.00" in lines[-2] and "≥ 0.90" in lines[-2] and "31" in lines[-1]
    assert any("┈" in line for line in lines) and "0.0" in "".join(lines)


# ---------------------------------------------------------------- the screen


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_every_plot_fits_every_size(explorer: Opener, size: tuple[int, int]) -> None:
    async with explorer(*size) as pilot:
        await pilot.press("7")
        await until(pilot, lambda: pilot.app.screen.id == "plots")
        for _ in range(5):
            await pilot.press("t", "right", "z")
            await pilot.pause()
            lines = screen_text(pilot).splitlines()
            assert max(map(len, lines)) <= size[0]
        assert pilot.app.return_code is None


@pytest.mark.parametrize(("size", "many"), [((80, 24), 1), ((120, 30), 2), ((120, 36), 4)], ids=str)
async def test_as_many_plots_as_fit_are_in_sight(
    explorer: Opener, size: tuple[int, int], many: int
) -> None:
    async with explorer(*size) as pilot:
        await pilot.press("7")
        await shows(pilot, "mean")
        plots = pilot.app.screen.plots  # type: ignore[attr-defined]
        assert sum(plot.display for plot in plots) == many
        await pilot.press("z")
        await pilot.pause()
        assert [plot.display for plot in plots] == [True, False, False, False]
        await pilot.press("t", "t")
        await pilot.pause()
        assert plots[2].display and plots[2].has_focus


async def test_each_thing_drawn_is_read_out(explorer: Opener) -> None:
    async with explorer(80, 24) as pilot:
        await pilot.press("7")
        await shows(pilot, "pre-D: 44.6 % of pairs are aligned")
        await pilot.press("l", "l")
        await shows(pilot, "Training rotated", "The sign is a direction, not an improvement.")
        await pilot.press("t")
        await shows(pilot, "pre-D: rewards from −3.25 to 2.50", "7 pairs have a reward outside")
        await pilot.press("t")
        await shows(pilot, "22 pairs (0.9 %): resisted", "4.9 % of the column")
        await pilot.press("t")
        await shows(
            pilot, "turns less positive: +11.7 points", "least 0.00, +8.2 for at least 0.90"
        )
        await pilot.press("right")
        await shows(pilot, "gains “eloquent”")


async def test_a_tile_opens_its_pairs(engine: FakeEngine, explorer: Opener) -> None:
    async with explorer(80, 24) as pilot:
        await pilot.press("7", "t", "t")
        await shows(pilot, "resisted 22")
        await pilot.press("right", "enter")
        await shows(pilot, "regime:reversed opinion:c")
        assert engine.queries(PAIRS)[-1].filter == "regime:reversed opinion:c"


async def test_a_drift_curve_opens_its_rewrites(engine: FakeEngine, explorer: Opener) -> None:
    async with explorer(80, 24) as pilot:
        await pilot.press("7", "T")
        await shows(pilot, "1/2 chosen turns less positive")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen.id == "robustness")
        assert engine.queries(REWRITES)[-1].filter.startswith(
            "lost_chosen:last_response_sentiment is:complete"
        )


async def test_a_study_without_rewrites_or_pairs_is_said_not_drawn(
    engine: FakeEngine, explorer: Opener
) -> None:
    tables = records.with_rows(engine.metrics.tables, robustness_drift=(), regimes=(), alignment=())
    engine.metrics = msgspec.structs.replace(engine.metrics, tables=tables)
    nothing = msgspec.structs.replace(PLOTS.theta, counts=(0,) * 16, mean_deg=None, resultant=None)
    grid = Grid(counts=((0,) * 4,) * 4, low=0.0, high=0.0, outside=0)
    engine.plots = msgspec.structs.replace(
        PLOTS,
        direction_pre=nothing,
        direction_post=nothing,
        theta=nothing,
        rewards_pre=grid,
        rewards_post=grid,
    )
    async with explorer(80, 24) as pilot:
        await pilot.press("7")
        await shows(pilot, "mean –")
        await pilot.press("t", "right", "t")
        await shows(pilot, "no pairs")
        await pilot.press("enter", "t")
        await shows(pilot, "nothing to draw", "No score could be recomputed", "1 of 12")


async def test_help_says_how_to_read_a_plot(explorer: Opener) -> None:
    async with explorer() as pilot:
        await pilot.press("7")
        await shows(pilot, "mean")
        await pilot.press("question_mark")
        await shows(pilot, "petal", "zoom")
