"""Chat templates are programs that come with a model: they run in a sandbox, within limits.

The sandbox is that of jinja, as transformers sets it up. A loop is interrupted after a time, a text
of gigabytes is refused its memory. What neither ends, such as one endless computation, is ended by
the limit of whoever started this process: templates are rendered in workers only, and in the
process that counts tokens.
"""

from __future__ import annotations

import re
import resource
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from engine.errors import BadInput, MachineError

_SHOWN = 120  # characters of what a template says
# What a template raises besides its own errors when it does not like what it is given.
_RAISED = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    *(AssertionError, RecursionError),
)


@dataclass(frozen=True)
class Limits:
    """Of one rendering. `characters` is what a text may have beyond ten times its conversation,
    `memory` the bytes that making it may take."""

    seconds: float = 10.0
    characters: int = 4_000_000
    memory: int = 2 * 1024**3


LIMITS = Limits()


class TemplateError(BadInput):
    """A template cannot be used with any conversation."""


class TooMuch(BadInput):
    """A template takes more time or room than a rendering may."""


class Refused(BadInput):
    """A template raised an error over these messages; it may accept others."""


class _Late(Exception):
    pass


def render(
    name: str,
    tokenizer: Any,
    messages: Sequence[Mapping[str, Any]],
    tools: Any = None,
    *,
    answer_follows: bool = False,
    limits: Limits | None = None,
) -> str:
    """The messages in the chat template of the model `name`, which ends where the answer begins if
    `answer_follows`.

    Raises Refused if the template raises an error over these messages, TooMuch beyond the limits,
    TemplateError if the template is wrong or touches what it may not, MachineError without jinja.
    """
    from jinja2 import TemplateError as Raised
    from jinja2 import TemplateSyntaxError
    from jinja2.exceptions import SecurityError

    limits = limits or LIMITS
    whose = f"the chat template of {name}"
    _check_shape(whose, tokenizer)
    try:
        with _limited(limits):
            text = tokenizer.apply_chat_template(
                list(messages), tools=tools, tokenize=False, add_generation_prompt=answer_follows
            )
    except ImportError as error:
        raise MachineError(
            "chat templates need jinja2 3.1.6 or newer: pip install -U jinja2"
        ) from error
    except _Late:
        raise TooMuch(
            f"{whose} takes more than {limits.seconds:g} s for one conversation: does it end?"
        ) from None
    except (MemoryError, OverflowError):
        raise TooMuch(f"{whose} takes too much memory for one conversation") from None
    except TemplateSyntaxError as error:
        raise TemplateError(
            f"{whose} is no valid template (its line {error.lineno}: {_said(error)}): repair "
            "chat_template in the tokenizer's settings"
        ) from None
    except SecurityError as error:
        raise TemplateError(f"{whose} touches what a template may not: {_said(error)}") from None
    except (Raised, *_RAISED) as error:
        if isinstance(error, RecursionError):
            raise Refused(f"{whose} calls itself without end") from None
        raise Refused(f"{whose} refuses these messages: {_said(error)}") from None
    if not isinstance(text, str):
        raise TemplateError(f"{whose} gives no text")
    most = limits.characters + 10 * _size([*messages, tools])
    if len(text) > most:
        raise TooMuch(
            f"{whose} makes {len(text):,} characters of one conversation: at most {most:,}"
        )
    return text


def _check_shape(whose: str, tokenizer: Any) -> None:
    template = getattr(tokenizer, "chat_template", None)
    texts = template.values() if isinstance(template, dict) else [template]
    if template is None:
        raise TemplateError(f"{whose} is missing: this model needs one in its tokenizer's settings")
    if not all(isinstance(text, str) for text in texts):
        raise TemplateError(f"{whose} is no text: repair chat_template in the tokenizer's settings")


def _said(error: Exception) -> str:
    words = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
    return words if len(words) <= _SHOWN else words[:_SHOWN] + "…"


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_size(key) + _size(inner) for key, inner in value.items())
    return sum(map(_size, value)) if isinstance(value, list | tuple) else 1


@contextmanager
def _limited(limits: Limits) -> Iterator[None]:
    """Raises _Late within the block once its time is over, and MemoryError once its memory is."""
    with _memory(limits.memory), _time(limits.seconds):
        yield


@contextmanager
def _time(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # where no signal arrives
        yield
        return

    def late(*_: Any) -> None:
        raise _Late

    before = signal.signal(signal.SIGALRM, late)
    # Again and again: code that a template calls might drop an exception.
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _memory(most: int) -> Iterator[None]:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        own = now + most
        known = [own, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)]
        resource.setrlimit(resource.RLIMIT_AS, (min(known), hard))
    except (OSError, ValueError):  # a system without such limits
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
