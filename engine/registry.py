"""Classes found by name: built in, one module each, or brought by an installed package.

A package offers its own with an entry point of the group `seal_tui.backends`, named KIND.NAME:

    [project.entry-points."seal_tui.backends"]
    "labeler.mine" = "my_package:MyLabeler"

Entry points come from installed packages alone: the working folder is never looked at, so nothing
that lies beside data or in a run folder can be loaded. A built-in name cannot be replaced.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from typing import Any, Generic, TypeVar

from engine.errors import BadInput
from engine.settings import Section

GROUP = "seal_tui.backends"

T = TypeVar("T", bound=Section)


class Registry(Generic[T]):
    """The classes of one kind. Each is a subclass of `base` whose `tag` is its name."""

    def __init__(self, kind: str, base: type[T], package: str) -> None:
        """`package` holds a module NAME.py per built-in class."""
        self.kind = kind
        self.base = base
        self.package = package

    def names(self) -> tuple[str, ...]:
        """Every name there is, the built-in ones first."""
        built_in = self.built_in()
        return (*built_in, *(name for name in self._offered() if name not in built_in))

    def find(self, name: str, where: str) -> type[T]:
        """The class of this name. `where`: the key that names it.

        Raises BadInput that lists what there is, or says why the class cannot be used.
        """
        if name in self.built_in():
            module = importlib.import_module(f"{self.package}.{name}")
            kind: type[T] = next(k for k in vars(module).values() if self._is(k, name))
            return kind
        entries = self._offered().get(name, [])
        if not entries:
            raise BadInput(
                f"{where} = {name!r}: unknown {self.kind}; use one of {', '.join(self.names())}"
            )
        if len({entry.value for entry in entries}) > 1:
            values = " and ".join(sorted(entry.value for entry in entries))
            raise BadInput(f"{where} = {name!r}: provided by two packages: {values}; remove one")
        return self._load(entries[0], name, where)

    def _load(self, entry: EntryPoint, name: str, where: str) -> type[T]:
        whose = f"{where} = {name!r}: {entry.value}"
        try:
            found = entry.load()
        except Exception as error:  # whatever a foreign module raises
            first = (str(error).strip().splitlines() or [""])[0]
            raise BadInput(f"{whose} cannot be loaded ({type(error).__name__}: {first})") from None
        if not self._is(found, name):
            raise BadInput(f"{whose} is not a {self.base.__name__} with tag {name!r}")
        if lacking := missing_methods(found):
            raise BadInput(f"{whose} does not define {', '.join(lacking)}")
        return found  # type: ignore[no-any-return]

    def _is(self, found: Any, name: str) -> bool:
        return (
            isinstance(found, type)
            and issubclass(found, self.base)
            and found is not self.base
            and found.__struct_config__.tag == name
        )

    def built_in(self) -> tuple[str, ...]:
        """The names that need no other package."""
        return _modules(self.package)

    def _offered(self) -> dict[str, list[EntryPoint]]:
        """Name → the entry points that offer it."""
        offered: dict[str, list[EntryPoint]] = {}
        here = Path.cwd()
        path = (p for p in sys.path if Path(p).is_absolute() and Path(p).resolve() != here)
        for entry in _entry_points(tuple(path)):
            kind, _, name = entry.name.partition(".")
            if kind == self.kind and name:
                offered.setdefault(name, []).append(entry)
        return dict(sorted(offered.items()))


@cache
def _modules(package: str) -> tuple[str, ...]:
    path = importlib.import_module(package).__path__
    return tuple(sorted(module.name for module in pkgutil.iter_modules(path)))


@lru_cache(maxsize=4)
def _entry_points(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Those of our group; what is installed while the program runs is found by its next start."""
    return tuple(
        entry
        for package in distributions(path=list(path))
        for entry in package.entry_points
        if entry.group == GROUP
    )


def required(method: Any) -> Any:
    """Marks what a subclass has to define; a class without it is refused by name."""
    method.__required__ = True
    return method


def missing_methods(kind: type[Any]) -> list[str]:
    members = inspect.getmembers_static(kind, inspect.isfunction)
    return [name for name, member in members if getattr(member, "__required__", False)]
