"""The LM-labeler and the LM-rewriter behind any OpenAI-compatible server (vLLM and others)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from engine.models.endpoint_prompts import (
    BadReply,
    label_instructions,
    label_messages,
    read_labels,
    read_rewrite,
    rewrite_messages,
    schema,
)
from engine.models.endpoint_server import Chat, ChatServer, Patience, Probe, TextRefused
from engine.models.endpoint_wire import Reply
from engine.models.protocols import Labels, Text
from engine.strategies import Strategy
from engine.taxonomy import Feature

__all__ = ["EndpointLabeler", "EndpointRewriter", "Patience", "Probe"]


def _nobody(at: int, answer: object) -> None:
    """Hears an answer where nobody asked for it."""


class EndpointLabeler:
    """One request per text, all features at once, the reply constrained by a JSON schema."""

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key_env: str | None,
        features: Sequence[Feature],
        concurrency: int = 8,
        timeout_s: float = 120.0,
        patience: Patience | None = None,
    ) -> None:
        self.features = tuple(features)
        self.heard: Callable[[int, Labels], None] = _nobody
        self.server = ChatServer(base_url, model, api_key_env, concurrency, timeout_s, patience)
        self.instructions = label_instructions(features)
        self.format = schema(features)
        # A key takes a few tokens per word, an answer a handful; white space may double that.
        self.max_tokens = 64 + sum(24 + len(f.name) for f in features)

    def label(self, texts: Sequence[Text]) -> Labels:
        """Labels in the order of the texts, no scores.

        Raises MachineError if the server cannot be used; an error about one text is in `problems`.
        """
        heard = self.heard
        answers = self.server.each(
            texts, self._one, lambda at, answer: heard(at, self._labels([answer]))
        )
        return self._labels(answers)

    def _labels(self, answers: Sequence[tuple[int, ...] | str]) -> Labels:
        values = np.zeros((len(answers), len(self.features)), dtype=np.int8)
        for row, answer in enumerate(answers):
            if not isinstance(answer, str):
                values[row] = answer
        scores = np.full(values.shape, np.nan, dtype=np.float32)
        return Labels(values, scores, tuple(a if isinstance(a, str) else None for a in answers))

    def probe(self) -> Probe:
        return self.server.probe()

    async def _one(self, chat: Chat, text: Text) -> tuple[int, ...] | str:
        """The values, or the reason why there are none."""
        problem = ""
        for again in (False, True):
            try:
                reply = await chat(
                    {
                        "messages": label_messages(self.instructions, text.transcript, again),
                        "temperature": 0,
                        "max_tokens": self.max_tokens,
                        "response_format": self.format,
                    }
                )
                return self._values(reply)
            except BadReply as error:
                problem = f"unparsed reply: {error}"
            except TextRefused as error:
                return str(error)
        return problem

    def _values(self, reply: Reply) -> tuple[int, ...]:
        try:
            return read_labels(reply.text, self.features)
        except BadReply:
            if reply.cut:
                raise BadReply("cut off by the token limit") from None
            if reply.declined:
                raise BadReply("the model declined to answer") from None
            raise


class EndpointRewriter:
    """One request per passage."""

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key_env: str | None,
        concurrency: int = 8,
        timeout_s: float = 120.0,
        patience: Patience | None = None,
    ) -> None:
        self.heard: Callable[[int, tuple[str, ...]], None] = _nobody
        self.server = ChatServer(base_url, model, api_key_env, concurrency, timeout_s, patience)

    def rewrite(self, passages: Sequence[str], strategy: Strategy) -> tuple[str, ...]:
        """One rewrite per passage, in their order. A rewrite is empty if the passage or the reply
        is empty, the reply was cut off, or the server rejects the text.

        Raises MachineError if the server cannot be used.
        """

        async def one(chat: Chat, passage: str) -> str:
            if not passage.strip():
                return ""
            messages, around = rewrite_messages(passage, strategy.endpoint)
            try:
                reply = await chat(
                    {
                        "messages": messages,
                        "temperature": 0,
                        # Twice what English needs: scripts with three bytes per letter need more.
                        "max_tokens": len(passage.encode("utf-8", "replace")) // 2 + 128,
                    }
                )
            except (BadReply, TextRefused):
                return ""
            # Half a rewrite, or a filtered one, would look like one that leaves things out.
            if reply.cut or reply.declined:
                return ""
            return read_rewrite(reply.text, around)

        heard = self.heard
        answers = self.server.each(passages, one, lambda at, answer: heard(at, (answer,)))
        return tuple(answers)

    def probe(self) -> Probe:
        return self.server.probe()
