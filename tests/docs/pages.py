"""The documentation as data: every code block, inline command and link of every page.

The tests run what a page shows. What cannot be run says so in the page, in a comment on the line
before the block:

    <!-- not run: the reason -->    its commands are checked against the command line instead
    <!-- file: small.toml -->       the block is that file, for the blocks after it
    <!-- as: settings -->           what the block is, where its language does not say
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "engine" / "sample_data" / "README.md"]
)
LANGUAGES = ("toml", "sh", "python", "json", "jsonl", "sql", "text")

_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>not run|file|as): (?P<value>.+?) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_INLINE = re.compile(r"`(seal-tui [^`]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """`mark` is `not run`, `file`, `as` or empty, `value` what the page says behind it."""

    page: Path
    line: int
    language: str
    mark: str
    value: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def kind(self) -> str:
        return self.value if self.mark == "as" else self.language


def blocks(page: Path) -> list[Block]:
    text = page.read_text("utf-8")
    return [
        Block(
            page,
            text[: match.start("language")].count("\n") + 1,
            match["language"],
            match["mark"] or "",
            match["value"] or "",
            match["text"],
        )
        for match in _BLOCK.finditer(text)
    ]


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return _BLOCK.sub("", page.read_text("utf-8"))


def inline_commands(page: Path) -> list[str]:
    return [" ".join(match.split()) for match in _INLINE.findall(prose(page))]


def links(page: Path) -> list[str]:
    return _LINK.findall(prose(page))


def of_kind(*kinds: str) -> list[Block]:
    return [block for page in PAGES for block in blocks(page) if block.kind in kinds]


def commands(block: Block) -> list[str]:
    """The commands of a shell block, one a line, without comments."""
    joined = block.text.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
