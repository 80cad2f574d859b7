"""study.toml: what is refused and in which words, what is filled in, what paths mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine import study as studies
from engine.backends.rewards.torch import ClassifierBackend
from engine.errors import BadInput

BEGIN = '[data]\npath = "pairs.jsonl"\n'


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    (tmp_path / "pairs.jsonl").touch()

    def write_file(text: str) -> Path:
        path = tmp_path / "study.toml"
        path.write_text(text, "utf-8")
        return path

    return write_file


def refusal(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        studies.load(path)
    message = str(caught.value)
    assert message.startswith(str(path)), "the message begins with the file"
    assert "\n" not in message, "one line"
    return message.removeprefix(str(path)).lstrip(": ")


# key path that the message must begin with, words it must hold, the study
REFUSED = {
    "unknown table": ("datas", "unknown key", BEGIN + "[datas]\n"),
    "unknown key of a table": ("data.limits", "unknown key", BEGIN + "limits = 3\n"),
    "unknown key of a labeler": (
        "labelers.main.modle",
        "unknown key",
        BEGIN + '[labelers.main]\nmodle = "m"\n',
    ),
    "unknown reward": ("rewards.later", "unknown key", BEGIN + "[rewards.later]\n"),
    "unknown key of a reward": ("rewards.pre.modle", "unknown", BEGIN + "[rewards.pre]\nmodle=1\n"),
    "unknown key of the taxonomy": ("taxonomy.files", "unknown", BEGIN + '[taxonomy]\nfiles="a"\n'),
    "wrong type": ("data.limit", "a whole number, not text", BEGIN + 'limit = "all"\n'),
    "wrong type in a list": (
        "rewrites.strategies[1]",
        "harsh",
        BEGIN + '[rewrites]\nstrategies = ["neutral", "harsh"]\n',
    ),
    "a table that is none": ("labelers", "table", "labelers = 3\n" + BEGIN),
    "a labeler that is none": (
        "labelers.main",
        "a table, not a whole number",
        BEGIN + "[labelers]\nmain = 3\n",
    ),
    "a reward that is none": ("rewards.pre", "a table", BEGIN + "[rewards]\npre = 3\n"),
    "a name that is none": ("name", "text, not a list", "name = [1]\n" + BEGIN),
    "a taxonomy file that is none": ("taxonomy.file", "text", BEGIN + "[taxonomy]\nfile = 3\n"),
    "unknown back end": (
        "labelers.main.backend",
        "magic",
        BEGIN + '[labelers.main]\nbackend = "magic"\n',
    ),
    "unknown preset": ("measures.preset", "ols", BEGIN + '[measures]\npreset = "ols"\n'),
    "unknown tie policy": ("measures.tie_policy", "x", BEGIN + '[measures]\ntie_policy = "x"\n'),
    "unknown opinion": ("measures.opinion", "x", BEGIN + '[measures]\nopinion = "x"\n'),
    "unknown scope": ("rewrites.scope", "all", BEGIN + '[rewrites]\nscope = "all"\n'),
    "unknown executor": ("executor.kind", "cloud", BEGIN + '[executor]\nkind = "cloud"\n'),
    "no data": ("data", "path =", 'name = "x"\n'),
    "two sources of data": ("data", "not both", BEGIN + 'dataset = "a/b"\n'),
    "data that is not there": ("data.path", "does not exist", '[data]\npath = "gone.jsonl"\n'),
    "a path with a null": ("data.path", "a null character", '[data]\npath = "a\\u0000b"\n'),
    "a home of nobody": ("data.path", "does not exist", '[data]\npath = "~nobody-here/x"\n'),
    "a taxonomy path with a null": (
        "taxonomy.file",
        "a null character",
        BEGIN + '[taxonomy]\nfile = "a\\u0000b"\n',
    ),
    "labels that are not there": (
        "labelers.gold.path",
        "does not exist",
        BEGIN
        + '[labelers.main]\nmodel = "m"\n[labelers.gold]\nbackend = "recorded"\npath = "gone"\n',
    ),
    "no main labeler": (
        "labelers.main",
        "missing",
        BEGIN + '[labelers.other]\nmodel = "m"\n',
    ),
    "a labeler with a hostile name": (
        "labelers.a b",
        "identifier",
        BEGIN + '[labelers.main]\nmodel = "m"\n[labelers."a b"]\nmodel = "m"\n',
    ),
    "a language model that is not named": (
        "labelers.main.model",
        "torch",
        BEGIN + '[labelers.main]\nbackend = "torch"\n',
    ),
    "a key of another back end": (
        "labelers.main.base_url",
        "unknown key of backend 'heads'; it is a key of 'endpoint'",
        BEGIN + '[labelers.main]\nbase_url = "http://h/v1"\n',
    ),
    "a strategy twice": (
        "rewrites.strategies[1]",
        "twice",
        BEGIN + '[rewrites]\nstrategies = ["placebo", "placebo"]\n',
    ),
    "a model that cannot be trained": (
        "rewards.post.continue_from",
        "cannot be trained further",
        BEGIN + '[rewards.pre]\npath = "pairs.jsonl"\n[rewards.post]\ncontinue_from = "pre"\n',
    ),
    "an unknown back end of rewards": (
        "rewards.post.backend",
        "use one of continued, recorded, torch",
        BEGIN + '[rewards.post]\nbackend = "magic"\nmodel = "m"\n',
    ),
    "an endpoint without an address": (
        "labelers.main.base_url",
        "endpoint",
        BEGIN + '[labelers.main]\nbackend = "endpoint"\nmodel = "m"\n',
    ),
    "recorded labels without a file": (
        "labelers.main.path",
        "recorded",
        BEGIN + '[labelers.main]\nbackend = "recorded"\n',
    ),
    "recorded main labels with rewrites": (
        "labelers.main",
        "rewrites.sample = 0",
        BEGIN + '[labelers.main]\nbackend = "recorded"\npath = "pairs.jsonl"\n',
    ),
    "a pickle that is trusted without a name": (
        "rewards.pre.allow_pickle",
        'write allow_pickle = "a/m@v1"',
        BEGIN + '[rewards.pre]\nmodel = "a/m"\nrevision = "v1"\nallow_pickle = true\n',
    ),
    "a pickle of any revision": (
        "rewards.pre.allow_pickle",
        "rewards.pre.revision",
        BEGIN + '[rewards.pre]\nmodel = "a/m"\nallow_pickle = "a/m"\n',
    ),
    "trust in another revision": (
        "rewards.post.trust_remote_code",
        'write trust_remote_code = "a/m@v2"',
        BEGIN + '[rewards.post]\nmodel = "a/m"\nrevision = "v2"\ntrust_remote_code = "a/m@v1"\n',
    ),
    "trust in no model": (
        "rewards.post.allow_pickle",
        "unknown key of backend 'continued'; it is a key of 'torch'",
        BEGIN + '[rewards.post]\ncontinue_from = "pre"\nallow_pickle = "a/m@v1"\n',
    ),
    "a batch that may not take any time": (
        "executor.batch_limit_s",
        "between 1 and 604800",
        BEGIN + "[executor]\nbatch_limit_s = 0\n",
    ),
    "a batch that may take for ever": (
        "executor.batch_limit_s",
        "between 1 and 604800",
        BEGIN + "[executor]\nbatch_limit_s = 1e12\n",
    ),
    "a load that may not take any time": (
        "executor.load_limit_s",
        "between 1 and 604800",
        BEGIN + "[executor]\nload_limit_s = 0.5\n",
    ),
    "a device that is none": (
        'executor.devices = "gpu0"',
        "such as",
        BEGIN + '[executor]\ndevices = "gpu0"\n',
    ),
    "a device without a name": (
        'executor.devices = "cuda:0,"',
        '"" is no device',
        BEGIN + '[executor]\ndevices = "cuda:0,"\n',
    ),
    "a choice of devices beside one": (
        'executor.devices = "auto, cpu"',
        '"auto" alone',
        BEGIN + '[executor]\ndevices = "auto, cpu"\n',
    ),
    "a limit of more digits than anything holds": (
        "data.limit",
        "31 digits",
        f"{BEGIN}limit = {10**30}\n",
    ),
    "a seed of more digits than anything holds": (
        "rewrites.seed",
        "401 digits",
        f"{BEGIN}[rewrites]\nseed = {-(10**400)}\n",
    ),
    "a share of more digits than anything holds": (
        "data.max_reject_share",
        "the number is out of range",
        f"{BEGIN}max_reject_share = {10**400}\n",
    ),
    "noise without end": (
        "rewards.pre.max_noise",
        "at least 0",
        BEGIN + '[rewards.pre]\nmodel = "m"\nmax_noise = 1e400\n',
    ),
    "a length of more digits than anything holds": (
        "rewards.pre.max_tokens",
        "22 digits",
        f'{BEGIN}[rewards.pre]\nmodel = "m"\nmax_tokens = {10**21}\n',
    ),
    "no pre-D model": ("rewards.pre.model", "missing", BEGIN + "[rewards.pre]\n"),
    "a pre-D model that continues": (
        "rewards.pre.continue_from",
        "only rewards.post",
        BEGIN + '[rewards.pre]\nmodel = "m"\ncontinue_from = "pre"\n',
    ),
    "a post-D model from nowhere": (
        "rewards.post",
        "exactly one of model, path and continue_from",
        BEGIN + '[rewards.post]\nlineage = "?"\n',
    ),
    "a post-D model from two places": (
        "rewards.post",
        "exactly one",
        BEGIN + '[rewards.post]\nmodel = "m"\ncontinue_from = "pre"\n',
    ),
    "a rewriting endpoint without an address": (
        "rewriter.base_url",
        "missing",
        BEGIN + '[rewriter]\nbackend = "endpoint"\n',
    ),
    "rewriting by no strategy": (
        "rewrites.strategies",
        "rewrites.sample = 0",
        BEGIN + "[rewrites]\nstrategies = []\n",
    ),
    "a negative limit": ("data.limit", "at least 0", BEGIN + "limit = -1\n"),
    "a share above one": ("data.max_reject_share", "between", BEGIN + "max_reject_share = 1.5\n"),
    "a share that is no number": (
        "data.max_reject_share",
        "between",
        BEGIN + "max_reject_share = nan\n",
    ),
    "a negative sample": ("rewrites.sample", "at least 0", BEGIN + "[rewrites]\nsample = -1\n"),
    "a cosine above one": (
        "rewrites.min_cosine",
        "between",
        f"{BEGIN}[rewrites]\nmin_cosine = 2\n",
    ),
    "a cosine that is no number": (
        "rewrites.min_cosine",
        "between",
        BEGIN + "[rewrites]\nmin_cosine = nan\n",
    ),
    "a negative penalty": (
        "rewards.post.penalty",
        "at least 0",
        BEGIN + '[rewards.post]\ncontinue_from = "pre"\npenalty = -1\n',
    ),
    "a penalty without end": (
        "rewards.post.penalty",
        "at least 0",
        BEGIN + '[rewards.post]\ncontinue_from = "pre"\npenalty = inf\n',
    ),
}


SERVER = 'backend = "endpoint"\nmodel = "m"\nbase_url = "http://h/v1"\n'
EMPTY = {
    "name": f'name = ""\n{BEGIN}',
    "data.path": '[data]\npath = ""\n',
    "data.dataset": '[data]\ndataset = " "\n',
    "data.revision": '[data]\ndataset = "a/b"\nrevision = ""\n',
    "taxonomy.file": f'{BEGIN}[taxonomy]\nfile = ""\n',
    "labelers.main.backend": f'{BEGIN}[labelers.main]\nbackend = ""\n',
    "labelers.main.model": f'{BEGIN}[labelers.main]\nmodel = ""\n',
    "labelers.main.adapter": f'{BEGIN}[labelers.main]\nbackend = "torch"\nadapter = ""\n',
    "labelers.main.base_url": f"{BEGIN}[labelers.main]\n{SERVER}".replace("http://h/v1", ""),
    "labelers.main.api_key_env": f'{BEGIN}[labelers.main]\n{SERVER}api_key_env = ""\n',
    "labelers.main.path": f'{BEGIN}[labelers.main]\nbackend = "recorded"\npath = ""\n',
    "rewards.pre.model": f'{BEGIN}[rewards.pre]\nmodel = ""\n',
    "rewards.pre.path": f'{BEGIN}[rewards.pre]\npath = "\\t"\n',
    "rewards.pre.revision": f'{BEGIN}[rewards.pre]\nmodel = "m"\nrevision = ""\n',
    "rewards.post.model": f'{BEGIN}[rewards.post]\nmodel = ""\n',
    "rewriter.model": f'{BEGIN}[rewriter]\nmodel = ""\n',
    "rewriter.adapter": f'{BEGIN}[rewriter]\nadapter = ""\n',
    "rewrites.path": f'{BEGIN}[rewrites]\npath = ""\n',
    "rewrites.strategies[1]": f'{BEGIN}[rewrites]\nstrategies = ["neutral", ""]\n',
    "embedder.model": f'{BEGIN}[embedder]\nmodel = ""\n',
    "executor.devices": f'{BEGIN}[executor]\ndevices = ""\n',
    "executor.kind": f'{BEGIN}[executor]\nkind = ""\n',
}


@pytest.mark.parametrize("key", EMPTY)
def test_an_empty_value_is_an_error_that_names_its_key(key: str, write) -> None:  # type: ignore[no-untyped-def]
    assert refusal(write(EMPTY[key])).startswith(f"{key} is empty")


def test_a_lineage_may_be_empty(write) -> None:  # type: ignore[no-untyped-def]
    study = studies.load(write(f'{BEGIN}[rewards.post]\nmodel = "m"\nlineage = ""\n'))
    assert study.post.origin == ""


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_study_is_refused_with_file_and_key_path(case: str, write) -> None:  # type: ignore[no-untyped-def]
    where, words, text = REFUSED[case]
    message = refusal(write(text))
    assert message.startswith(where)
    assert words in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[data\n", "not valid TOML"),
        (b"\xff\xfe[data]", "not valid TOML"),
        (b"a = " + b"[" * 10_000, "not valid TOML"),
        (b"a = " + b"9" * 5_000, "a number or a date is out of range"),
        (b"#" * (5 << 20), "larger than 4 MiB"),
    ],
    ids=["broken", "not UTF-8", "nested too deeply", "digits without end", "huge"],
)
def test_a_file_that_is_no_toml_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(content)
    assert words in refusal(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "study file not found" in refusal(tmp_path / "gone.toml")


def test_a_path_through_a_file_is_no_study(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "study file not found" in refusal(tmp_path / "file" / "study.toml")


def test_a_folder_is_no_study(tmp_path: Path) -> None:
    assert "folder" in refusal(tmp_path)


@pytest.mark.parametrize("file", ["gone.toml", ".", "pairs.jsonl"])
def test_a_wrong_taxonomy_is_named_behind_the_study(file: str, write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    message = refusal(write(f'{BEGIN}[taxonomy]\nfile = "{file}"\n'))
    assert str(tmp_path / file) in message or str(tmp_path) in message


def test_only_data_is_needed(write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    study = studies.load(write(BEGIN))
    assert study.name == "study", "the file's name"
    assert study.data.path == str(tmp_path / "pairs.jsonl")
    assert (study.data.limit, study.data.seed, study.data.split) == (0, 7, "train")
    assert len(study.features) == 17, "the paper's features"
    assert set(study.labelers) == {"main"}
    assert study.labelers["main"].backend == "heads"
    assert study.pre.model == "embedded:reward-pre"
    assert study.post.continue_from == "pre"
    assert study.rewrites.strategies == ("neutral", "more-positive", "placebo")
    assert (study.rewrites.sample, study.rewrites.min_cosine) == (1608, 0.9)
    assert study.rewrites.scope == "response"
    assert study.measures.preset == "pair-fe"
    assert study.measures.tie_policy == "misaligned"
    assert study.measures.opinion == "lexicographic"
    assert (study.executor.kind, study.executor.devices) == ("local", "auto")


def test_paths_are_relative_to_the_study_file_not_to_where_one_stands(
    write,  # type: ignore[no-untyped-def]
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = write(BEGIN)
    monkeypatch.chdir(elsewhere)
    assert studies.load(path).data.path == str(tmp_path / "pairs.jsonl")
    monkeypatch.chdir(tmp_path)
    assert studies.load(Path("study.toml")).data.path == str(tmp_path / "pairs.jsonl")


def test_embedded_labelers_bring_their_heads_and_their_adapter(write) -> None:  # type: ignore[no-untyped-def]
    study = studies.load(
        write(
            BEGIN + '[labelers.main]\nbackend = "heads"\n'
            '[labelers.lm]\nbackend = "torch"\nmodel = "embedded:smollm2"\n'
        )
    )
    assert study.labelers["main"].model == "embedded:label-heads"
    assert study.labelers["lm"].adapter == "embedded:labeler-adapter"


def test_models_beside_the_study_file_are_found_from_anywhere(write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "my-reward").mkdir()
    text = f'{BEGIN}[rewards.pre]\nmodel = "my-reward"\n[rewards.post]\nmodel = "owner/name"\n'
    study = studies.load(write(text))
    assert study.pre.model == str(tmp_path / "my-reward")
    assert study.post.model == "owner/name"


def test_the_resolved_study_comes_back_as_it_was(write) -> None:  # type: ignore[no-untyped-def]
    study = studies.load(
        write(
            BEGIN
            + '[labelers.main]\nmodel = "m"\n'
            + '[labelers.other]\nbackend = "endpoint"\nmodel = "x"\nbase_url = "http://h/v1"\n'
            + 'api_key_env = "KEY"\n[rewards.post]\nmodel = "p"\nrevision = "r"\n'
            + "[rewrites]\nsample = 3\nmin_cosine = 0.25\n[measures]\npreset = 'released-code'\n"
        )
    )
    dumped = studies.dump_resolved(study)
    assert studies.loads_resolved(dumped) == study
    assert studies.dump_resolved(studies.loads_resolved(dumped)) == dumped


def test_a_resolved_study_of_version_0_1_0_is_read_as_the_same_study(write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """It wrote the keys of all back ends, null where they did not apply, and no format."""
    text = (
        f'{BEGIN}[labelers.main]\n{SERVER}[labelers.gold]\nbackend = "recorded"\n'
        'path = "pairs.jsonl"\n[labelers.none]\nbackend = "none"\n'
        '[rewards.pre]\nmodel = "a/m"\nrevision = "v1"\nallow_pickle = "a/m@v1"\n'
    )
    study = studies.load(write(text))
    keys = ("model", "adapter", "base_url", "api_key_env", "path")
    nothing = dict.fromkeys(keys)
    reward = {
        "model": None,
        "path": None,
        "allow_squashed": False,
        "revision": None,
        "allow_pickle": False,
        "trust_remote_code": False,
        "lineage": "",
        "continue_from": None,
        "penalty": 0.0003,
    }
    old = json.loads(studies.dump_resolved(study))
    del old["format"]
    old |= {
        "labelers": {
            "main": {**nothing, "backend": "endpoint", "model": "m", "base_url": "http://h/v1"},
            "gold": {**nothing, "backend": "recorded", "path": str(tmp_path / "pairs.jsonl")},
            "none": {**nothing, "backend": "none"},
        },
        "pre": {**reward, "model": "a/m", "revision": "v1", "allow_pickle": "a/m@v1"},
        "post": {**reward, "continue_from": "pre"},
        "rewriter": {
            "backend": "torch",
            "model": "embedded:smollm2",
            "adapter": "embedded:rewriter-adapter",
            "base_url": None,
            "api_key_env": None,
        },
        "embedder": {"model": "embedded:minilm"},
    }
    assert studies.loads_resolved(json.dumps(old).encode()) == study


@pytest.mark.parametrize("content", [b"", b"{", b'{"name": 3}', b"[]"])
def test_a_damaged_resolved_study_says_how_to_mend_it(content: bytes) -> None:
    with pytest.raises(BadInput, match="seal-tui run"):
        studies.loads_resolved(content)


def test_trust_names_a_model_with_its_revision_or_a_folder(tmp_path: Path, write) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "reward").mkdir()
    study = studies.load(
        write(
            BEGIN
            + '[rewards.pre]\nmodel = "a/m"\nrevision = "v1"\nallow_pickle = "a/m@v1"\n'
            + '[rewards.post]\nmodel = "reward"\ntrust_remote_code = "reward"\n'
        )
    )
    pre, post = study.pre, study.post
    assert isinstance(pre, ClassifierBackend) and isinstance(post, ClassifierBackend)
    assert (bool(pre.allow_pickle), bool(pre.trust_remote_code)) == (True, False)
    assert (bool(post.allow_pickle), bool(post.trust_remote_code)) == (False, True)
    assert studies.loads_resolved(studies.dump_resolved(study)) == study
