"""The command line. Commands that need a run talk to its engine and never read its files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer

from engine import __version__, door, launch
from engine import study as studies
from engine.errors import BadInput, Kind
from engine.wire.client import SyncEngineClient
from engine.wire.endpoints import METRICS, START, STATUS, STUDY
from engine.wire.messages import MAX_LENGTH, MetricsRequest, StartRequest
from engine.xdg import config_file
from seal_tui import crash
from seal_tui.cli import exporting, first_row, importing, runs, samples
from seal_tui.cli.output import to_json
from seal_tui.cli.waiting import waiting
from seal_tui.text.safe import one_line, plain, shell_word

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Where and why a reward model errs: feature imprint, alignment resistance, robustness "
    "(SEAL, arXiv 2408.10270).",
    epilog="Exit codes: 0 success, 1 failure, 2 invalid usage or input.",
)

RunDir = Annotated[Path, typer.Argument(help="The folder of a run.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
Headless = Annotated[
    bool,
    typer.Option(
        "--headless", help="Print progress and a summary instead of opening the explorer."
    ),
]
TargetDir = Annotated[
    Path | None,
    typer.Option("--run-dir", help="The run folder. [default: runs/NAME]", show_default=False),
]


def _fail(message: str, code: int) -> NoReturn:
    print(f"seal-tui: {one_line(message)}", file=sys.stderr)
    raise typer.Exit(code)


@contextmanager
def _error_lines() -> Iterator[None]:
    """Turn every expected failure into one line and an exit code."""
    try:
        yield
    except (typer.Exit, BrokenPipeError):
        raise  # a closed pipe is not a failure: typer exits quietly
    except Exception as error:
        failure = crash.explain(error)
        _fail(str(failure), failure.kind.exit_code)


def _run(study_file: Path, run_dir: Path | None, headless: bool, yes: bool = False) -> None:
    with _error_lines():
        folder = runs.prepare(study_file, run_dir, yes)
        with runs.client(folder) as client:
            client.ask(START(StartRequest()))
            if headless:
                _follow(client, folder)
                return
        _show(launch.engine_of(folder), _HEADLESS)


def _follow(client: SyncEngineClient, folder: Path) -> None:
    from seal_tui.cli import headless

    try:
        status = headless.follow_run(client)
    except KeyboardInterrupt:
        word = shell_word(folder)
        print(
            f"\nThe run continues. Watch: seal-tui open {word} · stop: seal-tui stop {word}",
            file=sys.stderr,
        )
        raise typer.Exit(130) from None
    if status.state != "done":
        kind = status.error_kind or Kind.FAULT
        _fail(status.error or f"the run was {status.state}", kind.exit_code)
    headless.load_and_print_summary(client)
    print(f"\nExplore it: seal-tui open {shell_word(folder)}")


_HEADLESS = "Use --headless for plain output."


def _plainly(options: str) -> str:
    """What prints a run without the explorer."""
    return f"`seal-tui status {options}` and `seal-tui metrics {options}` print it plainly."


def _show(engine: Callable[[], Path], instead: str) -> NoReturn:
    from seal_tui.explorer.app import run_explorer

    raise typer.Exit(run_explorer(engine, instead))


@app.command()
def demo(headless: Headless = False, run_dir: TargetDir = None) -> None:
    """Run the sample study with the embedded models and open the explorer.

    Needs no account, no network and no GPU. Later calls open the finished run at once.
    """
    with _error_lines():
        study = samples.study()
    _run(study, run_dir or Path("runs/demo"), headless)


@app.command()
def run(
    study: Annotated[Path, typer.Argument(help="The study file.", show_default=False)],
    run_dir: TargetDir = None,
    headless: Headless = False,
    plan: Annotated[
        bool,
        typer.Option("--plan", help="Show what would be reused and computed, without running."),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", help="Run a study file out of a run folder without asking what it may call."
        ),
    ] = False,
) -> None:
    """Run a study, or resume it where it stopped, and open the explorer.

    Results that exist for the same models and settings are reused. The run continues when the
    terminal closes.
    """
    if plan:
        with _error_lines():
            runs.print_plan(study, run_dir)
        return
    _run(study, run_dir, headless, yes)


@app.command(name="import")
def import_(
    run_dir: RunDir,
    pairs: Annotated[
        Path | None,
        typer.Option(
            help="The pairs, as for a study. Optional if a labels file contains the texts.",
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]FILE",
            help="Labels of a labeler (default name: main): SEAL's taxonomy CSV, or JSON lines.",
            show_default=False,
        ),
    ] = None,
    rewards: Annotated[
        list[str] | None,
        typer.Option(
            metavar="pre=FILE, post=FILE",
            help="Scores of a reward model: SEAL's compare CSV or RewardBench's. Both are needed.",
            show_default=False,
        ),
    ] = None,
    rewrites: Annotated[
        Path | None, typer.Option(help="SEAL's rewrite CSV.", show_default=False)
    ] = None,
    taxonomy: Annotated[
        Path | None,
        typer.Option(help="A taxonomy file. [default: the paper's features]", show_default=False),
    ] = None,
    allow_squashed: Annotated[
        bool, typer.Option("--allow-squashed", help="Accept scores that all lie within [0, 1].")
    ] = False,
    ledger: exporting.Ledger = None,
) -> None:
    """Create a run from recorded results, without models; or import decisions into a run.

    Files are joined by row_id or id, never by position. If anything does not match, nothing is
    imported.
    """
    with _error_lines():
        if ledger is not None:
            if pairs or labels or rewards or rewrites or taxonomy or allow_squashed:
                raise BadInput("--ledger takes no other options and needs an existing run")
            with runs.client(launch.run_folder(run_dir)) as client:
                exporting.import_ledger(client, ledger)
            return
        files = importing.Files(
            pairs, labels or [], rewards or [], rewrites, taxonomy, allow_squashed
        )
        with importing.written(run_dir, files) as study:
            runs.ask_module("engine.run.recorded", str(study))
            _run(study, run_dir, headless=True, yes=True)


@app.command()
def export(
    run_dir: RunDir,
    to: exporting.To,
    form: exporting.Format = None,
    where: exporting.Where = "",
    author: exporting.Author = None,
    ties: exporting.Ties = "drop",
    discuss: exporting.Discuss = "drop",
    margin: exporting.Margin = False,
    soft_labels: exporting.SoftLabels = None,
    tokenizer: exporting.Tokenizer = "",
    max_length: exporting.MaxLength = MAX_LENGTH,
    overwrite: exporting.Overwrite = False,
    dry_run: exporting.DryRun = False,
    as_json: Json = False,
) -> None:
    """Export a run's pairs with the decisions: training data, a spreadsheet or a report.

    \b
    same                   the rows of the dataset as they came, in its own file format
    trl, trl-messages      TRL's explicit form: prompt, chosen, rejected
    trl-implicit, trl-implicit-messages
                           TRL's implicit form, the one for its RewardTrainer
    kto, kto-messages      prompt, completion, label
    ms-swift               messages and rejected_response, or rejected_messages
    llama-factory          ranking, in the sharegpt form
    hub                    a dataset folder: rows of trl-messages and a card
    csv                    every pair with its decision, for a spreadsheet
    ledger                 the log of all decisions (see import --ledger)
    report                 a page with the results

    All but the last three apply the decisions: the sides of flipped pairs are swapped, dropped
    pairs are left out, undecided pairs keep the human preference. Messages hold system messages,
    tools and thinking; strings hold transcripts only.

    The file name sets the type: .jsonl, .jsonl.gz, .parquet, .csv, .md, .html; hub needs a new
    folder.
    """
    with _error_lines():
        request = exporting.request(
            to,
            form=form or "",
            filter=where,
            author=author,
            ties=ties,
            discuss=discuss,
            margin=margin,
            soft_labels=soft_labels or "",
            tokenizer=tokenizer,
            max_length=max_length,
            overwrite=overwrite,
        )
        with runs.client(launch.run_folder(run_dir)) as client:
            exporting.export(client, request, dry_run, as_json)


@app.command(name="open")
def open_(
    run_dir: Annotated[
        Path | None, typer.Argument(help="The folder of a run.", show_default=False)
    ] = None,
    socket: Annotated[
        Path | None,
        typer.Option(
            help="Connect to this socket instead (forwarded from another host with ssh -L).",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Open a run in the explorer, finished or not."""
    with _error_lines():
        if (run_dir is None) == (socket is None):
            _fail("open takes either a run folder or --socket", 2)
        if run_dir is not None:
            folder = launch.run_folder(run_dir)
            _show(launch.engine_of(folder), _plainly(shell_word(run_dir)))
        assert socket is not None
        if not socket.is_socket():
            _fail(f"{socket} is not a socket; is the ssh -L tunnel still up?", 2)
        with waiting(f"the engine at {socket}"):
            launch.attachable(socket)
        _show(lambda: launch.attachable(socket), _plainly("RUN"))


