"""The report and the card: what they say, and that data in them is only ever text."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from engine.export import blocks, card, report
from engine.export.blocks import Bullets, Data, Heading, Paragraph, Table
from engine.export.figure import Estimate, Intervals, as_svg, as_text
from engine.export.provenance import Digests, Provenance, of
from engine.results import flat
from engine.service import Engine
from engine.visible import one_line
from engine.wire.messages import ExportPreview, ExportRequest, Metrics, ModelInfo, StudyInfo

from .conftest import Export

HOSTILE = (
    "<script>alert(1)</script>",
    "</code></pre><img src=x onerror=alert(1)>",
    '"><a href="javascript:alert(1)">',
    "![x](http://evil.example/x.png)",
    "[x](javascript:alert(1))",
    "http://evil.example and www.evil.example",
    "| a | b |\n| --- | --- |",
    "`code` ``more`` ```fence",
    "\n\n```\nout\n```\n\n# heading",
    "**bold** _it_ ~~no~~ &lt;b&gt; &#60;",
    "\x1b]52;c;Zm9v\x07\x9b2J",
    "\u202egnp.exe\u2066",
    "---\npretty_name: other\n---",
    "<!-- ",
    "]]><svg onload=alert(1)>",
    "\\`\\|",
)
PIECES = st.lists(st.sampled_from([*HOSTILE, "`", "|", "\\", "<", "&", "\n", " ", "a"]), max_size=4)
TEXT = PIECES.map("".join)
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "ul", "li", "table"),
    *("tr", "th", "td", "code", "pre", "svg", "text", "circle", "line", "thead", "tbody"),
}


class Seen(HTMLParser):
    """The elements and attributes of a page, and the text of its code elements."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.code: list[str] = []
        self._in_code = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "code":
            self.code.append("")
            self._in_code = True

    def handle_endtag(self, tag: str) -> None:
        self._in_code = self._in_code and tag != "code"

    def handle_data(self, data: str) -> None:
        if self._in_code:
            self.code[-1] += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def document(text: str) -> list[blocks.Block]:
    """Data in every place where there may be data."""
    data = Data(text)
    return [
        Heading(1, ("Report of ", data)),
        Paragraph(("before ", data, " after")),
        Bullets([(data,), ("and ", data)]),
        Table(("name", "n"), [(data, "1"), (data, data)]),
    ]


@given(TEXT)
def test_data_in_a_page_is_text(text: str) -> None:
    figure = Intervals(text, text, (text,), [(text, [Estimate(1, 0, 2)])])
    seen = Seen(blocks.page(text, [*document(text), figure]))
    assert seen.tags <= TAGS
    assert not {name for name in seen.attributes if name.startswith("on")} | (
        seen.attributes & {"href", "src", "xlink:href"}
    )
    assert seen.code == [one_line(text)] * 7


@given(TEXT)
def test_data_in_markdown_is_text(text: str) -> None:
    made = blocks.markdown(document(text))
    # html=True: what a reader that passes HTML on would make of it.
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(made)
    seen = Seen(page)
    assert seen.tags <= TAGS - {"pre"}
    assert not seen.attributes - {"style"}  # the alignment of a table's cells
    shown = one_line(text)
    if shown.strip():
        in_cells = shown.replace("|", "¦")
        wanted = [shown] * 4 + [in_cells] * 3
        assert [said.strip() for said in seen.code] == [said.strip() for said in wanted]


@given(TEXT)
def test_no_character_of_data_is_invisible(text: str) -> None:
    for made in (blocks.markdown(document(text)), blocks.page(text, document(text))):
        assert not set(made) & {"\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\r"}


@given(TEXT)
def test_the_header_of_a_card_is_the_cards_own(text: str) -> None:
    yaml: Any = pytest.importorskip("yaml")
    request = ExportRequest(format="hub", path="x", filter=text, author=text)
    counts = ExportPreview(pairs=2, rows=2, counts={"keep": 2})
    made = card.text(of(request, counts, text, Digests(study="", dataset="", metrics="")))
    _, header, body = (
        made.split("\n---\n", 2) if made.startswith("\n") else ("", *made[4:].split("\n---\n", 1))
    )
    found = yaml.safe_load(header)
    assert found["pretty_name"] == one_line(text)
    assert list(found) == ["pretty_name", "tags", "size_categories", "configs"]
    assert Seen(MarkdownIt("commonmark", {"html": True}).enable("table").render(body)).tags <= TAGS


