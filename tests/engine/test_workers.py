"""Worker processes: replaced when they die, given less when memory runs out."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backends.base import Model, Use
from engine.backends.labelers.endpoint import EndpointLabelerBackend
from engine.backends.rewards.torch import ClassifierBackend
from engine.errors import BadInput, Fault, MachineError
from engine.executors.jobs import (
    HUNG,
    LOST,
    NO_MEMORY,
    Heard,
    Job,
    Outcome,
    OutOfMemory,
    Stopped,
    WorkerDied,
    WorkerHung,
    attempt,
)
from engine.executors.requests import Ask, Identify, Request
from engine.executors.worker import Worker
from engine.executors.workers import Workers
from engine.models.operations import Score
from tests.engine.conftest import alive
from tests.engine.studies import until

PRE = Model(ClassifierBackend(model="embedded:reward-pre"), Use())


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers("cpu", 600, threading.Event())
    yield made
    made.close()


def pid(workers: Workers) -> int:
    return int(workers._workers[0]._process.pid or 0)


def test_a_worker_that_died_between_two_requests_is_replaced(workers: Workers) -> None:
    first = workers.ask(Identify(PRE))
    dead = pid(workers)
    os.kill(dead, signal.SIGKILL)
    assert workers.ask(Identify(PRE)) == first
    assert pid(workers) != dead


def test_closing_ends_the_process(workers: Workers) -> None:
    workers.ask(Identify(PRE))
    process = pid(workers)
    workers.close()
    until(lambda: not alive(process), "the worker ends", 10)


def test_an_error_crosses_the_pipe_with_its_kind(workers: Workers) -> None:
    with pytest.raises(BadInput, match="unknown embedded model 'gpt'"):
        workers.ask(Identify(Model(ClassifierBackend(model="embedded:gpt"), Use())))


def test_an_unexpected_error_is_one_line_that_names_the_log(workers: Workers) -> None:
    with pytest.raises(Fault) as caught:
        workers.ask(Ask(Score(), ()))  # no model is loaded
    assert str(caught.value) == "internal error (AssertionError); details in engine.log"


def test_where_a_model_runs_is_known(workers: Workers) -> None:
    assert workers.where(PRE) == "cpu"
    far = EndpointLabelerBackend(base_url="http://localhost:1/v1", model="m")
    assert workers.where(Model(far, Use())) == "endpoint"


def test_a_stop_leaves_what_is_not_begun(workers: Workers) -> None:
    workers._stop.set()
    with pytest.raises(Stopped):
        workers.run(PRE, {}, Score(), [lambda: Job(0, (), ())], lambda *_: None)


@dataclass(frozen=True)
class Loads(Request[int]):
    """Stands in for a model to be loaded: reads a file again and again for some seconds, or,
    without a file, never gets on."""

    file: str = ""
    seconds: float = 0.0

    @property
    def awaited(self) -> str:
        return "our-model to be loaded"

    def answer(self, worker: Worker) -> int:
        if not self.file:
            threading.Event().wait()
        until, size = time.monotonic() + self.seconds, 0
        while time.monotonic() < until:
            size += len(Path(self.file).read_bytes())
        return size


def test_a_load_that_does_not_get_on_is_ended_and_names_the_model(
    workers: Workers, tmp_path: Path
) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(bytes(2**21))
    workers.ask(Loads(str(weights)))  # the process has started
    workers._workers[0]._load_limit_s = 0.5
    assert workers.ask(Loads(str(weights), seconds=1.8)) > 2**21, "bytes that come extend the limit"
    with pytest.raises(MachineError) as caught:
        workers.ask(Loads())
    assert str(caught.value).startswith(
        "waited for our-model to be loaded: nothing was read for 0.5 s; "
    )
    assert str(caught.value).endswith("or raise executor.load_limit_s")


class Fragile:
    """Stands in for a worker: dies on some texts, and takes so many at a time."""

    def __init__(self, deadly: set[int], capacity: int) -> None:
        self.deadly, self.capacity = deadly, capacity

    def ask(self, items: tuple[int, ...], heard: Heard) -> Any:
        if len(items) > self.capacity:
            raise OutOfMemory
        if self.deadly & set(items):
            raise WorkerDied
        return [item * 10 for item in items]


@given(st.integers(1, 20), st.sets(st.integers(0, 19)), st.integers(0, 20))
def test_every_text_is_computed_once_or_set_aside_with_the_reason(
    count: int, deadly: set[int], capacity: int
) -> None:
    units = tuple(range(count))
    outcome = Outcome()
    attempt(Fragile(deadly, capacity).ask, units, units, outcome)
    done = [unit for ids, values in outcome.parts for unit in ids]
    assert all(values == [unit * 10 for unit in ids] for ids, values in outcome.parts)
    assert sorted([*done, *outcome.lost]) == list(units)
    if capacity == 0:
        assert set(outcome.lost.values()) == {NO_MEMORY}
    else:
        assert outcome.lost == {unit: LOST for unit in units if unit in deadly}


@given(st.integers(1, 20), st.sets(st.integers(0, 19)), st.integers(1, 8))
def test_what_was_answered_one_by_one_is_not_asked_again(
    count: int, deadly: set[int], at_most: int
) -> None:
    units = tuple(range(count))
    answered: list[int] = []

    def ask(items: tuple[int, ...], heard: Heard) -> list[int]:
        """At most so many answers come before the worker hangs."""
        for at, item in [entry for entry in enumerate(items) if entry[1] not in deadly][:at_most]:
            answered.append(item)
            heard(at, [item * 10])
        if deadly & set(items) or len(items) > at_most:
            raise WorkerHung
        return [item * 10 for item in items]

    outcome = Outcome()
    attempt(ask, units, units, outcome)
    assert sorted(answered) == [unit for unit in units if unit not in deadly]
    assert outcome.lost == {unit: HUNG for unit in units if unit in deadly}
    assert outcome.rest(units) == ()
    assert sorted(unit for ids, _ in outcome.parts for unit in ids) == sorted(answered)


def test_what_was_answered_before_the_run_stopped_is_in_the_outcome() -> None:
    def ask(items: tuple[int, ...], heard: Heard) -> list[int]:
        heard(1, [20])
        raise Stopped

    outcome = Outcome()
    with pytest.raises(Stopped):
        attempt(ask, (1, 2, 3), (1, 2, 3), outcome)
    assert outcome.parts == [((2,), [20])]
    assert outcome.rest((1, 2, 3)) == (1, 3)


@pytest.mark.parametrize("deaths", range(4))
def test_a_batch_whose_worker_is_killed_for_no_fault_of_its_texts_is_computed_whole(
    deaths: int,
) -> None:
    asked: list[tuple[int, ...]] = []

    def ask(items: tuple[int, ...], heard: Heard) -> list[int]:
        asked.append(items)
        if len(asked) <= deaths:
            raise WorkerDied
        return [item * 10 for item in items]

    units = (1, 2, 3, 4)
    outcome = Outcome()
    attempt(ask, units, units, outcome)
    assert outcome.parts == [(units, [10, 20, 30, 40])]
    assert asked[-1] == units
    assert not outcome.lost


def test_a_batch_that_only_halves_survive_keeps_the_halves() -> None:
    def ask(items: tuple[int, ...], heard: Heard) -> list[int]:
        if len(items) > 2:
            raise WorkerDied  # by the kernel, for memory
        return list(items)

    outcome = Outcome()
    attempt(ask, (1, 2, 3, 4), (1, 2, 3, 4), outcome)
    assert outcome.parts == [((1, 2), [1, 2]), ((3, 4), [3, 4])]
