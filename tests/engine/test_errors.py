"""One family of errors: what every kind means, and that no error for people is outside of it."""

from __future__ import annotations

import ast
import errno
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

import engine
import seal_tui
from engine import errors
from engine.errors import BadInput, Fault, Kind, MachineError, SealError

# What only steers the program, or tells a text or row apart from the others; none reaches a person.
SIGNALS = {
    "engine.data.jsonl.GzipDamage",
    "engine.data.pairs.RowError",
    "engine.data.pairs.Unused",
    "engine.export.job._Cancelled",
    "engine.models.endpoint_prompts.BadReply",
    "engine.models.endpoint_server.TextRefused",
    "engine.models.endpoint_server._Transient",
    "engine.executors.jobs.OutOfMemory",
    "engine.executors.jobs.Stopped",
    "engine.executors.jobs.WorkerDied",
    "engine.executors.jobs.WorkerHung",
    "engine.models.rendering._Late",
    "engine.store.check._Undone",
}
# Classes of the family that somebody catches apart from the others of their kind.
SPECIAL = {
    "engine.models.endpoint_server.Refused",  # the endpoint is asked in another way
    "engine.models.rendering.Refused",  # other messages are tried
    "engine.models.rendering.TemplateError",
    "engine.models.rendering.TooMuch",  # the text is set aside
    "engine.place.Gone",  # its engine ends without touching what is there now
    "engine.wire.client.EngineGone",  # the clients connect again
    "engine.wire.client.EngineSilent",  # it is waited for, however long
    "engine.wire.client.EngineProblem",  # the engine answered: asking again gives the same
}


def classes() -> Iterator[tuple[str, list[str]]]:
    """Every exception class outside of engine.errors, with the names of its bases."""
    known = {"Exception", "BaseException"}
    known |= {name for name, value in vars(errors).items() if isinstance(value, type)}
    found: dict[str, list[str]] = {}
    for package in (engine, seal_tui):
        root = Path(next(iter(package.__path__)))
        for path in sorted(root.rglob("*.py")):
            module = ".".join((package.__name__, *path.relative_to(root).with_suffix("").parts))
            if module == "engine.errors":
                continue
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ClassDef):
                    bases = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
                    if any(b in known or b.endswith(("Error", "Exception")) for b in bases):
                        known.add(node.name)
                        found[f"{module}.{node.name}"] = bases
    yield from found.items()


def test_every_kind_has_a_status_an_exit_code_and_one_class() -> None:
    for kind in Kind:
        assert 400 <= kind.http_status < 600
        assert kind.exit_code in (1, 2)
        error = errors.of_kind(kind.value, "what, where, and the fix")
        assert (error.kind, str(error)) == (kind, "what, where, and the fix")


def test_the_exit_code_says_whose_turn_it_is() -> None:
    assert {kind for kind in Kind if kind.exit_code == 2} == {Kind.BAD_INPUT, Kind.NOT_FOUND}
    # HTTP says the same: 4xx is about the request, 5xx about the machine or the program.
    assert {kind for kind in Kind if kind.http_status >= 500} == {Kind.MACHINE, Kind.FAULT}


def test_an_error_of_an_unknown_kind_is_a_fault() -> None:
    assert isinstance(errors.of_kind("of a newer version", "x"), Fault)


def test_a_message_is_one_line() -> None:
    assert str(BadInput("first\n  second\r\nthird")) == "first second third"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BadInput("x"), Kind.BAD_INPUT),
        (FileNotFoundError(errno.ENOENT, "No such file", "pairs.jsonl"), Kind.BAD_INPUT),
        (OSError(errno.ENOSPC, "No space left on device", "seal.duckdb"), Kind.MACHINE),
        (MemoryError(), Kind.MACHINE),
        (KeyError("a secret of the dataset"), Kind.FAULT),
    ],
)
def test_any_exception_is_explained(
    error: Exception, kind: Kind, capsys: pytest.CaptureFixture[str]
) -> None:
    known = errors.explain(error, "engine.log")
    assert known.kind is kind
    assert "secret" not in str(known)
    # Only of what nobody expected is there a traceback, and it goes to the log.
    assert ("KeyError" in capsys.readouterr().err) == (kind is Kind.FAULT)
    assert ("engine.log" in str(known)) == (kind is Kind.FAULT)


def test_a_kind_survives_the_way_to_another_process() -> None:
    for kind in Kind:
        assert pickle.loads(pickle.dumps(kind)) is kind
    assert pickle.loads(pickle.dumps(MachineError("x"))).kind is Kind.MACHINE


def test_no_exception_class_is_outside_the_family() -> None:
    names = {name for name, _ in classes()}
    assert names == SIGNALS | SPECIAL


def test_only_family_members_are_special() -> None:
    bases = dict(classes())
    family = {name for name, value in vars(errors).items() if isinstance(value, type)}
    for name in SPECIAL:
        assert set(bases[name]) <= family, name
    for name in SIGNALS:
        assert not set(bases[name]) & family, name
    assert issubclass(BadInput, SealError)
