"""`make bench`: how fast the parts are, each beside what it is compared with in the same run.

    python -m tests.perf.bench [NAME …]

Times are of this machine and this minute; the ratios are what docs/performance.md claims.
"""

from __future__ import annotations

import gzip
import json
import random
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine import data
from engine.models.protocols import Text
from engine.paper.inputs import Pairs
from engine.paths import SAMPLE_DATA
from engine.results import flat
from engine.run import measure
from engine.store import Store, measures, results
from engine.store.browse import Browser
from engine.wire.messages import PairQuery, RedoRequest, UndoRequest
from tests.pairs import of_transcripts, put
from tests.perf import planted
from tests.perf.exploring import exploring
from tests.perf.memory import remembering
from tests.perf.serving import serving
from tests.perf.stored import PAIRS, plant, sample_texts


def seconds(work: Callable[[], Any], repeat: int = 1) -> float:
    """The median time of `repeat` runs."""
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def say(what: str, took: float, than: str = "", other: float | None = None) -> None:
    line = f"{what:<58}{took * 1000:>12,.1f} ms"
    if other is not None:
        line += f"   {than}: {other * 1000:,.1f} ms, ratio {other / took:.1f}"
    print(line, flush=True)


def sample_entries(count: int) -> list[Text]:
    texts = []
    for pair in data.read_pairs(data.Source(path=SAMPLE_DATA / "pairs.jsonl", dataset=None)):
        assert isinstance(pair, data.Pair)
        for side in (pair.chosen, pair.rejected):
            texts.append(Text(len(texts), side))
    return texts[:count]


def ingest() -> None:
    """Reading, grouping and storing a dataset of the paper's size."""
    import pyarrow
    from pyarrow import parquet

    from engine.data.groups import Groups
    from engine.store import Store

    rows = [json.loads(line) for line in (SAMPLE_DATA / "pairs.jsonl").open(encoding="utf-8")]
    numbered = [
        {side: f"{rows[n % len(rows)][side]} ({n})" for side in ("chosen", "rejected")}
        for n in range(PAIRS)
    ]
    with tempfile.TemporaryDirectory() as folder:
        lines, table, chats = (
            Path(folder) / name for name in ("a.jsonl.gz", "b.parquet", "c.jsonl")
        )
        with gzip.open(lines, "wt", encoding="utf-8", compresslevel=1) as file:
            file.writelines(json.dumps(row) + "\n" for row in numbered)
        parquet.write_table(pyarrow.Table.from_pylist(numbered), table)
        with chats.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(_as_messages(row)) + "\n" for row in numbered)
        for path, kind in ((lines, ".jsonl.gz"), (table, ".parquet"), (chats, "messages, .jsonl")):
            source = data.Source(path=path)
            took = seconds(lambda source=source: deque(data.read_pairs(source), 0))
            say(f"read {PAIRS:,} pairs from {kind}", took)
        pairs = [p for p in data.read_pairs(data.Source(path=lines)) if isinstance(p, data.Pair)]
        asked = [*map(_asking, range(PAIRS))]
        for how in ("exact", "near"):
            groups = Groups(how)
            took = seconds(lambda groups=groups: [*map(groups.add, asked), groups.numbers()])
            say(f"group {PAIRS:,} different prompts of 90 words, {how}", took)
        store = Store(Path(folder) / "seal.duckdb")
        took = seconds(lambda: put(store, data.digest(pairs), pairs))
        say(f"store {PAIRS:,} pairs in DuckDB", took)
        store.close()


def _asking(number: int) -> data.Pair:
    """A pair with a prompt of its own."""
    prompt = " ".join(map(str, random.Random(number).choices(range(10_000, 60_000), k=90)))
    said = data.Conversation.of_transcript(f"\n\nHuman: {prompt}\n\nAssistant: yes")
    return data.Pair(str(number), number, said, said)


def _as_messages(row: dict[str, str]) -> dict[str, Any]:
    return {
        side: [
            {"role": message.role, "content": message.content}
            for message in data.Conversation.of_transcript(text).messages
        ]
        for side, text in row.items()
    }


