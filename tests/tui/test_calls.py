"""Tool calls in short."""

from __future__ import annotations

import pytest

from seal_tui.text.calls import call, calls


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ('{"name": "look", "arguments": {"at": "sky"}}', 'look {"at": "sky"}'),
        ('{"type": "function", "function": {"name": "look", "arguments": "{}"}}', "look {}"),
        ('{"name": "look", "arguments": {}}', "look"),
        ('{"name": "look"}', "look"),
        ('{"name": 4}', '{"name": 4}'),
        ("[1]", "[1]"),
        ("{damaged", "{damaged"),
    ],
)
def test_a_call_is_its_name_and_its_arguments(text: str, short: str) -> None:
    assert call(text) == short


def test_calls_of_a_message() -> None:
    assert calls('[{"name": "look"}, {"name": "ask", "arguments": {"q": "é"}}]') == [
        "look",
        'ask {"q": "é"}',
    ]
    assert calls("") == [] and calls("{damaged") == ["{damaged"]
