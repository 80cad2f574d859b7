"""Text blocks shared by the pair view and the rewrite view. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

from textual.content import Content

from engine.wire.messages import Turn
from seal_tui.explorer.session import Session
from seal_tui.text import diff, numbers, words
from seal_tui.text.calls import call
from seal_tui.text.safe import Safe, content, fit, one_line, pieces

LEFT_MARK = "bold $chosen"
RIGHT_MARK = "bold $rejected"
# Original and rewrite are neither chosen nor rejected, so neither accent colour fits.
BEFORE_MARK = "underline"
AFTER_MARK = "bold underline"
_NAME = 26
_WORD = 10


def turns(dialogue: Sequence[Turn]) -> Content:
    """Turns of a dialogue."""
    blocks = [
        Content.assemble((speaker(turn), "bold dim"), "\n", content(said(turn)))
        for turn in dialogue
    ]
    return Content("\n\n").join(blocks)


def speaker(turn: Turn) -> Safe:
    """The role of a message, and the name of who or what speaks if it has one."""
    return Safe(f"{turn.role} {one_line(turn.name)}") if turn.name else Safe(turn.role)


def said(turn: Turn) -> str:
    """All that a message says: what was thought, said and called. Untrusted."""
    thought = [f"[thinking]\n{turn.thinking}"] if turn.thinking else []
    text = [f"[answer]\n{turn.text}" if thought else turn.text] if turn.text else []
    return "\n\n".join([*thought, *text, *(f"[call] {call(one)}" for one in turn.calls)])


def context(dialogue: Sequence[Turn], opened: bool, what: str = "shared context") -> Content:
    """The turns before the answers, folded into one line or in full."""
    if not dialogue:
        return Content.styled(f"no {what}", "dim")
    count = sum(len(said(turn).split()) for turn in dialogue)
    size = f"{numbers.many(len(dialogue), 'turn')}, {numbers.many(count, 'word')}"
    head = Content.assemble(
        ("▾ " if opened else "▸ ", "bold"),
        what,
        (f" ({size}), space ", "dim"),
        ("folds" if opened else "unfolds", "dim"),
    )
    return Content("\n").join([head, turns(dialogue)]) if opened else head


def _marked(runs: Iterable[diff.Run], style: str) -> Content:
    parts: list[tuple[str, str]] = []
    for run in runs:
        word = run.text.rstrip()
        # The space after a marked word is not marked, or the underline would extend over it.
        parts += [(word, style if run.changed else ""), (run.text[len(word) :], "")]
    return pieces(parts)


def sides(
    left: Sequence[Turn],
    right: Sequence[Turn],
    styles: tuple[str, str] = (LEFT_MARK, RIGHT_MARK),
) -> tuple[Content, Content]:
    """Two dialogues, paired turn by turn; words that differ get these styles."""
    blocks: tuple[list[Content], list[Content]] = ([], [])
    alone = len(left) <= 1 and len(right) <= 1
    for one, other in zip_longest(left, right):
        marked = diff.words(said(one) if one else "", said(other) if other else "")
        for block, turn, runs, style in (
            (blocks[0], one, marked.left, styles[0]),
            (blocks[1], other, marked.right, styles[1]),
        ):
            if turn is None:
                continue
            text = _marked(runs, style) if runs else Content.styled("(empty)", "dim")
            head = [] if alone else [Content.styled(speaker(turn), "bold dim")]
            block.append(Content("\n").join([*head, text]))
    empty = Content.styled("(nothing after the shared turns)", "dim")
    left_text, right_text = (Content("\n\n").join(block) if block else empty for block in blocks)
    return left_text, right_text


def rewording(original: str, rewritten: str) -> tuple[Content, Content]:
    """An answer and its rewrite, with the words that differ marked."""
    marked = diff.words(original, rewritten)
    return _marked(marked.left, BEFORE_MARK), _marked(marked.right, AFTER_MARK)


def labels(
    session: Session,
    titles: tuple[str, str],
    left: Mapping[str, int],
    right: Mapping[str, int],
    gold: tuple[Mapping[str, int] | None, Mapping[str, int] | None] = (None, None),
) -> Content:
    """The labels of two texts: first those that differ, then the others in one line."""
    names = list(dict.fromkeys([*session.feature_names(), *left, *right]))
    names = [name for name in names if name in left or name in right]
    lines = [
        Content.assemble(
            (fit(Safe("labels"), _NAME), "bold"),
            (fit(Safe(titles[0]), _WORD), "dim"),
            (fit(Safe(titles[1]), _WORD), "dim"),
            ("gold" if any(gold) else "", "dim"),
        )
    ]
    same: list[str] = []
    for name in names:
        kind = session.kind(name)
        one, other = words.label(left.get(name), kind), words.label(right.get(name), kind)
        judged, contradicted = _gold(name, kind, (left, right), gold)
        if one == other and not contradicted:
            same.append(f"{words.feature(name)} {one}")
            continue
        differs = one != other
        lines.append(
            Content.assemble(
                (
                    fit(Safe(f"{'≠' if differs else ' '} {words.feature(name)}"), _NAME - 1) + " ",
                    "bold" if differs else "",
                ),
                (fit(one, _WORD), "$chosen" if differs and titles[0] == "chosen" else ""),
                (fit(other, _WORD), "$rejected" if differs and titles[1] == "rejected" else ""),
                judged,
            )
        )
    if len(lines) == 1:
        lines.append(Content.styled("  no label differs", "dim"))
    if same:
        lines.append(Content.styled(f"  same: {' · '.join(same)}", "dim"))
    return Content("\n").join(lines)


def _gold(
    name: str,
    kind: str,
    labels: tuple[Mapping[str, int], Mapping[str, int]],
    gold: tuple[Mapping[str, int] | None, Mapping[str, int] | None],
) -> tuple[Content, bool]:
    """The gold labels, if any, and whether they contradict the labeler."""
    values = [side[name] if side is not None and name in side else None for side in gold]
    if all(value is None for value in values):
        return Content(""), False
    wrong = any(
        value is not None and side.get(name) not in (None, value)
        for value, side in zip(values, labels, strict=True)
    )
    text = " / ".join(words.label(value, kind) for value in values)
    if wrong:
        return Content.styled(f"{text}  differs", "$caution"), True
    return Content.styled(text, "dim"), False


def shift(before: float | None, after: float | None) -> Safe:
    """▲ 0.87"""
    if before is None or after is None:
        return numbers.NOTHING
    value = after - before
    arrow = "▲" if value > 0 else "▼" if value < 0 else "="
    return Safe(f"{arrow} {numbers.number(abs(value))}")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], first: int, room: int) -> Content:
    """A small table: names left-aligned, numbers right-aligned."""
    lines = [_table_line(head, first, room, "dim")]
    lines += [_table_line(row, first, room, "") for row in rows]
    return Content("\n").join(lines)


def _table_line(row: Sequence[str], first: int, room: int, style: str) -> Content:
    parts: list[tuple[str, str]] = [
        (fit(Safe(row[0]), first), "bold" if style else ""),
        *((fit(Safe(text), room, "right"), style) for text in row[1:]),
    ]
    return Content.assemble(*parts)
