"""The engine with batches of two texts, so that a kill can fall between many of them.

python -m tests.fault.small_batches RUN_DIR
"""

import sys

from engine.__main__ import main
from engine.run import plan
from tests.engine.studies import small_batches

ROWS = 2

if __name__ == "__main__":
    small_batches(plan, ROWS)
    sys.exit(main())
