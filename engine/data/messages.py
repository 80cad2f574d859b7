"""Chat messages as rows have them → messages of a conversation."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from engine.data.conversation import Message, tool_calls
from engine.data.pairs import RowError, Unused
from engine.data.prose import is_text
from engine.data.values import described
from engine.wire.messages import Role

# Names of the roles in use; other spellings are refused by name.
ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "tool": "tool",
    "tool_response": "tool",
    "function": "tool",
    "ipython": "tool",
    "observation": "tool",
}
# Of each group, the first filled field counts: merging datasets leaves null in the others.
_ROLE = ("role", "from", "speaker")
CONTENT = ("content", "value", "text")
THINKING = ("thinking", "reasoning_content", "reasoning")
CALLS = ("tool_calls", "function_call")
_CALLERS = ("function_call", "tool_call")  # roles whose text is a call
_MEDIA = ("images", "image", "audio", "audios", "video", "videos")
_PART_MEDIA = ("image", "image_url", "input_image", "audio", "input_audio", "video", "video_url")
_PART_TEXTS = (None, "text", "input_text", "output_text")  # types of parts that are what is said
_PART_FIELDS = frozenset(("type", "text", "content", "value", "cache_control", "annotations"))
_KNOWN = frozenset(
    (*_ROLE, *CONTENT, *THINKING, *CALLS, *_MEDIA, "name", "tool_call_id", "call_id")
)


def is_message(value: object) -> bool:
    """Whether this is an object with a role."""
    return isinstance(value, Mapping) and any(isinstance(value.get(name), str) for name in _ROLE)


def is_messages(value: object) -> bool:
    """Whether this is a list of messages."""
    return isinstance(value, list) and bool(value) and all(map(is_message, value))


def read_messages(
    value: Sequence[object], where: str, ignore: Collection[str] = ()
) -> tuple[Message, ...]:
    """Converts chat messages: `{role, content}`, ShareGPT's `{from, value}`, and their relatives.

    Raises RowError if a message is unusable, and Unused if one has a text that would be lost;
    fields in `ignore` may be. `where` names the column. Calls in messages of their own become part
    of the assistant's message before them, if there is one.
    """
    messages: list[Message] = []
    for number, item in enumerate(value, 1):
        message = read_message(item, f"{where}, message {number}", ignore)
        if messages and messages[-1].role == "assistant" and is_call(item):
            before = messages.pop()
            calls = [*tool_calls(before), *tool_calls(message)]
            text = json.dumps(calls, ensure_ascii=False) if calls else ""
            message = msgspec.structs.replace(before, tool_calls=text)
        messages.append(message)
    return tuple(messages)


def is_call(value: object) -> bool:
    """Whether this is a message whose role says that its text is a call."""
    role = _first(value, _ROLE) if isinstance(value, Mapping) else None
    return isinstance(role, str) and role.lower() in _CALLERS


def read_message(value: object, where: str, ignore: Collection[str] = ()) -> Message:
    """Converts one chat message. Raises as `read_messages` does."""
    if not isinstance(value, Mapping):
        raise RowError("wrong_type", f"{where}: expected an object, got {described(value)}")
    if (plain := _plain(value)) is not None:
        return plain
    name = _first(value, _ROLE)
    role = ROLES.get(name.lower()) if isinstance(name, str) else None
    if role is None:
        raise RowError("unknown_role", f"{where} has an unknown role: {str(name)[:40]!r}")
    if any(value.get(field) for field in _MEDIA):
        raise RowError("media", f"{where} has an image, audio or video")
    for field in value:
        if field not in _KNOWN and field not in ignore and is_text(field, value[field]):
            raise Unused([field], where)
    for names in (CONTENT, THINKING, CALLS):
        _check_one(value, names, where, ignore)
    content = _content(_first(value, CONTENT), where)
    calls = _first(value, [name for name in CALLS if name not in ignore])
    if is_call(value) and not calls:
        content, calls = "", content
    call_id = value.get("tool_call_id") or value.get("call_id")
    return Message(
        role=role,
        content=content,
        thinking=_content(_first(value, [n for n in THINKING if n not in ignore]), where),
        tool_calls=_calls(calls),
        name=_name(value.get("name")),
        call_id=_name(call_id),
    )


def _plain(value: Mapping[str, Any]) -> Message | None:
    """A message of a role and a text alone, as most are: found several times as fast."""
    role, content = value.get("role"), value.get("content")
    if len(value) == 2 and isinstance(content, str) and role in ("user", "assistant", "system"):
        return Message(role, content)
    return None


def json_text(value: object) -> str:
    """The `tools` of a row, a list or its JSON text, as a JSON list; empty if there are none.

    Raises RowError if the value is no such list.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else None
        except (ValueError, RecursionError):
            raise RowError("wrong_type", "tools is neither a list nor the text of one") from None
    if isinstance(value, Mapping):
        value = [value]
    if not value:
        return ""
    if not isinstance(value, list) or not all(isinstance(tool, (Mapping, str)) for tool in value):
        raise RowError("wrong_type", "tools is no list of tool descriptions")
    return json.dumps([without_nulls(tool) for tool in value], ensure_ascii=False)


def _first(value: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The first of these fields that is filled, else the first that is not null."""
    given = [value[name] for name in names if value.get(name) is not None]
    return next((item for item in given if item not in ("", [])), given[0] if given else None)


def _check_one(
    value: Mapping[str, Any], names: Sequence[str], where: str, ignore: Collection[str]
) -> None:
    """Raises Unused if two of these fields hold different texts: one of them would be lost."""
    filled = [name for name in names if value.get(name) not in (None, "", [])]
    lost = [name for name in filled[1:] if value[name] != value[filled[0]] and name not in ignore]
    if lost:
        raise Unused(lost, where)


def _name(value: object) -> str:
    """A name or an id, which may be a number."""
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _content(content: object, where: str) -> str:
    if content is None:
        return ""  # beside tool calls
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        content = [content]
    if isinstance(content, list):
        return "".join(_part(part, where) for part in content)
    raise RowError("wrong_type", f"{where} has no text: its content is {described(content)}")


def _part(part: object, where: str) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping):
        kind = part.get("type")
        if kind in _PART_MEDIA or any(part.get(name) for name in _PART_MEDIA):
            raise RowError("media", f"{where} has an image, audio or video")
        text = _first(part, ("text", "content", "value"))
        more = any(part[field] for field in part if field not in _PART_FIELDS)
        if isinstance(text, str) and kind in _PART_TEXTS and not more:
            return text
        if text is None and kind in (None, "text") and not any(part.values()):
            return ""
    raise RowError("wrong_type", f"{where} has a part that is not text")


def _calls(calls: object) -> str:
    """Tool calls as a JSON list. A part of a struct with only nulls is no call. A text that is no
    call in JSON is the argument of one without a name."""
    if isinstance(calls, str) and calls.strip():
        text = calls
        try:
            calls = json.loads(text)
        except (ValueError, RecursionError):
            calls = None
        if not isinstance(calls, (list, Mapping)):
            calls = {"name": "", "arguments": text}
    if isinstance(calls, Mapping):
        calls = [calls]
    if not isinstance(calls, list) or not any(calls):
        return ""
    return json.dumps([without_nulls(call) for call in calls if call], ensure_ascii=False)


def without_nulls(value: Any) -> Any:
    """The same without the null fields that Arrow adds when it merges structs."""
    if isinstance(value, Mapping):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
