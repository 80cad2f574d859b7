"""However a pair is written, it is read as the same conversations, and flipped as the others."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import Options, Pair, Reject
from engine.data.layouts import BY_NAME, Change
from engine.data.pairs import Row
from engine.data.rows import RowReader

Turn = tuple[str, str]  # role, text
_SHAREGPT = {"user": "human", "assistant": "gpt", "system": "system"}
# Nothing begins with a marker: such a text is a transcript.
words = st.sampled_from(
    ["heron", "it's [1]", "{x}", "say Human: hi", "a\nb", "so\n\nHuman: no", '"q"', "1. x\n\n2. é…"]
)


def read(row: dict[str, Any]) -> Pair | Reject:
    reader = RowReader(Options())
    [item] = reader.read("rows", Row(1, row, json.dumps(row).encode()))
    return item


def messages(of: list[Turn], style: str) -> list[dict[str, Any]]:
    match style:
        case "sharegpt":
            return [{"from": _SHAREGPT[role], "value": text} for role, text in of]
        case "merged":
            return [
                {"role": role, "content": text, "from": None, "name": None} for role, text in of
            ]
        case "parts":
            part = {"type": "text", "image": None}
            return [{"role": role, "content": [part | {"text": text}]} for role, text in of]
        case _:
            return [{"role": role, "content": text} for role, text in of]


@st.composite
def written(draw: st.DrawFn) -> tuple[dict[str, Any], list[list[Turn]]]:
    """A row, and what both sides say."""
    asked: list[Turn] = []
    for number in range(draw(st.integers(0, 2))):
        asked += [("user", f"{draw(words)} u{number}"), ("assistant", f"{draw(words)} a{number}")]
    asked.append(("user", f"{draw(words)} last"))
    lead: list[Turn] = [("system", "Be terse.")] if draw(st.booleans()) else []
    answers = [f"{draw(words)} good", f"{draw(words)} bad"]
    said = [[*lead, *asked, ("assistant", answer)] for answer in answers]

    row: dict[str, Any] = {}
    if lead and draw(st.booleans()):
        row["system"], lead = lead[0][1], []
    style = draw(st.sampled_from(["plain", "sharegpt", "merged", "parts"]))
    in_cells = draw(st.booleans())

    def cell(value: object) -> object:
        return json.dumps(value) if in_cells else value

    place = draw(st.sampled_from(["prompt", "conversations", "question", "nowhere"]))
    if place in ("prompt", "conversations"):
        row[place] = cell(messages([*lead, *asked], style))
    elif place == "question":  # beside whole conversations, of which it is the first or the last
        row["question"] = draw(st.sampled_from([asked[0][1], asked[-1][1]]))
    forms = ["text", "message", "answer", "whole"] if place in ("prompt", "conversations") else []
    form = draw(st.sampled_from(forms or ["whole"]))
    for side, answer in zip(("chosen", "rejected"), answers, strict=True):
        last = messages([("assistant", answer)], style)
        whole = messages([*lead, *asked, ("assistant", answer)], style)
        forms_of = {"message": last[0], "answer": last, "whole": whole}
        row[side] = answer if form == "text" else cell(forms_of[form])
    return dict(draw(st.permutations(list(row.items())))), said


@given(written())
@settings(max_examples=400, deadline=None)
def test_every_way_to_write_a_pair_is_read_alike_and_can_be_flipped(
    case: tuple[dict[str, Any], list[list[Turn]]],
) -> None:
    row, said = case
    pair = read(row)
    assert isinstance(pair, Pair), pair
    sides = pair.chosen, pair.rejected
    assert [[(m.role, m.content) for m in side.messages] for side in sides] == said
    layout = BY_NAME[pair.rows[0].layout](Options())
    assert layout.write([row], [Change(pair.place, "keep")]) == [row]
    [turned] = layout.write([row], [Change(pair.place, "flip")])
    assert turned is not None
    again = read(dict(turned))
    assert isinstance(again, Pair)
    assert (again.rejected, again.chosen) == sides
