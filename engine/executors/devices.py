"""The names of devices, as a study has them."""

from __future__ import annotations

import re

from engine.errors import BadInput

AUTO = "auto"
_NAME = re.compile(r"cpu|mps|(?:cuda|xpu)(?::(?:0|[1-9]\d{0,2}))?")


def names(devices: str, where: str) -> tuple[str, ...]:
    """The devices of a list such as `cuda:0,cuda:1`; `where` is the key that holds it.

    Whether this machine has them is another question, which torch answers
    (`engine.models.device`). Raises BadInput for what cannot be the name of one.
    """
    found = tuple(name.strip() for name in devices.split(","))
    for name in found:
        if _NAME.fullmatch(name) is None and (name != AUTO or len(found) > 1):
            raise BadInput(
                f'{where} = "{devices[:60]}": "{name[:40]}" is no device; use "auto" alone, or a '
                'list of cpu, cuda, cuda:0, cuda:1, …, mps, xpu, such as "cuda:0,cuda:1"'
            )
    return found
