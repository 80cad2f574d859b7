"""Columns of the printed metric tables: from a record to a cell of text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from seal_tui.cli.summary import table
from seal_tui.text import numbers, words
from seal_tui.text.safe import Safe, one_line
from seal_tui.text.tables import Record, real, whole, word

Column = tuple[str, Callable[[Record], str]]


def printed(
    title: str, reading: str, columns: Sequence[Column], records: Sequence[Record]
) -> Iterator[Safe]:
    rows = [[cell(record) for _, cell in columns] for record in records]
    return table(title, reading, [head for head, _ in columns], rows)


def text(key: str) -> Callable[[Record], str]:
    return lambda record: one_line(word(record, key)) or numbers.NOTHING


def count(key: str) -> Callable[[Record], str]:
    return lambda record: numbers.count(whole(record, key))


def number(key: str, digits: int = 2) -> Callable[[Record], str]:
    return lambda record: numbers.number(real(record, key), digits)


def signed(key: str, digits: int = 2, scale: float = 1.0) -> Callable[[Record], str]:
    def cell(record: Record) -> str:
        value = real(record, key)
        return numbers.signed(None if value is None else value * scale, digits)

    return cell


def percent(key: str) -> Callable[[Record], str]:
    return lambda record: numbers.percent(real(record, key))


def p_value(key: str) -> Callable[[Record], str]:
    return lambda record: numbers.p_value(real(record, key))


def exact_p(record: Record) -> str:
    return numbers.power(real(record, "p_value"), real(record, "log10_p"))


def interval(low: str, high: str, digits: int = 2, scale: float = 1.0) -> Callable[[Record], str]:
    def cell(record: Record) -> str:
        first, last = real(record, low), real(record, high)
        if first is None or last is None:
            return numbers.NOTHING
        return f"{numbers.number(first * scale, digits)} to {numbers.number(last * scale, digits)}"

    return cell


def feature(record: Record) -> str:
    return words.feature(word(record, "feature"))


def flip(record: Record) -> str:
    name = words.feature(word(record, "feature"))
    done = "lost" if word(record, "sign") == "+" else "gained"
    return f"{name} {done} in {one_line(word(record, 'side'))}"


def baseline(record: Record) -> str:
    n = whole(record, "baseline_n")
    return numbers.percent((whole(record, "baseline_events") or 0) / n if n else None)


def chance(record: Record) -> tuple[float | None, float | None, float | None]:
    """Estimate and interval as a difference of probabilities, whatever the model."""
    if word(record, "scale") != "log_odds":
        return real(record, "estimate"), real(record, "ci_low"), real(record, "ci_high")
    effect, error = real(record, "ame"), real(record, "ame_se")
    if effect is None or error is None:
        return effect, None, None
    return effect, effect - 1.96 * error, effect + 1.96 * error


def points(record: Record) -> str:
    return numbers.points(chance(record)[0])


def points_range(record: Record) -> str:
    _, low, high = chance(record)
    if low is None or high is None:
        return numbers.NOTHING
    return f"{numbers.number(low * 100, 1)} to {numbers.number(high * 100, 1)}"


def effect(record: Record) -> str:
    """The smallest effect that would be found: in points, or as an odds ratio."""
    size = real(record, "mde")
    if size is None or word(record, "scale") != "log_odds":
        return numbers.points(size)
    return f"OR {numbers.number(math.exp(size), 1)}" if size < 10 else numbers.NOTHING


P_VALUES: tuple[Column, ...] = (
    ("p", exact_p),
    ("adj. p", p_value("p_adjusted")),
    ("Holm", p_value("p_holm")),
    ("BH", p_value("p_bh")),
)
