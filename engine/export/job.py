"""Exports of one run: a preview at once, the writing in a thread with progress, one at a time."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from engine.export import formats, place, provenance, writers
from engine.export.decided import Decided, carried_out, count
from engine.export.formats.base import Target
from engine.export.place import ExportError
from engine.export.provenance import Digests
from engine.store import Store, StoreError, exports, ledger, marks
from engine.store.browse import Browser
from engine.store.ledger import LedgerRow
from engine.wire.messages import (
    Agreement,
    ExportPreview,
    ExportRequest,
    ExportState,
    ExportStatus,
    Metrics,
    PairQuery,
    StudyInfo,
)


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


class Busy(RuntimeError):
    """An export is being written; one line for a person."""


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
        """Raises ExportError, FilterError, Busy; what goes wrong later is in the status."""
        with self._lock:
            if self.running:
                raise Busy(f"{self._status.path} is being written: wait for it, or cancel it")
            form = formats.named(request.format)
            path = place.target(subject.folder, request, form)
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
        problem = None
        try:
            with place.scratch(path, subject.folder) as scratch:
                self._write(subject, request, path, ids, scratch)
            state = "done"
        except _Cancelled:
            state = "stopped"
        except (ExportError, StoreError) as error:
            problem = str(error)
        except OSError as error:
            problem = f"{path} cannot be written: {error.strerror or error}"
        except Exception as error:
            traceback.print_exc()  # to engine.log
            problem = f"{type(error).__name__}; the details are in {subject.folder}/engine.log"
        self._status = msgspec.structs.replace(self._status, state=state, error=problem)

    def _write(
        self,
        subject: Subject,
        request: ExportRequest,
        path: Path,
        ids: Sequence[int],
        scratch: Path,
    ) -> None:
        form = formats.named(request.format)
        with subject.store.snapshot() as cursor:
            preview = _count(subject, request, ids, cursor)
            self._status = msgspec.structs.replace(self._status, total=preview.rows)
            origin = provenance.of(request, preview, subject.study.name, subject.digests)
            source = _Source(subject, request, ids, cursor)
            form.write(Target(scratch, path.name), source, origin, self._advance)
        self._go_on()
        beside = None
        if not form.describes_itself(path.name):
            beside = provenance.beside(origin, scratch)
        place.put(scratch, path, request.overwrite)
        if beside is not None:
            sidecar = place.sidecar(path)
            with place.scratch(sidecar, subject.folder) as name:
                writers.text(name, beside.text())
                place.put(name, sidecar, request.overwrite)

    def _advance(self, rows: int) -> None:
        self._status = msgspec.structs.replace(self._status, done=self._status.done + rows)
        self._go_on()

    def _go_on(self) -> None:
        if self._cancel.is_set():
            raise _Cancelled


class _Source:
    """What a form may read, all of the moment of `cursor`."""

    def __init__(
        self, subject: Subject, request: ExportRequest, ids: Sequence[int], cursor: Any
    ) -> None:
        self.study, self.metrics = subject.study, subject.metrics
        self.warnings = subject.warnings
        self._store = subject.store
        self._request = request
        self._ids = ids
        self._cursor = cursor

    def pairs(self) -> Iterator[Sequence[Decided]]:
        return exports.decided(self._cursor, self._ids, self._request.author)

    def pairs_as_decided(self) -> Iterator[Sequence[Decided]]:
        for page in self.pairs():
            swapped = (carried_out(pair, self._request) for pair in page)
            yield [pair for pair in swapped if pair is not None]

    def changes(self) -> Iterator[Sequence[LedgerRow]]:
        """The log of every author: whole, or of the pairs of a filter."""
        filtered = bool(self._request.filter.strip())
        sources = exports.source_ids(self._cursor, self._ids) if filtered else None
        rows = ledger.ledger(self._store)
        while page := list(islice(rows, exports.PAGE)):
            yield [row for row in page if sources is None or row.source_id in sources]

    def agreement(self) -> Sequence[Agreement]:
        return marks.agreement(self._store)


def _count(
    subject: Subject, request: ExportRequest, ids: Sequence[int], cursor: Any
) -> ExportPreview:
    form = formats.named(request.format)
    counts = count(exports.decisions(cursor, ids, request.author), request)
    decisions = counts.decisions
    if form.as_decided:
        repeated = {"duplicates": counts.duplicates, "contradictions": counts.contradictions}
        decisions = decisions | repeated
    return ExportPreview(
        pairs=counts.pairs,
        rows=form.count(counts, _Source(subject, request, ids, cursor)),
        counts=decisions,
        authors=exports.authors(cursor),
    )
