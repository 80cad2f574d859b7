"""Rows with everything that a conversation can have, loaded as trainers load them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

from engine.data.pairs import Pair
from engine.data.readers import Source, read_pairs
from engine.errors import BadInput
from engine.export.formats import FORMATS
from engine.service import Engine
from engine.wire.messages import ExportRequest

from .conftest import decide
from .runs import export, run_on

_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "light",
            "description": "Switches a light.",
            "parameters": {"type": "object", "properties": {"state": {"type": "string"}}},
        },
    }
]
MESSAGE_FORMS = ("trl-messages", "trl-implicit-messages", "hub")


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def rows() -> list[dict[str, Any]]:
    """Ten pairs: 0 to 5 with a system message, 6 with tools, 7 with a name and thinking, 8 without
    a shared question, 9 plain."""
    system = {"role": "system", "content": "Be terse."}
    made: list[dict[str, Any]] = [
        {
            "prompt": [system, user(f"What is {number} + 1?")],
            "chosen": [said(f"{number + 1}")],
            "rejected": [said(f"Perhaps {number + 2}, or so.")],
            "margin": float(number),
        }
        for number in range(6)
    ]
    call = {"type": "function", "function": {"name": "light", "arguments": {"state": "on"}}}
    other = {"type": "function", "function": {"name": "light", "arguments": {"level": 3}}}
    made.append(
        {
            "prompt": [system, user("Lights on.")],
            "chosen": [
                said("", tool_calls=[call, other]),
                {"role": "tool", "name": "light", "content": "ok"},
                said("Done."),
            ],
            "rejected": [said("No.")],
            "tools": _TOOLS,
        }
    )
    made.append(
        {
            "prompt": [{"role": "developer", "content": "Think."}, user("17*3?") | {"name": "ann"}],
            "chosen": [said("51", thinking="17+17+17")],
            "rejected": [said("41")],
        }
    )
    made.append({"chosen": [user("Sky?"), said("Blue.")], "rejected": [user("Sea?"), said("Wet.")]})
    made.append({"prompt": [user("Hi.")], "chosen": [said("Hello.")], "rejected": [said("What?")]})
    return [{"id": f"r{number}", **row} for number, row in enumerate(made)]


@pytest.fixture(scope="module")
def module_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("trainers")
    data = folder / "in.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows()), "utf-8")
    engine = run_on(folder, data)
    decide(engine, (1,), verdict="flip")
    decide(engine, (2,), verdict="drop")
    for author, verdict in (("lee", "keep"), ("ann", "flip"), ("bo", "flip"), ("cy", "tie")):
        decide(engine, (1, 3), author, verdict=verdict)
    yield engine
    engine.close()


def load(path: Path, cache: Path) -> Any:
    """The rows of an export, as the `datasets` library loads them."""
    import datasets

    if path.is_dir():
        return datasets.load_dataset(str(path), cache_dir=str(cache))["train"]
    kind = "parquet" if path.suffix == ".parquet" else "json"
    return datasets.load_dataset(kind, data_files=str(path), cache_dir=str(cache))["train"]


def counts(engine: Engine, form: str, **settings: Any) -> dict[str, int]:
    request = ExportRequest(path="x.jsonl", format=form, author="kim", **settings)
    return {name: n for name, n in engine.preview_export(request).counts.items() if n}


def without_nulls(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if value not in (None, "")}


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.parquet"])
@pytest.mark.parametrize("form", ["trl-messages", "trl-implicit-messages"])
def test_messages_keep_every_field_and_the_tools(
    module_run: Engine, tmp_path: Path, form: str, name: str
) -> None:
    loaded = load(export(module_run, tmp_path / name, form), tmp_path / "cache")
    by_id = {row["id"]: row for row in loaded}
    for row in rows():
        if row["id"] in ("r1", "r2") or (form == "trl-messages" and row["id"] == "r8"):
            continue  # flipped, dropped, left out
        made = by_id[row["id"]]
        for side in ("chosen", "rejected"):
            messages = [*(made.get("prompt") or []), *made[side]]
            expected = [*row.get("prompt", []), *row[side]]
            assert [without_nulls(message) for message in messages] == [
                without_nulls(message) for message in expected
            ]
        tools = json.loads(made["tools"]) if made["tools"] else None
        assert tools == row.get("tools")


@pytest.mark.parametrize("form", [*MESSAGE_FORMS])
@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_an_export_reads_as_the_same_pairs(
    module_run: Engine, tmp_path: Path, form: str, name: str
) -> None:
    if form == "hub":
        name = "folder"
    path = export(module_run, tmp_path / name, form, author="nobody")
    read = {pair.source_id: pair for pair in read_pairs(Source(path)) if isinstance(pair, Pair)}
    original = tmp_path / "in.jsonl"
    original.write_text("".join(json.dumps(row) + "\n" for row in rows()), "utf-8")
    for pair in read_pairs(Source(original)):
        assert isinstance(pair, Pair)
        if form != "trl-implicit-messages" and pair.source_id == "r8":
            assert "r8" not in read
            continue
        again = read[pair.source_id]
        assert (again.chosen, again.rejected) == (pair.chosen, pair.rejected)


@pytest.mark.parametrize("form", ["trl", "trl-implicit", "kto"])
def test_strings_refuse_what_they_cannot_hold(module_run: Engine, form: str) -> None:
    with pytest.raises(BadInput, match=rf"7 pairs have messages .* export {form}-messages$"):
        counts(module_run, form)
    assert counts(module_run, form, filter="pair:9")["undecided"] == 1


def test_pairs_without_a_shared_question_are_left_out_and_counted(module_run: Engine) -> None:
    for form in ("trl-messages", "hub"):
        assert counts(module_run, form)["without a prompt (left out)"] == 1
    assert "without a prompt (left out)" not in counts(module_run, "trl-implicit-messages")


def test_the_margin_is_the_strength_of_the_human_preference(
    module_run: Engine, tmp_path: Path
) -> None:
    path = export(module_run, tmp_path / "a.jsonl", "trl-implicit-messages", margin=True)
    margins = {row["id"]: row["margin"] for row in load(path, tmp_path / "cache")}
    assert margins == {
        **{"r0": 0.0, "r1": 1.0, "r3": 3.0, "r4": 4.0, "r5": 5.0},
        **dict.fromkeys(("r6", "r7", "r8", "r9"), 0.0),
    }
    assert counts(module_run, "trl-messages", margin=True)["without margin"] == 3
    with pytest.raises(BadInput, match="none of these pairs has a margin"):
        counts(module_run, "trl-messages", margin=True, filter="pair:9")
    with pytest.raises(BadInput, match="csv rows have no margin: choose trl, "):
        counts(module_run, "csv", margin=True)


def test_soft_labels_are_the_share_that_prefers_chosen(module_run: Engine, tmp_path: Path) -> None:
    path = export(module_run, tmp_path / "a.parquet", "ms-swift", soft_labels="reviewers")
    labels = {row["id"]: row["soft_label"] for row in load(path, tmp_path / "cache")}
    # r1: kim, ann and bo flip it, lee keeps it, cy calls it a tie; its sides are swapped.
    assert labels["r1"] == pytest.approx(3.5 / 5)
    assert labels["r3"] == pytest.approx(1.5 / 4)
    assert labels["r0"] == 1.0
    with pytest.raises(BadInput, match="none of these pairs has votes"):
        counts(module_run, "trl-messages", soft_labels="votes")


def test_soft_labels_of_votes(tmp_path: Path) -> None:
    """HelpSteer3 has up to three annotators a row; negative means the first response."""
    data = tmp_path / "in.jsonl"
    votes = ([-1, -2], [-3, 1, -1], [0, -1])
    data.write_text(
        "".join(
            json.dumps(
                {
                    "context": [user(f"Rhyme {number}.")],
                    "response1": f"Time {number}",
                    "response2": f"None {number}",
                    "overall_preference": -1,
                    "individual_preference": [{"score": score} for score in scores],
                }
            )
            + "\n"
            for number, scores in enumerate([*votes, *votes])
        ),
        "utf-8",
    )
    engine = run_on(tmp_path, data)
    try:
        decide(engine, (1,), verdict="flip")
        path = export(engine, tmp_path / "a.jsonl", "trl", soft_labels="votes")
        labels = [row["soft_label"] for row in map(json.loads, path.read_text().splitlines())]
        assert labels[:4] == pytest.approx([1.0, 1 / 3, 0.75, 1.0])
    finally:
        engine.close()


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
@pytest.mark.parametrize("form", ["ms-swift", "llama-factory"])
def test_rows_of_other_trainers_read_as_the_same_pairs(
    module_run: Engine, tmp_path: Path, form: str, name: str
) -> None:
    held = {f"r{number}" for number in (0, 1, 2, 3, 4, 5, 9)} | (
        {"r8"} if form == "ms-swift" else set()
    )
    path = export(module_run, tmp_path / name, form, author="nobody")
    read = {pair.source_id: pair for pair in read_pairs(Source(path)) if isinstance(pair, Pair)}
    assert set(read) == held
    left_out = [count for what, count in counts(module_run, form).items() if "cannot hold" in what]
    assert left_out == [10 - len(held)]
    original = tmp_path / "in.jsonl"
    original.write_text("".join(json.dumps(row) + "\n" for row in rows()), "utf-8")
    for pair in read_pairs(Source(original)):
        assert isinstance(pair, Pair)
        if pair.source_id in held:
            again = read[pair.source_id]
            assert (again.chosen, again.rejected) == (pair.chosen, pair.rejected)
    assert len(load(path, tmp_path / "cache")) == len(held)


def test_llama_factory_rows_hold_its_own_calls_of_tools() -> None:
    from engine.data import Conversation, Message

    call = json.dumps([{"name": "light", "arguments": {"state": "on"}}])
    before = (Message("user", "Lights on."), Message("assistant", "", tool_calls=call))
    sides = [
        Conversation.of((*before, Message("tool", "ok"), Message("assistant", text)), "[]")
        for text in ("Done.", "Who knows.")
    ]
    assert FORMATS["llama-factory"].problem(*sides) is None


@pytest.mark.parametrize("name", ["k.jsonl", "k.parquet"])
def test_kto_messages_are_labelled(module_run: Engine, tmp_path: Path, name: str) -> None:
    path = export(module_run, tmp_path / name, "kto-messages")
    loaded = load(path, tmp_path / "cache")
    assert len(loaded) == 2 * 9
    flipped = [row for row in loaded if row["id"] == "r1"]
    assert [(row["label"], row["completion"][0]["content"]) for row in flipped] == [
        (True, "Perhaps 3, or so."),
        (False, "2"),
    ]


@pytest.mark.parametrize("form", ["trl", "trl-implicit", "kto"])
def test_every_string_form_loads(decided: Engine, tmp_path: Path, form: str) -> None:
    for name in ("a.jsonl", "a.jsonl.gz", "a.parquet"):
        path = export(decided, tmp_path / name, form)
        loaded = load(path, tmp_path / "cache")
        assert loaded.column_names[:2] == ["id", "topic"]
        assert set(FORMATS[form].columns) == set(loaded.column_names)  # type: ignore[attr-defined]


def test_the_other_forms_load(decided: Engine, tmp_path: Path) -> None:
    same = load(export(decided, tmp_path / "rows.jsonl", "same"), tmp_path / "cache")
    assert {"id", "topic", "chosen", "rejected"} <= set(same.column_names)
    swift = load(export(decided, tmp_path / "s.jsonl", "ms-swift"), tmp_path / "cache")
    assert "rejected_response" in swift.column_names


def test_a_spreadsheet_shows_every_message_and_what_the_data_says(
    module_run: Engine, tmp_path: Path
) -> None:
    path = export(module_run, tmp_path / "a.csv", "csv")
    found = list(csv.DictReader(path.open(encoding="utf-8-sig", newline="")))
    assert found[0]["prompt"] == "\n\nSystem: Be terse.\n\nHuman: What is 0 + 1?\n\nAssistant:"
    assert '"arguments"' in found[6]["chosen"]
    assert [row["margin_human"] for row in found[1:7]] == ["1.0", "2.0", "3.0", "4.0", "5.0", ""]


# ---------------------------------------------------------------- a dataset folder again


def test_a_folder_exported_again_is_loaded_anew(decided: Engine, tmp_path: Path) -> None:
    """The library caches what it loads from a folder by its card."""
    cache = tmp_path / "cache"
    path = export(decided, tmp_path / "set", "hub")
    before = load(path, cache)
    [kept] = [row for row in before if row["id"] == before[1]["id"]]
    decide(decided, (1,), verdict="flip")  # as many rows as before
    export(decided, path, "hub", overwrite=True)
    after = load(path, cache)
    assert len(after) == len(before)
    assert after[1]["verdict"] == "flip"
    assert (after[1]["chosen"], after[1]["rejected"]) == (kept["rejected"], kept["chosen"])
    card = (path / "README.md").read_text("utf-8")
    assert f"{len(after)} rows; decisions " in card


def test_equal_decisions_give_an_equal_digest(decided: Engine, tmp_path: Path) -> None:
    def digest(path: Path) -> str:
        footer = parquet.read_schema(path).metadata[b"seal_tui"]
        return str(json.loads(footer)["decisions_sha256"])

    one = digest(export(decided, tmp_path / "a.parquet", "trl"))
    assert one == digest(export(decided, tmp_path / "b.parquet", "trl"))
    decide(decided, (1,), verdict="flip")
    assert one != digest(export(decided, tmp_path / "c.parquet", "trl"))


# ---------------------------------------------------------------- TRL's own code


def test_trl_accepts_its_forms(module_run: Engine, decided: Engine, tmp_path: Path) -> None:
    from trl import data_utils as trl

    from engine.models.tokens import load as tokenizer_of

    tokenizer = tokenizer_of("embedded:smollm2")
    for engine, form in ((module_run, "trl-messages"), (module_run, "trl-implicit-messages")):
        for name in ("a.jsonl", "a.parquet"):
            path = export(engine, tmp_path / f"{form}-{name}", form)
            for row in load(path, tmp_path / "cache"):
                assert trl.is_conversational(row)
                if "prompt" not in row:
                    row |= trl.extract_prompt(row)
                if not row["prompt"]:
                    continue  # the reward trainer does not split an implicit prompt
                made = trl.apply_chat_template(row, tokenizer)
                assert made["prompt"] and made["chosen"] and made["rejected"]
    for form in ("trl", "trl-implicit"):
        for row in load(export(decided, tmp_path / f"{form}.jsonl", form), tmp_path / "cache"):
            assert not trl.is_conversational(row)
    rows_of_kto = load(export(module_run, tmp_path / "k.jsonl", "kto-messages"), tmp_path / "cache")
    for row in rows_of_kto:
        assert trl.apply_chat_template(row, tokenizer)["completion"]
