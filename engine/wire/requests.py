"""Reading a request: from what HTTP carries to the message that an endpoint takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.errors import BadInput
from engine.visible import one_line
from engine.wire.endpoints import Endpoint
from engine.wire.messages import Request


def asked(
    endpoint: Endpoint[Any, Any], path: Mapping[str, Any], query: Mapping[str, str], body: bytes
) -> Request:
    """The request, from a GET's path and query or from the body. Raises BadInput."""
    kind: type[Request] = endpoint.request
    try:
        if endpoint.method == "GET":
            return msgspec.convert({**query, **path}, kind, strict=False)
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise BadInput(one_line(f"{error}; {_takes(kind)}")) from None
    except msgspec.DecodeError as error:
        raise BadInput(one_line(f"not valid JSON: {error}")) from None


def _takes(kind: type[Request]) -> str:
    names = ", ".join(kind.__struct_fields__)
    return f"{kind.__name__} takes {names}" if names else "this request takes no fields"
