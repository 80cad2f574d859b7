"""What `seal-tui selftest` runs. Prints JSON; in a process of its own because of the statistics."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

from engine.paper.selftest import run, verdict


def main() -> None:
    report = run()
    checks = [
        # JSON knows no infinity: an open bound is null.
        {key: None if value in (math.inf, -math.inf) else value for key, value in asdict(c).items()}
        for c in report.checks
    ]
    content = {"passed": report.passed, "lines": verdict(report), "checks": checks}
    print(json.dumps(content, allow_nan=False))


if __name__ == "__main__":
    main()
