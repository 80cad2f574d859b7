"""Exports of one run: previews, and one export at a time in a thread with progress."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from engine.data.reviewed import ReviewedPair
from engine.errors import Busy, MachineError, SealError, explain
from engine.export import card, place, provenance, report, rows, writers
from engine.export.decisions import TRAINING, apply_decision, count
from engine.export.provenance import Digests, Provenance
from engine.store import Store, exports, ledger, marks
from engine.store.browse import Browser
from engine.wire.messages import (
    ExportPreview,
    ExportRequest,
    ExportState,
    ExportStatus,
    Metrics,
    PairQuery,
    StudyInfo,
)

_ROWS: dict[str, Callable[[ReviewedPair], list[dict[str, Any]]]] = {
    "trl": rows.trl,
    "trl-messages": rows.trl_messages,
    "kto": rows.kto,
    "hub": rows.hub,
    "csv": rows.sheet,
}


@dataclass(frozen=True)
class Subject:
    """The run to export from, which has been measured."""

    folder: Path
    store: Store
    browser: Browser
    study: StudyInfo
    metrics: Metrics
    warnings: tuple[str, ...]
    digests: Digests

    def ids(self, request: ExportRequest) -> tuple[int, ...]:
        """The pairs that the request selects. Raises FilterError."""
        query = PairQuery(filter=request.filter, sort="pair_id", author=request.author)
        return self.browser.pair_ids(query).ids


class _Cancelled(Exception):
    pass


class Exports:
    """Starts, observes and cancels exports. Thread-safe."""

    def __init__(self) -> None:
        self._status = ExportStatus(state="idle", done=0, total=0, path="")
        self._thread: threading.Thread | None = None
        self._cancel = threading.Event()
        self._lock = threading.Lock()

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def status(self) -> ExportStatus:
        return self._status

    def preview(self, subject: Subject, request: ExportRequest) -> ExportPreview:
        """Counts what an export would write. Raises FilterError."""
        ids = subject.ids(request)
        with subject.store.snapshot() as cursor:
            return _count(subject, request, ids, cursor)

    def start(self, subject: Subject, request: ExportRequest) -> ExportStatus:
        """Starts an export in the background.

        Raises BadInput, FilterError or Busy. Later errors are reported in the status.
        """
        with self._lock:
            if self.running:
                raise Busy(
                    f"another export is running ({self._status.path}): wait for it or cancel it"
                )
            path = place.target(subject.folder, request)
            ids = subject.ids(request)
            self._cancel.clear()
            self._status = ExportStatus(state="running", done=0, total=0, path=str(path))
            self._thread = threading.Thread(
                target=self._run, args=(subject, request, path, ids), name="export"
            )
            self._thread.start()
        return self._status

    def cancel(self) -> ExportStatus:
        """Stops the export, if one is running, and waits for its end. Leaves no files behind."""
        self._cancel.set()
        self.join()
        return self._status

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def _run(
        self, subject: Subject, request: ExportRequest, path: Path, ids: Sequence[int]
    ) -> None:
        state: ExportState = "failed"
        problem: SealError | None = None
        try:
            with place.scratch(path, subject.folder) as scratch:
                self._write(subject, request, path, ids, scratch)
            state = "done"
        except _Cancelled:
            state = "stopped"
        except OSError as error:
            problem = MachineError(f"{path} cannot be written: {error.strerror or error}")
        except Exception as error:
            problem = explain(error, subject.folder / "engine.log")
        self._status = msgspec.structs.replace(
            self._status,
            state=state,
            error=None if problem is None else str(problem),
            error_kind=None if problem is None else problem.kind,
        )

    def _write(
        self,
        subject: Subject,
        request: ExportRequest,
        path: Path,
        ids: Sequence[int],
        scratch: Path,
    ) -> None:
        with subject.store.snapshot() as cursor:
            preview = _count(subject, request, ids, cursor)
            self._status = msgspec.structs.replace(self._status, total=preview.rows)
            origin = provenance.of(request, preview, subject.study.name, subject.digests)
            if request.format == "report":
                agreement = marks.agreement(subject.store)
                blocks = report.blocks(
                    subject.study, subject.metrics, subject.warnings, agreement, origin
                )
                writers.text(scratch, report.rendered(path, subject.study.name, blocks))
            else:
                with _writer(request, path, scratch, origin) as write:
                    for page in _pages(subject, request, ids, cursor):
                        self._check_cancelled()
                        write(page)
                        done = self._status.done + len(page)
                        self._status = msgspec.structs.replace(self._status, done=done)
        self._check_cancelled()
        sidecar = None
        if place.needs_sidecar(path, request.format):
            sidecar = provenance.with_digest(origin, scratch)
        place.publish(scratch, path, request.overwrite)
        if sidecar is not None:
            sidecar_path = place.sidecar(path)
            with place.scratch(sidecar_path, subject.folder) as name:
                writers.text(name, sidecar.text())
                place.publish(name, sidecar_path, request.overwrite)

    def _check_cancelled(self) -> None:
        if self._cancel.is_set():
            raise _Cancelled


def _count(
    subject: Subject, request: ExportRequest, ids: Sequence[int], cursor: Any
) -> ExportPreview:
    preview = count(exports.decisions(cursor, ids, request.author), request)
    if request.format == "ledger":
        changes = sum(len(page) for page in _ledger_pages(subject, request, ids, cursor))
        preview = msgspec.structs.replace(preview, rows=changes)
    return msgspec.structs.replace(preview, authors=exports.authors(cursor))


def _pages(
    subject: Subject, request: ExportRequest, ids: Sequence[int], cursor: Any
) -> Iterator[list[Any]]:
    """The rows to write, page by page."""
    if request.format == "ledger":
        yield from _ledger_pages(subject, request, ids, cursor)
        return
    make = _ROWS[request.format]
    for page in exports.reviewed_pairs(cursor, ids, request.author):
        if request.format in TRAINING:
            page = [final for pair in page if (final := apply_decision(pair, request)) is not None]
        yield [row for pair in page for row in make(pair)]


def _ledger_pages(
    subject: Subject, request: ExportRequest, ids: Sequence[int], cursor: Any
) -> Iterator[list[Any]]:
    """The decision log of all authors: all of it, or only the pairs that a filter selects."""
    selection = exports.source_ids(cursor, ids) if request.filter.strip() else None
    for page in _batched(ledger.ledger(subject.store), exports.PAGE):
        yield [row for row in page if selection is None or row.source_id in selection]


def _batched(rows: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while page := list(islice(rows, size)):
        yield page


def _writer(
    request: ExportRequest, path: Path, scratch: Path, origin: Provenance
) -> AbstractContextManager[writers.Write]:
    name = path.name.lower()
    metadata = {provenance.KEY: origin.text()}
    match request.format:
        case "hub":
            return _folder(scratch, origin, metadata)
        case "csv":
            return writers.sheet(scratch, rows.COLUMNS)
        case _ if name.endswith(".parquet"):
            return writers.parquet(scratch, request.format, metadata)
        case "ledger":
            head = {provenance.KEY: origin}
            return writers.json_lines(scratch, name.endswith(".gz"), head)
        case _:
            return writers.json_lines(scratch, name.endswith(".gz"))


@contextmanager
def _folder(scratch: Path, origin: Provenance, metadata: dict[str, str]) -> Iterator[writers.Write]:
    """A folder in the layout of a hub dataset."""
    data = scratch / place.DATA
    data.parent.mkdir(parents=True)
    with writers.parquet(data, "hub", metadata) as write:
        yield write
    writers.text(scratch / place.CARD, card.text(origin))
