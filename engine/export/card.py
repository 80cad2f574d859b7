"""The dataset card: a YAML header for the hub and `datasets`, then a description."""

from __future__ import annotations

import json
from collections.abc import Sequence

from engine.export.blocks import Code, Data, Heading, Paragraph, Table, markdown
from engine.export.provenance import Provenance
from engine.visible import one_line

# The hub's size categories.
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"))


def text(origin: Provenance, columns: Sequence[str] = (), rows_sha256: str = "") -> str:
    """The content of the README.md of a dataset folder.

    `datasets` keeps what it has loaded from a folder under a digest of the card's header. So the
    header has the digest of the rows: other rows are another dataset.
    """
    size = next((name for limit, name in _SIZES if origin.rows < limit), "1M<n<10M")
    described = f"{origin.rows} rows; decisions {origin.decisions_sha256}; rows {rows_sha256}"
    header = "\n".join(
        [
            "---",
            # A JSON string is also a YAML string.
            f"pretty_name: {json.dumps(one_line(origin.study), ensure_ascii=False)}",
            "tags:",
            "- preference",
            "- trl",
            "size_categories:",
            f"- {size}",
            "configs:",
            "- config_name: default",
            f"  description: {json.dumps(described)}",
            "  data_files:",
            "  - split: train",
            "    path: data/train-*",
            "---",
        ]
    )
    body = markdown(
        [
            Heading(1, ("Preference pairs of ", Data(origin.study))),
            Paragraph(
                (
                    "Columns: id and topic from the source dataset, prompt, chosen and rejected as "
                    "lists of messages, and the reviewer's verdict. Pairs with the verdict flip "
                    "have their sides swapped here, and dropped pairs are left out. A pair without "
                    "a verdict has the order of the original human preference.",
                )
            ),
            *(Paragraph((_FURTHER[name],)) for name in columns if name in _FURTHER),
            decisions(origin),
            Heading(2, ("Provenance",)),
            Code(origin.text()),
        ]
    )
    return f"{header}\n\n{body}"


_FURTHER = {
    "tools": "tools is the JSON list of the tools that the assistant was given.",
    "margin": "margin is the strength of the human preference as the source has it, 0 where it has "
    "none.",
    "soft_label": "soft_label is the share of votes or reviewers that prefer chosen; a tie counts "
    "half, and a pair that nobody voted on has 1.",
}


def decisions(origin: Provenance) -> Table:
    """The number of pairs by decision."""
    rows = [
        ("pairs", f"{origin.pairs:,}"),
        ("rows written", f"{origin.rows:,}"),
        *((name, f"{count:,}") for name, count in origin.counts.items()),
    ]
    return Table(("decisions", "pairs"), rows)
