"""Parts that layouts share: prompts and completions in their many forms → conversations."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from engine.data import transcript
from engine.data.cells import decoded, text_list
from engine.data.conversation import Conversation, Message
from engine.data.messages import is_message, json_text, read_message, read_messages
from engine.data.options import Options
from engine.data.pairs import RowError
from engine.data.values import described
from engine.wire.messages import Role

# Of each group, the first field that a row has filled is used.
SYSTEMS = ("system", "system_prompt", "system_message")
MEDIA = (
    *("images", "image", "audio", "audios", "videos", "video", "rejected_images"),
    *("image_url", "image_urls", "image_path", "image_paths", "img_path"),
)
# How chat templates begin: such a text is a rendered conversation, not what somebody said.
_ROLES = r"(?:system|developer|user|prompter|assistant|model|tool)"
_RENDERED = re.compile(
    r"(?:<s>|<bos>|<\|begin_of_text\|>|<\|startoftext\|>|<｜begin▁of▁sentence｜>|\[gMASK\]<sop>)?\s*(?:"
    rf"<\|im_start\|>{_ROLES}\b|<\|start_header_id\|>{_ROLES}<\|end_header_id\|>"
    rf"|<start_of_turn>{_ROLES}\b|<\|turn>{_ROLES}\b|<\|{_ROLES}\|>|<\|start\|>{_ROLES}\b"
    r"|<｜(?:User|Assistant)｜>|<\|START_OF_TURN_TOKEN\|>|<extra_id_[01]>(?:System|User)\n"
    r"|\[INST\].*\[/INST\]|\[SYSTEM_PROMPT\].*\[/SYSTEM_PROMPT\])",
    re.DOTALL,
)
# Templates without marks: a prompt that ends where the assistant's turn begins.
_OPEN = re.compile(
    r"(?:.*\bUSER: .*\bASSISTANT:|User: .*\nAssistant:"
    r"|.*### (?:Instruction|Human|User):.*### (?:Response|Assistant):)\Z",
    re.DOTALL,
)
# Where the next turn would begin, if a blank line stood before it.
_CUT = re.compile(r"\nAssistant:\s*\Z")
# Turns with another name than hh-rlhf's.
_OTHER_TURNS = re.compile(r"\s*(?:User|USER):")
# A transcript that begins with a system message, as the program writes them.
_LED = re.compile(r"\s*(System|Developer):(.*?)(?:\r?\n){2}(?=(?:Human|Assistant):)", re.DOTALL)
_MEDIA = frozenset(MEDIA)
_NULLS = ("nan", "none", "null", "<na>")  # what tables are written with where there is no system
_LEADING = ("system", "developer")


def conversation(
    prompt: Sequence[Message],
    completion: object,
    where: str,
    tools: str = "",
    ignore: Collection[str] = (),
) -> Conversation:
    """A prompt and the completion that answers it: text, a message, or messages. A completion that
    repeats the prompt, or all of it but its system message, is a whole conversation."""
    before = tuple(prompt)
    after = to_messages(completion, "assistant", where, ignore)
    # A prompt may end in a bare "Assistant:" that the completion continues.
    if before and _is_open(before[-1]):
        before = before[:-1]
    is_transcript = isinstance(completion, str) and transcript.is_transcript(completion)
    if before and is_transcript and all(message.role == "user" for message in after):
        # An answer that begins with "Human:", such as a line of a play.
        after = (Message("assistant", str(completion).strip()),)
    return Conversation.of(joined(before, after, where), tools)


def whole(value: object, where: str, tools: str = "", ignore: Collection[str] = ()) -> Conversation:
    """A whole conversation: a transcript, or messages. Raises RowError for text without turns."""
    if isinstance(value, str):
        value = decoded(value, where)
    if not isinstance(value, str):
        return Conversation.of(to_messages(value, "assistant", where, ignore), tools)
    if tools or _LED.match(value):
        return Conversation.of(_turns(value), tools)
    found = Conversation.of_transcript(value)  # kept byte for byte
    if _OTHER_TURNS.match(value):
        raise RowError("rendered", f"{where} has turns that do not begin with Human:")
    if transcript.ASSISTANT not in found.encoded:
        said(value, "assistant", where)  # a rendered text is refused as such
        raise no_turns(where)
    return found


def asks(messages: Iterable[Message]) -> bool:
    """Whether the user says something."""
    return any(message.role == "user" for message in messages)


def no_turns(where: str) -> RowError:
    """For a text that cannot be a whole conversation, without a prompt beside it."""
    return RowError(
        "no_assistant_turn",
        f"{where} is text without turns, and the row has no prompt: expected "
        "prompt, messages, or turns that begin with Human: and Assistant:",
    )


def joined(
    before: tuple[Message, ...], after: tuple[Message, ...], where: str
) -> tuple[Message, ...]:
    """Prompt and completion, without what the completion repeats of the prompt.

    Raises RowError if both have a system message, or a question, and the two differ.
    """
    if not before or (before[-1].role == "user" and _is_answer(after)):
        return before + after  # the usual cases, without a closer look
    before_lead, question = _split(before)
    after_lead, rest = _split(after)
    if before_lead and after_lead and _key(before_lead) != _key(after_lead):
        raise RowError(
            "contradiction",
            f"{where} begins with another system message: "
            "leave one of the columns out with [data] ignore",
        )
    lead = after_lead or before_lead
    question_key, rest_key = _key(question), _key(rest)
    for size in range(min(len(question), len(rest)), 0, -1):
        if question_key[-size:] == rest_key[:size]:
            return lead + question[:-size] + rest
    if len(question) == 1 and question_key[0] in rest_key[:-1]:
        return lead + rest  # the prompt is a later question of the conversation
    if question and rest and question[-1].role == "user" == rest[0].role:
        raise RowError(
            "contradiction",
            f"{where} begins with another question than the prompt: "
            "leave one of the columns out with [data] ignore",
        )
    return lead + question + rest


def to_messages(
    value: object, role: Role, where: str, ignore: Collection[str] = ()
) -> tuple[Message, ...]:
    """The messages of a list, a message or a transcript; plain text is one message of `role`.

    Raises RowError, also for a text that a chat template has rendered.
    """
    if isinstance(value, str):
        value = decoded(value, where)
    if isinstance(value, str):
        turns = _turns(value)
        if turns and turns[-1].role == "user" and _CUT.search(turns[-1].content):
            raise RowError("rendered", f"{where} has turns without a blank line before each")
        return turns or (said(value, role, where),)
    if is_message(value):
        return (read_message(value, where, ignore),)
    if isinstance(value, list):
        return read_messages(value, where, ignore)
    raise RowError("wrong_type", f"{where}: expected text or messages, got {described(value)}")


def asked(value: object, where: str, ignore: Collection[str] = ()) -> tuple[Message, ...]:
    """The messages of a prompt; none if it is empty. A list of one text is that text.

    Raises RowError.
    """
    texts = text_list(value) if isinstance(value, str) else value
    if isinstance(texts, list) and texts and all(isinstance(item, str) for item in texts):
        if len(texts) > 1:
            raise RowError("wrong_type", f"{where} is a list of {len(texts)} texts without roles")
        value = texts[0]
    return to_messages(value, "user", where, ignore) if filled(value) else ()


def said(value: object, role: Role, where: str) -> Message:
    """A text as one message of `role`, whatever it looks like, without outer white space.

    Raises RowError if it is no text, or if a chat template has rendered it.
    """
    if not isinstance(value, str):
        raise RowError("wrong_type", f"{where}: expected text, got {described(value)}")
    text = value.strip()
    if text.startswith(("<", "[")) and _RENDERED.match(text):
        raise RowError("rendered", f"{where} begins with a chat template's mark")
    if role == "user" and text.endswith(":") and _OPEN.match(text):
        raise RowError("rendered", f"{where} ends where a template lets the assistant begin")
    return Message(role, text)


def question(row: Any, name: str) -> Message:
    """The text of a column as what the user asks. Raises RowError, also if there is none."""
    asked = said(row[name], "user", name)
    if not asked.content:
        raise RowError("missing_field", "the row has no prompt")
    return asked


def filled(value: object) -> bool:
    """Whether a cell has a value: null, NaN, blank text and empty lists are none."""
    if isinstance(value, str):
        return bool(value.strip())
    if isinstance(value, float):
        return value == value
    return value is not None and value not in ([], {})


def system_messages(row: Any, options: Options) -> tuple[Message, ...]:
    """The system message in a row's own column, or none.

    Raises RowError if it is no text, or if two columns differ.
    """
    name = options.columns.system
    names = [n for n in (SYSTEMS if name is None else (name,)) if n not in options.ignore]
    values = [row[name] for name in names if filled(row.get(name))]
    values = [value for value in values if str(value).strip().lower() not in _NULLS]
    if not values:
        return ()
    if any(value != values[0] for value in values):
        raise RowError("contradiction", f"the row has two system messages: {', '.join(names)}")
    return (said(values[0], "system", "the system message"),)


def alike(one: Sequence[Message], other: Sequence[Message]) -> bool:
    """Whether messages are equal but for white space."""
    return _key(one) == _key(other)


def read_tools(row: Any, options: Options, name: str = "tools") -> str:
    """The tools of a row's conversations, as a JSON list. Raises RowError."""
    return "" if name in options.ignore else json_text(row.get(name))


