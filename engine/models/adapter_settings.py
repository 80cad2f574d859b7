"""What the settings of a PEFT adapter may ask for. They are somebody else's, and the library would
import a module that they name, or reserve memory for any rank."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.errors import BadInput

_OTHER_CODE = ("megatron_config", "megatron_core")
_USUAL = (None, "megatron.core")


def check(name: str, config: Mapping[str, Any], shapes: Mapping[str, Iterable[int]]) -> None:
    """`shapes` are those of the adapter's tensors. Raises BadInput."""
    whose = f"the adapter_config.json of {name}"
    for key in _OTHER_CODE:
        if config.get(key) not in _USUAL:
            raise BadInput(f"{whose} asks for code of another library ({key}): merge it there")
    if config.get("layer_replication"):
        raise BadInput(f"{whose} repeats layers of its base, and such an adapter cannot be merged")
    if str(config.get("peft_type")).upper() != "LORA":
        return
    most = max((size for key, of in shapes.items() if "lora_" in key for size in of), default=0)
    pattern = config.get("rank_pattern")
    others = pattern.values() if isinstance(pattern, Mapping) else ()
    for rank in (config.get("r", 8), *others):
        whole = isinstance(rank, int) and not isinstance(rank, bool)
        if not whole or not 0 < rank <= max(most, 1):
            raise BadInput(
                f"{whose} has a rank that its weights do not have: they are of another adapter; "
                "copy both again"
            )
