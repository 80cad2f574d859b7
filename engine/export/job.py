"""Exports of one run: previews, and one export at a time in a thread with progress."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.data.origin import Origin
from engine.errors import BadInput, Busy, SealError, explain
from engine.export import formats, place, provenance, writers
from engine.export.formats.base import Format, Target
from engine.export.source import Facts, Source, Subject, preview
from engine.files import unwritable
from engine.store.dataset import ORIGIN
from engine.wire.messages import ExportPreview, ExportRequest, ExportState, ExportStatus


class _Cancelled(Exception):
    pass


class Exports:
    """Starts, observes and cancels exports. Thread-safe."""

    def __init__(self) -> None:
        self._status = ExportStatus(state="idle", done=0, total=0, path="")
        self._thread: threading.Thread | None = None
        self._cancel = threading.Event()
        self._lock = threading.Lock()
        self._facts = Facts()

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def status(self) -> ExportStatus:
        return self._status

    def preview(self, subject: Subject, request: ExportRequest) -> ExportPreview:
        """Counts what an export would write. Raises BadInput, NotReady and FilterError."""
        form, ids = _form(subject, request), subject.ids(request)
        with subject.store.snapshot() as cursor:
            source = Source(subject, request, form, ids, cursor, self._facts)
            return preview(form, source, request, cursor)[0]

    def start(self, subject: Subject, request: ExportRequest) -> ExportStatus:
        """Starts an export in the background.

        Raises BadInput, NotReady, FilterError or Busy. Later errors are reported in the status.
        """
        with self._lock:
            if self.running:
                raise Busy(
                    f"another export is running ({self._status.path}): wait for it or cancel it"
                )
            form = _form(subject, request)
            path = place.target(subject.folder, request, form)
            ids = subject.ids(request)
            with subject.store.snapshot() as cursor:
                Source(subject, request, form, ids, cursor, self._facts).counts()
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
            problem = unwritable(path, error)
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
        form = _form(subject, request)
        with subject.store.snapshot() as cursor:
            source = Source(subject, request, form, ids, cursor, self._facts)
            counted, counts = preview(form, source, request, cursor)
            self._status = msgspec.structs.replace(self._status, total=counted.rows)
            name, digests = subject.study.name, subject.digests
            origin = provenance.of(request, counted, name, digests, counts.digest)
            form.write(Target(scratch, path.name), source, origin, self._advance)
        self._check_cancelled()
        sidecar = None
        if not form.contains_provenance(path.name):
            sidecar = provenance.with_digest(origin, scratch)
        place.publish(scratch, path, request.overwrite)
        if sidecar is not None:
            sidecar_path = place.sidecar(path)
            with place.scratch(sidecar_path, subject.folder) as written:
                writers.text(written, sidecar.text())
                place.publish(written, sidecar_path, request.overwrite)

    def _advance(self, rows: int) -> None:
        self._status = msgspec.structs.replace(self._status, done=self._status.done + rows)
        self._check_cancelled()

    def _check_cancelled(self) -> None:
        if self._cancel.is_set():
            raise _Cancelled


def _form(subject: Subject, request: ExportRequest) -> Format:
    """The format of a request for this run. Raises BadInput and NotReady."""
    form = formats.requested(request).of(Origin.read(subject.store.meta(ORIGIN)))
    for name, wanted in (("margin", request.margin), ("soft_labels", request.soft_labels)):
        if wanted and name not in form.takes:
            having = ", ".join(one.name for one in formats.FORMATS.values() if name in one.takes)
            raise BadInput(f"{form.name} rows have no {name.replace('_', ' ')}: choose {having}")
    if request.tokenizer and not form.tokens_of:
        raise BadInput(f"{form.name} rows are not for a trainer: leave out the tokenizer")
    return form
