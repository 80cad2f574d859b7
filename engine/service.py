"""The engine of one run folder: its study, its store, and at most one run at a time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from engine import info, outside
from engine import study as studies
from engine.data.origin import Origin
from engine.errors import BadInput, NotFound, NotReady, SealError, explain
from engine.executors.jobs import Stopped
from engine.export import ledger as ledger_file
from engine.export.job import Exports
from engine.export.provenance import Digests
from engine.export.source import Subject
from engine.files import refuse_undecodable
from engine.place import Gone, Kept
from engine.results import views
from engine.run import last, manifest, measure
from engine.run.pipeline import Pipeline
from engine.run.preview import preview
from engine.run.progress import Progress
from engine.run.stages import stages
from engine.store import (
    actions,
    blind,
    dataset,
    ledger,
    marks,
    measures,
    recovery,
    saved_filters,
    steps,
)
from engine.store.browse import Browser
from engine.store.database import Reading
from engine.store.ledger import LedgerRow
from engine.store.results import roles
from engine.study import PRESETS, Study
from engine.wire import endpoints
from engine.wire.answering import answers
from engine.wire.messages import (
    Agreement,
    BlindPair,
    BlindRow,
    CompleteRequest,
    Completion,
    ExportPreview,
    ExportRequest,
    ExportStatus,
    Ids,
    Imported,
    LedgerFile,
    LogRequest,
    MarkEvent,
    MarkProgress,
    MarkRequest,
    MarksChanged,
    Metrics,
    MetricsRequest,
    OutsideInfo,
    PairDetail,
    PairQuery,
    PairRequest,
    PairRow,
    PairRowsRequest,
    PlanRequest,
    Plots,
    ProgressRequest,
    RedoRequest,
    Rejects,
    RewriteDetail,
    RewriteQuery,
    RewriteRequest,
    RewriteRow,
    RewriteRowsRequest,
    RunPlan,
    RunState,
    RunStatus,
    SavedFilter,
    SaveFilter,
    StartRequest,
    StopRequest,
    StudyInfo,
    UndoRequest,
)

STUDY_FILE = "study.json"
MAX_REJECTS = 1_000  # listed; the counts by reason are complete
STARTED = "started"  # the key in `meta` of the study whose run began last, as JSON


_FINISH_BATCH = StopRequest()
_OWN_STUDY = PlanRequest()
_EVERY_PRESET = MetricsRequest()


class Engine:
    """Thread-safe. Clients call it through the server; tests call it directly."""

    def __init__(self, folder: Path) -> None:
        """Raises MachineError if the database cannot be opened, BadInput for a damaged study."""
        refuse_undecodable(folder.absolute())
        self.folder = folder
        self.kept = Kept(folder)
        self.study: Study = self._read_study()
        self.store = recovery.open_store(folder)
        self._last = last.Last(self.store)
        self.progress = Progress(str(folder), self.study.name)
        self._thread: threading.Thread | None = None
        self._pipeline: Pipeline | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.exports = Exports()
        self.on_shutdown: Callable[[], None] = lambda: None
        if (ended := manifest.last_status(folder)) is not None:
            cut_off = ended.state == "running" or (
                ended.state == "done" and self._results() is None
            )
            self.progress.restore(ended, "stopped" if cut_off else ended.state)
        self._follow(actions.revision(self.store))

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @answers(endpoints.STATUS)
    def status(self) -> RunStatus:
        return self.progress.snapshot()

    @answers(endpoints.START)
    def start(self, request: StartRequest | None = None) -> RunStatus:
        """Start or resume the run; does nothing if one is running. Raises BadInput if a back end
        of the study is not installed, and NotReady if the user has not seen what it calls; a caller
        without a request knows that."""
        with self._lock:
            if not self.running:
                self.kept.check()
                # The folder's study file may have been replaced since this engine started.
                self.study = self._read_study()
                if request is not None:
                    outside.require_seen(outside.of(self.study, self.folder), request.seen)
                studies.require_installed(self.study)
                resolved = studies.dump_resolved(self.study).decode()
                same = self.store.meta(STARTED) == resolved
                self.store.put_meta(STARTED, resolved)
                self._stop.clear()
                self.progress.study = self.study.name
                self._pipeline = Pipeline(
                    self.study, self.folder, self.store, self.progress, self._stop
                )
                self.progress.begin(
                    [stage.waiting() for stage in self._pipeline.stages],
                    self._pipeline.executor.waiting,
                    paced_as_before=same,
                )
                self._follow(actions.revision(self.store))
                self._thread = threading.Thread(
                    target=self._run, args=(self._pipeline,), name="run"
                )
                self._thread.start()
        return self.status()

    @answers(endpoints.OUTSIDE)
    def outside(self) -> OutsideInfo:
        """What a run of the folder's study would read and call."""
        found = outside.of(self._read_study(), self.folder)
        return OutsideInfo(lines=found.lines, digest=found.digest, seen=outside.was_seen(found))

    @answers(endpoints.STOP)
    def stop(self, request: StopRequest = _FINISH_BATCH) -> RunStatus:
        """Ask the run to stop. Committed results stay."""
        with self._lock:
            self._stop.set()
            if self.running:
                self.progress.stopping()
                if request.now and self._pipeline is not None:
                    self._pipeline.executor.kill()
        return self.status()

    @answers(endpoints.PLAN)
    def plan(self, request: PlanRequest = _OWN_STUDY) -> RunPlan:
        """What a run of this resolved study, or of the folder's own, would reuse and compute.

        Raises NotReady during a run, or if the user has not seen what the folder's own study calls,
        and the errors of a run that cannot start.
        """
        if self.running:
            raise NotReady("a run is in progress: stop it before planning another one")
        study = self._read_study()
        if request.study is None:
            outside.require_seen(outside.of(study, self.folder), request.seen)
        else:
            study = studies.loads_resolved(msgspec.json.encode(request.study))
        studies.require_installed(study)
        return preview(study, self.folder, self.store)

    @answers(endpoints.SHUTDOWN)
    def shutdown(self) -> RunStatus:
        """Ask the process to exit; it finishes the current batch first."""
        self.on_shutdown()
        return self.status()

    def join(self, timeout: float | None = None) -> None:
        if self._thread is not None:
            self._thread.join(timeout)

    def abandon(self, problem: SealError) -> None:
        """The folder is gone: end the run without waiting for its batch, and write nothing more."""
        self._stop.set()
        if self._pipeline is not None:
            self._pipeline.executor.kill()
        self.progress.end("failed", problem)

    def close(self) -> None:
        self._stop.set()
        self.exports.cancel()
        self.join()
        self.store.close()

    def _run(self, pipeline: Pipeline) -> None:
        state: RunState = "failed"
        problem: SealError | None = None
        try:
            pipeline.run()
            state = "done"
        except Stopped:
            state = "stopped"
        except Exception as error:
            problem = explain(error, self.folder / "engine.log")
        try:
            self.kept.check()
        except Gone as gone:  # the reason of whatever else was the problem
            state, problem = "failed", gone

        def save(status: RunStatus) -> None:
            self.kept.check()
            manifest.write(self.folder, pipeline.study, self.store, status, pipeline.notes)

        self.progress.end(state, problem, save)

    # ------------------------------------------------------------ reading

    @answers(endpoints.STUDY)
    def info(self) -> StudyInfo:
        origin = Origin.read(self.store.meta(dataset.ORIGIN))
        return info.study(self._results_study(), self.status().counts, self._changed(), origin)

    def _changed(self) -> bool:
        """Whether a run would compute other results than those shown."""
        started = self.store.meta(STARTED)
        if not self.running and (results := self._results()) is not None:
            before = results.study
        elif started is not None:
            before = studies.loads_resolved(started.encode())
        else:
            return False
        return not studies.computes_the_same(self._read_study(), before)

    @answers(endpoints.MANIFEST)
    def manifest(self) -> dict[str, Any]:
        path = self.folder / manifest.FILE
        if not path.exists():
            raise NotReady("no manifest yet: the run has not finished")
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return content

    @answers(endpoints.METRICS)
    def metrics(self, request: MetricsRequest = _EVERY_PRESET) -> Metrics:
        """Every metric table; with a preset only its rows, in tables that have presets. Stale
        measures are recomputed first, if all results are available."""
        with self._lock:
            if not self.running:  # the file may have changed since this engine started
                try:
                    self.study = self._read_study()
                except BadInput as error:
                    raise NotReady(str(error)) from None
        results = self._need_measures()
        preset = request.preset
        tables = measures.tables(self.store)
        if preset is not None:
            if preset not in PRESETS:
                raise NotFound(f"unknown preset {preset}; use one of {', '.join(PRESETS)}")
            tables = views.narrowed(tables, preset)
        return Metrics(preset=preset or results.study.measures.preset, tables=tables)

    @answers(endpoints.PLOTS)
    def plots(self) -> Plots:
        """The counts behind the paper's figures."""
        results = self._need_measures()
        return info.plots(*measures.rewards(self.store, results.roles))

    @answers(endpoints.REJECTS)
    def rejects(self) -> Rejects:
        """The rejected rows of the source."""
        return info.rejects(self.store, MAX_REJECTS)

    def browser(self) -> Browser:
        return self._browser(self._need_measures())

    def pair_browser(self) -> Browser:
        """Of pairs, also before they have measures. Raises NotReady if none is read."""
        try:
            return self.browser()
        except NotReady:
            started = self.store.meta(STARTED)
            if started is None or not dataset.has_pairs(self.store):
                raise
            results = self._results()
            if results is not None:
                return self._browser(results, measured=False)
            study = studies.loads_resolved(started.encode())
            return self._browser(last.Begun(roles(self.store), study), measured=False)

    def _browser(self, results: last.Results | last.Begun, *, measured: bool = True) -> Browser:
        return Browser(
            self.store,
            results.roles,
            results.study.features,
            results.study.rewrites.strategies,
            results.study.rewrites.min_cosine,
            measured=measured,
        )

    # ------------------------------------------------------------ pairs, rewrites, filters

    @answers(endpoints.PAIRS)
    def pairs(self, query: PairQuery, reading: Reading | None = None) -> Ids:
        """Raises FilterError, NotFound, NotReady, and Interrupted if `reading` was stopped."""
        return self.pair_browser().pair_ids(query, reading)

    @answers(endpoints.PAIR_ROWS)
    def pair_rows(self, request: PairRowsRequest) -> list[PairRow]:
        return self.pair_browser().pair_rows(request.ids, request.author)

    @answers(endpoints.PAIR)
    def pair(self, request: PairRequest) -> PairDetail:
        return self.pair_browser().pair(request.id, request.author)

    @answers(endpoints.BLIND_ROWS)
    def blind_rows(self, request: PairRowsRequest) -> list[BlindRow]:
        measured = self.pair_browser().measured
        return blind.pair_rows(self.store, request.ids, request.author, measured=measured)

    @answers(endpoints.BLIND_PAIR)
    def blind_pair(self, request: PairRequest) -> BlindPair:
        measured = self.pair_browser().measured
        return blind.pair(self.store, request.id, request.author, measured=measured)

    @answers(endpoints.REWRITES)
    def rewrites(self, query: RewriteQuery, reading: Reading | None = None) -> Ids:
        """Raises FilterError, NotReady, and Interrupted if `reading` was stopped."""
        return self.browser().rewrite_ids(query, reading)

    @answers(endpoints.REWRITE_ROWS)
    def rewrite_rows(self, request: RewriteRowsRequest) -> list[RewriteRow]:
        return self.browser().rewrite_rows(request.ids)

    @answers(endpoints.REWRITE)
    def rewrite(self, request: RewriteRequest) -> RewriteDetail:
        return self.browser().rewrite(request.id)

    @answers(endpoints.COMPLETE)
    def complete(self, request: CompleteRequest) -> list[Completion]:
        return self.pair_browser().complete(request)

    @answers(endpoints.SAVED_FILTERS)
    def saved_filters(self) -> list[SavedFilter]:
        return saved_filters.saved(self.store)

    @answers(endpoints.SAVE_FILTER)
    def save_filter(self, request: SaveFilter) -> list[SavedFilter]:
        saved_filters.save(self.store, request)
        return saved_filters.saved(self.store)

    # ------------------------------------------------------------ decisions

    @answers(endpoints.MARK)
    def mark(self, request: MarkRequest) -> MarksChanged:
        """Change marks; they are on disk when this returns. Works during a run."""
        return self._decided(marks.change(self.store, request, self._study_digest()))

    @answers(endpoints.UNDO)
    def undo(self, request: UndoRequest) -> MarksChanged:
        done = self._decided(steps.undo(self.store, request, self._study_digest()))
        return blind.changed(done) if request.blind else done

    @answers(endpoints.REDO)
    def redo(self, request: RedoRequest) -> MarksChanged:
        done = self._decided(steps.redo(self.store, request, self._study_digest()))
        return blind.changed(done) if request.blind else done

    def _decided(self, done: MarksChanged) -> MarksChanged:
        self._follow(done.revision)
        return done

    def _follow(self, revision: int) -> None:
        """Tell every client that follows the events."""
        self.progress.decided(revision)
        for notice in self.store.notices:
            self.progress.warn(notice)

    @answers(endpoints.MARK_LOG)
    def mark_log(self, request: LogRequest) -> list[MarkEvent]:
        if not request.blind:
            return marks.log(self.store, request.limit, request.after)
        own = marks.log(self.store, request.limit, request.after, request.author)
        return [*map(blind.event, own)]

    @answers(endpoints.MARK_PROGRESS)
    def mark_progress(self, request: ProgressRequest) -> MarkProgress:
        query = PairQuery(
            filter=request.filter, author=request.author, sort="pair_id", blind=request.blind
        )
        ids = self.pair_browser().pair_ids(query).ids
        counted = marks.progress(self.store, ids, request.author)
        return blind.progress(counted) if request.blind else counted

    @answers(endpoints.AGREEMENT)
    def agreement(self) -> list[Agreement]:
        return marks.agreement(self.store)

    def ledger(self) -> Iterator[LedgerRow]:
        return ledger.ledger(self.store)

    def import_ledger(self, rows: Iterable[LedgerRow]) -> Imported:
        done = ledger.import_ledger(self.store, rows, self._study_digest())
        self._follow(actions.revision(self.store))
        return done

    # ------------------------------------------------------------ exports

    @answers(endpoints.PREVIEW_EXPORT)
    def preview_export(self, request: ExportRequest) -> ExportPreview:
        """Raises FilterError, NotReady."""
        return self.exports.preview(self._subject(), request)

    @answers(endpoints.EXPORT)
    def export(self, request: ExportRequest) -> ExportStatus:
        """Start an export. Raises BadInput, FilterError, Busy, NotReady."""
        return self.exports.start(self._subject(), request)

    @answers(endpoints.EXPORT_STATUS)
    def export_status(self) -> ExportStatus:
        return self.exports.status()

    @answers(endpoints.CANCEL_EXPORT)
    def cancel_export(self) -> ExportStatus:
        """Cancel the export; returns its status once it has ended."""
        return self.exports.cancel()

    @answers(endpoints.IMPORT_LEDGER)
    def import_ledger_file(self, request: LedgerFile) -> Imported:
        """Import the log of another run. Raises BadInput; then nothing is changed."""
        return self.import_ledger(ledger_file.read(Path(request.path)))

    def _subject(self) -> Subject:
        metrics = self.metrics(_EVERY_PRESET)
        digests = Digests(
            study=self._study_digest(),
            dataset=self.store.meta("dataset") or "",
            metrics=measure.digest(metrics.tables),
        )
        return Subject(
            self.folder,
            self.store,
            self.browser(),
            self.info(),
            metrics,
            self.status().warnings,
            digests,
        )

    def _results(self) -> last.Results | None:
        return self._last.results(self.study)

    def _results_study(self) -> Study:
        """The study of the results shown; the folder's own if there are none."""
        results = self._results()
        return self.study if results is None else results.study

    def _study_digest(self) -> str:
        return studies.digest(self._results_study())

    def _need_measures(self) -> last.Results:
        """The last results, after making sure that their measures are stored."""
        if (results := self._measured()) is not None:
            return results
        with self._lock:
            if (results := self._measured()) is not None:  # by the previous holder of the lock
                return results
            results = self._results()
            if self.running or results is None:
                raise NotReady(self._missing())
            before = manifest.measures_warnings(self.folder)
            summary = measure.measure(self.study, self.store)
            self.progress.remeasured(before, summary.warnings, summary.counts)
            manifest.update_measures(self.folder, results.study, self.status(), summary)
            return results

    def _measured(self) -> last.Results | None:
        results = self._results()
        return results if results and measures.has_measures(self.store, results.digest) else None

    def _missing(self) -> str:
        """Why there are no measures, as an error message."""
        if self.running:
            return "the measures are not computed yet: they are the last stage of the current run"
        status = self.status()
        ended = {stage.name for stage in status.stages if stage.state == "done"}
        needed = [stage for stage in stages(self.study) if stage.name != "measure"]
        missing = [stage.label for stage in needed if stage.name not in ended]
        if missing:
            reason = "missing stages: " + ", ".join(missing)
        else:
            reason = "no run of this study has ended"
        return f"the measures cannot be computed: {reason}; `seal-tui run` computes them"

    def _read_study(self) -> Study:
        return studies.loads_resolved((self.folder / STUDY_FILE).read_bytes())
