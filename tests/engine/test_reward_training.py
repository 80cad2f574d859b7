"""Training a reward model's last layer on pairs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad

from engine.data.conversation import Conversation, Message
from engine.errors import BadInput
from engine.models.classifier import Source
from engine.models.protocols import Text
from engine.models.reward import SequenceClassifierReward
from engine.models.reward_config import Reading
from engine.models.reward_training import bradley_terry, continue_training, fit_head
from tests.engine.test_reward_scoring import texts
from tests.models.reward_models import STRICT, Shape

ANSWERED = (Message("user", "why is the sky blue"), Message("assistant", "light and water"))

RNG = np.random.default_rng(3)
WIDTH = 5
TRUTH = np.array([2.0, -1.0, 0.5, 0.0, 0.0])


def differences(count: int = 400) -> np.ndarray:  # type: ignore[type-arg]
    rng = np.random.default_rng(5)
    d = rng.normal(size=(count, WIDTH))
    prefers = rng.random(count) < 1 / (1 + np.exp(-(d @ TRUTH)))
    return np.where(prefers[:, None], d, -d)


def loss(w: np.ndarray, d: np.ndarray, start: np.ndarray, penalty: float) -> float:  # type: ignore[type-arg]
    """The objective, written down a second time."""
    return float(np.log1p(np.exp(-(d @ w))).mean() + penalty / 2 * np.sum((w - start) ** 2))


def slope(w: np.ndarray, d: np.ndarray, start: np.ndarray, penalty: float) -> np.ndarray:  # type: ignore[type-arg]
    shares = 1 / (1 + np.exp(d @ w))
    return -(d * shares[:, None]).mean(axis=0) + penalty * (w - start)


@pytest.mark.parametrize("penalty", [0.0, 1e-3, 0.5])
def test_the_fit_is_where_the_gradient_vanishes(penalty: float) -> None:
    d, start = differences(), RNG.normal(size=WIDTH)
    w = bradley_terry(d, start, penalty)
    assert check_grad(loss, slope, w + 0.3, d, start, penalty) < 1e-5, "the gradient is right"
    assert np.abs(slope(w, d, start, penalty)).max() < 1e-4
    for _ in range(20):
        assert loss(w, d, start, penalty) <= loss(
            w + RNG.normal(scale=0.05, size=WIDTH), d, start, penalty
        )


def test_enough_pairs_recover_what_made_the_preferences() -> None:
    w = bradley_terry(differences(20_000), np.zeros(WIDTH), 0.0)
    np.testing.assert_allclose(w, TRUTH, atol=0.12)


def test_a_huge_penalty_keeps_the_start() -> None:
    start = RNG.normal(size=WIDTH)
    np.testing.assert_allclose(bradley_terry(differences(), start, 1e9), start, atol=1e-6)


def test_a_larger_penalty_stays_nearer_to_the_start() -> None:
    start = RNG.normal(size=WIDTH)
    far = [
        np.linalg.norm(bradley_terry(differences(), start, penalty) - start)
        for penalty in (0.0, 0.01, 0.1, 1.0, 10.0)
    ]
    assert far == sorted(far, reverse=True)


def test_without_a_penalty_separable_pairs_are_all_got_right() -> None:
    d = np.abs(RNG.normal(size=(60, WIDTH))) * np.sign(TRUTH + 1e-9)
    w = bradley_terry(d, np.zeros(WIDTH), 0.0)
    assert np.isfinite(w).all()
    assert (d @ w > 0).all()


def test_held_out_agreement_never_trains_on_an_opening_it_is_measured_on() -> None:
    """Every opening has a column of its own, so nothing carries over from one to another."""
    groups = [f"opening {i // 4}" for i in range(40)]
    d = np.zeros((40, 10))
    d[np.arange(40), np.arange(40) // 4] = 1.0
    head = fit_head(d, np.zeros_like(d), np.zeros(10), 1e-3, groups)
    assert head.agreement == 1.0
    assert head.held_out_agreement == 0.0


def test_pairs_that_all_open_alike_cannot_be_held_out() -> None:
    d = np.ones((4, 1))
    assert fit_head(d, 0 * d, np.zeros(1), 1.0, ["the same"] * 4).held_out_agreement is None


def test_many_openings_are_no_matter() -> None:
    """The full dataset has a hundred thousand of them."""
    count = 60_000
    d = np.ones((count, 1))
    head = fit_head(d, 0 * d, np.zeros(1), 1.0, [f"opening {i}" for i in range(count)])
    assert head.held_out_agreement == 1.0


def test_the_trained_model_is_a_stock_classifier_that_prefers_the_chosen(tmp_path) -> None:  # type: ignore[no-untyped-def]
    entries = texts()
    chosen, rejected = entries[:4], entries[4:]
    groups = [f"opening {i}" for i in range(4)]
    head = continue_training(
        Source("embedded:reward-pre"), chosen, rejected, groups, 0.0, tmp_path, "cpu"
    )
    model = SequenceClassifierReward(str(tmp_path), "cpu", "float32")
    margins = model.score(chosen).rewards - model.score(rejected).rewards
    assert head.agreement == 1.0
    assert (margins > 0).all()


def test_training_twice_gives_the_same_weights(tmp_path) -> None:  # type: ignore[no-untyped-def]
    entries = texts()
    groups = [f"opening {i}" for i in range(4)]
    heads = [
        continue_training(
            Source("embedded:reward-pre"),
            entries[:4],
            entries[4:],
            groups,
            1e-3,
            tmp_path / name,
            "cpu",
        )
        for name in "ab"
    ]
    assert (heads[0].weight == heads[1].weight).all()
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in "ab"]
    assert files[0] == files[1]


def test_pairs_that_the_model_cannot_read_are_left_out(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """An encoder whose template refuses a system message."""
    model = Source(str(Shape("Roberta", {}, {"template": STRICT}).build(tmp_path / "model")))
    refused = Text(99, Conversation.of((Message("system", "be kind"), *ANSWERED)))
    entries = texts()
    groups = [f"opening {i}" for i in range(4)]
    sides = entries[:4], entries[4:]
    expected = continue_training(model, *sides, groups, 1e-3, tmp_path / "a", "cpu")
    found = continue_training(
        model, [*sides[0], refused], [*sides[1], entries[0]], [*groups, "more"], 1e-3,
        tmp_path / "b", "cpu",
    )  # fmt: skip
    assert (found.weight == expected.weight).all()
    with pytest.raises(BadInput, match="cannot be trained on these pairs: the chat template"):
        continue_training(model, [refused], [entries[0]], ["one"], 1e-3, tmp_path / "c", "cpu")
    folded = continue_training(
        model, [refused], [entries[0]], ["one"], 1e-3, tmp_path / "d", "cpu",
        Reading(fold_system=True),
    )  # fmt: skip
    assert folded.agreement == 1.0


def test_only_a_model_with_one_output_is_trained(tmp_path) -> None:  # type: ignore[no-untyped-def]
    model = Source(str(Shape("Roberta", {"num_labels": 2}).build(tmp_path / "model")))
    entries = texts()
    with pytest.raises(BadInput, match="one output"):
        continue_training(
            model, entries[:1], entries[1:2], ["one"], 0.0, tmp_path / "x", "cpu", Reading(output=1)
        )
