"""Chat templates are programs of strangers: each is rendered within limits, or refused in one line
that names the model."""

from __future__ import annotations

import resource
import signal
import time
from typing import Any

import pytest

from engine.data.conversation import Conversation, Message
from engine.errors import BadInput
from engine.models import rendering
from engine.models.protocols import Text
from engine.models.rendering import Limits, Refused, TemplateError, TooMuch
from engine.models.reward_config import Reading
from engine.models.reward_inputs import encoder
from tests.models.reward_models import tokenizer

LIMITS = Limits(seconds=0.3, characters=100_000, memory=256 * 1024**2)
HELLO = ({"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"})

LOOP = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
TOO_MUCH = {
    "nested loops": LOOP,
    "a loop that writes": LOOP.replace("{% endfor %}", "spam{% endfor %}", 1),
    "a text doubled": "{% set n = namespace(t='ab') %}{% for i in range(60) %}"
    "{% set n.t = n.t + n.t %}{% endfor %}{{ n.t }}",
    "a list doubled": "{% set n = namespace(t=[1]) %}{% for i in range(60) %}"
    "{% set n.t = n.t + n.t %}{% endfor %}",
    "a long text": "{{ 'x' * 1000000 }}",
    "a text of gigabytes": "{{ 'x' * 10000000000 }}",
    "of the messages": "{{ messages[0].content * 10000000000 }}",
    "a wide text": "{{ 'x'.ljust(10**10) }}",
    "a centered text": "{{ 'x' | center(10**10) }}",
    "a format": "{{ '%010000000000d' | format(1) }}",
    "a method of format": "{{ '{:>10000000000}'.format('x') }}",
    "an indent": "{{ ('x\n' * 100000) | indent(100000) }}",
    "a text replaced": "{{ ('a' * 100000).replace('a', 'b' * 100000) }}",
    "a range": "{% for i in range(10**9) %}{% endfor %}",
    "a width beyond any": "{{ 'x'.ljust(10**30) }}",
}
WRONG = {
    "syntax": ("{% for m in messages %}", "no valid template (its line 1: Unexpected end of"),
    "an unknown filter": ("{{ messages | nothing }}", "no valid template"),
    "an unknown tag": ("\n\n{% include_all %}", "no valid template (its line 3: "),
    "internals": ("{{ cycler.__init__.__globals__ }}", "touches what a template may not"),
    "a class": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "touches what a template may"),
    "changing messages": ("{{ messages.append(1) }}", "touches what a template may not"),
    "a file": ("{% include '/etc/passwd' %}", "refuses"),
    "no text": (7, "is no text"),
    "a list": ([{"name": "default"}], "is no text"),
    "texts by other names": ({"default": 7}, "is no text"),
}
RAISING = {
    "its own error": ("{{ raise_exception('only\n robots') }}", "only robots"),
    "a long error": ("{{ raise_exception('x' * 5000) }}", "xxx"),
    "recursion": ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "calls itself without end"),
    "a division": ("{{ 1 / 0 }}", "division"),
    "a missing name": ("{{ nobody.nothing }}", "undefined"),
    "a type": ("{{ 'x' + 1 }}", "str"),
}


def of(template: Any) -> Any:
    made = tokenizer()
    made.chat_template = template
    return made


def one_line(error: BaseException) -> str:
    text = str(error)
    assert text.startswith("the chat template of m")
    assert "\n" not in text
    assert len(text) < 300
    return text


@pytest.mark.parametrize("template", TOO_MUCH.values(), ids=TOO_MUCH)
def test_a_template_ends_in_time_and_room(template: str) -> None:
    began = time.monotonic()
    with pytest.raises(TooMuch) as caught:
        rendering.render("m", of(template), HELLO, limits=LIMITS)
    one_line(caught.value)
    assert time.monotonic() - began < 20
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize(("template", "says"), WRONG.values(), ids=WRONG)
def test_a_template_that_is_wrong_is_one_line(template: Any, says: str) -> None:
    with pytest.raises((TemplateError, Refused)) as caught:
        rendering.render("m", of(template), HELLO, limits=LIMITS)
    assert says in one_line(caught.value)


@pytest.mark.parametrize(("template", "says"), RAISING.values(), ids=RAISING)
def test_a_template_that_raises_is_one_line(template: str, says: str) -> None:
    with pytest.raises(Refused) as caught:
        rendering.render("m", of(template), HELLO, limits=LIMITS)
    assert says in one_line(caught.value)
    with pytest.raises(BadInput, match="cannot render a question and its answer"):
        encoder("m", of(template), 512, Reading())


def test_a_text_for_which_the_template_does_not_end_is_set_aside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others are read; a template that does so again and again is given up."""
    monkeypatch.setattr(rendering, "LIMITS", LIMITS)
    ends = "{{ messages[-1].content }}{% if 'poison' in messages[0].content %}"
    template = ends + "{{ 'x'.ljust(10**10) }}{% endif %}"
    reads = encoder("m", of(template), 512, Reading())

    def text(said: str) -> Text:
        both = (Message("user", said), Message("assistant", "yes"))
        return Text(1, Conversation.of(both))

    for _ in range(4):
        reason = reads.encode(text("poison"))
        assert isinstance(reason, str)
        assert "too much memory" in reason
        assert not isinstance(reads.encode(text("hello")), str)
    with pytest.raises(BadInput, match=r"so for 5 conversations"):
        reads.encode(text("poison"))
