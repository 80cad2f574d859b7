"""Reading a request: from what HTTP carries to the message that an endpoint takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.visible import one_line
from engine.wire.endpoints import Endpoint
from engine.wire.messages import Request


class Malformed(ValueError):
    """The request is not the message that its endpoint takes; one line: what, and what it takes."""


def asked(
    endpoint: Endpoint[Any, Any], path: Mapping[str, Any], query: Mapping[str, str], body: bytes
) -> Request:
    """The request, from a GET's path and query or from the body. Raises Malformed."""
    kind: type[Request] = endpoint.request
    try:
        if endpoint.method == "GET":
            return msgspec.convert({**query, **path}, kind, strict=False)
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise Malformed(one_line(f"{error}; {_takes(kind)}")) from None
    except msgspec.DecodeError as error:
        raise Malformed(one_line(f"not valid JSON: {error}")) from None


def _takes(kind: type[Request]) -> str:
    names = ", ".join(kind.__struct_fields__)
    return f"{kind.__name__} takes {names}" if names else "this request takes no fields"
