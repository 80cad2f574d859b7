"""plan.compose: how texts are put into batches; stages: what a study does."""

from __future__ import annotations

import random
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine import study as studies
from engine.backends.base import Shape
from engine.run import plan
from engine.run.stages import stages
from tests.engine.studies import write_study

UNITS = st.lists(st.integers(0, 10_000), unique=True, max_size=80)


@st.composite
def work(draw: st.DrawFn) -> tuple[list[int], list[int], Shape]:
    units = draw(UNITS)
    sizes = draw(st.lists(st.integers(0, 500), min_size=len(units), max_size=len(units)))
    return units, sizes, Shape(draw(st.integers(1, 9)), draw(st.integers(1, 900)))


@given(work())
def test_every_unit_is_in_exactly_one_batch(case: tuple) -> None:  # type: ignore[type-arg]
    units, sizes, shape = case
    batches = plan.compose(units, sizes, shape)
    assert sorted(unit for batch in batches for unit in batch) == sorted(units)
    assert all(batches), "no empty batch"


@given(work())
def test_no_batch_is_over_budget_unless_one_text_alone_is(case: tuple) -> None:  # type: ignore[type-arg]
    units, sizes, shape = case
    size = dict(zip(units, sizes, strict=True))
    for batch in plan.compose(units, sizes, shape):
        assert len(batch) <= shape.rows
        padded = len(batch) * max(size[unit] for unit in batch)
        assert padded <= shape.characters or len(batch) == 1


@given(work(), st.integers())
def test_the_batches_do_not_depend_on_the_order_of_the_units(case: tuple, seed: int) -> None:  # type: ignore[type-arg]
    units, sizes, shape = case
    order = list(range(len(units)))
    random.Random(seed).shuffle(order)
    shuffled = plan.compose([units[i] for i in order], [sizes[i] for i in order], shape)
    assert shuffled == plan.compose(units, sizes, shape)


@given(work())
def test_the_largest_texts_come_first(case: tuple) -> None:  # type: ignore[type-arg]
    units, sizes, shape = case
    size = dict(zip(units, sizes, strict=True))
    flat = [size[unit] for batch in plan.compose(units, sizes, shape) for unit in batch]
    assert flat == sorted(flat, reverse=True)


def test_a_study_names_its_stages_in_the_order_of_the_run(tmp_path: Path) -> None:
    study = studies.load(write_study(tmp_path, rewriter_url="http://127.0.0.1:1/v1"))
    assert [stage.name for stage in stages(study)] == [
        "ingest",
        "label:main",
        "label:gold",
        "score:pre",
        "noise:pre",
        "train:post",
        "score:post",
        "noise:post",
        "rewrite:neutral",
        "rewrite:placebo",
        "relabel:main",
        "rescore:pre",
        "rescore:post",
        "embed",
        "measure",
    ]


def test_a_study_without_rewrites_has_no_stage_for_them(tmp_path: Path) -> None:
    names = [stage.name for stage in stages(studies.load(write_study(tmp_path)))]
    assert not [name for name in names if name.startswith(("re", "embed"))]
    assert names[-1] == "measure"
