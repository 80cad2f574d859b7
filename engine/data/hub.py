"""Datasets by name from the Hugging Face hub, through the `datasets` library."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.data.pairs import Reject, Row
from engine.data.rows import COLUMNS, columns_found, recognised
from engine.data.table import BATCH, batch_rows
from engine.errors import BadInput

MEND = 'download it elsewhere and use path = "…" under [data]'

_NO_NETWORK = {"ConnectError", "ConnectTimeout", "ReadTimeout", "LocalEntryNotFoundError"}


def hub_rows(
    dataset: str, split: str, config: str | None, revision: str | None
) -> Iterator[Row | Reject]:
    """The rows of one split of a hub dataset, from the local cache where it is there.

    HF_HUB_OFFLINE and the other variables of `datasets` hold as they do everywhere.
    """
    if Path(dataset).is_file():
        raise BadInput(f'{dataset} is a file: use path = "{dataset}", not dataset, under [data]')
    library: Any = importlib.import_module("datasets")
    library.disable_progress_bars()
    try:
        found = library.load_dataset(dataset, config, split=split, revision=revision)
    # Whatever goes wrong in there, from the network to a builder, is told as one line.
    except Exception as error:
        raise BadInput(explain(error, dataset, split, config, revision)) from error
    columns = list(found.column_names)
    if not recognised(columns):
        raise BadInput(f"dataset {dataset}: {columns_found(columns)}")
    wanted = [column for column in columns if column in COLUMNS]
    table = found.select_columns(wanted).with_format("arrow")
    for number, batch in enumerate(table.iter(batch_size=BATCH)):
        yield from batch_rows(batch, dataset, number * BATCH)


def explain(
    error: Exception, dataset: str, split: str, config: str | None, revision: str | None
) -> str:
    """One line that says why the dataset did not load and what to do about it.

    The library tells some cases apart by class and others only by what it writes.
    """
    text = " ".join(str(error).split())
    name = f"dataset {dataset}"
    kinds = {type(link).__name__ for link in _chain(error)}
    if "is a gated dataset" in text or "GatedRepoError" in kinds:
        return (
            f"{name} is gated: accept its terms on its hub page and log in (hf auth login), "
            f"or {MEND}"
        )
    if "OfflineModeIsEnabled" in kinds or "OfflineModeIsEnabled" in text:
        return (
            f"{name} is not in the local cache and HF_HUB_OFFLINE is set: unset it to "
            f"download, or {MEND}"
        )
    if isinstance(error, ValueError) and "split" in text.lower():
        return f'{name} has no split "{split}" ({text[:200]}): set split under [data]'
    if isinstance(error, ValueError) and "config" in text.lower():
        return f'{name} has no config "{config or "default"}" ({text[:300]}): set config'
    if "RevisionNotFoundError" in kinds or text.startswith("Revision "):
        return f'{name} has no revision "{revision}": use a commit, tag or branch that is there'
    if "DatasetNotFoundError" in kinds or "RepositoryNotFoundError" in kinds:
        return (
            f"{name} is not on the hub, or is private: check the name (owner/name), log in "
            f"(hf auth login), or {MEND}"
        )
    if isinstance(error, (ConnectionError, TimeoutError)) or kinds & _NO_NETWORK:
        return f"{name}: the Hugging Face hub is out of reach: check the network, or {MEND}"
    return f"{name} could not be loaded ({type(error).__name__}: {text[:300]}): {MEND}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
