"""Parts that layouts share: prompts and completions in their many forms → conversations."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from engine.data import transcript
from engine.data.cells import decoded
from engine.data.conversation import Conversation, Message
from engine.data.messages import is_message, read_message, read_messages
from engine.data.pairs import RowError
from engine.wire.messages import Role

# Marks of chat templates: a text that has one is a rendered conversation, not what somebody said.
_RENDERED = ("<|im_start|>", "<|start_header_id|>", "[INST]", "<start_of_turn>", "<|im_end|>")


def conversation(
    prompt: Sequence[Message],
    completion: object,
    where: str,
    tools: str = "",
    ignore: Collection[str] = (),
) -> Conversation:
    """A prompt and the completion that answers it: text, a message, or messages. A completion that
    repeats the prompt, or all of it but its system message, is a whole conversation."""
    after = to_messages(completion, "assistant", where, ignore)
    before = tuple(prompt)
    # A prompt may end in a bare "Assistant:" that the completion continues.
    if before and _is_open(before[-1]):
        before = before[:-1]
    return Conversation.of(joined(before, after), tools)


def joined(before: tuple[Message, ...], after: tuple[Message, ...]) -> tuple[Message, ...]:
    """Prompt and completion, without the prompt where the completion repeats it."""
    if not before:
        return after
    plain = _stripped(after)
    if plain[: len(before)] == _stripped(before):
        return after
    # The question as text beside conversations that begin with a system message.
    lead = next((at for at, message in enumerate(after) if not _is_system(message)), len(after))
    if lead and plain[lead : lead + len(before)] == _stripped(before):
        return after
    return before + after


def to_messages(
    value: object, role: Role, where: str, ignore: Collection[str] = ()
) -> tuple[Message, ...]:
    """The messages of a list, a message or a transcript; plain text is one message of `role`.

    Raises RowError, also for a text that a chat template has rendered.
    """
    if isinstance(value, str):
        value = decoded(value, where)
    if isinstance(value, str):
        if transcript.is_transcript(value):
            return Conversation.of_transcript(value).messages
        if any(mark in value for mark in _RENDERED) and value.lstrip().startswith(_RENDERED):
            raise RowError("rendered", f"{where} begins with a chat template's mark")
        return (Message(role, value.strip()),)
    if is_message(value):
        return (read_message(value, where, ignore),)
    if isinstance(value, list):
        return read_messages(value, where, ignore)
    raise RowError("wrong_type", f"{where}: expected text or messages, got {type(value).__name__}")


def _stripped(of: Sequence[Message]) -> list[tuple[str, str]]:
    return [(message.role, message.content.strip()) for message in of]


def _is_system(message: Message) -> bool:
    return message.role in ("system", "developer")


def _is_open(message: Message) -> bool:
    return message.role == "assistant" and message.is_plain and not message.content.strip()


def replied(
    prompt: Sequence[Message],
    answer: object,
    where: str,
    ignore: Collection[str] = (),
    tools: str = "",
) -> Conversation:
    """A prompt and the answer to it. A text is the answer as it is, whatever it looks like.

    Raises RowError, also if there is no answer.
    """
    if answer is None:
        raise RowError("missing_field", f"{where} is null")
    if not isinstance(answer, str):
        return conversation(prompt, answer, where, tools, ignore)
    before = tuple(prompt)
    if before and _is_open(before[-1]):
        before = before[:-1]
    return Conversation.of((*before, Message("assistant", answer.strip())), tools)
