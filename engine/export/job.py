"""Exports of one run: a preview at once, the writing in a thread with progress, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import Busy, MachineError, SealError, explain
from engine.export import card, place, provenance, report, rows, writers
from engine.export.decided import TRAINING, Decided, carried_out, count
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

_MAKE: dict[str, Callable[[Decided], list[dict[str, Any]]]] = {
    "trl": rows.trl,
    "trl-messages": rows.trl_messages,
    "kto": rows.kto,
    "hub": rows.hub,
    "csv": rows.sheet,
}


@dataclass(frozen=True)
class Subject:
    """What is exported from: a measured study, at one moment."""

    folder: Path
    store: Store
    browser: Browser
    study: StudyInfo
    metrics: Metrics
    warnings: tuple[str, ...]
    digests: Digests

    def ids(self, request: ExportRequest) -> tuple[int, ...]:
        """Raises FilterError."""
        query = PairQuery(filter=request.filter, sort="pair_id", author=request.author)
        return self.browser.pair_ids(query).ids


class _Cancelled(Exception):
    pass


class Exports:
    """Thread-safe."""

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
        """What an export would write. Raises FilterError."""
        ids = subject.ids(request)
        with subject.store.snapshot() as cursor:
            return _count(subject, request, ids, cursor)

    def start(self, subject: Subject, request: ExportRequest) -> ExportStatus:
        """Raises BadInput, FilterError, Busy; what goes wrong later is in the status."""
        with self._lock:
            if self.running:
                raise Busy(f"{self._status.path} is being written: wait for it, or cancel it")
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
        """Ask for the end and wait for it; nothing of the export is left."""
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
            found = provenance.of(request, preview, subject.study.name, subject.digests)
            if request.format == "report":
                agreement = marks.agreement(subject.store)
                blocks = report.blocks(
                    subject.study, subject.metrics, subject.warnings, agreement, found
                )
                writers.text(scratch, report.rendered(path, subject.study.name, blocks))
            else:
                with _writer(request, path, scratch, found) as write:
                    for page in _pages(subject, request, ids, cursor):
                        self._go_on()
                        write(page)
                        done = self._status.done + len(page)
                        self._status = msgspec.structs.replace(self._status, done=done)
        self._go_on()
        beside = None
        if place.needs_sidecar(path, request.format):
            beside = provenance.beside(found, scratch)
        place.put(scratch, path, request.overwrite)
        if beside is not None:
            sidecar = place.sidecar(path)
            with place.scratch(sidecar, subject.folder) as name:
                writers.text(name, beside.text())
                place.put(name, sidecar, request.overwrite)

    def _go_on(self) -> None:
        if self._cancel.is_set():
            raise _Cancelled


def _count(
    subject: Subject, request: ExportRequest, ids: Sequence[int], cursor: Any
) -> ExportPreview:
    found = count(exports.decisions(cursor, ids, request.author), request)
    if request.format == "ledger":
        changes = sum(len(page) for page in _changes(subject, request, ids, cursor))
        found = msgspec.structs.replace(found, rows=changes)
    return msgspec.structs.replace(found, authors=exports.authors(cursor))


def _pages(
    subject: Subject, request: ExportRequest, ids: Sequence[int], cursor: Any
) -> Iterator[list[Any]]:
    """The rows to write, in pages."""
    if request.format == "ledger":
        yield from _changes(subject, request, ids, cursor)
        return
    make = _MAKE[request.format]
    for page in exports.decided(cursor, ids, request.author):
        if request.format in TRAINING:
            page = [swapped for pair in page if (swapped := carried_out(pair, request)) is not None]
        yield [row for pair in page for row in make(pair)]


def _changes(
    subject: Subject, request: ExportRequest, ids: Sequence[int], cursor: Any
) -> Iterator[list[Any]]:
    """The log of every author: whole, or of the pairs of a filter."""
    wanted = exports.source_ids(cursor, ids) if request.filter.strip() else None
    for page in _batched(ledger.ledger(subject.store), exports.PAGE):
        yield [row for row in page if wanted is None or row.source_id in wanted]


def _batched(rows: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while page := list(islice(rows, size)):
        yield page


def _writer(
    request: ExportRequest, path: Path, scratch: Path, found: Provenance
) -> AbstractContextManager[writers.Write]:
    name = path.name.lower()
    metadata = {provenance.KEY: found.text()}
    match request.format:
        case "hub":
            return _folder(scratch, found, metadata)
        case "csv":
            return writers.sheet(scratch, rows.COLUMNS)
        case _ if name.endswith(".parquet"):
            return writers.parquet(scratch, request.format, metadata)
        case "ledger":
            head = {provenance.KEY: found}
            return writers.json_lines(scratch, name.endswith(".gz"), head)
        case _:
            return writers.json_lines(scratch, name.endswith(".gz"))


@contextmanager
def _folder(scratch: Path, found: Provenance, metadata: dict[str, str]) -> Iterator[writers.Write]:
    """A dataset as a hub has it."""
    data = scratch / place.DATA
    data.parent.mkdir(parents=True)
    with writers.parquet(data, "hub", metadata) as write:
        yield write
    writers.text(scratch / place.CARD, card.text(found))
