"""Study files: broken TOML, and every key with values that it cannot have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.fault.bad_inputs.base import Case
from tests.fault.bad_inputs.good import STUDY

MODEL = STUDY.replace('[rewards.pre]\npath = "pre.csv"', '[rewards.pre]\nmodel = "m"').replace(
    '[rewards.post]\npath = "post.csv"', '[rewards.post]\ncontinue_from = "pre"'
)
BROKEN: dict[str, bytes] = {
    "empty": b"",
    "only spaces": b" \n \n",
    "a JSON object": b'{"name": "x"}',
    "YAML": b"name: x\ndata:\n  path: y\n",
    "UTF-16": STUDY.encode("utf-16"),
    "Latin-1": b'name = "caf\xe9"\n' + STUDY.encode(),
    "a NUL": b"\0" + STUDY.encode(),
    "binary": bytes(range(256)) * 20,
    "an open bracket": STUDY.encode() + b"[measures\n",
    "an open string": STUDY.encode() + b'[measures]\npreset = "pair-fe\n',
    "a key twice": STUDY.encode() + b"[executor]\ndevices='cpu'\ndevices='cpu'\n",
    "a table twice": STUDY.encode() + b"[data]\nlimit = 3\n",
    "nested deeply": b"a = " + b"[" * 50_000,
    "tables nested deeply": b"[" + b".".join([b"a"] * 5_000) + b"]\n",
    "a number of 5,000 digits": b"a = " + b"7" * 5_000,
    "a date that is none": b"a = 2024-02-31\n",
    "a time that is none": b"a = 25:61:00\n",
    "an escape that is none": b'a = "\\q"\n',
    "half an escape": b'a = "\\ud800"\n',
    "too large": b"#" * (5 << 20),
    "old line ends": STUDY.replace("\n", "\r").encode(),
}
NUMBERS = ("nan", "inf", "-inf", "1e400", "-1e400", str(10**30), str(-(10**30)), '"7"', "[7]",
           "{a=1}", "true", "2024-01-01")  # fmt: skip
# The table and key of every number, and the study that has it.
NUMBER_KEYS: dict[tuple[str, str], str] = {
    ("data", "limit"): STUDY,
    ("data", "seed"): STUDY,
    ("data", "max_reject_share"): STUDY,
    ("rewrites", "seed"): STUDY,
    ("rewrites", "min_cosine"): STUDY,
    ("rewards.pre", "output"): MODEL,
    ("rewards.pre", "max_tokens"): MODEL,
    ("rewards.pre", "max_noise"): MODEL,
    ("rewards.post", "penalty"): MODEL,
    ("executor", "batch_limit_s"): STUDY + "[executor]\n",
}
TEXTS = ("3", "[]", '""', "{}", '"\\u0000"')
TEXT_KEYS: dict[tuple[str, str], str] = {
    ("data", "split"): STUDY,
    ("data", "groups"): STUDY,
    ("data", "nbest"): STUDY,
    ("measures", "preset"): STUDY + "[measures]\n",
    ("measures", "tie_policy"): STUDY + "[measures]\n",
    ("measures", "opinion"): STUDY + "[measures]\n",
    ("rewrites", "scope"): STUDY,
    ("executor", "dtype"): STUDY + "[executor]\n",
    ("executor", "kind"): STUDY + "[executor]\n",
    ("executor", "devices"): STUDY + "[executor]\n",
    ("embedder", "backend"): STUDY + "[embedder]\n",
    ("rewriter", "backend"): STUDY + "[rewriter]\n",
}
PATHS = ("gone.jsonl", "study.toml/x", "a\\u0000b", "x" * 5_000, "~nobody/x", "loop")
DEVICES = ("gpu", "cuda:", "cuda:-1", "cuda:1.5", "cuda:99999", "CUDA", "cpu,", ",", "cpu cpu",
           "auto,cpu", "cuda:0,auto", "meta", "vulkan", "cpu:x", "cpu;cpu", "0", "cuda:\uff10",
           "../../etc")  # fmt: skip
OTHERS: dict[str, tuple[str, str]] = {
    "an unknown table": ("[rewrite]\nsample = 3\n", "rewrite"),
    "an unknown key": ("[executor]\ndevice = 'cpu'\n", "executor.device"),
    "a table for a list": ("[rewriter]\nmodel = ['a']\n", "rewriter.model"),
    "a labeler with a hyphen": ("[labelers.a-b]\nbackend = 'none'\n", "labelers.a-b"),
    "a labeler that is a number": ("[labelers.2]\nbackend = 'none'\n", "labelers.2"),
    "a labeler without a name": ("[labelers.'']\nbackend = 'none'\n", "labelers."),
    "a server without a model": (
        "[labelers.x]\nbackend = 'endpoint'\nbase_url = 'http://h'\n", "labelers.x.model"
    ),
    "scores of one column": ("[data.columns]\nscores = ['a']\n", "data.columns.scores"),
    "scores of three columns": ("[data.columns]\nscores = ['a','b','c']\n", "data.columns.scores"),
    "an unknown column": ("[data.columns]\nchoosen = 'a'\n", "data.columns.choosen"),
    "an unknown back end": ("[embedder]\nbackend = '../../x'\n", "embedder.backend"),
    "trust in a rewriter": ("[rewriter]\ntrust_remote_code = true\n", "rewriter.trust_remote"),
    "ignore that is no list": ("[data.columns]\nid = []\n", "data.columns.id"),
}  # fmt: skip


def case(name: str, content: str | bytes, *names: str) -> Case:
    def make(folder: Path) -> list[str]:
        raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        (folder / "study.toml").write_bytes(raw)
        if not (folder / "loop").is_symlink():
            (folder / "loop").symlink_to("loop")
        return ["run", str(folder / "study.toml"), "--plan"]

    return Case(f"study: {name}", make, names or ("study.toml",))


def with_key(study: str, table: str, key: str, value: str) -> str:
    return study.replace(f"[{table}]\n", f"[{table}]\n{key} = {value}\n")


def cases() -> Iterator[Case]:
    for name, content in BROKEN.items():
        yield case(name, content, "study.toml")
    for (table, key), study in NUMBER_KEYS.items():
        for value in NUMBERS:
            if value == NUMBERS[5] and key in ("max_noise", "penalty"):
                continue  # which may be as large as anybody likes
            yield case(
                f"{table}.{key} = {value[:12]}",
                with_key(study, table, key, value),
                f"{table}.{key}",
            )
    for (table, key), study in TEXT_KEYS.items():
        for value in TEXTS:
            yield case(
                f"{table}.{key} = {value}", with_key(study, table, key, value), f"{table}.{key}"
            )
    for value in PATHS:
        for table, key, old in (
            ("data", "path", "pairs.jsonl"),
            ("taxonomy", "file", "taxonomy.toml"),
            ("rewards.pre", "path", "pre.csv"),
        ):
            yield case(
                f"{table}.{key} = {value[:12]}",
                STUDY.replace(old, value),
                f"{table}.{key}",
                "work/",
            )
    for value in DEVICES:
        yield case(
            f"devices {value}", f'{STUDY}[executor]\ndevices = "{value}"\n', "executor.devices"
        )
    for name, (more, where) in OTHERS.items():
        yield case(name, STUDY + more, where)