def check_media(row: Any, options: Options) -> None:
    """Raises RowError if the row has images, audio or video beside its texts."""
    if _MEDIA.isdisjoint(row):
        return
    for name in MEDIA:
        if name not in options.ignore and filled(row.get(name)):
            raise RowError("media", f"the row has {name}")


def _turns(text: str) -> tuple[Message, ...]:
    """The messages of a transcript, which may begin with a system message; none if the text is no
    transcript."""
    if led := _LED.match(text):
        system = Message("system" if led[1] == "System" else "developer", led[2].strip())
        return system, *Conversation.of_transcript(text[led.end() :]).messages
    if transcript.is_transcript(text):
        return Conversation.of_transcript(text).messages
    return ()


def _split(of: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """The system messages that a conversation begins with, and the rest."""
    size = next((at for at, one in enumerate(of) if one.role not in _LEADING), len(of))
    return of[:size], of[size:]


def _key(of: Sequence[Message]) -> list[tuple[str, str, str]]:
    return [(m.role, " ".join(m.content.split()), m.tool_calls) for m in of]


def _is_answer(after: Sequence[Message]) -> bool:
    return bool(after) and after[0].role == "assistant"


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
    if not asks(before):
        raise RowError("missing_field", "the row has no prompt")
    return Conversation.of((*before, said(answer, "assistant", where)), tools)
