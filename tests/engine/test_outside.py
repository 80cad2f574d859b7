"""A run folder of somebody else is data: its study reads nothing and calls nobody unseen."""

from __future__ import annotations

import json
import shutil
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from engine import outside
from engine import study as studies
from engine.errors import BadInput, NotReady
from engine.service import Engine
from engine.wire.messages import PlanRequest, StartRequest
from seal_tui.cli import runs
from tests.engine.studies import stand_in_server
from tests.fault.tiny import answer, write_light_study


@pytest.fixture(autouse=True)
def _nothing_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def foreign(tmp_path: Path, url: str, **changes: Any) -> Path:
    """A run folder as somebody else sends it; `changes` to its study.json."""
    source = tmp_path / "theirs"
    key = 'api_key_env = "SOME_KEY"'
    study = studies.load(write_light_study(source, url, labeler=key))
    folder = tmp_path / "received"
    folder.mkdir()
    content = json.loads(studies.dump_resolved(study))
    for table, change in changes.items():
        content[table] = {**content[table], **change}
    (folder / "study.json").write_text(json.dumps(content))
    return folder


def lines(folder: Path) -> tuple[str, ...]:
    study = studies.loads_resolved((folder / "study.json").read_bytes())
    return outside.of(study, folder).lines


def test_no_key_goes_to_a_server_that_the_user_has_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-canary")
    asked: list[str | None] = []

    def hear(body: dict[str, Any], headers: Message) -> str:
        asked.append(headers["authorization"])
        return answer(body)

    with stand_in_server(hear) as url:
        folder = foreign(tmp_path, url)
        engine = Engine(folder)
        try:
            for attempt in (
                lambda: engine.start(StartRequest()),
                lambda: engine.start(StartRequest(seen="0" * 64)),
                lambda: engine.plan(PlanRequest()),
            ):
                with pytest.raises(NotReady) as caught:
                    attempt()
                assert f"calls {url} with the key in SOME_KEY" in str(caught.value)
                assert f"reads {tmp_path / 'theirs' / 'pairs.jsonl'}" in str(caught.value)
                assert "\n" not in str(caught.value)
            assert engine.status().state == "idle"
            assert asked == []
            shown = engine.outside()
            assert not shown.seen
            with pytest.raises(NotReady, match="not written on this machine"):
                engine.plan(PlanRequest(seen="0" * 64))
            assert not engine.outside().seen
            engine.start(StartRequest(seen=shown.digest))
            engine.join()
            assert engine.status().state == "done", engine.status().error
            assert set(asked) == {"Bearer sk-canary"}
            assert engine.outside().seen, "what was confirmed once is not asked again"
            engine.start(StartRequest())
            engine.join()
        finally:
            engine.close()


def test_what_the_user_confirmed_is_confirmed_for_nothing_else(tmp_path: Path) -> None:
    folder = foreign(tmp_path, "http://127.0.0.1:1/v1")
    study = studies.loads_resolved((folder / "study.json").read_bytes())
    outside.remember(outside.of(study, folder))
    outside.require_seen(outside.of(study, folder))
    shutil.rmtree(folder)
    other = foreign(tmp_path, "http://elsewhere/v1")
    changed = studies.loads_resolved((other / "study.json").read_bytes())
    with pytest.raises(NotReady, match="elsewhere"):
        outside.require_seen(outside.of(changed, other))


def test_a_folder_cannot_say_that_it_was_seen(tmp_path: Path) -> None:
    folder = foreign(tmp_path, "http://127.0.0.1:1/v1")
    study = studies.loads_resolved((folder / "study.json").read_bytes())
    (folder / "seen-studies").write_text(outside.of(study, folder).digest)
    assert not outside.was_seen(outside.of(study, folder))


def test_everything_that_leaves_the_folder_is_told(tmp_path: Path) -> None:
    pre = {
        "backend": "torch",
        "model": "owner/model",
        "revision": "v1",
        "trust_remote_code": "owner/model@v1",
        "allow_pickle": "owner/model@v1",
    }
    folder = foreign(tmp_path, "http://h/v1", data={"path": "/etc/passwd"})
    content = json.loads((folder / "study.json").read_text())
    content["pre"] = pre
    content["post"] = {"backend": "torch", "model": "../../up"}
    (folder / "study.json").write_text(json.dumps(content))
    assert lines(folder) == (
        "calls http://h/v1 with the key in SOME_KEY",
        "reads /etc/passwd",
        "runs code of owner/model@v1",
        "takes ../../up from the hub, or from a folder of that name",
        "takes owner/model from the hub, or from a folder of that name",
        "unpickles owner/model@v1",
    )


