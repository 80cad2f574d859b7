"""Files, folders and hub datasets: what is read, what is refused, and with which message."""

import gzip
import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.data import Pair, Reject, Source, read_pairs
from engine.errors import BadInput

# Neither library has type hints.
datasets: Any = importlib.import_module("datasets")
pa: Any = importlib.import_module("pyarrow")
pq: Any = importlib.import_module("pyarrow.parquet")
DatasetNotFoundError: Any = datasets.exceptions.DatasetNotFoundError

Lines = Callable[[int], list[bytes]]
Read = Callable[..., tuple[list[Pair], list[Reject]]]


def test_shards_are_read_in_name_order_with_one_numbering(
    lines: Lines, read: Read, tmp_path: Path
) -> None:
    one, two, three, four = lines(4)
    (tmp_path / "b.jsonl").write_bytes(three)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(one + b"bad\n" + two))
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "d.json").write_bytes(b"[" + four + b"]")
    (tmp_path / "README.md").write_text("about")
    (tmp_path / "state.json").write_text("{}")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "old.jsonl").write_bytes(one)
    pairs, rejects = read(tmp_path)
    assert [pair.source_id for pair in pairs] == ["0", "2", "3", "4"]
    assert [pair.line for pair in pairs] == [1, 3, 1, 1]
    assert [pair.chosen.encoded[-2] for pair in pairs] == ["0", "1", "2", "3"]
    assert [reject.source for reject in rejects] == [str(tmp_path / "a.jsonl.gz")]


