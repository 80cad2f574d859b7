"""The last complete results, identified by their content, never by paths."""

from __future__ import annotations

import msgspec

from engine.store.database import COMPLETE, Store


class Complete(msgspec.Struct, frozen=True, kw_only=True):
    """Complete results in the store: of the dataset with this digest, by these producers
    (role → producer), for this resolved study (JSON). `content` is the digest of all that the
    source says about the dataset now. `held_out`: the agreement of a post-D model that was trained
    on the dataset, with pairs it was not trained on."""

    dataset: str
    roles: dict[str, str]
    study: msgspec.Raw
    content: str = ""
    held_out: float | None = None


def put_complete(store: Store, study: bytes, held_out: float | None = None) -> None:
    """Record that the results of this resolved study are complete, by the current producers."""
    with store.write() as cursor:
        roles = dict(cursor.execute("SELECT role, producer FROM roles ORDER BY role").fetchall())
        dataset = cursor.execute("SELECT value FROM meta WHERE key = 'dataset'").fetchall()
        complete = Complete(
            dataset=dataset[0][0] if dataset else "",
            roles=roles,
            study=msgspec.Raw(study),
            held_out=held_out,
        )
        cursor.execute(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)",
            [COMPLETE, msgspec.json.encode(complete).decode()],
        )


def complete(store: Store) -> Complete | None:
    """The last complete results; None if there are none, or if their pairs were replaced."""
    query = "SELECT key, value FROM meta WHERE key IN (?, 'dataset', 'content')"
    values = dict(store.read(query, [COMPLETE]).fetchall())
    if COMPLETE not in values:
        return None
    last = msgspec.json.decode(values[COMPLETE], type=Complete)
    if last.dataset != values.get("dataset", ""):
        return None
    return msgspec.structs.replace(last, content=values.get("content", ""))
