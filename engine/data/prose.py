"""Tells values that are text of a conversation from values that are facts about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

# Columns with these names hold text that a model should see, however short it is.
TEXT_NAMES = frozenset(
    (
        *("system", "system_prompt", "system_message", "persona", "prompt", "question", "query"),
        *("instruction", "input", "context", "history", "conversation", "conversations"),
        *("messages", "dialogue", "dialog", "document", "passage", "thinking", "reasoning"),
        *("reasoning_content", "response", "responses", "answer", "answers", "completion"),
        *("completions", "output", "outputs", "reference", "reference_answer", "tools"),
        *("text", "content", "instructions", "user_prompt", "user_input", "background", "scenario"),
        *("premise", "post", "documents", "passages", "contexts", "histories", "questions"),
        *("thought", "thoughts", "refusal", "prefix", "functions", "function_calls", "observation"),
        *("chosen", "rejected", "chosen_response", "rejected_response"),
    )
)
WORDS = 8
_NO_WORD = re.compile(r"[\W\d_]*|true|false|yes|no|none|null|nan", re.IGNORECASE)
# What tells `response_a` and `answer2` from others of their kind.
_NUMBER = re.compile(r"[\W_]*\d+\Z|[\W_]+[A-Za-z]\Z")
# All but the last word of a name.
_LAST_WORD = re.compile(r".*(?:[\W_]|(?<=[a-z])(?=[A-Z]))", re.DOTALL)
# Scripts without spaces between words: kana, Chinese characters, Thai, Lao, Burmese, Khmer.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def is_text(name: str, value: object) -> bool:
    """Whether a value holds text that would be missed: not empty, and either in a column named for
    text or with the length of a sentence. Names, categories, dates and numbers are not text."""
    if isinstance(value, str):
        if not value.strip():
            return False
        return name.lower() in TEXT_NAMES or _is_prose(value) or _is_named(name, value)
    if isinstance(value, Mapping):
        return any(is_text(name if _is_content(key) else key, item) for key, item in value.items())
    if isinstance(value, tuple):  # an entry of a Parquet map
        key, item = value
        return is_text(str(key), item)
    if isinstance(value, list):
        return any(is_text(name, item) for item in value)
    return False


def _is_content(key: object) -> bool:
    return key in ("content", "value", "text")


def _is_named(name: str, value: str) -> bool:
    """Whether the last word of a name says that it holds text, as in `chat_history`, `userPrompt`,
    `metadata.context` and `answer_b`, but not with a number or truth value, as in
    `num_responses`."""
    return _last_word(name) in TEXT_NAMES and _NO_WORD.fullmatch(value.strip()) is None


@lru_cache(1024)  # asked for every row
def _last_word(name: str) -> str:
    return _LAST_WORD.sub("", _NUMBER.sub("", name)).lower()


def _is_prose(text: str) -> bool:
    if len(text.split(None, WORDS)) >= WORDS or "\n" in text.strip():
        return True
    return not text.isascii() and len(_UNSPACED.findall(text)) >= WORDS
