"""The card of a dataset folder: a header that hubs and `datasets` read, then words for people."""

from __future__ import annotations

import json

from engine.export.blocks import Code, Data, Heading, Paragraph, Table, markdown
from engine.export.provenance import Provenance
from engine.visible import one_line

# The hub's own classes of size.
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"))


def text(found: Provenance) -> str:
    size = next((name for limit, name in _SIZES if found.rows < limit), "1M<n<10M")
    header = "\n".join(
        [
            "---",
            # A JSON string is one of YAML's.
            f"pretty_name: {json.dumps(one_line(found.study), ensure_ascii=False)}",
            "tags:",
            "- preference",
            "- trl",
            "size_categories:",
            f"- {size}",
            "configs:",
            "- config_name: default",
            "  data_files:",
            "  - split: train",
            "    path: data/train-*",
            "---",
        ]
    )
    body = markdown(
        [
            Heading(1, ("Preference pairs of ", Data(found.study))),
            Paragraph(
                (
                    "Columns: id and topic of the source, prompt, chosen and rejected as lists of "
                    "messages, and the verdict of the reviewer. Pairs with the verdict flip have "
                    "their sides swapped here; pairs that were dropped are not here; a pair "
                    "without a verdict is as its human annotator chose.",
                )
            ),
            decisions(found),
            Heading(2, ("Where it is from",)),
            Code(found.text()),
        ]
    )
    return f"{header}\n\n{body}"


def decisions(found: Provenance) -> Table:
    """How many of each decision there are."""
    rows = [
        ("pairs", f"{found.pairs:,}"),
        ("rows written", f"{found.rows:,}"),
        *((name, f"{count:,}") for name, count in found.counts.items()),
    ]
    return Table(("decisions", "pairs"), rows)
