"""Finds classes by name: built in, one module each, or provided by an installed package.

A package provides one with an entry point of the group `seal_tui.backends`, named KIND.NAME:

    [project.entry-points."seal_tui.backends"]
    "labeler.mine" = "my_package:MyLabeler"

Entry points come only from installed packages, never from the working folder, so that no code from
a data or run folder can be loaded. A built-in name cannot be replaced.
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
        """All names, the built-in ones first."""
        built_in = self.built_in()
        return (*built_in, *(name for name in self._provided() if name not in built_in))

    def find(self, name: str, where: str) -> type[T]:
        """The class of this name. `where`: the key that names it.

        Raises BadInput that lists the names, or says why the class cannot be used.
        """
        if name in self.built_in():
            module = importlib.import_module(f"{self.package}.{name}")
            kind: type[T] = next(k for k in vars(module).values() if self._is(k, name))
            return kind
        entries = self._provided().get(name, [])
        if not entries:
            raise BadInput(
                f"{where} = {name!r}: unknown {self.kind}; use one of {', '.join(self.names())}"
            )
        if len({entry.value for entry in entries}) > 1:
            values = " and ".join(sorted(entry.value for entry in entries))
            raise BadInput(f"{where} = {name!r}: provided by two packages: {values}; remove one")
        return self._load(entries[0], name, where)

    def _load(self, entry: EntryPoint, name: str, where: str) -> type[T]:
        prefix = f"{where} = {name!r}: {entry.value}"
        try:
            kind = entry.load()
        except Exception as error:  # a foreign module may raise anything
            first = (str(error).strip().splitlines() or [""])[0]
            raise BadInput(f"{prefix} cannot be loaded ({type(error).__name__}: {first})") from None
        if not self._is(kind, name):
            raise BadInput(f"{prefix} is not a {self.base.__name__} with tag {name!r}")
        if missing := missing_methods(kind):
            raise BadInput(f"{prefix} does not define {', '.join(missing)}")
        return kind  # type: ignore[no-any-return]

    def _is(self, kind: Any, name: str) -> bool:
        return (
            isinstance(kind, type)
            and issubclass(kind, self.base)
            and kind is not self.base
            and kind.__struct_config__.tag == name
        )

    def built_in(self) -> tuple[str, ...]:
        """The names that do not need another package."""
        return _modules(self.package)

    def _provided(self) -> dict[str, list[EntryPoint]]:
        """Name → the entry points that provide it."""
        entries: dict[str, list[EntryPoint]] = {}
        here = Path.cwd()
        path = (p for p in sys.path if Path(p).is_absolute() and Path(p).resolve() != here)
        for entry in _entry_points(tuple(path)):
            kind, _, name = entry.name.partition(".")
            if kind == self.kind and name:
                entries.setdefault(name, []).append(entry)
        return dict(sorted(entries.items()))


@cache
def _modules(package: str) -> tuple[str, ...]:
    path = importlib.import_module(package).__path__
    return tuple(sorted(module.name for module in pkgutil.iter_modules(path)))


@lru_cache(maxsize=4)
def _entry_points(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """The entry points of our group. Packages installed later are found after a restart."""
    return tuple(
        entry
        for package in distributions(path=list(path))
        for entry in package.entry_points
        if entry.group == GROUP
    )


def required(method: Any) -> Any:
    """Marks a method that a subclass must define; the registry rejects classes without it."""
    method.__required__ = True
    return method


def missing_methods(kind: type[Any]) -> list[str]:
    members = inspect.getmembers_static(kind, inspect.isfunction)
    return [name for name, member in members if getattr(member, "__required__", False)]
