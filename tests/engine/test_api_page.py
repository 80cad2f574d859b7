"""docs/engine-api.md tells the endpoints and messages as they are."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import msgspec

from engine.wire import endpoints
from engine.wire.endpoints import ENDPOINTS
from engine.wire.messages import Message, Request
from engine.wire.shapes import held, messages

MAKE = Path(__file__).parents[2] / "docs" / "make_api_page.py"


def test_the_page_of_the_api_is_written_from_the_table() -> None:
    spec = importlib.util.spec_from_file_location("make_api_page", MAKE)
    assert spec is not None and spec.loader is not None
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    page = make.PAGE.read_text("utf-8")
    assert make.written(page) == page, "python docs/make_api_page.py writes it anew"


def test_every_field_of_a_request_is_looked_at_and_answers_may_grow() -> None:
    asked = {kind for endpoint in ENDPOINTS for kind in held(endpoint.request)}
    answered = {kind for endpoint in ENDPOINTS for kind in held(endpoint.answer)}
    assert asked | answered | set(held(endpoints.EVENTS.answer)) == set(messages())
    for kind in asked:
        assert issubclass(kind, Request) and kind.__struct_config__.forbid_unknown_fields, kind
    for kind in answered:
        assert not kind.__struct_config__.forbid_unknown_fields, kind


def test_no_two_endpoints_are_one_question() -> None:
    questions = [str(endpoint) for endpoint in ENDPOINTS]
    assert len(set(questions)) == len(questions)


def test_a_message_of_tomorrow_is_understood_today() -> None:
    class Newer(Message, frozen=True, kw_only=True):
        name: str
        filter: str
        author: str

    newer = msgspec.json.encode([Newer(name="a", filter="b", author="c")])
    (saved,) = msgspec.json.decode(newer, type=endpoints.SAVED_FILTERS.answer)
    assert (saved.name, saved.filter) == ("a", "b")
