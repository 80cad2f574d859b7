"""A finished run on any data file, with recorded results and no models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine import taxonomy
from engine.data.pairs import Pair
from engine.data.readers import Source, read_pairs
from engine.service import Engine
from engine.wire.messages import ExportRequest
from tests.engine.released import SIDES, write_compare, write_taxonomy_csv
from tests.engine.studies import prepare, write_taxonomy
from tests.tui.fake_study import FEATURES

_STUDY = """name = "rows"
[data]
path = "{data}"
max_reject_share = 0.9
{extra}
[taxonomy]
file = "taxonomy.toml"
[labelers.main]
backend = "recorded"
path = "labels.csv"
[rewards.pre]
path = "pre.csv"
[rewards.post]
path = "post.csv"
[rewrites]
sample = 0
"""


def run_on(folder: Path, data: Path, extra: str = "") -> Engine:
    """An open engine with the results of a run on `data`; `extra` are settings of [data]."""
    write_taxonomy(folder / "taxonomy.toml", tuple((n, k, r) for n, k, r, _ in FEATURES))
    features = taxonomy.load(folder / "taxonomy.toml")
    study = folder / "study.toml"
    study.write_text(_STUDY.format(data=data, extra=extra), "utf-8")
    pairs = [item for item in read_pairs(Source(data)) if isinstance(item, Pair)]
    for at, role in enumerate(("pre", "post")):
        scores = {
            pair.source_id: (0.5 + number % 3, 1.25 - at + number % 2)
            for number, pair in enumerate(pairs)
        }
        write_compare(folder / f"{role}.csv", scores)
    keys = [(pair, side) for pair in pairs for side in SIDES]
    values = {
        (pair.source_id, side): [(number + at) % 2 for at in range(len(features))]
        for number, (pair, side) in enumerate(keys)
    }
    texts = {(pair.source_id, side): getattr(pair, side).transcript for pair, side in keys}
    write_taxonomy_csv(folder / "labels.csv", features, values, texts)
    engine = Engine(prepare(study, folder / "run"))
    engine.start()
    engine.join()
    assert engine.status().state == "done", engine.status().error
    return engine


def export(engine: Engine, path: Path, form: str, **settings: Any) -> Path:
    """Exports with kim's decisions, and checks that the preview told the number of rows."""
    request = ExportRequest(path=str(path), format=form, **{"author": "kim", **settings})
    preview = engine.preview_export(request)
    engine.export(request)
    engine.exports.join()
    status = engine.exports.status()
    assert (status.state, status.error) == ("done", None)
    assert status.done == preview.rows
    return path