def statistics_() -> None:
    """The pair-fixed-effects fit, clustered, beside statsmodels' own; every measure of a run."""
    import statsmodels.api as sm

    from engine.paper.linear import first_difference

    pairs = planted.study(PAIRS)
    chosen, rejected = pairs.chosen.astype(float), pairs.rejected.astype(float)
    features = np.stack([chosen, rejected], axis=1)
    within = (features - features.mean(axis=1, keepdims=True)).reshape(2 * PAIRS, -1)
    rewards = (pairs.post - pairs.post.mean(axis=1, keepdims=True)).reshape(-1)
    groups = np.repeat(np.arange(PAIRS), 2)

    def theirs() -> Any:
        return sm.OLS(rewards, within).fit(
            cov_type="cluster", cov_kwds={"groups": groups}, use_t=True
        )

    def ours() -> Any:
        return first_difference(chosen - rejected, pairs.post[:, 0] - pairs.post[:, 1])

    reference, found = theirs(), ours()
    np.testing.assert_allclose(found.beta, reference.params, rtol=1e-9)
    np.testing.assert_allclose(found.std_error, reference.bse, rtol=1e-9)
    say(
        f"pair fixed effects, clustered, {PAIRS:,} pairs",
        seconds(ours, 5), "statsmodels", seconds(theirs, 3),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        first, second = (stored(Path(folder), pairs, seed) for seed in (1, 2))
        say(f"all measures of a stored run, {PAIRS:,} pairs × 15 features", first[0])
        assert first[1:] == second[1:], "the order of insertion changed a measure"
        print("the same run stored in another order: every number equal to the last bit")


def stored(folder: Path, pairs: Pairs, seed: int) -> tuple[float, str, str]:
    """How long it takes to read a stored run, measure and store everything, and the tables and
    facts in full."""
    said = "\n\nHuman: q\n\nAssistant: {}"
    texts = [(said.format(2 * n), said.format(2 * n + 1)) for n in range(PAIRS)]
    study, store = plant(folder / str(seed), pairs, texts, seed)
    took = seconds(lambda: measure.measure(study, store))
    facts = store.arrow("SELECT * FROM pair_facts ORDER BY pair_id").to_pydict()
    found = json.dumps(flat.tables(measures.tables(store))), json.dumps(facts)
    store.close()
    return took, *found


SORTS = ("margin_post", "theta", "ambiguity", "residual", "random", "influence:feature_5")
FILTERS = (
    "regime:resisted opinion:c",
    "feature_5:r>c margin<0.5",
    "theta:-5..5 or -helpful:same",
    "is:duplicate",
    "is:undecided",
    "disagrees:feature_5",
    "xylophonist",
    "the",
    'doctor sister -"pills"',
)


def browsing() -> None:
    """What a key press in the explorer asks of the store: sorts, filters, a page."""
    with tempfile.TemporaryDirectory() as folder:
        study, store = plant(Path(folder) / "run", planted.study(PAIRS), sample_texts(), 0)
        measure.measure(study, store)
        browser = Browser(store, results.roles(store), study.features, ())
        for sort in SORTS:
            query = PairQuery(sort=sort)
            say(f"sort by {sort}", seconds(lambda q=query: browser.pair_ids(q), 5))
        for text in FILTERS:
            query = PairQuery(filter=text, author="a")
            say(f"filter {text}", seconds(lambda q=query: browser.pair_ids(q), 5))
        ids = random.Random(7).sample(range(PAIRS), 50)
        say("a page of 50 scattered rows", seconds(lambda: browser.pair_rows(ids, "a"), 20))
        store.close()


def marking() -> None:
    """Decisions: one at a time and about every pair, each on disk when the call returns."""
    from engine.store import marks, steps
    from engine.wire.messages import MarkChange, MarkRequest, Verdict

    said = "\n\nHuman: question {0}\n\nAssistant: {1} {0}"
    pairs = [
        of_transcripts(str(n), n, said.format(n, "good"), said.format(n, "bad"))
        for n in range(PAIRS)
    ]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "seal.duckdb")
        put(store, "bench", pairs)

        def mark(ids: Any, verdict: Verdict, author: str = "a") -> None:
            change = MarkChange(verdict=verdict)
            marks.change(store, MarkRequest(pair_ids=ids, change=change, author=author), "bench")

        everything = tuple(range(PAIRS))
        mark((0,), "keep")
        say(f"flip {PAIRS:,} pairs", seconds(lambda: mark(everything, "flip")))
        say("undo that", seconds(lambda: steps.undo(store, UndoRequest(author="a"), "bench")))
        say("redo it", seconds(lambda: steps.redo(store, RedoRequest(author="a"), "bench")))
        say("drop them", seconds(lambda: mark(everything, "drop")))
        mark(everything, "keep", "b")
        singles: list[float] = []
        for n in random.Random(7).sample(range(PAIRS), 200):
            singles.append(seconds(lambda n=n: mark((n,), "tie")))
        singles.sort()
        say("one decision, median of 200", singles[100])
        say("one decision, 99th percentile", singles[197])
        say("undo one", seconds(lambda: steps.undo(store, UndoRequest(author="a"), "bench"), 50))
        say("progress of all pairs", seconds(lambda: marks.progress(store, everything, "a"), 5))
        say("agreement of two authors on all pairs", seconds(lambda: marks.agreement(store), 5))
        store.close()


def models() -> None:
    """Batched scoring beside one at a time; packed questions beside one prompt each."""
    from engine.models.logit_labeler import LogitLabeler
    from engine.models.reward import SequenceClassifierReward
    from engine.taxonomy import load

    texts = sample_entries(96)
    reward = SequenceClassifierReward("embedded:reward-pre")
    reward.score(texts[:8])
    say(
        "score 96 entries in batches",
        seconds(lambda: reward.score(texts), 3),
        "one at a time",
        seconds(lambda: [reward.score([text]) for text in texts]),
    )
    features = load()
    packed = LogitLabeler("embedded:smollm2", None, features)
    single = [LogitLabeler("embedded:smollm2", None, [feature]) for feature in features[:1]]
    few = texts[:4]
    packed.label(few[:1])
    say(
        f"{len(features)} questions about 4 entries, packed",
        seconds(lambda: packed.label(few)),
        "one prompt a question",
        seconds(lambda: [single[0].label(few) for _ in features]),
    )


BENCHES = {
    "ingest": ingest,
    "statistics": statistics_,
    "browsing": browsing,
    "marking": marking,
    "models": models,
    "serving": serving,
    "exploring": exploring,
    "remembering": remembering,
}


def main() -> None:
    for name in sys.argv[1:] or BENCHES:
        print(f"\n{name}: {BENCHES[name].__doc__}", flush=True)
        BENCHES[name]()


if __name__ == "__main__":
    main()
