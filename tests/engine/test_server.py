"""Every endpoint, on a finished run and on one that has not begun; wrong requests are Problems."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from engine.data.pairs import Reject
from engine.service import Engine
from engine.store import dataset
from engine.wire.messages import (
    Ids,
    Metrics,
    PairDetail,
    PairQuery,
    PairRow,
    Plots,
    Problem,
    Rejects,
    RewriteDetail,
    RewriteQuery,
    RewriteRow,
    RunStatus,
    StudyInfo,
)
from engine.wire.server import Activity, create_app
from tests.engine.studies import FEATURES, PAIRS, prepare, write_study

DESIGN_TABLES = (
    "alignment",
    "regimes",
    "opinions",
    "tests",
    "shifts",
    "imprint",
    "shift_imprint",
    "misalignment",
    "robustness",
    "stability",
)


class Client:
    """Requests to the application in this process, answers as messages."""

    def __init__(self, engine: Engine) -> None:
        self.left = 0
        self.activity = Activity()
        engine.on_shutdown = self._leave
        app = create_app(engine, self.activity)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://engine")

    def _leave(self) -> None:
        self.left += 1

    async def get(self, path: str, kind: Any) -> Any:
        response = await self.http.get(path)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/json"
        return msgspec.json.decode(response.content, type=kind)

    async def post(self, path: str, kind: Any, body: Any = None) -> Any:
        response = await self.http.post(path, content=msgspec.json.encode(body) if body else b"")
        assert response.status_code == 200, response.text
        return msgspec.json.decode(response.content, type=kind)

    async def problem(self, method: str, path: str, content: bytes = b"") -> tuple[int, str]:
        response = await self.http.request(method, path, content=content)
        error = msgspec.json.decode(response.content, type=Problem).error
        assert error
        assert "\n" not in error
        return response.status_code, error


@pytest.fixture(scope="module")
def engine(_finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    import shutil

    folder = tmp_path_factory.mktemp("served") / "run"
    shutil.copytree(_finished, folder)
    opened = Engine(folder)
    yield opened
    opened.close()


@pytest.fixture
async def client(engine: Engine) -> AsyncIterator[Client]:
    made = Client(engine)
    yield made
    await made.http.aclose()


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[Client]:
    """The engine of a run that was never started."""
    opened = Engine(prepare(write_study(tmp_path / "study"), tmp_path / "run"))
    made = Client(opened)
    yield made
    await made.http.aclose()
    opened.close()


# ---------------------------------------------------------------- the run and its study


async def test_the_status_is_that_of_the_run_in_the_manifest(client: Client) -> None:
    status: RunStatus = await client.get("/status", RunStatus)
    assert (status.state, status.error) == ("done", None)
    assert status.counts["pairs"] == PAIRS
    assert all(stage.state == "done" for stage in status.stages)
    where = {stage.name: stage.where for stage in status.stages}
    assert where["score:pre"] and where["rewrite:neutral"] == "endpoint", where


async def test_the_study_names_features_models_and_presets(client: Client) -> None:
    info: StudyInfo = await client.get("/study", StudyInfo)
    assert [(f.name, f.kind, f.role) for f in info.features] == list(FEATURES)
    assert {m.role for m in info.models} == {
        "pre",
        "post",
        "labeler main",
        "labeler gold",
        "rewriter",
        "embedder",
    }
    assert info.pairs == PAIRS
    assert info.preset in info.presets
    assert info.strategies == ("neutral", "placebo")
    assert info.dataset == "pairs.jsonl", "no path of this machine"


async def test_the_manifest_is_served_as_it_is(client: Client) -> None:
    content = await client.get("/manifest", dict[str, Any])
    assert len(content["metrics_sha256"]) == 64


async def test_plots_count_the_pairs_of_the_run(client: Client) -> None:
    plots: Plots = await client.get("/plots", Plots)
    metrics: Metrics = await client.get("/metrics", Metrics)
    for circle in (plots.direction_pre, plots.direction_post, plots.theta):
        assert sum(circle.counts) + circle.undefined == PAIRS
    for grid in (plots.rewards_pre, plots.rewards_post):
        assert sum(map(sum, grid.counts)) + grid.outside == PAIRS
    (shift,) = [row for row in metrics.tables.shifts if row.group == "all"]
    assert plots.theta.mean_deg == pytest.approx(shift.circular_mean_deg)


async def test_rows_left_out_are_listed_with_the_reason_in_words(tmp_path: Path) -> None:
    opened = Engine(prepare(write_study(tmp_path / "study"), tmp_path / "run"))
    made = Client(opened)
    left = [Reject("a.jsonl", n, "no_assistant_turn", "why", "Human: \x1b") for n in range(1, 1200)]
    try:
        assert await made.get("/rejects", Rejects) == Rejects(rows=(), of=0)
        dataset.put_dataset(opened.store, "d", "d", left, [])
        found: Rejects = await made.get("/rejects", Rejects)
    finally:
        await made.http.aclose()
        opened.close()
    assert (found.of, [row.line for row in found.rows]) == (1199, list(range(1, 1001)))
    assert (found.rows[0].excerpt, found.rows[0].detail) == ("Human: \x1b", "why")
    assert found.rows[0].meaning == "the conversation has no assistant turn"


async def test_metrics_hold_every_table_of_the_design(client: Client) -> None:
    metrics: Metrics = await client.get("/metrics", Metrics)
    explained = {row.table for row in metrics.tables.dropped}
    for name in DESIGN_TABLES:
        rows = getattr(metrics.tables, name)
        assert rows or name in explained, f"{name} is empty and nothing tells why"


async def test_a_preset_chooses_its_rows(client: Client) -> None:
    metrics: Metrics = await client.get("/metrics?preset=pooled-clustered", Metrics)
    assert metrics.preset == "pooled-clustered"
    for row in metrics.tables.imprint:
        assert row.preset == "pooled-clustered"
    everything: Metrics = await client.get("/metrics", Metrics)
    assert metrics.tables.regimes == everything.tables.regimes


async def test_shutdown_is_asked_of_the_process_not_done_here(client: Client) -> None:
    await client.post("/shutdown", RunStatus)
    assert client.left == 1


async def test_stopping_when_nothing_runs_does_nothing(client: Client) -> None:
    status: RunStatus = await client.post("/stop", RunStatus)
    assert status.state == "done"


async def test_a_request_counts_as_being_there(client: Client) -> None:
    client.activity.last -= 1_000
    await client.get("/status", RunStatus)
    assert client.activity.idle_s() < 100


# ---------------------------------------------------------------- pairs


async def test_all_pairs_come_in_the_order_asked_for(client: Client) -> None:
    ids: Ids = await client.post("/pairs", Ids, PairQuery(sort="margin_post"))
    assert ids.of == len(ids.ids) == PAIRS
    rows: list[PairRow] = await client.post("/pairs/rows", list[PairRow], {"ids": ids.ids})
    assert [row.pair_id for row in rows] == list(ids.ids), "rows in the order of the ids"
    margins = [row.margin_post for row in rows]
    assert margins == sorted(margins)
    down: Ids = await client.post("/pairs", Ids, PairQuery(sort="margin_post", descending=True))
    assert down.ids == ids.ids[::-1]


@pytest.mark.parametrize(
    "sort", ["pair_id", "margin_pre", "margin_change", "theta", "gain", "ambiguity"]
)
async def test_every_order_has_every_pair(sort: Any, client: Client) -> None:
    ids: Ids = await client.post("/pairs", Ids, PairQuery(sort=sort))
    assert sorted(ids.ids) == list(range(PAIRS))


async def test_regimes_part_the_pairs(client: Client) -> None:
    found: list[int] = []
    for regime in ("stayed", "got", "resisted", "reversed"):
        ids: Ids = await client.post("/pairs", Ids, PairQuery(filter=f"regime:{regime}"))
        rows = await client.post("/pairs/rows", list[PairRow], {"ids": ids.ids or (-1,)})
        assert all(row.regime == regime for row in rows)
        found += ids.ids
    assert sorted(found) == list(range(PAIRS))


async def test_a_feature_filter_keeps_the_pairs_that_differ_in_it(client: Client) -> None:
    ids: Ids = await client.post("/pairs", Ids, PairQuery(filter="helpful:differs"))
    assert 0 < len(ids.ids) < PAIRS
    for pair_id in ids.ids[:5]:
        pair: PairDetail = await client.get(f"/pairs/{pair_id}", PairDetail)
        assert pair.chosen.labels["helpful"] != pair.rejected.labels["helpful"]
    one_side = PairQuery(filter="helpful:chosen")
    carrying: Ids = await client.post("/pairs", Ids, one_side)
    for pair_id in carrying.ids[:5]:
        pair = await client.get(f"/pairs/{pair_id}", PairDetail)
        assert pair.chosen.labels["helpful"] == 1


@pytest.mark.parametrize(
    ("text", "expected"), [("BIRTHDAY dinner", 1), (".*", 0), ("' OR 1=1 --", 0), ("(", None)]
)
async def test_text_is_searched_for_as_it_stands(
    text: str, expected: int | None, client: Client
) -> None:
    ids: Ids = await client.post("/pairs", Ids, PairQuery(filter=f'"{text}"'))
    assert expected is None or len(ids.ids) == expected


async def test_a_pair_is_shown_whole(client: Client) -> None:
    pair: PairDetail = await client.get("/pairs/0", PairDetail)
    assert pair.row.pair_id == 0
    assert pair.chosen.turns[-1].role == "assistant"
    assert pair.chosen.turns[-1].text.strip() == pair.chosen.response
    assert pair.chosen.turns[: pair.shared_turns] == pair.rejected.turns[: pair.shared_turns]
    assert set(pair.chosen.labels) == {name for name, *_ in FEATURES}
    assert pair.chosen.gold is not None
    assert pair.row.margin_post == pytest.approx(pair.chosen.post - pair.rejected.post)


# ---------------------------------------------------------------- rewrites


async def test_rewrites_are_listed_and_shown_whole(client: Client) -> None:
    ids: Ids = await client.post("/rewrites", Ids, RewriteQuery())
    assert ids.of == len(ids.ids) > 0
    rows: list[RewriteRow] = await client.post("/rewrites/rows", list[RewriteRow], {"ids": ids.ids})
    assert [row.rewrite_id for row in rows] == list(ids.ids)
    for row in rows:
        detail: RewriteDetail = await client.get(f"/rewrites/{row.rewrite_id}", RewriteDetail)
        assert detail.row == row
        assert detail.chosen.rewritten == f"In other words: {detail.chosen.original}"
        assert -1 <= detail.chosen.cosine <= 1
        flips = sum(
            side.labels_before[name] != side.labels_after[name]
            for side in (detail.chosen, detail.rejected)
            for name in side.labels_before
        )
        assert row.flips == flips
        pair: PairDetail = await client.get(f"/pairs/{row.pair_id}", PairDetail)
        assert row.rewrite_id in pair.rewrite_ids


async def test_rewrites_are_filtered_by_strategy_change_and_feature(client: Client) -> None:
    everything: Ids = await client.post("/rewrites", Ids, RewriteQuery())
    parts: list[int] = []
    for change in ("misaligned", "aligned", "same"):
        ids: Ids = await client.post("/rewrites", Ids, RewriteQuery(filter=f"change:{change}"))
        parts += ids.ids
    assert sorted(parts) == sorted(everything.ids)
    neutral: Ids = await client.post("/rewrites", Ids, RewriteQuery(filter="strategy:neutral"))
    placebo: Ids = await client.post("/rewrites", Ids, RewriteQuery(filter="strategy:placebo"))
    assert sorted(neutral.ids + placebo.ids) == sorted(everything.ids)
    flipped: Ids = await client.post("/rewrites", Ids, RewriteQuery(filter="flipped:eloquent"))
    assert set(flipped.ids) <= set(everything.ids)


# ---------------------------------------------------------------- wrong requests


@pytest.mark.parametrize(
    ("status", "method", "path", "content", "words"),
    [
        (404, "GET", "/pairs/99", b"", "no pair 99"),
        (404, "GET", "/pairs/99999999999999999999", b"", "no pair"),
        (404, "GET", "/rewrites/4000", b"", "no rewrite 4000"),
        (404, "GET", "/rewrites/99999999999", b"", "no rewrite"),
        (404, "GET", "/metrics?preset=ols", b"", "unknown preset ols"),
        (422, "POST", "/pairs", b'{"filter": "rhymes:c"}', "unknown filter field “rhymes”"),
        (422, "POST", "/rewrites", b'{"filter": "flipped:rhymes"}', "is not a value of flipped"),
        (404, "GET", "/nowhere", b"", "/nowhere"),
        (404, "GET", "/pairs/one", b"", "/pairs/one"),
        (405, "GET", "/run", b"", "/run"),
        (405, "POST", "/status", b"", "/status"),
        (404, "POST", "/pairs", b'{"sort": "1; DROP TABLE pairs"}', "unknown sort order"),
        (422, "POST", "/pairs", b'{"filter": "regime:lost"}', "regime"),
        (422, "POST", "/pairs", b"[]", "object"),
        (422, "POST", "/pairs/rows", b"{}", "ids"),
        (422, "POST", "/pairs/rows", b'{"ids": ["a"]}', "ids"),
        (422, "POST", "/rewrites", b'{"filter": "change:better"}', "change"),
        (422, "POST", "/rewrites/rows", b'{"ids": 3}', "ids"),
        (422, "POST", "/pairs", b'{"regime": "resisted"}', "unknown field `regime`"),
        (422, "POST", "/pairs", b'{"\\nx": 1}', "unknown field"),
        (422, "POST", "/stop", b'{"when": "now"}', "unknown field `when`"),
        (422, "POST", "/run", b'{"study": "x"}', "takes seen"),
        (422, "GET", "/metrics?presets=ols", b"", "MetricsRequest takes preset"),
        (422, "GET", "/marks/log?limit=ten", b"", "limit"),
        (422, "POST", "/pairs", b"{", "not valid JSON"),
        (422, "POST", "/rewrites", b"\xff", "not valid JSON"),
    ],
)
async def test_a_wrong_request_is_answered_by_a_problem_of_one_line(
    status: int, method: str, path: str, content: bytes, words: str, client: Client
) -> None:
    found, error = await client.problem(method, path, content)
    assert (found, words in error) == (status, True), error


async def test_rows_of_ids_that_there_are_not_are_left_out(client: Client) -> None:
    ids = {"ids": [0, 99, -1, 2**31, 2**62]}
    assert [r.pair_id for r in await client.post("/pairs/rows", list[PairRow], ids)] == [0]
    assert len(await client.post("/rewrites/rows", list[RewriteRow], ids)) <= 1
    nobody = RewriteQuery(filter=f"pair:{2**40}")
    assert (await client.post("/rewrites", Ids, nobody)).ids == ()


async def test_before_the_run_its_results_are_not_ready(fresh: Client) -> None:
    assert (await fresh.get("/status", RunStatus)).state == "idle"
    assert (await fresh.get("/study", StudyInfo)).name == "small"
    for method, path in (
        ("GET", "/metrics"),
        ("GET", "/manifest"),
        ("GET", "/pairs/0"),
        ("GET", "/rewrites/0"),
        ("POST", "/pairs"),
        ("POST", "/rewrites"),
    ):
        status, _ = await fresh.problem(method, path)
        assert status == 409, path


async def test_a_fault_of_the_engine_tells_nothing_of_the_data(
    client: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("a secret of the dataset")

    monkeypatch.setattr(engine, "manifest", fail)
    status, error = await client.problem("GET", "/manifest")
    assert status == 500
    assert "RuntimeError" in error
    assert "secret" not in error
