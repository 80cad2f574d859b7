"""Taxonomy files."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import taxonomy
from engine.errors import BadInput

GOOD = '[[feature]]\nname = "kind"\nquestion = "Is it kind?"\nkind = "bool"\nclass = "target"\n'


def refusal(folder: Path, text: str) -> str:
    path = folder / "features.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(BadInput) as caught:
        taxonomy.load(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("not valid TOML", "[[feature]\n"),
        ("feature", ""),
        ("defines no [[feature]]", "feature = []\n"),
        ("question", '[[feature]]\nname = "a"\nkind = "bool"\n'),
        ("colour", GOOD + 'colour = "red"\n'),
        ("feature[0].kind", GOOD.replace('"bool"', '"number"')),
        ("feature[0].class", GOOD.replace('"target"', '"goal"')),
        ("feature[1]", GOOD + '[[feature]]\nname = 3\nquestion = "?"\nkind = "bool"\n'),
        ("plain identifier", GOOD.replace('"kind"', '"a-b"', 1)),
        ("2 times", GOOD + GOOD),
    ],
)
def test_an_invalid_taxonomy_names_the_key(words: str, text: str, tmp_path: Path) -> None:
    assert words in refusal(tmp_path, text)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.toml", tmp_path):
        with pytest.raises(BadInput, match=str(path)):
            taxonomy.load(path)


def test_class_and_regression_have_defaults(tmp_path: Path) -> None:
    path = tmp_path / "features.toml"
    path.write_text('[[feature]]\nname = "a"\nquestion = "?"\nkind = "sentiment"\n')
    (feature,) = taxonomy.load(path)
    assert (feature.role, feature.regress) == ("other", True)
    assert feature.values == (-1, 0, 1)
    assert feature.answers == ("negative", "neutral", "positive")


def test_the_default_has_the_targets_and_spoilers_of_the_paper() -> None:
    features = taxonomy.load()
    roles = {f.name: f.role for f in features}
    assert {name for name, role in roles.items() if role == "spoiler"} == {
        "coherent",
        "sentiment",
        "eloquent",
    }
    assert {"helpful", "harmless"} <= {name for name, role in roles.items() if role == "target"}
    assert [f.name for f in features if not f.regress] == [
        "assistant_anthropomorphic",
        "assistant_coherent",
    ]


def test_thousands_of_features_are_refused_in_one_line(tmp_path: Path) -> None:
    row = '[[feature]]\nname = "f{}"\nquestion = "Is it?"\nkind = "bool"\n'
    path = tmp_path / "taxonomy.toml"
    path.write_text("".join(row.format(n) for n in range(2_000)))
    with pytest.raises(BadInput, match="defines 2,000 features; a study has at most 500"):
        taxonomy.load(path)
