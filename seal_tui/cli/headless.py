"""Runs without the explorer: live progress on a terminal, plain lines in a log or pipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.text import Text

from engine import door
from engine.wire.client import EngineGone, EngineSilent, SyncEngineClient
from engine.wire.endpoints import METRICS, STATUS, STUDY
from engine.wire.messages import (
    Metrics,
    MetricsRequest,
    RunPlan,
    RunStatus,
    StageProgress,
    StudyInfo,
)
from seal_tui.cli import report, summary
from seal_tui.explorer.widgets.progress import bar, stage_words
from seal_tui.text import numbers, planned, words
from seal_tui.text.safe import Safe, fit, one_line

_EVERY_S = 10.0
_RETRY_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
OVER = ("done", "failed", "stopped")
SILENT = Safe("the engine does not answer; waiting for it · ctrl+c leaves, the run goes on")


def follow_run(
    client: SyncEngineClient,
    console: Console | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> RunStatus:
    """Show the run's progress until it ends, and return the final status.

    The run must have been started. A lost connection is retried for a while, then `EngineGone` is
    raised; the run itself may continue.
    """
    console = console or Console(highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        console.file = door.behind(console.file)  # for the control sequences of the live board
        return _live(client, console)
    return _lines(client, console, clock)


def _events(client: SyncEngineClient, tell: Callable[[Safe], None]) -> Iterable[RunStatus]:
    """Statuses until the run has ended. `tell` gets a line when the engine falls silent."""
    failures = 0
    silent = False
    while True:
        try:
            for status in client.events():
                failures, silent = 0, False
                yield status
                if status.state in OVER:
                    return
        except EngineSilent:
            if not silent:
                tell(SILENT)
            silent = True
        except EngineGone:
            if failures == len(_RETRY_S):
                raise
            time.sleep(_RETRY_S[failures])
            failures += 1


# ---------------------------------------------------------------- a terminal


def _live(client: SyncEngineClient, console: Console) -> RunStatus:
    last: RunStatus | None = None
    with Live(console=console, auto_refresh=False, transient=False) as live:

        def tell(line: Safe) -> None:
            board = _board(last, console.width) if last is not None else Text()
            live.update(board.append(f"\n{line}", "bold yellow"), refresh=True)

        for last in _events(client, tell):
            live.update(_board(last, console.width), refresh=True)
    if last is None:
        raise EngineGone("the engine sent no status")
    _ending(last, console)
    return last


def _board(status: RunStatus, width: int) -> Text:
    board = Text(no_wrap=True, overflow="ellipsis")
    room = 2 + max((cell_len(one_line(stage.label)) for stage in status.stages), default=0)
    for stage in status.stages:
        style = {"running": "bold", "failed": "bold yellow"}.get(stage.state, "dim")
        line = f"{fit(one_line(stage.label), room)}{words.STAGE_STATE[stage.state]:<8}"
        board.append(line, style)
        board.append(bar(stage.done, stage.total, 20 if width >= 100 else 10) + " ")
        board.append(stage_words(stage) + "\n")
    board.rstrip()
    return board


# ---------------------------------------------------------------- a log or a pipe


def _lines(client: SyncEngineClient, console: Console, clock: Callable[[], float]) -> RunStatus:
    """One line when a stage starts or ends, and one every ten seconds in between."""
    states: dict[str, str] = {}
    last_line_at = clock()
    last: RunStatus | None = None
    warned = 0
    for last in _events(client, lambda line: _say(console, line)):
        for stage in last.stages:
            if stage.state != states.get(stage.name, "waiting"):
                states[stage.name] = stage.state
                _say(console, _stage_line(stage))
                last_line_at = clock()
            elif stage.state == "running" and clock() - last_line_at >= _EVERY_S:
                _say(console, _stage_line(stage))
                last_line_at = clock()
        for warning in last.warnings[warned:]:
            _say(console, Safe(f"warning: {one_line(warning)}"))
        warned = max(warned, len(last.warnings))
    if last is None:
        raise EngineGone("the engine sent no status")
    _ending(last, console)
    return last


def _stage_line(stage: StageProgress) -> Safe:
    detail = stage_words(stage)
    state = words.STAGE_STATE[stage.state]
    return Safe(f"{one_line(stage.label)}: {state}" + (f" · {detail}" if detail else ""))


def _ending(status: RunStatus, console: Console) -> None:
    took = f" in {numbers.duration(status.elapsed_s)}" if status.elapsed_s else ""
    _say(console, Safe(f"run {words.RUN_STATE[status.state]}{took}"))
    if status.error:
        _say(console, Safe(f"error: {one_line(status.error)}"))


def _say(console: Console, line: Safe) -> None:
    # One write per line, whatever width the pipe reports.
    console.print(Text(line), soft_wrap=True)


# ---------------------------------------------------------------- the summary


def print_summary(
    metrics: Metrics, study: StudyInfo, status: RunStatus, console: Console | None = None
) -> None:
    """The results as plain aligned tables."""
    console = console or Console(highlight=False)
    for line in summary.lines(metrics, study, status):
        _say(console, line)


def print_report(
    metrics: Metrics, study: StudyInfo, status: RunStatus, console: Console | None = None
) -> None:
    """Every metric table, each with its summary."""
    console = console or Console(highlight=False)
    for line in report.lines(metrics, study, status):
        _say(console, line)


def load_and_print_summary(client: SyncEngineClient, console: Console | None = None) -> None:
    """Fetch the results and print the summary."""
    metrics, study = client.ask(METRICS(MetricsRequest())), client.ask(STUDY())
    print_summary(metrics, study, client.ask(STATUS()), console)


def print_plan(plan: RunPlan, console: Console | None = None) -> None:
    """What a run would reuse and compute."""
    console = console or Console(highlight=False)
    for line in planned.lines(plan):
        _say(console, line)


def print_status(status: RunStatus, console: Console | None = None) -> None:
    """The state of a run: one line for the run, one for every stage."""
    console = console or Console(highlight=False)
    _say(console, Safe(f"{one_line(status.study)}: {words.RUN_STATE[status.state]}"))
    for stage in status.stages:
        _say(console, _stage_line(stage))
    for warning in status.warnings:
        _say(console, Safe(f"warning: {one_line(warning)}"))
    if status.error:
        _say(console, Safe(f"error: {one_line(status.error)}"))
