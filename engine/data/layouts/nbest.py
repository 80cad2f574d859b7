"""Several responses to one prompt, with scores → pairs; and scores that say what was decided.

Candidates are numbered as their row has them. A score is higher for the better one (a rank is given
with its sign changed), and None where the row has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.data.layouts.base import Change
from engine.data.options import NBest
from engine.data.pairs import RowError

Pair = tuple[int, int]  # the better candidate, the worse one


def pairs(scores: Sequence[float | None], policy: NBest) -> list[Pair]:
    """The pairs of a row; candidates with equal scores make none. Raises RowError if there are
    none at all."""
    ranked = _ranked(scores)
    if len(ranked) < 2:
        raise RowError("no_rival", f"{len(ranked)} of {len(scores)} responses have a score")
    best, *rest = ranked
    match policy:
        case "best-worst":
            found = [(best, rest[-1])]
        case "best-rest":
            found = [(best, other) for other in rest]
        case "adjacent":
            found = list(zip(ranked, rest, strict=False))
    unequal = [pair for pair in found if scores[pair[0]] != scores[pair[1]]]
    if not unequal:
        raise RowError("tie", "all responses have the same score")
    return unequal


def place(pair: Pair) -> str:
    """The place of a pair in its row."""
    return f"{pair[0]}-{pair[1]}"


def settled(
    scores: Sequence[float | None], found: Sequence[Pair], changes: Sequence[Change]
) -> dict[int, int] | None:
    """The candidates that stay, each with the one whose score it takes; None if no pair is left.

    Pairs without a change are kept. A flip exchanges the scores of the only pair; with several, the
    scores of a row are dealt out again so that all decisions hold, as far as there are scores.
    """
    actions = {change.place: change.action for change in changes}
    action = {pair: actions.get(place(pair), "keep") for pair in found}
    stay = [pair for pair in found if action[pair] != "omit"]
    if not stay:
        return None
    removed = {_dropped(pair, stay) for pair in found if action[pair] == "omit"}
    left = [number for number in range(len(scores)) if number not in removed]
    result = {number: number for number in left}
    if all(action[pair] == "keep" for pair in stay):
        return result
    tied = [pair for pair in stay if action[pair] == "tie"]
    if len(found) == 1:
        [(better, worse)] = found
        return result | ({worse: better} if tied else {better: worse, worse: better})
    orders = [
        (pair[::-1] if action[pair] == "flip" else pair)
        for pair in stay
        if action[pair] != "tie" and removed.isdisjoint(pair)
    ]
    ties = [pair for pair in tied if removed.isdisjoint(pair)]
    return result | _dealt([n for n in _ranked(scores) if n not in removed], orders, ties, scores)


def _ranked(scores: Sequence[float | None]) -> list[int]:
    """The candidates that have a score, the best first; equal ones in the row's order."""
    given = {number: score for number, score in enumerate(scores) if score is not None}
    return sorted(given, key=lambda number: (-given[number], number))


def _dropped(pair: Pair, stay: Sequence[Pair]) -> int:
    """The candidate that goes with a pair: the worse one, unless only that is in another pair."""
    better, worse = pair
    needed = {number for other in stay for number in other}
    return better if worse in needed and better not in needed else worse


def _dealt(
    ranked: Sequence[int],
    orders: Sequence[Pair],
    ties: Sequence[Pair],
    scores: Sequence[float | None],
) -> dict[int, int]:
    """Candidates → whose score they take, so that the first of every order has the higher one."""
    levels = _levels(ranked, orders, ties)
    taken: dict[int, int] = {}
    position = 0
    for level in levels:
        taken |= dict.fromkeys(level, ranked[position])
        position += len(level)
    # Where candidates had equal scores, an order may still be a tie: the better one moves up.
    of: Mapping[int, float] = {number: score or 0 for number, score in enumerate(scores)}
    for level in reversed(levels):
        below = [of[taken[worse]] for better, worse in orders if better in level]
        floor = max(below, default=None)
        if floor is not None and of[taken[level[0]]] <= floor:
            higher = [number for number in ranked if of[number] > floor]
            taken |= dict.fromkeys(level, higher[-1]) if higher else {}
    return taken


def _levels(
    ranked: Sequence[int], orders: Sequence[Pair], ties: Sequence[Pair]
) -> list[tuple[int, ...]]:
    """The candidates in an order that obeys `orders`, near to the old one; tied ones together."""
    level: dict[int, tuple[int, ...]] = {number: (number,) for number in ranked}
    for one, other in ties:
        merged = (*level[one], *(n for n in level[other] if n not in level[one]))
        level |= dict.fromkeys(merged, merged)
    waiting = list(dict.fromkeys(level[number] for number in ranked))
    result: list[tuple[int, ...]] = []
    while waiting:
        open_orders = {
            level[worse]
            for better, worse in orders
            if level[better] in waiting and level[better] != level[worse]
        }
        # Decisions that contradict each other leave nobody free: then the old order decides.
        first = next((one for one in waiting if one not in open_orders), waiting[0])
        waiting.remove(first)
        result.append(first)
    return result
