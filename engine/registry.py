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
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from typing import Any, Generic, TypeVar

from engine.settings import Section, SettingError

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

        Raises SettingError that lists what there is, or says why the class cannot be used.
        """
        if name in self.built_in():
            module = importlib.import_module(f"{self.package}.{name}")
            kind: type[T] = next(k for k in vars(module).values() if self._is(k, name))
            return kind
        entries = self._offered().get(name, [])
        if not entries:
            raise SettingError(
                f"{where} = {name!r}: no such {self.kind}; there are {', '.join(self.names())}"
            )
        if len({entry.value for entry in entries}) > 1:
            values = " and ".join(sorted(entry.value for entry in entries))
            raise SettingError(f"{where} = {name!r}: two packages offer it: {values}; remove one")
        return self._load(entries[0], name, where)

    def _load(self, entry: EntryPoint, name: str, where: str) -> type[T]:
        whose = f"{where} = {name!r}: {entry.value}"
        try:
            found = entry.load()
        except Exception as error:  # whatever a foreign module raises
            first = (str(error).strip().splitlines() or [""])[0]
            raise SettingError(
                f"{whose} cannot be loaded ({type(error).__name__}: {first})"
            ) from None
        if not self._is(found, name):
            raise SettingError(f"{whose} is no {self.base.__name__} with tag {name!r}")
        if lacking := missing_methods(found):
            raise SettingError(f"{whose} does not define {', '.join(lacking)}")
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
        path = importlib.import_module(self.package).__path__
        return tuple(sorted(module.name for module in pkgutil.iter_modules(path)))

    def _offered(self) -> dict[str, list[EntryPoint]]:
        """Name → the entry points that offer it."""
        offered: dict[str, list[EntryPoint]] = {}
        here = Path.cwd()
        path = [p for p in sys.path if Path(p).is_absolute() and Path(p).resolve() != here]
        for package in distributions(path=path):
            for entry in package.entry_points:
                kind, _, name = entry.name.partition(".")
                if entry.group == GROUP and kind == self.kind and name:
                    offered.setdefault(name, []).append(entry)
        return dict(sorted(offered.items()))


def required(method: Any) -> Any:
    """Marks what a subclass has to define; a class without it is refused by name."""
    method.__required__ = True
    return method


def missing_methods(kind: type[Any]) -> list[str]:
    members = inspect.getmembers_static(kind, inspect.isfunction)
    return [name for name, member in members if getattr(member, "__required__", False)]
