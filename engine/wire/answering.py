"""Saying which method answers which endpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

from engine.wire.endpoints import ENDPOINTS, Answer, Asked, Endpoint
from engine.wire.messages import Nothing

Owner = TypeVar("Owner")
Rest = ParamSpec("Rest")
_MARK = "__answers__"


@overload
def answers(
    endpoint: Endpoint[Nothing, Answer],
) -> Callable[
    [Callable[Concatenate[Owner, Rest], Answer]], Callable[Concatenate[Owner, Rest], Answer]
]: ...


@overload
def answers(
    endpoint: Endpoint[Asked, Answer],
) -> Callable[
    [Callable[Concatenate[Owner, Asked, Rest], Answer]],
    Callable[Concatenate[Owner, Asked, Rest], Answer],
]: ...


def answers(endpoint: Endpoint[Any, Any]) -> Callable[[Any], Any]:
    """Marks a method that answers `endpoint`: it takes the endpoint's request, unless that is
    Nothing, and returns its answer."""

    def mark(method: Any) -> Any:
        setattr(method, _MARK, endpoint)
        return method

    return mark


def methods(owner: type) -> dict[Endpoint[Any, Any], str]:
    """Which method of `owner` answers each endpoint. Raises TypeError where one is missing."""
    found = {
        endpoint: name
        for name in dir(owner)
        if isinstance(endpoint := getattr(getattr(owner, name), _MARK, None), Endpoint)
    }
    missing = [str(endpoint) for endpoint in ENDPOINTS if endpoint not in found]
    if missing:
        raise TypeError(f"{owner.__name__} does not answer {', '.join(missing)}")
    return {endpoint: found[endpoint] for endpoint in ENDPOINTS}
