"""Counts tokens, in a process of its own: `python -m engine.models.tokens TOKENIZER`.

Every line of the input is a JSON list of conversations, each a text or {messages, tools}; every
line of the output is the list of their token counts, as TRL's trainers count them, null where the
chat template refuses a conversation. The first line of the output is null, or why the tokenizer
cannot be used.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from engine.errors import BadInput, SealError
from engine.models import rendering


def counts(name: str, tokenizer: Any, conversations: Sequence[Any]) -> list[int | None]:
    """The number of tokens of each conversation."""
    return [_count(name, tokenizer, conversation) for conversation in conversations]


def _count(name: str, tokenizer: Any, conversation: Any) -> int | None:
    if isinstance(conversation, str):
        end = tokenizer.eos_token or ""
        text = conversation if conversation.endswith(end) else conversation + end
        return len(tokenizer(text)["input_ids"])
    try:
        text = rendering.render(name, tokenizer, conversation["messages"], conversation["tools"])
    except BadInput:
        return None
    return len(tokenizer(text, add_special_tokens=False)["input_ids"])


def load(name: str) -> Any:
    """A tokenizer, without code from its folder. Raises SealError."""
    from engine.models.diagnosis import tokenizer_problem
    from engine.models.embedded import resolve
    from engine.models.loading import loading

    with loading(name, "the tokenizer ", tokenizer_problem):
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(resolve(name), trust_remote_code=False)


def main(name: str) -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no answer

    def answer(value: object) -> None:
        print(json.dumps(value), file=answers, flush=True)

    try:
        tokenizer = load(name)
    except SealError as error:
        answer(str(error))
        return
    answer(None)
    for line in sys.stdin:
        answer(counts(name, tokenizer, json.loads(line)))


if __name__ == "__main__":
    main(sys.argv[1])
