"""Datasets by name from the Hugging Face hub, through the `datasets` library."""

import importlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.data.pairs import Reject, Row
from engine.data.parquet_size import ROWS
from engine.data.table import batch_rows
from engine.errors import BadInput, causes

OFFLINE_HINT = 'download it elsewhere and set path = "…" under [data]'

_NO_NETWORK = {"ConnectError", "ConnectTimeout", "ReadTimeout", "LocalEntryNotFoundError"}


def hub_rows(
    dataset: str, split: str, config: str | None, revision: str | None
) -> Iterator[Row | Reject]:
    """The rows of one split of a hub dataset, from the local cache if it is there.

    Environment variables such as HF_HUB_OFFLINE have their usual effect.
    """
    arrow = _table(dataset, split, config, revision).with_format("arrow")
    for number, batch in enumerate(arrow.iter(batch_size=ROWS)):
        yield from batch_rows(batch, dataset, number * ROWS)


def hub_schema(dataset: str, split: str, config: str | None, revision: str | None) -> Any:
    """The Arrow schema of the same rows, with the features of the dataset."""
    return _table(dataset, split, config, revision).features.arrow_schema


def _table(dataset: str, split: str, config: str | None, revision: str | None) -> Any:
    if Path(dataset).is_file():
        raise BadInput(f'{dataset} is a file: set path = "{dataset}" under [data], not dataset')
    library: Any = importlib.import_module("datasets")
    library.disable_progress_bars()
    try:
        table = library.load_dataset(dataset, config, split=split, revision=revision)
    # The library raises many unrelated types; the user gets one line for each of them.
    except Exception as error:
        raise BadInput(explain(error, dataset, split, config, revision)) from error
    return table


def explain(
    error: Exception, dataset: str, split: str, config: str | None, revision: str | None
) -> str:
    """One line: why the dataset could not be loaded and how to fix it.

    The library signals some causes by class and others only in the message.
    """
    text = " ".join(str(error).split())
    name = f"dataset {dataset}"
    classes = {type(link).__name__ for link in causes(error)}
    if "is a gated dataset" in text or "GatedRepoError" in classes:
        return (
            f"{name} is gated: accept its terms on its hub page and log in (hf auth login), "
            f"or {OFFLINE_HINT}"
        )
    if "OfflineModeIsEnabled" in classes or "OfflineModeIsEnabled" in text:
        return (
            f"{name} is not in the local cache and HF_HUB_OFFLINE is set: unset it to "
            f"download it, or {OFFLINE_HINT}"
        )
    if isinstance(error, ValueError) and "split" in text.lower():
        return f'{name} has no split "{split}" ({text[:200]}): set split under [data]'
    if isinstance(error, ValueError) and "config" in text.lower():
        return f'{name} has no config "{config or "default"}" ({text[:300]}): set config'
    if "RevisionNotFoundError" in classes or text.startswith("Revision "):
        return f'{name} has no revision "{revision}": use an existing commit, tag or branch'
    if "DatasetNotFoundError" in classes or "RepositoryNotFoundError" in classes:
        return (
            f"{name} is not on the hub, or is private: check the name (owner/name), log in "
            f"(hf auth login), or {OFFLINE_HINT}"
        )
    if isinstance(error, (ConnectionError, TimeoutError)) or classes & _NO_NETWORK:
        return f"{name}: cannot reach the Hugging Face hub: check the network, or {OFFLINE_HINT}"
    traceback.print_exception(error, file=sys.stderr)
    return f"{name} could not be loaded: {OFFLINE_HINT}; details in engine.log"
