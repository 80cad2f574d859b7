"""What models that read plain text are given of a conversation: all of it."""

from __future__ import annotations

from engine.data.conversation import Conversation, Message
from engine.models.protocols import Text

CALL = '[{"name": "rain", "arguments": {"place": "Bergen"}}]'
TOOLS = '[{"name": "rain"}]'
WHOLE = Text(
    0,
    Conversation.of(
        (
            Message("system", "Be brief."),
            Message("developer", "No jokes."),
            Message("user", "Will it rain?"),
            Message("assistant", tool_calls=CALL),
            Message("tool", "yes", name="rain"),
            Message("assistant", "Take a coat.", thinking="Rain is wet."),
        ),
        TOOLS,
    ),
)


def test_a_transcript_has_every_message_and_the_tools() -> None:
    assert WHOLE.transcript == (
        '\n\nTools: [{"name": "rain"}]\n\nSystem: Be brief.\n\nDeveloper: No jokes.'
        '\n\nHuman: Will it rain?\n\nAssistant: {"name": "rain", "arguments": {"place": "Bergen"}}'
        "\n\nTool: yes\n\nAssistant: <think>\nRain is wet.\n</think>\n\nTake a coat."
    )


def test_context_and_what_was_said_are_the_transcript() -> None:
    assert f"{WHOLE.context}\n\nAssistant: {WHOLE.spoken}" == WHOLE.transcript
    assert WHOLE.response == "Take a coat."


def test_a_plain_conversation_is_its_transcript_byte_for_byte() -> None:
    said = "\n\nHuman: Hi \n\nAssistant:  Hello\n"
    text = Text(0, Conversation.of_transcript(said))
    assert text.transcript == said
    assert text.context == "\n\nHuman: Hi "
    assert text.spoken == text.response == "Hello"


def test_a_response_that_is_a_call_is_the_call() -> None:
    called = Text(0, Conversation.of((Message("user", "q"), Message("assistant", tool_calls=CALL))))
    assert called.spoken == called.response == CALL[1:-1]
