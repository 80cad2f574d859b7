"""`seal-tui export` and `import --ledger`: options, what is asked, what is said."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

from engine.errors import BadInput, Kind, SealError, of_kind
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
from seal_tui.text import numbers
from seal_tui.text.safe import Safe, one_line

_POLL_S = 0.1
_LOG_EVERY_S = 10.0


Policy = Literal["drop", "keep"]

To = Annotated[
    Path,
    typer.Option(metavar="PATH", help="The file to write; for hub a folder.", show_default=False),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="See above. [default: trl, csv or report, by the ending of PATH]",
        show_default=False,
    ),
]
Where = Annotated[
    str, typer.Option(metavar="FILTER", help="Only these pairs.", show_default="all pairs")
]
Author = Annotated[
    str | None,
    typer.Option(help="Whose decisions. [default: yours]", show_default=False),
]
Ties = Annotated[Policy, typer.Option(help="Pairs decided to be ties.")]
Discuss = Annotated[Policy, typer.Option(help="Pairs that need discussion.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be written.")]
Ledger = Annotated[
    Path | None,
    typer.Option(
        help="Decisions that another run of the same pairs exported; alone, into a run that is "
        "there. A second time it changes nothing.",
        show_default=False,
    ),
]


def request(
    to: Path,
    form: str | None,
    where: str,
    author: str | None,
    ties: Policy,
    discuss: Policy,
    overwrite: bool,
) -> ExportRequest:
    """Raises BadInput."""
    return ExportRequest(
        format=form or "",
        path=str(to.expanduser().absolute()),
        filter=where,
        ties=ties,
        discuss=discuss,
        author=author or _signature(),
        overwrite=overwrite,
    )


def _signature() -> str:
    # With the explorer's keys and themes: not for every command.
    from seal_tui.explorer import settings

    return settings.load().signature


def export(client: SyncEngineClient, wanted: ExportRequest, dry_run: bool, as_json: bool) -> None:
    """Preview, progress, outcome. Raises SealError; typer.Exit when
    the person ended it."""
    try:
        found = client.ask(PREVIEW_EXPORT(wanted))
        if not as_json:
            for line in _preview_lines(found, wanted):
                print(line)
        if dry_run:
            if as_json:
                print(_json(found, wanted, None))
            return
        status = _follow(client, client.ask(EXPORT(wanted)))
    except EngineProblem as error:
        raise _placed(error, wanted.filter) from None
    if status.state == "failed":
        kind = status.error_kind or Kind.FAULT
        raise of_kind(kind, status.error or "the export failed")
    if status.state != "done":
        Console(stderr=True).print("cancelled; nothing was written")
        raise typer.Exit(130)
    print(_json(found, wanted, status) if as_json else one_line(f"written: {status.path}"))


def _placed(error: EngineProblem, text: str) -> SealError:
    """The error with the place in the filter that it is about, if it is about one."""
    if error.start is None or error.end is None:
        return error
    place = text[error.start : error.end]
    where = f"“{place}”" if place else "its end"
    return BadInput(f"--where, at {where} (character {error.start + 1}): {error}")


def _preview_lines(found: ExportPreview, wanted: ExportRequest) -> Iterator[Safe]:
    which = f"of the filter {wanted.filter}" if wanted.filter else "in all"
    yield one_line(f"{found.pairs:,} pairs {which}, as {wanted.author} decided")
    counts = [f"{n:,} {name}" for name, n in found.counts.items() if n]
    if counts:
        yield Safe(f"  {one_line(' · '.join(counts))}")
    if found.authors and wanted.author not in found.authors:
        said = f"{wanted.author} decided nothing, but {', '.join(found.authors)} did (--author)"
        yield Safe(f"  {one_line(said)}")
    if found.has_rows:
        yield Safe(f"  {numbers.count(found.rows)} rows as {found.format}")


def _json(found: ExportPreview, wanted: ExportRequest, status: ExportStatus | None) -> str:
    """One object; `state` is null where nothing was to be written."""
    known = {
        "format": found.format,
        "path": status.path if status is not None else wanted.path,
        "filter": wanted.filter,
        "author": wanted.author,
        "pairs": found.pairs,
        "rows": found.rows,
        "counts": found.counts,
        "state": status.state if status is not None else None,
    }
    return json.dumps(known, indent=2)


# ---------------------------------------------------------------- progress


def _follow(client: SyncEngineClient, status: ExportStatus) -> ExportStatus:
    """Shows the progress until the export is over. Ctrl-C cancels it."""
    console = Console(stderr=True, highlight=False)
    live = console.is_terminal and not console.is_dumb_terminal
    began = said = time.monotonic()
    try:
        while status.state == "running":
            time.sleep(_POLL_S)
            status = client.ask(EXPORT_STATUS())
            now = time.monotonic()
            if live:
                console.file.write(f"\r\x1b[2K{_progress(status, now - began)}")
                console.file.flush()
            elif now - said >= _LOG_EVERY_S:
                console.print(Text(_progress(status, now - began)), soft_wrap=True)
                said = now
    except KeyboardInterrupt:
        status = client.ask(CANCEL_EXPORT())
    finally:
        if live:
            console.file.write("\r\x1b[2K")
            console.file.flush()
    return status


def _progress(status: ExportStatus, seconds: float) -> Safe:
    parts = [f"{numbers.count(status.done)} of {numbers.count(status.total)} rows"]
    if status.done:
        rate = status.done / seconds
        left = numbers.duration((status.total - status.done) / rate)
        parts += [numbers.rate(rate, "rows"), f"{left} left"]
    return Safe(" · ".join(parts))


# ---------------------------------------------------------------- a ledger


def bring_in(client: SyncEngineClient, path: Path) -> None:
    """Import an exported ledger and say what became of it."""
    found = client.ask(IMPORT_LEDGER(LedgerFile(path=str(path.expanduser().absolute()))))
    for line in _imported(found):
        print(line)


def _imported(found: Imported) -> Iterator[Safe]:
    applied, known = numbers.count(found.applied), numbers.count(found.already_there)
    yield Safe(f"{applied} changes imported, {known} already present")
    if found.unknown:
        some = ", ".join(found.pairs[:5]) + (", …" if len(found.pairs) > 5 else "")
        yield one_line(
            f"{found.unknown:,} refer to pairs whose text is not in this dataset: {some}"
        )
