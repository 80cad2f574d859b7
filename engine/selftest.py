"""The checks of `seal-tui selftest`. Prints JSON; runs in its own process, which loads
statistics."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict

from engine import child
from engine.paper.selftest import run, verdict


def check() -> dict[str, object]:
    report = run()
    checks = [
        # JSON has no infinity or NaN: such numbers become null.
        {key: _plain(value) for key, value in asdict(c).items()}
        for c in report.checks
    ]
    return {"passed": report.passed, "lines": verdict(report), "checks": checks}


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


if __name__ == "__main__":
    sys.exit(child.answer(check))
