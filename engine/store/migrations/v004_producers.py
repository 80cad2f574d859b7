"""From version 0.1.0 to schema 4.

Makers become producers. The last complete results are identified by dataset, producers and study;
they used to be identified by a digest of the study that included its paths. An action's one-line
summary is called that.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

_TABLES = (
    "producers",
    "roles",
    "batches",
    "labels",
    "scores",
    "rescored",
    "unusable",
    "rewrites",
    "similarities",
)
_IS_MARKED = """
CREATE MACRO is_marked(state) AS
    state.verdict IS NOT NULL OR state.flagged OR state.note <> '' OR len(state.tags) > 0
"""


def migrate(cursor: Any, folder: Path) -> None:
    cursor.execute("ALTER TABLE makers RENAME TO producers")
    for table in _TABLES:
        cursor.execute(f"ALTER TABLE {table} RENAME COLUMN maker TO producer")
    cursor.execute("ALTER TABLE actions RENAME COLUMN said TO summary")
    cursor.execute("DROP MACRO says_something")
    cursor.execute(_IS_MARKED)
    meta: dict[str, str] = dict(cursor.execute("SELECT key, value FROM meta").fetchall())
    roles: dict[str, str] = dict(cursor.execute("SELECT role, producer FROM roles").fetchall())
    studies = _studies(folder)
    cursor.execute("DELETE FROM meta WHERE key IN ('started', 'complete', 'measured')")
    if (started := _of_digest(studies, _digest, meta.get("started"))) is not None:
        cursor.execute("INSERT INTO meta VALUES ('started', ?)", [json.dumps(started)])
    complete = _of_digest(studies, _results_digest, meta.get("complete"))
    if complete is not None and "dataset" in meta:
        content = {"dataset": meta["dataset"], "roles": roles, "study": complete}
        cursor.execute("INSERT INTO meta VALUES ('complete', ?)", [json.dumps(content)])


def _studies(folder: Path) -> list[dict[str, Any]]:
    """The studies of a run folder: its own, and that of its last run."""
    studies = []
    for name, key in (("study.json", None), ("manifest.json", "study")):
        try:
            content = json.loads((folder / name).read_text("utf-8"))
            studies.append(content if key is None else content[key])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return studies


def _of_digest(
    studies: list[dict[str, Any]],
    digest: Callable[[dict[str, Any]], str],
    value: str | None,
) -> dict[str, Any] | None:
    for study in studies:
        try:
            if digest(study) == value:
                return study
        except (KeyError, TypeError):
            continue  # not a study of version 0.1.0
    return None


def _digest(study: dict[str, Any]) -> str:
    """The digest of a study as version 0.1.0 computed it."""
    content = copy.deepcopy(study)
    del content["executor"]["batch_limit_s"]
    for role in ("pre", "post"):
        del content[role]["trust_remote_code"]
    return hashlib.sha256(msgspec.json.format(msgspec.json.encode(content), indent=2)).hexdigest()


def _results_digest(study: dict[str, Any]) -> str:
    """The digest, as version 0.1.0 computed it, of a study without its measures."""
    content = copy.deepcopy(study)
    content["name"] = ""
    for feature in content["features"]:
        feature |= {"role": "other", "regress": True}
    content["rewrites"]["min_cosine"] = 0.0
    content["measures"] = {
        "preset": "pair-fe",
        "tie_policy": "misaligned",
        "opinion": "lexicographic",
    }
    return _digest(content)
