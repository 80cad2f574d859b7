"""A small document model, rendered as Markdown or HTML.

A plain `str` is a literal of this program. Text from anywhere else is `Data`, which both
renderings escape.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.export import figure
from engine.visible import one_line


class Data(str):
    """Untrusted text: from datasets, models or file names."""


Words = Sequence[str]


@dataclass(frozen=True)
class Heading:
    level: int
    words: Words


@dataclass(frozen=True)
class Paragraph:
    words: Words


@dataclass(frozen=True)
class Bullets:
    items: Sequence[Words]


@dataclass(frozen=True)
class Table:
    """The first column holds text, the others numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Code:
    text: str


Block = Heading | Paragraph | Bullets | Table | Code | figure.Intervals


# ---------------------------------------------------------------- Markdown


def markdown(blocks: Sequence[Block]) -> str:
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(level, words):
            return f"{'#' * level} {_md_line(words)}"
        case Paragraph(words):
            return _md_line(words)
        case Bullets(items):
            return "\n".join(f"- {_md_line(words)}" for words in items)
        case Table(head, rows):
            rule = ["---", *["---:"] * (len(head) - 1)]
            lines = [[_md(cell, True) for cell in row] for row in (head, *rows)]
            lines.insert(1, rule)
            return "\n".join(f"| {' | '.join(line)} |" for line in lines)
        case Code(text):
            fence = _fence(text, 3)
            return f"{fence}\n{text.rstrip()}\n{fence}"
        case figure.Intervals():
            return _markdown(Code(figure.as_text(block)))


def _md_line(words: Words) -> str:
    return "".join(_md(word) for word in words)


def _md(word: str, in_table: bool = False) -> str:
    """Data becomes a code span, in which nothing is markup, a link or HTML. Only backticks, and
    the bars of a table, could end it."""
    if not isinstance(word, Data):
        return word
    text = one_line(word)
    if not text.strip():
        return ""
    fence = _fence(text, 1)
    if in_table:
        text = text.replace("|", "¦")  # some renderers do not support escaped bars
    return f"{fence} {text} {fence}" if len(fence) > 1 else f"`{text}`"


def _fence(text: str, least: int) -> str:
    """A run of backticks that does not occur in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1 if longest else least)


# ---------------------------------------------------------------- HTML

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff; overflow-wrap: anywhere; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; white-space: pre-wrap; }
svg text { font: 12px system-ui, sans-serif; fill: #222; }
"""


def page(title: str, blocks: Sequence[Block]) -> str:
    """A self-contained HTML page that loads no resources and runs no scripts."""
    body = "\n".join(_html(block) for block in blocks)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{_escaped(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _html(block: Block) -> str:
    match block:
        case Heading(level, words):
            return f"<h{level}>{_html_line(words)}</h{level}>"
        case Paragraph(words):
            return f"<p>{_html_line(words)}</p>"
        case Bullets(items):
            return f"<ul>{''.join(f'<li>{_html_line(words)}</li>' for words in items)}</ul>"
        case Table(head, rows):
            top = "".join(f"<th>{_html_word(cell)}</th>" for cell in head)
            lines = "\n".join(
                f"<tr>{''.join(f'<td>{_html_word(cell)}</td>' for cell in row)}</tr>"
                for row in rows
            )
            return f"<table>\n<tr>{top}</tr>\n{lines}\n</table>"
        case Code(text):
            return f"<pre>{html.escape(text.rstrip())}</pre>"
        case figure.Intervals():
            return figure.as_svg(block)


def _html_line(words: Words) -> str:
    return "".join(_html_word(word) for word in words)


def _html_word(word: str) -> str:
    return f"<code>{_escaped(word)}</code>" if isinstance(word, Data) else html.escape(word)


def _escaped(text: str) -> str:
    return html.escape(one_line(text))
