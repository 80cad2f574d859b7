"""The small labeler: heads on frozen embeddings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine import taxonomy
from engine.errors import SealError
from engine.models.head_labeler import HeadLabeler
from engine.taxonomy import Feature
from tests.engine.test_reward_scoring import texts

HEADS = "embedded:label-heads"


@pytest.fixture(scope="module")
def labeler() -> HeadLabeler:
    return HeadLabeler(HEADS, taxonomy.load(), "cpu")


def test_every_feature_gets_a_value_of_its_kind(labeler: HeadLabeler) -> None:
    labels = labeler.label(texts())
    assert labels.values.shape == labels.scores.shape == (8, 17)
    assert labels.problems == (None,) * 8
    assert np.isfinite(labels.scores).all()
    for column, feature in enumerate(labeler.features):
        assert set(labels.values[:, column]) <= set(feature.values)
        if feature.kind == "bool":
            assert ((labels.scores[:, column] > 0) == (labels.values[:, column] == 1)).all()


def test_a_label_depends_neither_on_the_batch_nor_on_the_other_features(
    labeler: HeadLabeler,
) -> None:
    whole = labeler.label(texts())
    for i, text in enumerate(texts()[:3]):
        one = labeler.label([text])
        assert (one.values[0] == whole.values[i]).all()
        np.testing.assert_allclose(one.scores[0], whole.scores[i], atol=1e-4)
    few = HeadLabeler(HEADS, [labeler.features[6]], "cpu").label(texts())
    assert (few.values[:, 0] == whole.values[:, 6]).all()


def test_a_feature_it_was_not_trained_on_is_refused_by_name() -> None:
    features = [*taxonomy.load(), Feature("rhymes", "Does it rhyme?", "bool", "other")]
    with pytest.raises(SealError, match="not trained for rhymes"):
        HeadLabeler(HEADS, features, "cpu")


@pytest.mark.parametrize(("name", "kind"), [("helpful", "sentiment"), ("sentiment", "bool")])
def test_a_feature_of_another_kind_than_it_was_trained_on_is_refused(name: str, kind) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SealError, match=name):
        HeadLabeler(HEADS, [Feature(name, "?", kind, "other")], "cpu")


def test_a_folder_without_heads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SealError, match=r"heads\.safetensors is missing"):
        HeadLabeler(str(tmp_path), taxonomy.load(), "cpu")


def test_damaged_heads_are_refused(tmp_path: Path) -> None:
    (tmp_path / "heads.safetensors").write_bytes(b"not tensors at all")
    with pytest.raises(SealError, match=str(tmp_path)):
        HeadLabeler(str(tmp_path), taxonomy.load(), "cpu")