def test_links_and_adapters_that_lead_out_are_told(tmp_path: Path) -> None:
    folder = foreign(tmp_path, "http://h/v1")
    secret = tmp_path / "secret.jsonl"
    secret.write_text("{}\n")
    data, adapter = folder / "data", folder / "adapter"
    data.mkdir()
    adapter.mkdir()
    (data / "pairs.jsonl").symlink_to(secret)
    (data / "loop").symlink_to(data)
    (folder / "direct.jsonl").symlink_to(secret)
    (adapter / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": "owner/base", "r": 10**9})
    )
    content = json.loads((folder / "study.json").read_text())
    content["data"]["path"] = str(data)
    content["pre"] = {"backend": "torch", "model": str(adapter)}
    content["post"] = {"backend": "recorded", "path": str(folder / "direct.jsonl")}
    (folder / "study.json").write_text(json.dumps(content))
    assert lines(folder) == (
        "calls http://h/v1 with the key in SOME_KEY",
        "loads adapter, an adapter of owner/base",
        f"reads {data / 'pairs.jsonl'}, a link to {secret}",
        f"reads {folder / 'direct.jsonl'}",
    )


def test_a_study_of_the_folder_alone_is_not_asked_about(tmp_path: Path) -> None:
    folder = foreign(tmp_path, "")
    for name in ("pairs.jsonl", "pre.jsonl", "post.jsonl"):
        shutil.copyfile(tmp_path / "theirs" / name, folder / name)
    text = (folder / "study.json").read_text()
    (folder / "study.json").write_text(text.replace(str(tmp_path / "theirs"), str(folder)))
    assert lines(folder) == ()
    outside.require_seen(
        outside.of(studies.loads_resolved((folder / "study.json").read_bytes()), folder)
    )


def test_a_study_file_is_the_users_own_but_not_out_of_a_run_folder(tmp_path: Path) -> None:
    folder = foreign(tmp_path, "http://127.0.0.1:1/v1")
    theirs = tmp_path / "theirs"
    for path in theirs.iterdir():
        shutil.copyfile(path, folder / path.name)
    with pytest.raises(NotReady, match="with the key in SOME_KEY"):
        runs.prepare(folder / "study.toml", tmp_path / "run")
    assert not (tmp_path / "run").exists()
    runs.prepare(folder / "study.toml", tmp_path / "run", yes=True)
    runs.prepare(folder / "study.toml", tmp_path / "run")  # was confirmed
    runs.prepare(theirs / "study.toml", tmp_path / "own")


FEATURE = {"name": "clear", "question": "Is it clear?", "kind": "bool", "role": "target"}
FEATURES: dict[str, list[Any]] = {
    "too many": [{**FEATURE, "name": f"f{n}"} for n in range(501)],
    "a name that moves the cursor": [{**FEATURE, "name": "a\x1b[2Jb"}],
    "a name that is a path": [{**FEATURE, "name": "../../x"}],
    "a name that is code": [{**FEATURE, "name": "{{ x }}"}],
    "one name twice": [FEATURE, FEATURE],
    "no name": [{**FEATURE, "name": ""}],
    "none": [],
}


@pytest.mark.parametrize("features", FEATURES.values(), ids=FEATURES)
def test_a_hostile_taxonomy_in_a_folder_is_refused(tmp_path: Path, features: Any) -> None:
    folder = foreign(tmp_path, "")
    content = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps({**content, "features": features}))
    with pytest.raises(BadInput, match=r"study\.json in the run folder is invalid") as caught:
        Engine(folder)
    assert str(caught.value).isprintable()


def test_a_study_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text('{"data": ' + "[" * 200_000)
    with pytest.raises(BadInput, match=r"study\.json in the run folder is invalid"):
        Engine(tmp_path)
