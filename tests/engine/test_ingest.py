"""Reading a study's data in a stream, and storing all that it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import data
from engine.data import Conversation, Message
from engine.errors import BadInput
from engine.run import ingest
from engine.run.ingest import Source
from engine.store import Store, dataset
from engine.store.complete import complete, put_complete
from engine.study import Study, load
from tests.engine.studies import write_study

SYSTEM = {"role": "system", "content": "Answer in rhyme."}


def messages(number: int, answer: str) -> list[dict[str, Any]]:
    question = {"role": "user", "content": f"What is tide {number}?"}
    return [SYSTEM, question, {"role": "assistant", "content": answer}]


def row(number: int, **more: Any) -> dict[str, Any]:
    chosen, rejected = messages(number, "The sea comes in."), messages(number, "No clue.")
    return {"chosen": chosen, "rejected": rejected, "margin": number / 10, **more}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "seal.duckdb")
    yield opened
    opened.close()


def study_of(tmp_path: Path, rows: list[dict[str, Any]], **settings: Any) -> Study:
    path = tmp_path / "study"
    study = load(write_study(path, pairs=1)) if not path.exists() else load(path / "study.toml")
    (path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    return msgspec.structs.replace(study, data=msgspec.structs.replace(study.data, **settings))


def put(store: Store, source: Source) -> None:
    dataset.put_dataset(store, source.digest, source.content, source.items(), source.groups)


def test_conversations_and_facts_come_back_from_the_store_as_they_were(
    tmp_path: Path, store: Store
) -> None:
    put(store, ingest.read(study_of(tmp_path, [row(n) for n in range(3)])))
    pair = dataset.pair_texts(store)[1]
    [chosen] = dataset.texts(store, [pair.chosen_id])
    assert chosen.conversation.messages == (
        Message("system", "Answer in rhyme."),
        Message("user", "What is tide 1?"),
        Message("assistant", "The sea comes in."),
    )
    assert chosen.response == "The sea comes in."
    assert chosen.context == "\n\nSystem: Answer in rhyme.\n\nHuman: What is tide 1?"
    margins = store.read("SELECT margin_human FROM pairs ORDER BY pair_id").fetchall()
    assert margins == [(0.0,), (0.1,), (0.2,)]


def test_every_row_is_kept_as_it_came_and_once(tmp_path: Path, store: Store) -> None:
    rows: list[dict[str, Any]] = [row(0, note={"of": ["us", None]}), {"chosen": 3, "rejected": 4}]
    put(store, ingest.read(study_of(tmp_path, rows, max_reject_share=1.0)))
    kept = store.read("SELECT row_no, line, layout, content FROM source_rows ORDER BY 1").fetchall()
    assert [(number, line) for number, line, _, _ in kept] == [(0, 1), (1, 2)]
    assert [json.loads(content) for _, _, _, content in kept] == rows
    assert store.read("SELECT source_rows FROM pairs").fetchall() == [([0],)]
    assert store.read("SELECT reason, source_rows FROM rejects").fetchall() == [("wrong_type", [1])]


def test_new_facts_about_the_same_pairs_keep_the_results(tmp_path: Path, store: Store) -> None:
    first = ingest.read(study_of(tmp_path, [row(n) for n in range(3)]))
    put(store, first)
    put_complete(store, b"{}")
    second = ingest.read(study_of(tmp_path, [row(n) | {"margin": 5} for n in range(3)]))
    assert second.digest == first.digest
    assert not dataset.has_content(store, second.digest, second.content)
    put(store, second)
    assert store.read("SELECT DISTINCT margin_human FROM pairs").fetchall() == [(5.0,)]
    assert complete(store) is not None
    put(store, ingest.read(study_of(tmp_path, [row(n) for n in range(4)])))
    assert complete(store) is None, "other pairs have no results yet"


def test_data_that_changes_while_it_is_read_is_refused_and_nothing_is_stored(
    tmp_path: Path, store: Store
) -> None:
    put(store, ingest.read(study_of(tmp_path, [row(n) for n in range(3)])))
    source = ingest.read(study_of(tmp_path, [row(n) for n in range(4)]))
    study_of(tmp_path, [row(n) for n in range(5)])
    with pytest.raises(BadInput, match="changed while"):
        put(store, source)
    assert len(dataset.pair_texts(store)) == 3


def test_ties_are_answers_and_not_counted_as_unusable_rows(tmp_path: Path) -> None:
    turn = [{"role": "user", "content": "Which sail?"}]
    rows = [
        {
            "context": turn,
            "response1": "The red one.",
            "response2": "None.",
            "overall_preference": score,
            "individual_preference": [],
        }
        for score in (-1, 0, 0, 0)
    ]
    source = ingest.read(study_of(tmp_path, rows, max_reject_share=0.0))
    source.check()
    assert source.rejects == {"tie": 3}
    assert source.count == 1


@given(total=st.integers(0, 40), limit=st.integers(1, 45), seed=st.integers(0, 5))
def test_a_sample_taken_from_a_stream_is_the_seeded_sample(
    total: int, limit: int, seed: int
) -> None:
    said = Conversation.of_transcript("\n\nHuman: a\n\nAssistant: b")
    sample = ingest.Sample(limit, seed)
    for place in range(total):
        sample.add(place, data.Pair(str(place), place + 1, said, said))
    expected = data.seeded_sample(total, limit, seed)
    assert [int(pair.source_id) for pair in sample.pairs()] == expected
    places = sample.places(total)
    assert places == (None if limit >= total else frozenset(expected))


def test_pairs_of_one_prompt_have_a_group_and_others_have_none(tmp_path: Path) -> None:
    rows = [row(0), row(1), row(0) | {"rejected": messages(0, "Ask a crab.")}]
    assert ingest.read(study_of(tmp_path, rows)).groups == [0, None, 0]