def test_the_whole_report_of_a_hostile_study_is_text(export: Export, decided: Engine) -> None:
    """Every text of a study that reaches the report, at once."""
    bad = " ".join(HOSTILE)
    study = StudyInfo(
        name=bad,
        dataset=bad,
        pairs=1,
        features=(),
        models=(ModelInfo(role=bad, model=bad, detail=bad),),
        strategies=(),
        preset="pair-fe",
        presets=(),
        tie_policy="",
        opinion="",
        min_cosine=0,
    )
    known = decided.metrics()
    rows = flat.tables(known.tables)
    for row in (row for table in rows.values() for row in table):
        row.update({key: bad for key in ("feature", "model", "strategy") if key in row})
    request = ExportRequest(format="report", path="x", filter=bad, author=bad)
    found = of(
        request,
        ExportPreview(pairs=1, rows=0, counts={}),
        bad,
        Digests(study="", dataset="", metrics=""),
    )
    made = report.blocks(
        study, Metrics(preset=known.preset, tables=flat.read(rows)), (bad,), (), found
    )
    page = report.rendered(Path("r.html"), bad, made)
    text = report.rendered(Path("r.md"), bad, made)
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    for shown in (page, rendered):
        seen = Seen(shown)
        assert seen.tags <= TAGS
        assert not seen.attributes & {"href", "src", "onerror", "onload"}
    assert not {character for character in page + text if ord(character) < 32} - {"\n"}


# ---------------------------------------------------------------- what it says


@pytest.mark.parametrize("name", ["r.md", "r.html"])
def test_a_report_tells_the_studys_findings(decided: Engine, export: Export, name: str) -> None:
    status, path = export("report", name)
    assert (status.state, status.error) == ("done", None)
    said = path.read_text("utf-8")
    tables = decided.metrics().tables
    post = next(row for row in tables.alignment if row.role == "post")
    for words in (
        "harmless demo",
        f"{post.alignment * 100:.1f} %",
        "Regimes",
        "resisted",
        "Feature imprint",
        "Robustness",
        "Decisions",
        "kim",
        "metrics_sha256",
    ):
        assert words in said
    difference = next(
        row
        for row in tables.imprint
        if (row.outcome, row.preset) == ("difference", "pair-fe") and row.coefficient.estimate
    )
    assert f"{difference.coefficient.estimate:.2f}".replace("-", "−") in said
    assert ("<svg" in said) == name.endswith(".html")


def test_a_report_names_what_two_reviewers_agree_on(decided: Engine, export: Export) -> None:
    from .conftest import decide

    decide(decided, (0, 5), "lee", verdict="flip")
    _, path = export("report", "r.md")
    [line] = [line for line in path.read_text("utf-8").splitlines() if "kim, lee" in line]
    assert "| 2 | 50.0 % |" in line


def test_a_figure_shows_zero_and_every_estimate() -> None:
    drawn = Intervals(
        "Imprint",
        "points",
        ("pre", "post"),
        [("a", [Estimate(-1, -2, 0.5), None]), ("b", [Estimate(2, None, None), Estimate(1, 0, 3)])],
    )
    svg = as_svg(drawn)
    assert svg.count("<circle") == 3 + 2  # estimates, and the two of the key
    assert svg.count("<line") == 1 + 2  # zero, and the two intervals
    text = as_text(drawn).splitlines()
    assert [line.split()[-1] for line in text[1:4]] == ["-1.00", "+2.00", "+1.00"]
    assert "│" in text[2]


def test_a_figure_of_nothing_is_drawn_too() -> None:
    drawn = Intervals("t", "u", ("a",), [("x", [Estimate(0, 0, 0)]), ("y", [None])])
    assert "nan" not in as_svg(drawn) + as_text(drawn)


def test_provenance_is_one_json_object() -> None:
    request = ExportRequest(format="trl", path="x", filter="regime:got")
    made = of(
        request,
        ExportPreview(pairs=1, rows=1, counts={}),
        "s",
        Digests(study="a", dataset="b", metrics="c"),
    )
    assert msgspec.json.decode(made.text(), type=Provenance) == made
