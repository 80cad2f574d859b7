"""Which characters reach a terminal."""

from __future__ import annotations

import tomllib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.content import Content

from engine import visible
from seal_tui.text import safe as text

HOSTILE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
ODD = st.text(
    st.one_of(
        st.characters(categories=["Cc", "Cf", "Zl", "Zp"]),
        st.sampled_from("[]/@\\\x1b\x9b\u202e\u200d\u2066\ufe0f👩🦰é "),
        st.characters(),
    )
)


def is_hostile(shown: str) -> list[str]:
    """Characters that a terminal would act on or not draw; a joiner inside an emoji is neither."""
    return [
        character
        for character in shown.replace("\u200d", "")
        if character != "\n" and unicodedata.category(character) in HOSTILE
    ]


def test_every_control_format_and_separator_character_is_replaced() -> None:
    for code in range(0x110000):
        character = chr(code)
        if character != "\n" and unicodedata.category(character) in HOSTILE:
            assert character not in text.plain(f"a{character}b"), f"U+{code:04X}"


@pytest.mark.parametrize("code", [0x034F, 0x115F, 0x3164, 0xFE00, 0xE0100, 0xFFA0, 0xFFFF])
def test_characters_that_draw_nothing_are_shown(code: int) -> None:
    assert f"⟨U+{code:04X}⟩" in text.plain(chr(code))


@given(ODD)
def test_nothing_hostile_is_left(raw: str) -> None:
    assert not is_hostile(text.plain(raw))
    assert not is_hostile(text.content(raw).plain)
    assert not is_hostile(text.one_line(raw))
    assert not is_hostile(visible.csv_cell(raw))


@given(ODD)
def test_content_shows_what_plain_shows_and_strips_nothing(raw: str) -> None:
    assert text.content(raw).plain == text.plain(raw)


@given(ODD)
def test_safe_text_stays_as_it_is(raw: str) -> None:
    assert text.plain(text.plain(raw)) == text.plain(raw)


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"], max_codepoint=0x10FF)))
def test_ordinary_text_is_not_touched(raw: str) -> None:
    if not visible._UNSAFE.search(raw):
        assert text.plain(raw) == raw


@given(st.text(), st.text())
def test_pieces_keep_the_order_and_mark_what_is_odd(left: str, right: str) -> None:
    made = text.pieces([(left, "bold"), (right, "")])
    assert made.plain == text.plain(left) + text.plain(right)
    for span in made.spans:
        assert 0 <= span.start < span.end <= len(made.plain)


@pytest.mark.parametrize(
    "raw", ["[/INST] hi", "[@click=app.quit]q[/]", "[bold]x[/bold]", "a [b=c] d", "\\[x"]
)
def test_markup_is_text(raw: str) -> None:
    assert text.content(raw).plain == raw
    assert Content("").join([text.content(raw)]).plain == raw


def test_odd_characters_are_visible_not_deleted() -> None:
    assert text.plain("\x1b]52;c;x\x07\x7f\r\n") == "␛]52;c;x␇␡␍\n"
    assert text.plain("\u202eabc") == "⟨U+202E⟩abc"
    assert text.plain("\x9b31m") == "⟨U+009B⟩31m"


def test_a_mark_has_the_warning_style() -> None:
    (span,) = text.content("a\u202eb").spans
    assert "caution" in str(span.style)


def test_an_emoji_keeps_its_joiner_and_a_lone_joiner_is_shown() -> None:
    assert text.plain("👩\u200d🔬") == "👩\u200d🔬"
    assert text.plain("a\u200db") == "a⟨U+200D⟩b"


def test_tabs_become_spaces() -> None:
    assert text.plain("a\tb") == "a    b"


def test_line_ends_show_in_one_line() -> None:
    assert text.one_line("a \n\n b\n") == "a ⏎ b"


@given(ODD, st.integers(0, 40), st.sampled_from(["left", "right", "center"]))
def test_fit_fills_exactly(raw: str, width: int, align: str) -> None:
    assert cell_len(text.fit(text.one_line(raw), width, align)) == width


@pytest.mark.parametrize("raw", ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "＝1"])
def test_a_spreadsheet_never_reads_a_formula(raw: str) -> None:
    assert visible.csv_cell(raw).startswith("'")


@given(ODD.filter(lambda raw: not any("\ud800" <= one <= "\udfff" for one in raw)))
def test_a_string_in_toml_says_the_same_and_shows_nothing_hostile(raw: str) -> None:
    written = visible.toml_string(raw)
    assert tomllib.loads(f"key = {written}") == {"key": raw}
    assert is_hostile(written) == []


def test_ordinary_cells_keep_their_text() -> None:
    assert visible.csv_cell("well - so") == "well - so"
