"""The count of rows that a trainer would leave out for their length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.data import Conversation, Message
from engine.export.lengths import longer
from engine.export.split import as_rows
from engine.models.tokens import counts, load
from engine.service import Engine
from engine.store.exports import PairSides
from engine.wire.messages import ExportRequest

TOKENIZER = "embedded:smollm2"


def sides(*answers: str) -> list[PairSides]:
    question = Message("user", "Say something.")
    of = [Conversation.of((question, Message("assistant", answer))) for answer in answers]
    return [PairSides(number, side, of[0]) for number, side in enumerate(of)]


@pytest.mark.parametrize("tokens_of", ["transcript", "messages"])
def test_a_pair_is_too_long_if_a_side_is(tokens_of: Any) -> None:
    pairs = sides("Yes.", "word" + " word" * 40, "word" + " word" * 39)
    tokenizer = load(TOKENIZER)
    texts = [
        pair.chosen.transcript
        if tokens_of == "transcript"
        else {"messages": as_rows(pair.chosen.messages), "tools": None}
        for pair in pairs
    ]
    lengths = counts(TOKENIZER, tokenizer, texts)
    assert None not in lengths
    over, limit = lengths[1:]
    assert over is not None
    assert limit == over - 1, "the limit itself is not too long"
    assert longer(pairs, tokens_of, TOKENIZER, limit).pairs == {1}


def test_text_is_counted_with_the_end_that_a_trainer_adds() -> None:
    tokenizer = load(TOKENIZER)
    [with_end, alone] = counts(TOKENIZER, tokenizer, [f"Hi{tokenizer.eos_token}", "Hi"])
    assert with_end == alone == len(tokenizer("Hi")["input_ids"]) + 1


def test_a_missing_tokenizer_is_one_line(tmp_path: Path) -> None:
    note = longer(sides("Yes."), "messages", str(tmp_path / "none"), 10).note
    assert note.startswith("rows over 10 tokens were not counted: ")
    assert "\n" not in note
    assert "none" in note


def test_no_code_of_a_tokenizer_is_run(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", null]}}'
    )
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    assert "were not counted" in longer(sides("Yes."), "messages", str(tmp_path), 10).note
    assert not (tmp_path / "ran").exists()


def test_a_template_that_refuses_is_counted(tmp_path: Path) -> None:
    tokenizer = load(TOKENIZER)
    tokenizer.chat_template = "{{ raise_exception('no system message') }}"
    tokenizer.save_pretrained(tmp_path)
    found = longer(sides("Yes.", "No."), "messages", str(tmp_path), 10)
    assert found.note == "the chat template refuses 4 conversations, which were not counted"


def test_a_count_that_takes_too_long_says_so() -> None:
    note = longer(sides("Yes."), "messages", TOKENIZER, 10, limit_s=0).note
    assert note == "rows over 10 tokens: counted up to pair 0 only, for lack of time"


def test_the_preview_counts_long_rows(decided: Engine) -> None:
    def preview(form: str, tokens: int, tokenizer: str = TOKENIZER) -> Any:
        return decided.preview_export(
            ExportRequest(
                path="a.jsonl", format=form, author="kim", tokenizer=tokenizer, max_length=tokens
            )
        )

    counted = preview("trl-messages", 20)
    assert counted.counts["too long"] == counted.rows
    assert counted.notes == (f"too long: over 20 tokens of {TOKENIZER}",)
    short = preview("trl", 4096)
    assert "too long" not in short.counts
    assert not short.notes
    assert "cannot load the tokenizer" in preview("trl", 20, "/no/such/folder").notes[0]


def test_a_template_that_builds_a_huge_text_is_counted_as_refusing(tmp_path: Path) -> None:
    tokenizer = load(TOKENIZER)
    tokenizer.chat_template = "{{ 'x'.ljust(10 ** 10) }}"
    tokenizer.save_pretrained(tmp_path)
    found = longer(sides("Yes."), "messages", str(tmp_path), 10)
    assert found.note == "the chat template refuses 2 conversations, which were not counted"


def test_a_tokenizer_that_does_not_answer_is_killed() -> None:
    note = longer(sides("Yes."), "messages", TOKENIZER, 10, limit_s=0, grace_s=0).note
    assert note == f"rows over 10 tokens were not counted: {TOKENIZER} took more than 0 s"
