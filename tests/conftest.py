"""What every test process has."""

from __future__ import annotations

import os
from collections.abc import Iterator

# Before torch is imported here or in a child: two cores are shared by the tests and their workers.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest

from engine.executors import workers
from tests import warm

pytest_plugins = ["tests.tally"]


@pytest.fixture(scope="session", autouse=True)
def _warm_workers() -> Iterator[None]:
    """Workers of engines in this process start at once.

    Otherwise they are what they always are: processes of their own that load their models, die and
    are replaced. Workers of engines that tests start as processes are started as in production.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "_CONTEXT", warm.context())
        yield