@app.command()
def metrics(
    run_dir: RunDir,
    as_json: Json = False,
    preset: Annotated[
        str | None,
        typer.Option(help=f"Only this preset: {', '.join(studies.PRESETS)}.", show_default=False),
    ] = None,
) -> None:
    """Print every metric table of a run, each with a summary in a sentence.

    If the study's [measures] have changed, the tables are recomputed; model results are not.
    """
    if preset is not None and preset not in studies.PRESETS:
        _fail(f"--preset {preset}: must be one of {', '.join(studies.PRESETS)}", 2)
    with _error_lines(), runs.client(launch.run_folder(run_dir)) as client:
        answer = client.ask(METRICS(MetricsRequest(preset=preset)))
        if as_json:
            from engine.results import flat

            print(to_json(flat.tables(answer.tables)))
            return
        from seal_tui.cli import headless

        study, now = client.ask(STUDY()), client.ask(STATUS())
        headless.print_report(answer, study, now)


@app.command()
def status(run_dir: RunDir, as_json: Json = False) -> None:
    """Show the state of a run."""
    with _error_lines(), runs.client(launch.run_folder(run_dir)) as client:
        answer = client.ask(STATUS())
    if as_json:
        print(to_json(msgspec.to_builtins(answer)))
        return
    from seal_tui.cli import headless

    headless.print_status(answer)


