"""Annotated pairs, the format of Inverse Constitutional AI and Feedback Forensics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from engine.data import transcript
from engine.data.cells import cell, recelled
from engine.data.conversation import Conversation
from engine.data.layouts.base import Layout, Row, text_field
from engine.data.layouts.compared import Compared, Side
from engine.data.layouts.parts import replied, to_messages
from engine.data.pairs import Facts, RowError, Unused, Vote
from engine.data.prose import is_text

_SIDES: Mapping[str, Side] = {"a": "a", "b": "b", "text_a": "a", "text_b": "b"}
_OTHER = {"a": "b", "b": "a", "text_a": "text_b", "text_b": "text_a"}
_NO_ANSWER = ("not_applicable", "invalid")


class AnnotatedPairs(Compared):
    """One comparison. The reader puts beside it what the file says of all: who is the default
    annotator, and the names of those who judge which response is better."""

    name = "annotated-pairs"
    title = "response_a, response_b, annotations by annotator (ICAI, Feedback Forensics)"
    settings = Layout.settings | {"votes"}
    text: ClassVar[frozenset[str]] = frozenset(
        ("prompt", "response_a", "response_b", "text_a", "text_b")
    )
    known: ClassVar[frozenset[str]] = frozenset(("annotations", "annotators", "metadata"))

    @classmethod
    def matches(cls, row: Row) -> bool:
        return "annotations" in row and any(
            {*sides} <= row.keys() for sides in (("response_a", "response_b"), ("text_a", "text_b"))
        )

    def conversations(self, row: Row) -> tuple[Conversation, Conversation]:
        prompt = row.get("prompt")
        before = to_messages(prompt, "user", "prompt", self.options.ignore) if prompt else ()
        found = []
        for side in ("a", "b"):
            name, text = self._text(row, side)
            if not before and transcript.is_transcript(text):
                found.append(Conversation.of_transcript(text))
            else:
                found.append(replied(before, text, name))
        one, other = found
        return one, other

    def preferred(self, row: Row) -> Side:
        annotation = cell(row["annotations"])[self._annotator(row)]
        preference = annotation.get("pref")
        if side := _side(annotation):
            return side
        if preference is not None:
            raise RowError("wrong_type", f"pref is {str(preference)[:40]!r}, not a or b")
        reason = annotation.get("no_pref_reason")
        detail = f"no preference: {str(reason)[:40]}"
        raise RowError("no_vote" if reason in _NO_ANSWER else "tie", detail)

    def facts(self, row: Row, preferred: Side) -> Facts:
        annotators, annotations = cell(row.get("annotators")), cell(row["annotations"])
        names = annotators if isinstance(annotators, Mapping) else {}
        votes = []
        for annotator in dict.fromkeys((self._annotator(row), *names)):
            annotation = annotations.get(annotator)
            if side := _side(annotation):
                name = names.get(annotator)
                name = name if isinstance(name, str) else annotator
                votes.append(Vote(name, 1 if side == preferred else -1))
        models = [
            text_field(response, ("model",)) if isinstance(response, Mapping) else None
            for response in (cell(row.get("response_a")), cell(row.get("response_b")))
        ]
        chosen, rejected = models if preferred == "a" else reversed(models)
        return Facts(votes=tuple(votes), model_chosen=chosen, model_rejected=rejected)

    def flipped(self, row: Row) -> Row:
        annotator = self._annotator(row)
        preference = cell(row["annotations"])[annotator]["pref"]
        return self._with(row, annotator, {"pref": _OTHER[preference]})

    def tied(self, row: Row) -> Row:
        return self._with(row, self._annotator(row), {"pref": None, "no_pref_reason": "tie"})

    def _with(self, row: Row, annotator: str, new: Mapping[str, Any]) -> Row:
        annotations = cell(row["annotations"])
        changed = {**annotations, annotator: {**annotations[annotator], **new}}
        return {**row, "annotations": recelled(row["annotations"], changed)}

    def _annotator(self, row: Row) -> str:
        """Whose annotation says which response is chosen. Raises RowError."""
        annotations = cell(row["annotations"])
        if not isinstance(annotations, Mapping):
            raise RowError("wrong_type", "annotations is no object")
        default = self.options.columns.votes or text_field(row, ("default_annotator",))
        if default is None and len(annotations) == 1:
            default = next(iter(annotations))
        if default not in annotations or not isinstance(annotations[default], Mapping):
            named = ", ".join(str(name)[:40] for name in list(annotations)[:5])
            raise RowError(
                "missing_field",
                f"no annotation by the default annotator; there are {named}: "
                "name one, [data.columns] votes",
            )
        return str(default)

    def _text(self, row: Row, side: str) -> tuple[str, str]:
        """(column, text) of a response. Raises RowError, and Unused for further text."""
        name = f"response_{side}" if f"response_{side}" in row else f"text_{side}"
        value = row[name]
        if isinstance(inner := cell(value), Mapping) and "text" in inner:
            value = inner
        if isinstance(value, Mapping):
            ignore = self.options.ignore
            rest = [key for key in value if key not in ("text", "model") and key not in ignore]
            if lost := [key for key in rest if is_text(key, value[key])]:
                raise Unused(lost, name)
            value = value.get("text")
        if not isinstance(value, str):
            raise RowError("missing_field", f"{name} has no text")
        return name, value


def _side(annotation: object) -> Side | None:
    """The response that an annotation prefers, if any."""
    preference = annotation.get("pref") if isinstance(annotation, Mapping) else None
    return _SIDES.get(preference) if isinstance(preference, str) else None
