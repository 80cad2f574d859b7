"""A run from Python: `with engine.open("runs/demo") as run: run.table("imprint")`.

Everything goes through the run's engine, so a notebook, the explorer and a run that is on share
one folder. Tables and lists come as pandas data frames, single objects as the wire's structs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import msgspec

from engine import launch, visible
from engine.author import default_author
from engine.errors import BadInput, FilterError, MachineError, of_kind
from engine.files import expanded
from engine.results import flat
from engine.results.tables import TABLES
from engine.wire import endpoints
from engine.wire.client import EngineProblem, SyncEngineClient, new_session
from engine.wire.messages import (
    ExportRequest,
    ExportStatus,
    Mark,
    MarkChange,
    MarkRequest,
    MarksChanged,
    MetricsRequest,
    PairDetail,
    PairQuery,
    PairRequest,
    PairRow,
    PairRowsRequest,
    RedoRequest,
    RewriteDetail,
    RewriteQuery,
    RewriteRequest,
    RewriteRow,
    RewriteRowsRequest,
    RewriteSort,
    RunStatus,
    StartRequest,
    StudyInfo,
    UndoRequest,
    Verdict,
    VoteCounts,
)

if TYPE_CHECKING:
    import pandas as pd

    from engine.wire.endpoints import Call

T = TypeVar("T")
_PAGE = 5_000  # rows asked for at once
_POLL_S = 0.1


class Run:
    """One run, attached to its engine. A call that fails raises one of `engine.errors`.

    Text in frames and objects is as the data has it, control characters included.
    """

    def __init__(self, client: SyncEngineClient, folder: Path, author: str = "") -> None:
        self.folder = folder
        self.author = author or default_author()
        self.session = new_session()
        self._client = client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Run {visible.one_line(str(self.folder))!r}>"

    def close(self) -> None:
        """Leave the engine; it ends by itself once nobody needs it."""
        self._client.close()

    def ask(self, call: Call[T]) -> T:
        """Any call of `engine.wire.endpoints`, for what has no method here."""
        try:
            return self._client.ask(call)
        except EngineProblem as error:
            if error.start is not None and error.end is not None:
                raise FilterError(str(error), error.start, error.end) from None
            raise of_kind(error.kind, str(error)) from None

    # ------------------------------------------------------------ the run

    def status(self) -> RunStatus:
        """How far the run is."""
        return self.ask(endpoints.STATUS())

    def study(self) -> StudyInfo:
        """What the run is of: dataset, models, features, settings."""
        return self.ask(endpoints.STUDY())

    def start(self, confirm: bool = False) -> RunStatus:
        """Start or resume the run; nothing happens if it is on.

        Raises NotReady for a study that was not written on this machine; the message says what a
        run would read and call. `confirm` is the answer to that.
        """
        seen = self.ask(endpoints.OUTSIDE()).digest if confirm else ""
        return self.ask(endpoints.START(StartRequest(seen=seen)))

    def wait(self, timeout_s: float | None = None) -> RunStatus:
        """The status once the run is over. Raises TimeoutError where it goes on for longer."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while (status := self.status()).state == "running":
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"the run is still on after {timeout_s:g} s")
            time.sleep(_POLL_S)
        return status

    # ------------------------------------------------------------ measures

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the metric tables."""
        return tuple(TABLES)

    def table(self, name: str, preset: str | None = None) -> pd.DataFrame:
        """One metric table, a row per record; with `preset` that preset's rows alone.

        The columns are those of `seal-tui metrics --json` (docs/method.md), also where no record
        is there. Raises BadInput for an unknown name.
        """
        import pandas as pd

        if name not in TABLES:
            raise BadInput(f"no metric table named {name!r}; there are {', '.join(TABLES)}")
        tables = self.ask(endpoints.METRICS(MetricsRequest(preset=preset))).tables
        columns = [key.name for key in TABLES[name].keys]
        return pd.DataFrame(flat.rows(getattr(tables, name)), columns=columns)

    # ------------------------------------------------------------ pairs and rewrites

    def pairs(
        self, where: str = "", sort: str = "margin_post", descending: bool = False
    ) -> pd.DataFrame:
        """The pairs of a filter (docs/filters.md), in the order of `sort`, by `pair_id`.

        Rewards and margins are raw logits, `theta` and `gain` degrees. The decision of this
        run's `author` is in `verdict`, `flagged`, `note` and `tags`. What is not computed yet is
        missing.
        """
        query = PairQuery(filter=where, sort=sort, descending=descending, author=self.author)
        ids = self.ask(endpoints.PAIRS(query)).ids

        def page(some: tuple[int, ...]) -> list[PairRow]:
            return self.ask(endpoints.PAIR_ROWS(PairRowsRequest(ids=some, author=self.author)))

        return _frame("pair_id", _PAIR_COLUMNS, map(_pair_record, _paged(ids, page)))

    def pair(self, pair_id: int) -> PairDetail:
        """One pair whole: both conversations, labels, rewards, decisions of all authors."""
        return self.ask(endpoints.PAIR(PairRequest(id=int(pair_id), author=self.author)))

    def rewrites(
        self, where: str = "", sort: RewriteSort = "margin_shift", descending: bool = False
    ) -> pd.DataFrame:
        """The rewritten pairs of a filter, by `rewrite_id`."""
        query = RewriteQuery(filter=where, sort=sort, descending=descending)
        ids = self.ask(endpoints.REWRITES(query)).ids

        def page(some: tuple[int, ...]) -> list[RewriteRow]:
            return self.ask(endpoints.REWRITE_ROWS(RewriteRowsRequest(ids=some)))

        columns = RewriteRow.__struct_fields__
        return _frame("rewrite_id", columns, map(msgspec.structs.asdict, _paged(ids, page)))

    def rewrite(self, rewrite_id: int) -> RewriteDetail:
        """One rewrite beside its original, both sides, with labels and rewards."""
        return self.ask(endpoints.REWRITE(RewriteRequest(id=int(rewrite_id))))

    # ------------------------------------------------------------ decisions

    def decide(
        self,
        pair_ids: int | Iterable[int],
        verdict: Verdict | Literal[""] | None = None,
        *,
        note: str | None = None,
        flag: bool | None = None,
        add_tags: Iterable[str] = (),
        remove_tags: Iterable[str] = (),
    ) -> MarksChanged:
        """Decide about pairs as `author`; on disk when this returns, and one step for `undo`.

        `verdict` is keep, flip, drop, tie or discuss; "" takes a decision back, None leaves it.
        """
        ids = (pair_ids,) if isinstance(pair_ids, int) else pair_ids
        change = MarkChange(
            verdict=verdict,
            flag=None if flag is None else "on" if flag else "off",
            note=note,
            add_tags=tuple(add_tags),
            remove_tags=tuple(remove_tags),
        )
        request = MarkRequest(
            pair_ids=tuple(int(i) for i in ids),
            change=change,
            author=self.author,
            session=self.session,
        )
        return self.ask(endpoints.MARK(request))

    def undo(self) -> MarksChanged:
        """Take back the last change that was made by this object. If it made none, `elsewhere` in
        the answer is the last one of `author`."""
        return self.ask(endpoints.UNDO(UndoRequest(author=self.author, session=self.session)))

    def redo(self) -> MarksChanged:
        """Make the change again that was taken back last."""
        return self.ask(endpoints.REDO(RedoRequest(author=self.author, session=self.session)))

    # ------------------------------------------------------------ exports

    def export(
        self,
        path: str | os.PathLike[str],
        format: str | None = None,
        where: str = "",
        *,
        ties: Literal["drop", "keep"] = "drop",
        discuss: Literal["drop", "keep"] = "drop",
        margin: bool = False,
        soft_labels: Literal["", "votes", "reviewers"] = "",
        overwrite: bool = False,
    ) -> ExportStatus:
        """Write the pairs of a filter as `author` decided (docs/export.md); returns when it is
        done. Without a `format`, the ending of `path` selects one. A relative path is relative to
        the working directory. `margin` and `soft_labels` add a column."""
        request = ExportRequest(
            format=format or "",
            path=str(expanded(path).absolute()),
            filter=where,
            ties=ties,
            discuss=discuss,
            author=self.author,
            margin=margin,
            soft_labels=soft_labels,
            overwrite=overwrite,
        )
        status = self.ask(endpoints.EXPORT(request))
        while status.state == "running":
            time.sleep(_POLL_S)
            status = self.ask(endpoints.EXPORT_STATUS())
        if status.state != "done":
            raise MachineError(status.error or f"the export was {status.state}")
        return status


def attach(folder: str | os.PathLike[str], author: str = "") -> Run:
    """See `engine.open`."""
    place = launch.run_folder(expanded(folder))
    return Run(SyncEngineClient.at(lambda: launch.ensure_engine(place)), place, author)


def _paged(ids: tuple[int, ...], page: Callable[[tuple[int, ...]], list[T]]) -> Iterator[T]:
    for start in range(0, len(ids), _PAGE):
        yield from page(ids[start : start + _PAGE])


_MARK_COLUMNS = ("verdict", "flagged", "note", "tags")
_VOTE_COLUMNS = tuple(f"votes_{name}" for name in VoteCounts.__struct_fields__)
_OWN_COLUMNS = tuple(
    name for name in PairRow.__struct_fields__ if name not in ("mark", "votes", "revision")
)
_PAIR_COLUMNS = (*_OWN_COLUMNS, *_VOTE_COLUMNS, *_MARK_COLUMNS)


def _pair_record(row: PairRow) -> dict[str, Any]:
    record = msgspec.structs.asdict(row)
    mark, votes = record.pop("mark") or _NO_MARK, record.pop("votes")
    counts = () if votes is None else msgspec.structs.astuple(votes)
    record |= dict(zip(_VOTE_COLUMNS, counts, strict=False))
    return record | {name: getattr(mark, name) for name in _MARK_COLUMNS}


_NO_MARK = Mark(author="", verdict=None, flagged=False, note="", tags=(), time=0.0)


def _frame(key: str, columns: Sequence[str], records: Iterable[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(records), columns=list(columns)).set_index(key)