@app.command()
def stop(
    run_dir: RunDir,
    now: Annotated[
        bool, typer.Option("--now", help="Discard the current batch instead of finishing it.")
    ] = False,
) -> None:
    """Stop a run and its engine. Finished results are kept; `run` resumes it."""
    with _error_lines():
        stopped = runs.stop(launch.run_folder(run_dir), now)
        print("stopped" if stopped else "no engine is running")


@app.command()
def recover(
    run_dir: RunDir,
    force: Annotated[
        bool, typer.Option("--force", help="Also if nothing is found to be wrong with it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a new database with all decisions, if that of a run is damaged or gone.

    Decisions come from decisions.jsonl, results from the next `run`. The old database is renamed,
    not deleted.
    """
    from seal_tui.cli import recovering

    with _error_lines():
        found = recovering.recover(launch.run_folder(run_dir), force)
    if as_json:
        print(to_json(found))
    else:
        print("\n".join(recovering.lines(run_dir, found)))


@app.command()
def selftest(as_json: Json = False) -> None:
    """Check that the measures recover known effects planted in synthetic pairs.

    Covers coefficients, pair effects, flips, labeler errors and ties, interval coverage and false
    positives. Takes half a minute.
    """
    with _error_lines():
        report: dict[str, Any] = runs.ask_module("engine.selftest")
    if as_json:
        print(to_json(report))
    else:
        print("\n".join(plain(line) for line in report["lines"]))
    if not report["passed"]:
        raise typer.Exit(1)


@app.command()
def doctor(
    study: Annotated[
        Path | None, typer.Argument(help="A study file to check as well.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Check this machine (versions, devices, models, sockets, terminal) and a study file.

    Of the data of a study, the first row is shown as it is understood.
    """
    with _error_lines():
        checks: list[dict[str, Any]] = runs.ask_module(
            "engine.doctor", *([str(study.absolute())] if study else [])
        )
    if as_json:
        print(to_json(checks))
    else:
        for check in checks:
            mark = "ok  " if check["ok"] else "FAIL"
            print(plain(f"{mark} {check['name']:<14} {check['value']}"))
            if check["fix"]:
                print(plain(f"     {'':<14} → {check['fix']}"))
            for line in first_row.lines(check["row"]) if "row" in check else ():
                print(line)
    bad = [check["name"] for check in checks if not check["ok"]]
    if bad:
        raise typer.Exit(2 if {"study", "data"} & set(bad) else 1)


@app.command()
def keys(as_json: Json = False) -> None:
    """List all actions of the explorer with their current keys.

    To change a key, name the action in the settings file:

    [keys]
    triage.flip = "x,ctrl+x"
    """
    from seal_tui.explorer import settings
    from seal_tui.explorer.actions import ACTIONS

    with _error_lines():
        bound = settings.load().all_keys
    if as_json:
        rows = [
            {"action": action.id, "keys": bound[action.id], "help": action.help}
            for action in ACTIONS
        ]
        print(to_json(rows))
        return
    print(plain(f"settings: {config_file()}\n"))
    for action in ACTIONS:
        print(plain(f"{action.id:<24} {bound[action.id]:<20} {action.help}"))


def _version(requested: bool) -> None:
    if requested:
        print(f"seal-tui {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    os.umask(0o077)  # run folders contain private conversations
    door.install()
    app(prog_name="seal-tui")
