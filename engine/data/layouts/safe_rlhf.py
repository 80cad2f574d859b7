"""PKU-SafeRLHF: two responses, and which is better and which is safer."""

from __future__ import annotations

from typing import ClassVar

from engine.data.conversation import Conversation
from engine.data.layouts.base import Draft, Layout, Row, text_field
from engine.data.layouts.labels import opposite, read_label
from engine.data.layouts.parts import SYSTEMS, filled, question, said, system_messages
from engine.data.layouts.single import Single
from engine.data.pairs import NO_FACTS, Facts, RowError

# The first one that the row has, and the study does not leave out, is the preference.
_CHOICES = ("better_response_id", "safer_response_id")
_SIDES = ("response_0", "response_1")


class SafeRlhf(Single):
    name = "safe-rlhf"
    title = "prompt, response_0, response_1, better_response_id or safer_response_id (PKU-SafeRLHF)"
    settings = Layout.settings | {"system"}
    text: ClassVar[frozenset[str]] = frozenset(("prompt", *_SIDES, *SYSTEMS))

    @classmethod
    def matches(cls, row: Row) -> bool:
        both = all(side in row for side in _SIDES)
        return both and "prompt" in row and any(choice in row for choice in _CHOICES)

    def pair(self, row: Row) -> Draft:
        name = self._choice(row)
        better = int(read_label(row[name], name))
        asked = question(row, "prompt")
        system = system_messages(row, self.options)
        sides = [
            Conversation.of((*system, asked, said(row[name], "assistant", name))) for name in _SIDES
        ]
        models = [text_field(row, (f"{name}_source",)) for name in _SIDES]
        facts = NO_FACTS
        if models != [None, None]:
            facts = Facts(model_chosen=models[better], model_rejected=models[1 - better])
        return Draft(sides[better], sides[1 - better], facts)

    def flipped(self, row: Row) -> Row:
        name = self._choice(row)
        return {**row, name: opposite(row[name])}

    def _choice(self, row: Row) -> str:
        for name in _CHOICES:
            if name not in self.options.ignore and name in row:
                if filled(row[name]):
                    return name
                raise RowError("no_vote", f"{name} is empty")
        raise RowError("missing_field", f"neither {' nor '.join(_CHOICES)} is there")
