"""The checks of `seal-tui doctor`. Prints JSON; runs in its own process, because it loads torch."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine import child
from engine.backends.base import Backend
from engine.errors import BadInput, MachineError

if TYPE_CHECKING:
    from engine.data import Facts, Message, Pair
    from engine.data.first import First
    from engine.study import Study

PACKAGES = ("textual", "duckdb", "torch", "transformers", "sentence-transformers", "statsmodels")
CACHE_GB = 1.0


@dataclass(frozen=True)
class Check:
    """One fact about this machine or study. If `ok` is False, `fix` says what to do. `row` is the
    first row of the data as it is understood, of that check alone."""

    name: str
    ok: bool
    value: str
    fix: str = ""
    row: FirstRow | None = None

    def plain(self) -> dict[str, Any]:
        """As a JSON object."""
        fields = asdict(self)
        row = fields.pop("row")
        return fields if row is None else {**fields, "row": row}


@dataclass(frozen=True)
class FirstRow:
    """The first pair of the data. Messages have a role, and of the rest what there is; `facts` is
    what the source says about the pair, `extras` every column that is no text, `not_read` the
    columns whose text is no part of the conversations. Everything in it is untrusted."""

    id: str
    file: str
    line: int
    layout: str
    topic: str | None
    group: str | None
    context: list[dict[str, str]]
    chosen: list[dict[str, str]]
    rejected: list[dict[str, str]]
    tools: str
    facts: dict[str, Any]
    extras: dict[str, str]
    not_read: list[str]


def checks(study: Path | None) -> list[Check]:
    machine = [_python(), _packages(), _device(), _embedded(), _sockets(), _disk(), _terminal()]
    return machine if study is None else [*machine, *_study(study)]


def _attempt(name: str, value: Callable[[], str], fix: str) -> Check:
    """A check that fails if `value` raises an error."""
    try:
        return Check(name, True, value())
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Check(name, False, first, fix)


def _python() -> Check:
    return Check("python", True, f"{platform.python_version()} on {platform.platform()}")


def _packages() -> Check:
    return _attempt(
        "packages",
        lambda: ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "pip install -c constraints.txt -e '.[embedded]'",
    )


def _device() -> Check:
    def value() -> str:
        import torch

        from engine.models.device import pick_device, pick_dtype

        device = pick_device("auto")
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        detail = ", ".join(names) or f"{torch.get_num_threads()} threads"
        return f"{device} ({detail}), {pick_dtype('auto', device)}"

    return _attempt("device", value, "reinstall torch for this machine")


def _embedded() -> Check:
    def value() -> str:
        from engine.models.embedded import NAMES, resolve

        for name in NAMES:
            resolve(name)
        return f"{len(NAMES)} parts, checked"

    return _attempt("embedded", value, "install the embedded weights (only the demo needs them)")


def _sockets() -> Check:
    def value() -> str:
        from engine.launch import socket_path

        path = socket_path(Path.cwd())
        if len(str(path)) > 100:
            raise MachineError(f"{path} is too long for a socket")
        return str(path.parent)

    return _attempt("sockets", value, "set XDG_RUNTIME_DIR to a short private folder")


def _disk() -> Check:
    def value() -> str:
        from engine.paths import cache_dir

        folder = cache_dir()
        free = shutil.disk_usage(folder).free / 1e9
        if free < CACHE_GB:
            raise MachineError(f"{free:.1f} GB free for the cache in {folder}")
        return f"{free:.1f} GB free for the cache"

    return _attempt("disk", value, "free some space, or set SEAL_TUI_CACHE to another disk")


def _terminal() -> Check:
    term = os.environ.get("TERM", "not set")
    encoding = sys.getfilesystemencoding()
    good = term not in ("dumb", "not set")
    fix = "" if good else "the explorer needs a terminal; --headless works everywhere"
    # Not a failure: headless runs need no terminal.
    return Check("terminal", True, f"TERM {term}, {encoding}", fix)


def _study(path: Path) -> list[Check]:
    from engine import study as studies

    try:
        study = studies.load(path)
    except BadInput as error:
        return [Check("study", False, str(error), "correct the study file")]
    rows = [
        Check("study", True, f"{study.name}: {study.data.dataset or study.data.path}"),
        Check("features", True, ", ".join(feature.name for feature in study.features)),
        Check("measures", True, f"{study.measures.preset}, ties {study.measures.tie_policy}"),
    ]
    rows += [_data(study), _executor(study)]
    return rows + [_backend(where, backend) for where, backend in study.backends().items()]


def _data(study: Study) -> Check:
    """The first row. A dataset of the hub is not downloaded for it."""
    from engine.data.first import first
    from engine.run.ingest import source_of

    if study.data.dataset is not None:
        os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        found = first(source_of(study))
    except BadInput as error:
        if study.data.dataset is not None and "local cache" in str(error):
            value = f"{study.data.dataset} is not in the local cache; a run downloads it"
            return Check("data", True, value)
        return Check("data", False, str(error), "correct [data] in the study file, or the file")
    if found.pair is None:
        one = found.rejects[0]
        value = f"no pair in the first {len(found.rejects):,} rows; line {one.line} of {one.source}"
        fix = "correct [data] in the study file, or the file"
        return Check("data", False, f"{value}: {one.reason}: {one.detail}", fix)
    value = f"{found.layout}: {found.title}"
    if found.rejects:
        reasons = Counter(reject.reason for reject in found.rejects)
        counts = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        value += f"; {len(found.rejects):,} rows before it make no pair: {counts}"
    return Check("data", True, value, row=_row(found.pair, found))


def _row(pair: Pair, found: First) -> FirstRow:
    from engine.data.conversation import shared_messages

    chosen, rejected = pair.chosen.messages, pair.rejected.messages
    shared = shared_messages(chosen, rejected)
    last = pair.rows[-1]
    return FirstRow(
        pair.source_id,
        last.file,
        last.line,
        found.layout,
        pair.topic,
        pair.group,
        _messages(chosen[:shared]),
        _messages(chosen[shared:]),
        _messages(rejected[shared:]),
        pair.chosen.tools,
        _facts(pair.facts),
        dict(found.extras or {}),
        list(found.not_read),
    )


def _facts(facts: Facts) -> dict[str, Any]:
    known = {name: value for name, value in asdict(facts).items() if value is not None}
    votes = [vote._asdict() for vote in facts.votes]
    return {**known, "votes": votes}


def _messages(of: Sequence[Message]) -> list[dict[str, str]]:
    return [msgspec.to_builtins(message) for message in of]


def _executor(study: Study) -> Check:
    executor = study.executor
    missing = executor.missing()
    value = f"{executor.kind} {getattr(executor, 'devices', '')}".strip()
    return Check("executor", missing is None, value, missing or "")


def _backend(where: str, backend: Backend) -> Check:
    try:
        missing, described = backend.missing(), backend.described()
    except BadInput as error:
        return Check(_name(where), False, str(error), "correct the study file")
    return Check(_name(where), missing is None, f"{backend.backend} {described}", missing or "")


def _name(where: str) -> str:
    """The name of a back end's check, such as `labeler main` or `reward pre`."""
    table, _, name = where.partition(".")
    return f"{table.removesuffix('s')} {name}" if name else table


if __name__ == "__main__":
    study_file = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    sys.exit(child.answer(lambda: [check.plain() for check in checks(study_file)]))
