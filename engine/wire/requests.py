"""Reading a request: from what HTTP carries to the message that an endpoint takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from engine.errors import BadInput
from engine.visible import one_line
from engine.wire.endpoints import Endpoint
from engine.wire.messages import Request

MAX_DEPTH = 32
# To the end of the body where a string has none, so that every byte is looked at once.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(rb"[\[{\]}]")


def asked(
    endpoint: Endpoint[Any, Any], path: Mapping[str, Any], query: Mapping[str, str], body: bytes
) -> Request:
    """The request, from a GET's path and query or from the body. Raises BadInput."""
    kind: type[Request] = endpoint.request
    try:
        if endpoint.method == "GET":
            return msgspec.convert({**query, **path}, kind, strict=False)
        if too_deep(body):
            raise BadInput(f"not valid here: JSON nested more than {MAX_DEPTH} levels deep")
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise BadInput(one_line(f"{error}; {_takes(kind)}")) from None
    except msgspec.DecodeError as error:
        raise BadInput(one_line(f"not valid JSON: {error}")) from None


def too_deep(body: bytes) -> bool:
    """Whether JSON is nested so deeply that decoding it, or what is decoded, could exhaust the
    stack. Looks at no more than brackets; JSON that is not valid may be called either."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            return True
    return False


def _takes(kind: type[Request]) -> str:
    names = ", ".join(kind.__struct_fields__)
    return f"{kind.__name__} takes {names}" if names else "this request takes no fields"
