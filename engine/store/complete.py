"""The last results that were complete, known by what they are and not by where anything lies."""

from __future__ import annotations

import msgspec

from engine.store.database import COMPLETE, Store


class Complete(msgspec.Struct, frozen=True, kw_only=True):
    """Results that are all in the store: of the dataset with this digest, by these producers
    (role → producer), for this resolved study, which is JSON."""

    dataset: str
    roles: dict[str, str]
    study: msgspec.Raw


def put_complete(store: Store, study: bytes) -> None:
    """Every result that this resolved study asks for is there, by the producers of now."""
    with store.write() as cursor:
        roles = dict(cursor.execute("SELECT role, producer FROM roles ORDER BY role").fetchall())
        dataset = cursor.execute("SELECT value FROM meta WHERE key = 'dataset'").fetchall()
        complete = Complete(
            dataset=dataset[0][0] if dataset else "", roles=roles, study=msgspec.Raw(study)
        )
        cursor.execute(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)",
            [COMPLETE, msgspec.json.encode(complete).decode()],
        )


def complete(store: Store) -> Complete | None:
    """What results were complete last, None where none are, or their pairs were replaced."""
    if (text := store.meta(COMPLETE)) is None:
        return None
    found = msgspec.json.decode(text, type=Complete)
    return found if found.dataset == (store.meta("dataset") or "") else None
