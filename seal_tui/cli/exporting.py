"""`seal-tui export` and `import --ledger`: options, requests and output."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.text import Text

from engine import door
from engine.errors import BadInput, Kind, SealError, of_kind
from engine.files import expanded
from engine.wire.client import EngineProblem, SyncEngineClient
from engine.wire.endpoints import (
    CANCEL_EXPORT,
    EXPORT,
    EXPORT_STATUS,
    IMPORT_LEDGER,
    PREVIEW_EXPORT,
)
from engine.wire.messages import (
    ExportPreview,
    ExportRequest,
    ExportStatus,
    Imported,
    LedgerFile,
)
from seal_tui.cli.output import to_json
from seal_tui.text import numbers
from seal_tui.text.safe import Safe, one_line

_POLL_S = 0.1
_LOG_EVERY_S = 10.0


Policy = Literal["drop", "keep"]

To = Annotated[
    Path,
    typer.Option(
        metavar="PATH",
        help="The file to write; a folder for hub, and for same if the data is one.",
        show_default=False,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="See above. [default: trl, csv or report, from the file name]",
        show_default=False,
    ),
]
Where = Annotated[
    str, typer.Option(metavar="FILTER", help="Export only these pairs.", show_default="all pairs")
]
Author = Annotated[
    str | None,
    typer.Option(help="The reviewer. [default: you]", show_default=False),
]
Ties = Annotated[Policy, typer.Option(help="What to do with ties.")]
Discuss = Annotated[Policy, typer.Option(help="What to do with pairs marked for discussion.")]
Margin = Annotated[
    bool,
    typer.Option(
        "--margin", help="Add a column margin: the strength of the human preference. 0: unknown."
    ),
]
SoftLabels = Annotated[
    Literal["votes", "reviewers"] | None,
    typer.Option(
        help="Add a column soft_label: the share of the dataset's votes, or of all reviewers, "
        "that prefer chosen.",
        show_default=False,
    ),
]
Tokenizer = Annotated[
    str,
    typer.Option(
        metavar="MODEL",
        help="Count the rows that are longer than --max-length with this tokenizer, a folder or a "
        "name on the hub. Trainers leave them out without a word.",
        show_default=False,
    ),
]
MaxLength = Annotated[int, typer.Option(min=1, metavar="TOKENS", help="See --tokenizer.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Overwrite an existing file.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be written, without writing.")
]
Ledger = Annotated[
    Path | None,
    typer.Option(
        help="Import decisions exported from another run of the same pairs into an existing run. "
        "Importing twice changes nothing.",
        show_default=False,
    ),
]


def request(
    to: Path, *, form: str, author: str | None, tokenizer: str, **settings: Any
) -> ExportRequest:
    """The request for these options; `settings` are fields of it. Raises BadInput."""
    path = expanded(tokenizer)
    return ExportRequest(
        format=form,
        path=str(expanded(to).absolute()),
        author=author or _signature(),
        # The engine works in another folder.
        tokenizer=str(path.absolute()) if tokenizer and path.is_dir() else tokenizer,
        **settings,
    )


def _signature() -> str:
    # Imports the explorer's keys and themes, which other commands do not need.
    from seal_tui.explorer import settings

    return settings.load().signature


def export(client: SyncEngineClient, request: ExportRequest, dry_run: bool, as_json: bool) -> None:
    """Print preview, progress and outcome. Raises SealError, or typer.Exit after Ctrl-C."""
    try:
        preview = client.ask(PREVIEW_EXPORT(request))
        if not as_json:
            for line in _preview_lines(preview, request):
                print(line)
        if dry_run:
            if as_json:
                print(_json(preview, request, None))
            return
        status = _follow(client, client.ask(EXPORT(request)))
    except EngineProblem as error:
        raise _placed(error, request.filter) from None
    if status.state == "failed":
        kind = status.error_kind or Kind.FAULT
        raise of_kind(kind, status.error or "the export failed")
    if status.state != "done":
        print("cancelled; nothing was written", file=sys.stderr)
        raise typer.Exit(130)
    print(_json(preview, request, status) if as_json else one_line(f"written: {status.path}"))


def _placed(error: EngineProblem, text: str) -> SealError:
    """The error with its position in the filter, if it has one."""
    if error.start is None or error.end is None:
        return error
    place = text[error.start : error.end]
    where = f"“{place}”" if place else "its end"
    return BadInput(f"--where, at {where} (character {error.start + 1}): {error}")


def _preview_lines(preview: ExportPreview, request: ExportRequest) -> Iterator[Safe]:
    which = f"of the filter {request.filter}" if request.filter else "in total"
    yield one_line(f"{preview.pairs:,} pairs {which}, with the decisions of {request.author}")
    counts = [f"{n:,} {name}" for name, n in preview.counts.items() if n]
    if counts:
        yield Safe(f"  {one_line(' · '.join(counts))}")
    if preview.counts.get("duplicates") or preview.counts.get("contradictions"):
        yield Safe("  duplicates and contradictions are the pairs that is:duplicate finds")
    if preview.authors and request.author not in preview.authors:
        others = ", ".join(preview.authors)
        hint = f"{request.author} has no decisions; reviewers: {others} (see --author)"
        yield Safe(f"  {one_line(hint)}")
    for note in preview.notes:
        yield Safe(f"  {one_line(note)}")
    if preview.has_rows:
        yield Safe(f"  {numbers.many(preview.rows, 'row')} as {preview.format}")


def _json(preview: ExportPreview, request: ExportRequest, status: ExportStatus | None) -> Safe:
    """One JSON object; `state` is null for a dry run."""
    content = {
        "format": preview.format,
        "path": status.path if status is not None else request.path,
        "filter": request.filter,
        "author": request.author,
        "pairs": preview.pairs,
        "rows": preview.rows,
        "counts": preview.counts,
        "notes": preview.notes,
        "state": status.state if status is not None else None,
    }
    return to_json(content)


# ---------------------------------------------------------------- progress


def _follow(client: SyncEngineClient, status: ExportStatus) -> ExportStatus:
    """Show progress until the export ends. Ctrl-C cancels it."""
    console = Console(file=door.behind(sys.stderr), highlight=False)  # for its control sequences
    live = console.is_terminal and not console.is_dumb_terminal
    began = last_line_at = time.monotonic()
    try:
        while status.state == "running":
            time.sleep(_POLL_S)
            status = client.ask(EXPORT_STATUS())
            now = time.monotonic()
            if live:
                console.file.write(f"\r\x1b[2K{_progress(status, now - began)}")
                console.file.flush()
            elif now - last_line_at >= _LOG_EVERY_S:
                console.print(Text(_progress(status, now - began)), soft_wrap=True)
                last_line_at = now
    except KeyboardInterrupt:
        status = client.ask(CANCEL_EXPORT())
    finally:
        if live:
            console.file.write("\r\x1b[2K")
            console.file.flush()
    return status


def _progress(status: ExportStatus, seconds: float) -> Safe:
    parts = [f"{numbers.count(status.done)} of {numbers.many(status.total, 'row')}"]
    if status.done:
        rate = status.done / seconds
        left = numbers.duration((status.total - status.done) / rate)
        parts += [numbers.rate(rate, "rows"), f"{left} left"]
    return Safe(" · ".join(parts))


# ---------------------------------------------------------------- a ledger


def import_ledger(client: SyncEngineClient, path: Path) -> None:
    """Import an exported ledger and print the result."""
    result = client.ask(IMPORT_LEDGER(LedgerFile(path=str(expanded(path).absolute()))))
    for line in _imported(result):
        print(line)


def _imported(result: Imported) -> Iterator[Safe]:
    applied, present = numbers.count(result.applied), numbers.count(result.already_there)
    yield Safe(f"{applied} changes imported, {present} already present")
    if result.unknown:
        some = ", ".join(result.pairs[:5]) + (", …" if len(result.pairs) > 5 else "")
        yield one_line(
            f"{result.unknown:,} refer to pairs whose text is not in this dataset: {some}"
        )
