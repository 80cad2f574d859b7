"""Columns of the printed tables: from a record to a cell, and sections of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from engine.results import flat, names, numbers
from engine.results.effect import Effect, EffectRow, detects, effect
from engine.results.names import Kinds
from engine.results.records import (
    ImprintRow,
    MisalignmentRow,
    Record,
    RobustnessRow,
    ShiftImprintRow,
)

R = TypeVar("R")
_Row = TypeVar("_Row", contravariant=True)
CoefficientRow = ImprintRow | ShiftImprintRow | MisalignmentRow | RobustnessRow


@dataclass(frozen=True)
class Column(Generic[_Row]):
    """`cell` makes a row into text fit for a terminal; one that is not `numeric` may hold names
    from the data."""

    head: str
    cell: Callable[[_Row, Kinds], str]
    numeric: bool = True


@dataclass(frozen=True)
class Section:
    """Rows of a table under a title, with a summary in a sentence or two. Text in it is fit for a
    terminal; what is not `numeric` may hold names from the data."""

    title: str
    summary: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


def section(
    title: str, summary: str, columns: Sequence[Column[R]], rows: Iterable[R], kinds: Kinds
) -> Section:
    return Section(
        title=title,
        summary=summary,
        head=tuple(column.head for column in columns),
        rows=tuple(tuple(column.cell(row, kinds) for column in columns) for row in rows),
        numeric=tuple(column.numeric for column in columns),
    )


def fields(record: type[Record]) -> tuple[Column[Record], ...]:
    """A column for every flat key of a record."""
    return tuple(key(one.name, record, one.name) for one in flat.keys(record))


def key(head: str, record: type[Record], name: str) -> Column[Record]:
    """The column of one flat key, printed as its field says."""
    one = next(one for one in flat.keys(record) if one.name == name)
    about = one.about
    if about is None:
        raise TypeError(f"{record.__name__}.{name} has no Field that says what it is")

    def cell(row: Record, kinds: Kinds) -> str:
        return about.show(getattr(getattr(row, one.inside) if one.inside else row, one.field))

    return Column(head, cell, about.numeric)


def of(record: type[Record]) -> Callable[[str, str], Column[Record]]:
    """`key` for one record: of(RegimeRow)("pairs", "n")."""
    return lambda head, name: key(head, record, name)


def feature(row: CoefficientRow) -> str:
    return names.feature(row.feature)


def flip(row: RobustnessRow, kinds: Kinds) -> str:
    return names.change(row.feature, row.side, row.sign, kinds(row.feature))


def of_effect(head: str, show: Callable[[Effect], str]) -> Column[EffectRow]:
    return Column(head, lambda row, kinds: show(effect(row)))


def estimates(head: str) -> tuple[Column[EffectRow], ...]:
    """The effect in its unit, and its interval."""
    return of_effect(head, Effect.text), of_effect("95 %", Effect.interval)


P_VALUES: tuple[Column[CoefficientRow], ...] = (
    Column("p", lambda row, kinds: effect(row).power()),
    Column("adj. p", lambda row, kinds: numbers.p_value(row.coefficient.p_adjusted)),
    Column("Holm", lambda row, kinds: numbers.p_value(row.coefficient.p_holm)),
    Column("BH", lambda row, kinds: numbers.p_value(row.coefficient.p_bh)),
)
SCORE: tuple[Column[RobustnessRow], ...] = (
    Column("an answer:", flip, numeric=False),
    *estimates("points"),
    *P_VALUES,
    Column("odds ratio", lambda row, kinds: numbers.number(row.odds_ratio)),
    Column("MDE", lambda row, kinds: detects(row)),
    Column("flips", lambda row, kinds: numbers.count(row.n)),
    Column("misaligned", lambda row, kinds: numbers.count(row.events)),
    Column("else", lambda row, kinds: baseline(row)),
    Column("method", lambda row, kinds: names.name(row.method), numeric=False),
)


def baseline(row: RobustnessRow) -> str:
    """The share of the pairs without that flip that became misaligned."""
    return numbers.percent(row.baseline_events / row.baseline_n if row.baseline_n else None)
