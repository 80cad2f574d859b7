"""The engine with batches of two texts, so that a kill can fall between many of them.

python -m tests.fault.small_batches RUN_DIR
"""

import sys

from engine.__main__ import main
from engine.run import plan

ROWS = 2

if __name__ == "__main__":
    plan.SHAPES.update(
        {kind: (min(rows, ROWS), size) for kind, (rows, size) in plan.SHAPES.items()}
    )
    sys.exit(main())
