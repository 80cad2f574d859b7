"""The engine of one run folder: its study, its store, at most one run at a time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from engine import study as studies
from engine.data.pairs import REASONS, DataError
from engine.export import ledger as ledger_file
from engine.export.job import Exports, Subject
from engine.export.provenance import Digests
from engine.models.errors import ModelError
from engine.paper import plots
from engine.results import views
from engine.run import manifest, measure, plan
from engine.run.ingest import RunError
from engine.run.pipeline import Pipeline
from engine.run.preview import preview
from engine.run.progress import Progress
from engine.run.workers import Stopped, Workers
from engine.store import Store, StoreError, dataset, ledger, marks, measures, results, saved_filters
from engine.store.browse import Browser
from engine.store.database import Reading
from engine.store.errors import NotFound
from engine.store.ledger import LedgerRow
from engine.study import PRESETS, Study
from engine.wire import endpoints
from engine.wire.answering import answers
from engine.wire.messages import (
    Agreement,
    AuthorRequest,
    Circle,
    CompleteRequest,
    Completion,
    ExportPreview,
    ExportRequest,
    ExportStatus,
    FeatureInfo,
    Grid,
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
    ModelInfo,
    PairDetail,
    PairQuery,
    PairRequest,
    PairRow,
    PairRowsRequest,
    PlanRequest,
    Plots,
    ProgressRequest,
    RejectRow,
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
    StopRequest,
    StudyInfo,
)

STUDY_FILE = "study.json"
DATABASE = "seal.duckdb"
SHOWN_REJECTS = 1_000  # more than anybody reads; the reasons are counted whole
STARTED = "started"  # the key in `meta` of the study whose run began last


_FINISH_BATCH = StopRequest()
_OWN_STUDY = PlanRequest()
_EVERY_PRESET = MetricsRequest()


class NotReady(RuntimeError):
    """The run has not got that far; one line saying what is missing."""


class CannotRun(RuntimeError):
    """The study cannot be run as it is; one line: what, and how to mend it. `bad_input`: because
    of data or study, not of this machine."""

    def __init__(self, error: str, bad_input: bool) -> None:
        super().__init__(error)
        self.bad_input = bad_input


class Engine:
    """Thread-safe. Clients call it through the server; tests call it directly."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreError when the database cannot be opened, StudyError for a damaged study."""
        self.folder = folder
        self.study: Study = self._read_study()
        self.store = Store(folder / DATABASE)
        self.progress = Progress(str(folder), self.study.name)
        self._thread: threading.Thread | None = None
        self._pipeline: Pipeline | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.exports = Exports()
        self.on_shutdown: Callable[[], None] = lambda: None
        if (last := manifest.last_status(folder)) is not None:
            cut_off = last.state == "running" or (last.state == "done" and not self._measurable())
            self.progress.restore(last, "stopped" if cut_off else last.state)

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @answers(endpoints.STATUS)
    def status(self) -> RunStatus:
        return self.progress.snapshot()

    @answers(endpoints.START)
    def start(self) -> RunStatus:
        """Start or resume the run; nothing happens when one is on."""
        with self._lock:
            if not self.running:
                # The folder's study file may have been replaced since this engine started.
                self.study = self._read_study()
                self.store.put_meta(STARTED, studies.digest(self.study))
                self._stop.clear()
                self.progress.study = self.study.name
                self.progress.begin(plan.stages(self.study))
                self._pipeline = Pipeline(
                    self.study, self.folder, self.store, self.progress, self._stop
                )
                self._thread = threading.Thread(
                    target=self._run, args=(self._pipeline,), name="run"
                )
                self._thread.start()
        return self.status()

    @answers(endpoints.STOP)
    def stop(self, request: StopRequest = _FINISH_BATCH) -> RunStatus:
        """Ask the run to stop. Everything committed stays."""
        with self._lock:
            self._stop.set()
            if self.running:
                self.progress.stopping()
                if request.now and self._pipeline is not None:
                    self._pipeline.workers.kill()
        return self.status()

    @answers(endpoints.PLAN)
    def plan(self, request: PlanRequest = _OWN_STUDY) -> RunPlan:
        """What a run would reuse and compute: of this resolved study, or of the folder's own.

        Raises NotReady while a run is on, CannotRun where the run could not even begin.
        """
        if self.running:
            raise NotReady("a run is on; stop it before asking what another one would compute")
        try:
            wanted = self._read_study()
            if request.study is not None:
                wanted = studies.loads_resolved(msgspec.json.encode(request.study))
            executor = wanted.executor
            workers = Workers(executor.devices, executor.batch_limit_s, threading.Event())
            try:
                return preview(wanted, self.folder, self.store, workers)
            finally:
                workers.close()
        except (studies.StudyError, RunError, DataError) as error:
            raise CannotRun(str(error), bad_input=True) from None
        except ModelError as error:
            raise CannotRun(str(error), bad_input=False) from None

    @answers(endpoints.SHUTDOWN)
    def shutdown(self) -> RunStatus:
        """Ask the process to leave; it waits for the batch in work."""
        self.on_shutdown()
        return self.status()

    def join(self, timeout: float | None = None) -> None:
        if self._thread is not None:
            self._thread.join(timeout)

    def close(self) -> None:
        self._stop.set()
        self.exports.cancel()
        self.join()
        self.store.close()

    def _run(self, pipeline: Pipeline) -> None:
        state: RunState = "failed"
        problem, bad_input = None, False
        try:
            pipeline.run()
            state = "done"
        except Stopped:
            state = "stopped"
        except (RunError, DataError) as error:
            problem, bad_input = str(error), True
        except (ModelError, StoreError) as error:
            problem = str(error)
        except OSError as error:
            problem = f"{error.filename or self.folder}: {error.strerror or error}"
        except Exception as error:
            import traceback

            traceback.print_exc()  # to engine.log
            problem = f"{type(error).__name__}; the details are in {self.folder}/engine.log"

        def keep(status: RunStatus) -> None:
            manifest.write(self.folder, pipeline.study, self.store, status, pipeline.notes)

        self.progress.end(state, problem, bad_input, keep)

    # ------------------------------------------------------------ reading

    @answers(endpoints.STUDY)
    def info(self) -> StudyInfo:
        study = self.study
        data = study.data
        models = [ModelInfo(role="pre", model=plan.pre_name(study), detail=study.pre.origin)]
        post = plan.post_name(study)
        models.append(ModelInfo(role="post", model=post, detail=study.post.origin))
        for name, labeler in study.labelers.items():
            model = labeler.model or Path(labeler.path or "none").name
            models.append(ModelInfo(role=f"labeler {name}", model=model, detail=labeler.backend))
        if study.rewrites.wanted:
            models.append(
                ModelInfo(
                    role="rewriter", model=plan.rewriter_name(study), detail=study.rewrites.scope
                )
            )
            if study.rewrites.path is None:
                models.append(ModelInfo(role="embedder", model=study.embedder.model, detail=""))
        return StudyInfo(
            name=study.name,
            dataset=data.dataset or Path(data.path or "").name,
            pairs=self.status().counts.get("pairs", 0),
            features=tuple(
                FeatureInfo(
                    name=f.name, kind=f.kind, role=f.role, regress=f.regress, question=f.question
                )
                for f in study.features
            ),
            models=tuple(models),
            strategies=study.rewrites.strategies if study.rewrites.wanted else (),
            preset=study.measures.preset,
            presets=PRESETS,
            tie_policy=study.measures.tie_policy,
            opinion=study.measures.opinion,
            min_cosine=study.rewrites.min_cosine,
            changed=self._changed(),
        )

    def _changed(self) -> bool:
        started = self.store.meta(STARTED)
        return started is not None and started != studies.digest(self._read_study())

    @answers(endpoints.MANIFEST)
    def manifest(self) -> dict[str, Any]:
        path = self.folder / manifest.FILE
        if not path.exists():
            raise NotReady("there is no manifest yet: the run has not ended")
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return content

    @answers(endpoints.METRICS)
    def metrics(self, request: MetricsRequest = _EVERY_PRESET) -> Metrics:
        """Every metric table; with a preset only its rows, where a table has presets. Stale
        measures are computed anew first, if every result they need is there."""
        with self._lock:
            if not self.running:  # its file may have been changed since this engine started
                try:
                    self.study = self._read_study()
                except studies.StudyError as error:
                    raise NotReady(str(error)) from None
        self._need_measures()
        preset = request.preset
        tables = measures.tables(self.store)
        if preset is not None:
            if preset not in PRESETS:
                raise NotFound(f"no preset named {preset}; there are {', '.join(PRESETS)}")
            tables = views.narrowed(tables, preset)
        return Metrics(preset=preset or self.study.measures.preset, tables=tables)

    @answers(endpoints.PLOTS)
    def plots(self) -> Plots:
        """What the paper draws, counted and ready to draw."""
        self._need_measures()
        drawn = plots.plots(*measures.rewards(self.store, results.roles(self.store)))
        return Plots(
            direction_pre=_circle(drawn.direction_pre),
            direction_post=_circle(drawn.direction_post),
            theta=_circle(drawn.theta),
            rewards_pre=_grid(drawn.rewards_pre),
            rewards_post=_grid(drawn.rewards_post),
        )

    @answers(endpoints.REJECTS)
    def rejects(self) -> Rejects:
        """The rows of the source that could not be used."""
        meanings: dict[str, str] = dict(REASONS)
        rows = tuple(
            RejectRow(
                source=source,
                line=line,
                reason=reason,
                meaning=meanings.get(reason, reason),
                detail=detail,
                excerpt=excerpt,
            )
            for source, line, reason, detail, excerpt in dataset.rejects(self.store, SHOWN_REJECTS)
        )
        return Rejects(rows=rows, of=sum(dataset.reject_counts(self.store).values()))

    def browser(self) -> Browser:
        self._need_measures()
        return Browser(
            self.store,
            results.roles(self.store),
            self.study.features,
            self.study.rewrites.strategies,
        )

    # ------------------------------------------------------------ pairs, rewrites, filters

    @answers(endpoints.PAIRS)
    def pairs(self, query: PairQuery, reading: Reading | None = None) -> Ids:
        """Raises FilterError, NotFound, NotReady, and Interrupted where `reading` was stopped."""
        return self.browser().pair_ids(query, reading)

    @answers(endpoints.PAIR_ROWS)
    def pair_rows(self, request: PairRowsRequest) -> list[PairRow]:
        return self.browser().pair_rows(request.ids, request.author)

    @answers(endpoints.PAIR)
    def pair(self, request: PairRequest) -> PairDetail:
        return self.browser().pair(request.id, request.author)

    @answers(endpoints.REWRITES)
    def rewrites(self, query: RewriteQuery, reading: Reading | None = None) -> Ids:
        """Raises FilterError, NotReady, and Interrupted where `reading` was stopped."""
        return self.browser().rewrite_ids(query, reading)

    @answers(endpoints.REWRITE_ROWS)
    def rewrite_rows(self, request: RewriteRowsRequest) -> list[RewriteRow]:
        return self.browser().rewrite_rows(request.ids)

    @answers(endpoints.REWRITE)
    def rewrite(self, request: RewriteRequest) -> RewriteDetail:
        return self.browser().rewrite(request.id)

    @answers(endpoints.COMPLETE)
    def complete(self, request: CompleteRequest) -> list[Completion]:
        return self.browser().complete(request)

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
        """Change marks; they are on disk when this returns. A run that is on does not matter."""
        return marks.change(self.store, request, studies.digest(self.study))

    @answers(endpoints.UNDO)
    def undo(self, request: AuthorRequest) -> MarksChanged:
        return marks.undo(self.store, request.author, studies.digest(self.study))

    @answers(endpoints.REDO)
    def redo(self, request: AuthorRequest) -> MarksChanged:
        return marks.redo(self.store, request.author, studies.digest(self.study))

    @answers(endpoints.MARK_LOG)
    def mark_log(self, request: LogRequest) -> list[MarkEvent]:
        return marks.log(self.store, request.limit)

    @answers(endpoints.MARK_PROGRESS)
    def mark_progress(self, request: ProgressRequest) -> MarkProgress:
        query = PairQuery(filter=request.filter, author=request.author, sort="pair_id")
        return marks.progress(self.store, self.browser().pair_ids(query).ids, request.author)

    @answers(endpoints.AGREEMENT)
    def agreement(self) -> list[Agreement]:
        return marks.agreement(self.store)

    def ledger(self) -> Iterator[LedgerRow]:
        return ledger.ledger(self.store)

    def import_ledger(self, rows: Iterable[LedgerRow]) -> Imported:
        return ledger.import_ledger(self.store, rows, studies.digest(self.study))

    # ------------------------------------------------------------ exports

    @answers(endpoints.PREVIEW_EXPORT)
    def preview_export(self, request: ExportRequest) -> ExportPreview:
        """Raises FilterError, NotReady."""
        return self.exports.preview(self._subject(), request)

    @answers(endpoints.EXPORT)
    def export(self, request: ExportRequest) -> ExportStatus:
        """Begin to write. Raises ExportError, FilterError, Busy, NotReady."""
        return self.exports.start(self._subject(), request)

    @answers(endpoints.EXPORT_STATUS)
    def export_status(self) -> ExportStatus:
        return self.exports.status()

    @answers(endpoints.CANCEL_EXPORT)
    def cancel_export(self) -> ExportStatus:
        """The status when the export has ended."""
        return self.exports.cancel()

    @answers(endpoints.IMPORT_LEDGER)
    def import_ledger_file(self, request: LedgerFile) -> Imported:
        """Bring in the log of another run. Raises ExportError, Refused; then nothing is changed."""
        return self.import_ledger(ledger_file.read(Path(request.path)))

    def _subject(self) -> Subject:
        metrics = self.metrics(_EVERY_PRESET)
        digests = Digests(
            study=studies.digest(self.study),
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

    def _need_measures(self) -> None:
        if self._measured():
            return
        with self._lock:
            if self._measured():  # by whoever held the lock
                return
            if self.running or not self._measurable():
                raise NotReady(self._missing())
            before = manifest.warnings_of_measures(self.folder)
            summary = measure.measure(self.study, self.store)
            self.progress.remeasured(before, summary.warnings, summary.counts)
            manifest.remeasured(self.folder, self.study, self.status(), summary)

    def _missing(self) -> str:
        """Why there are no measures, for a person."""
        if self.running:
            return "the measures are not computed yet: the run is on, they are its last stage"
        status = self.status()
        ended = {stage.name for stage in status.stages if stage.state == "done"}
        wanted = [stage for stage in plan.stages(self.study) if stage.name != "measure"]
        missing = [stage.label for stage in wanted if stage.name not in ended]
        if not missing:
            why = "the study, its data or its models are not those of the last run"
        else:
            why = "what is missing: " + ", ".join(missing)
        return f"the measures cannot be computed: {why}; `seal-tui run` computes what is missing"

    def _read_study(self) -> Study:
        return studies.loads_resolved((self.folder / STUDY_FILE).read_bytes())

    def _measurable(self) -> bool:
        return measures.is_complete(self.store, studies.results_digest(self.study))

    def _measured(self) -> bool:
        return measures.has_measures(self.store, studies.digest(self.study))


def _circle(drawn: plots.Circle) -> Circle:
    return Circle(
        counts=tuple(drawn.counts.tolist()),
        undefined=drawn.undefined,
        mean_deg=drawn.mean_deg,
        resultant=drawn.resultant,
    )


def _grid(drawn: plots.Grid) -> Grid:
    return Grid(
        counts=tuple(tuple(row) for row in drawn.counts.tolist()),
        low=drawn.low,
        high=drawn.high,
        outside=drawn.outside,
    )
