"""Exports of one run: previews, and one export at a time in a thread with progress."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from engine.data.reviewed import ReviewedPair
from engine.errors import Busy, MachineError, SealError, explain
from engine.export import formats, place, provenance, writers
from engine.export.decisions import Counts, apply_decision, count
from engine.export.formats.base import Format, Target
from engine.export.provenance import Digests
from engine.store import Store, exports, ledger, marks
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
        form, ids = formats.requested(request), subject.ids(request)
        with subject.store.snapshot() as cursor:
            return _preview(form, _Source(subject, request, ids, cursor), request, cursor)

    def start(self, subject: Subject, request: ExportRequest) -> ExportStatus:
        """Starts an export in the background.

        Raises BadInput, FilterError or Busy. Later errors are reported in the status.
        """
        with self._lock:
            if self.running:
                raise Busy(
                    f"another export is running ({self._status.path}): wait for it or cancel it"
                )
            path = place.target(subject.folder, request, formats.requested(request))
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
        form = formats.requested(request)
        with subject.store.snapshot() as cursor:
            source = _Source(subject, request, ids, cursor)
            preview = _preview(form, source, request, cursor)
            self._status = msgspec.structs.replace(self._status, total=preview.rows)
            origin = provenance.of(request, preview, subject.study.name, subject.digests)
            form.write(Target(scratch, path.name), source, origin, self._advance)
        self._check_cancelled()
        sidecar = None
        if not form.contains_provenance(path.name):
            sidecar = provenance.with_digest(origin, scratch)
        place.publish(scratch, path, request.overwrite)
        if sidecar is not None:
            sidecar_path = place.sidecar(path)
            with place.scratch(sidecar_path, subject.folder) as name:
                writers.text(name, sidecar.text())
                place.publish(name, sidecar_path, request.overwrite)

    def _advance(self, rows: int) -> None:
        self._status = msgspec.structs.replace(self._status, done=self._status.done + rows)
        self._check_cancelled()

    def _check_cancelled(self) -> None:
        if self._cancel.is_set():
            raise _Cancelled


class _Source:
    """The pairs and results to export, all as of the moment of `cursor`."""

    def __init__(
        self, subject: Subject, request: ExportRequest, ids: Sequence[int], cursor: Any
    ) -> None:
        self.study, self.metrics = subject.study, subject.metrics
        self.warnings = subject.warnings
        self._store = subject.store
        self._request = request
        self._ids = ids
        self._cursor = cursor

    def counts(self) -> Counts:
        decisions = exports.decisions(self._cursor, self._ids, self._request.author)
        return count(decisions, self._request)

    def pairs(self) -> Iterator[Sequence[ReviewedPair]]:
        return exports.reviewed_pairs(self._cursor, self._ids, self._request.author)

    def pairs_as_decided(self) -> Iterator[Sequence[ReviewedPair]]:
        for page in self.pairs():
            swapped = (apply_decision(pair, self._request) for pair in page)
            yield [pair for pair in swapped if pair is not None]

    def changes(self) -> Iterator[Sequence[LedgerRow]]:
        filtered = bool(self._request.filter.strip())
        selection = exports.source_ids(self._cursor, self._ids) if filtered else None
        rows = ledger.ledger(self._store)
        while page := list(islice(rows, exports.PAGE)):
            yield [row for row in page if selection is None or row.source_id in selection]

    def agreement(self) -> Sequence[Agreement]:
        return marks.agreement(self._store)


def _preview(form: Format, source: _Source, request: ExportRequest, cursor: Any) -> ExportPreview:
    counts = source.counts()
    decisions = counts.decisions
    if form.as_decided:
        decisions = decisions | {
            "duplicates": counts.duplicates,
            "contradictions": counts.contradictions,
        }
    return ExportPreview(
        pairs=counts.pairs,
        rows=form.count(counts, source),
        counts=decisions,
        authors=exports.authors(cursor),
        format=form.name,
        has_rows=form.has_rows,
    )