def test_file_and_folder_names_distinguish_splits(lines: Lines, read: Read, tmp_path: Path) -> None:
    for name in ("online/train.jsonl", "base/train.jsonl", "base/test.jsonl", "extra.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(lines(2)[name.startswith("base")])
    pairs, _ = read(tmp_path)
    assert [pair.chosen.encoded[-2] for pair in pairs] == ["1", "0"]
    assert len(read(tmp_path, "test")[0]) == 1
    with pytest.raises(BadInput, match='no split "validation", only test, train'):
        read(tmp_path, "validation")


def test_hub_style_shard_names_distinguish_splits(lines: Lines, read: Read, tmp_path: Path) -> None:
    (tmp_path / "train_prefs-00000-of-00002.jsonl").write_bytes(lines(1)[0])
    (tmp_path / "train_prefs-00001-of-00002.jsonl").write_bytes(lines(1)[0])
    (tmp_path / "test_prefs-00000-of-00001.jsonl").write_bytes(lines(1)[0])
    assert len(read(tmp_path, "train_prefs")[0]) == 2
    with pytest.raises(BadInput, match="test_prefs, train_prefs"):
        read(tmp_path)


def test_an_empty_shard_is_accepted_but_a_source_without_rows_is_not(
    lines: Lines, read: Read, tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"")
    with pytest.raises(BadInput, match="is empty"):
        read(tmp_path)
    (tmp_path / "b.jsonl").write_bytes(lines(1)[0])
    assert len(read(tmp_path)[0]) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \r\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x01", "not in a supported format"),
        (b"Just some prose.\nAnd more of it.\n", "not in a supported format"),
        (b'{\n  "rows": [\n  ]\n}\n', "not in a supported format"),
        ("\ufeff{}".encode("utf-16-le"), "UTF-16"),
        (b'{"prompt": "a", "completion": "b"}\n', "found columns prompt, completion; expected"),
        (b'{"prompt": "a"}\n' * 2000, "line 1: found columns prompt; expected"),
        (b'["a"]\n', "not in a supported format"),
    ],
)
@pytest.mark.parametrize("name", ["pairs.jsonl", "pairs.json", "pairs"])
def test_a_file_without_pairs_is_refused_in_one_line(
    read_bytes: Read, content: bytes, message: str, name: str
) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        read_bytes(content, name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_a_folder_without_data_and_a_pipe_are_refused(
    read: Read, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="no such file or folder"):
        read(tmp_path / "nothing.jsonl")
    with pytest.raises(BadInput, match="without data files"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput, match="neither a file nor a folder"):
        read(tmp_path / "pipe")


def test_a_file_without_read_permission_is_refused(
    lines: Lines, read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(lines(1)[0])

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    # chmod does not stop root from reading.
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadInput, match="cannot be read: Permission denied"):
        read(path)
    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(BadInput, match="cannot be read: Permission denied"):
        read(path)


def test_a_source_is_either_a_path_or_a_dataset() -> None:
    for source in (Source(), Source(path=Path("a"), dataset="b")):
        with pytest.raises(BadInput, match="either dataset or path"):
            list(read_pairs(source))


def test_reading_a_file_loads_no_heavy_library(lines: Lines, tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_bytes(lines(1)[0])
    code = (
        "import sys; from pathlib import Path; from engine.data import Source, read_pairs;"
        "list(read_pairs(Source(path=Path(sys.argv[1]))));"
        "print([m for m in ('pyarrow', 'datasets', 'torch', 'duckdb') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# --- the hub; `datasets` loads a local folder in the hub's layout in the same way


@pytest.fixture
def hub_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "set"
    folder.mkdir()
    rows = [
        {
            "prompt": "A wader?",
            "chosen": [{"role": "assistant", "content": f"Heron {number}."}],
            "rejected": [{"role": "assistant", "content": "Shark."}],
            "other": number,
        }
        for number in range(1500)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "train-00000-of-00001.parquet")
    return str(folder)


def test_a_dataset_is_read_through_the_datasets_library(hub_folder: str) -> None:
    items = list(read_pairs(Source(dataset=hub_folder)))
    assert len(items) == 1500
    last = items[-1]
    assert isinstance(last, Pair)
    assert (last.source_id, last.line) == ("1499", 1500)
    assert last.chosen.encoded == "\n\nHuman: A wader?\n\nAssistant: Heron 1499."


def test_the_error_for_an_unknown_split_lists_the_splits(hub_folder: str) -> None:
    with pytest.raises(BadInput, match=r'no split "dev" .*train.*set split under') as caught:
        list(read_pairs(Source(dataset=hub_folder, split="dev")))
    assert "\n" not in str(caught.value)


def test_an_unknown_config_is_refused(hub_folder: str) -> None:
    with pytest.raises(BadInput, match='no config "big"'):
        list(read_pairs(Source(dataset=hub_folder, config="big")))


def test_the_error_for_a_dataset_without_pairs_lists_its_columns(hub_folder: str) -> None:
    path = Path(hub_folder) / "train-00000-of-00001.parquet"
    pq.write_table(pa.table({"text": ["a"], "label": [1]}), path)
    with pytest.raises(BadInput, match="found columns text, label; expected"):
        list(read_pairs(Source(dataset=hub_folder)))


def test_the_error_for_a_file_given_as_dataset_suggests_path(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("{}")
    with pytest.raises(BadInput, match="is a file: set path ="):
        list(read_pairs(Source(dataset=str(path))))


def test_offline_and_not_cached_is_one_line_with_the_fix(tmp_path: Path) -> None:
    code = (
        "from engine.data import *\nfrom engine.errors import BadInput\n"
        "try: list(read_pairs(Source(dataset='Anthropic/hh-rlhf')))\n"
        "except BadInput as error: print(error)\n"
    )
    settings = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | settings,
    )
    (message,) = done.stdout.splitlines()
    assert "Anthropic/hh-rlhf is not in the local cache" in message
    assert "HF_HUB_OFFLINE" in message
    assert "path = " in message


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DatasetNotFoundError("Dataset 'o/n' is a gated dataset on the Hub."), "is gated"),
        (
            DatasetNotFoundError("Dataset 'o/gated-n' doesn't exist on the Hub or cannot be"),
            "not on the hub, or is private",
        ),
        (
            DatasetNotFoundError("Revision 'v9' doesn't exist for dataset 'o/n' on the Hub."),
            'no revision "v9"',
        ),
        (
            ConnectionError("Couldn't reach 'o/n' on the Hub (LocalEntryNotFoundError)"),
            "cannot reach the Hugging Face hub",
        ),
        (RuntimeError("Dataset scripts are no longer\nsupported"), "could not be loaded"),
    ],
)
def test_an_error_of_the_hub_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(BadInput, match=message) as caught:
        list(read_pairs(Source(dataset="o/n", revision="v9")))
    assert "\n" not in str(caught.value)
