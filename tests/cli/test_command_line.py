"""`seal-tui` as a person or a script meets it: what it prints, where, and its exit code."""

from __future__ import annotations

import json
import math
import os
import shlex
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine import launch
from engine.study import PRESETS
from seal_tui.cli.commands import app
from tests.canaries import Canaries
from tests.cli.conftest import Answer
from tests.command import COMMAND
from tests.engine.conftest import end_engine
from tests.engine.studies import (
    FEATURES,
    manifest,
    prepare,
    sample_rows,
    until,
    write_pairs,
    write_study,
    write_taxonomy,
)
from tests.fault.conftest import url
from tests.fault.tiny import write_light_study

__all__ = ["url"]

Cli = Callable[..., Answer]

# The contract of the design: table → fields a script may rely on.
TABLES = {
    "alignment": "model role n aligned ties alignment resistance ci_low ci_high",
    "regimes": "regime opinion n",
    "opinions": "opinion n aligned_pre aligned_post",
    "tests": "name group n statistic p_value log10_p details",
    "shifts": "group n undefined mean_deg median_deg sd_deg circular_mean_deg t t_p sign_m sign_p",
    "imprint": "outcome preset feature class estimate std_error statistic df p_value p_adjusted "
    "ci_low ci_high vif n clusters",
    "shift_imprint": "preset feature side class estimate std_error statistic p_value p_adjusted",
    "misalignment": "preset feature side class estimate std_error statistic p_value p_adjusted",
    "robustness": "preset feature side sign estimate std_error statistic p_value p_adjusted "
    "ci_low ci_high events n",
    "stability": "feature labeler_a labeler_b n agreement kappa kappa_low kappa_high pabak "
    "prevalence_a prevalence_b",
    "robustness_drift": "threshold rewrites feature side sign population estimate ci_low ci_high",
    "resistance_by_strategy": "strategy role n resistance_before resistance_after change loss",
    "resistance_by_ambiguity": "band n score_low score_high misaligned resistance ci_low ci_high",
    "stability_imprint": "outcome feature labeler_a labeler_b n estimate_a estimate_b difference "
    "difference_low difference_high differs sign_change sign_change_clear",
}
COMMANDS = ("demo", "run", "import", "open", "metrics", "status", "stop", "doctor", "recover")


@pytest.fixture
def study(tmp_path: Path, canaries: Canaries) -> Path:
    canaries.plant(tmp_path / "study")
    return write_study(tmp_path / "study", pairs=8)


@pytest.fixture
def run(study: Path, tmp_path: Path, canaries: Canaries) -> Iterator[Path]:
    """A run folder in which nothing has run."""
    canaries.plant(tmp_path / "run")
    folder = prepare(study, tmp_path / "run")
    yield folder
    end_engine(folder)


@pytest.fixture
def done(finished: Path) -> Iterator[Path]:
    yield finished
    end_engine(finished)


def one_line(answer: Answer, code: int) -> str:
    """The single line of an error, all of it on stderr."""
    assert answer.returncode == code, answer.stderr
    assert answer.stdout == ""
    (line,) = answer.stderr.splitlines()
    assert line.startswith("seal-tui: ")
    return line


# ---------------------------------------------------------------- help and usage


def test_help_names_every_command_and_the_exit_codes(seal_tui: Cli) -> None:
    answer = seal_tui("--help")
    assert answer.returncode == 0
    assert answer.stderr == ""
    for command in COMMANDS:
        assert f"  {command} " in answer.stdout
    assert "0 success, 1 failure, 2 invalid usage or input" in answer.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    answer = CliRunner().invoke(app, [command, "--help"], prog_name="seal-tui")
    assert answer.exit_code == 0
    assert f"seal-tui {command}" in answer.stdout


def test_the_version_is_printed(seal_tui: Cli) -> None:
    from engine import __version__

    assert seal_tui("--version").stdout == f"seal-tui {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["run"],
        ["metrics"],
        ["status", "a", "b"],
        ["run", "x.toml", "--frobnicate"],
        ["metrics", ".", "--preset"],
    ],
)
def test_wrong_usage_is_exit_code_2_with_a_message_on_stderr(
    arguments: list[str], seal_tui: Cli
) -> None:
    answer = seal_tui(*arguments)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert "Error: " in answer.stderr


# ---------------------------------------------------------------- bad input


def test_a_missing_study_is_refused(seal_tui: Cli) -> None:
    assert "gone.toml: study file not found" in one_line(seal_tui("run", "gone.toml"), 2)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[data", "not valid TOML"),
        ("[data]\npath = 'pairs.jsonl'\nlimitt = 3\n", "data.limitt: unknown key"),
        ("[data]\npath = 'pairs.jsonl'\n[measures]\npreset = 'ols'\n", "measures.preset"),
        ('"a\\nb\\u001b[2J" = 1\n', "unknown key"),
        ("[data]\npath = 'gone.jsonl'\n", "data.path"),
    ],
    ids=["bad TOML", "unknown key", "wrong preset", "hostile key", "missing data"],
)
def test_the_error_for_an_invalid_study_names_file_and_key(
    content: str, words: str, study: Path, seal_tui: Cli
) -> None:
    study.write_text(content)
    line = one_line(seal_tui("run", study, "--headless"), 2)
    assert str(study) in line
    assert words in line
    assert "\x1b" not in line


def test_a_folder_is_refused_as_study(study: Path, seal_tui: Cli) -> None:
    assert "is a folder" in one_line(seal_tui("run", study.parent), 2)


def test_a_study_path_below_a_file_is_refused(study: Path, seal_tui: Cli) -> None:
    assert "study file not found" in one_line(seal_tui("run", study / "study.toml"), 2)


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_run_folder_that_is_a_file_is_refused(below: str, study: Path, seal_tui: Cli) -> None:
    occupied = study.parent / "occupied"
    occupied.touch()
    line = one_line(seal_tui("run", study, "--run-dir", occupied / below, "--headless"), 2)
    assert str(occupied) in line


@pytest.mark.parametrize("command", ["open", "metrics", "status", "stop"])
@pytest.mark.parametrize("where", [".", "gone", "file"])
def test_a_folder_without_a_run_is_refused_with_the_fix(
    command: str, where: str, seal_tui: Cli, tmp_path: Path
) -> None:
    (tmp_path / "here" / "file").touch()
    line = one_line(seal_tui(command, where), 2)
    assert f"{where} is not a run folder" in line
    assert "seal-tui run" in line


def test_the_error_for_an_unknown_preset_lists_the_presets(run: Path, seal_tui: Cli) -> None:
    line = one_line(seal_tui("metrics", run, "--preset", "ols"), 2)
    for preset in PRESETS:
        assert preset in line


def test_metrics_of_an_unfinished_run_are_refused(run: Path, seal_tui: Cli) -> None:
    line = one_line(seal_tui("metrics", run, "--json"), 1)
    assert "missing stages: read pairs, label · main, label · gold, score · pre" in line
    assert "`seal-tui run` computes them" in line


def test_metrics_are_recomputed_after_a_change_to_the_measures(done: Path, seal_tui: Cli) -> None:
    study = json.loads((done / "study.json").read_text())
    study["measures"]["tie_policy"] = "separate"
    (done / "study.json").write_text(json.dumps(study))
    answer = seal_tui("metrics", done, "--json")
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert {row["tie_policy"] for row in found["alignment"]} == {"separate"}
    assert json.loads(seal_tui("status", done, "--json").stdout)["state"] == "done"


def test_a_damaged_run_folder_is_refused_and_repaired_by_the_next_run(
    run: Path, study: Path, seal_tui: Cli
) -> None:
    (run / "study.json").write_text("{")
    assert "study.json" in one_line(seal_tui("status", run), 2)
    write_pairs(study.parent / "pairs.jsonl", [])  # so that the run ends at once
    answer = seal_tui("run", study, "--run-dir", run, "--headless")
    assert "has no rows" in answer.stderr
    assert seal_tui("status", run).returncode == 0


def test_a_damaged_database_is_refused(run: Path, seal_tui: Cli) -> None:
    (run / "seal.duckdb").write_bytes(b"no database" * 999)
    assert "seal.duckdb" in one_line(seal_tui("status", run), 1)


def test_the_error_for_an_engine_on_another_host_names_it(run: Path, seal_tui: Cli) -> None:
    content = {"pid": 4242, "host": "gpu-17", "socket": "/x.sock"}
    (run / launch.HOLDER).write_text(json.dumps(content))
    for command in ("status", "stop", "metrics"):
        assert "process 4242 on gpu-17" in one_line(seal_tui(command, run), 1)
    (run / launch.HOLDER).unlink()


def test_too_many_rejects_are_bad_input(run: Path, study: Path, seal_tui: Cli) -> None:
    write_pairs(study.parent / "pairs.jsonl", [*sample_rows(4), {"chosen": 1}, {"chosen": 2}])
    answer = seal_tui("run", study, "--run-dir", run, "--headless")
    assert answer.returncode == 2
    (line,) = answer.stderr.splitlines()
    assert "2 of 6 rows cannot be used" in line
    assert "line 5" in line
    status = json.loads(seal_tui("status", run, "--json").stdout)
    assert (status["state"], status["error_kind"]) == ("failed", "bad_input")


# ---------------------------------------------------------------- a run from end to end


def test_a_study_is_run_displayed_resumed_and_stopped(
    study: Path, seal_tui: Cli, tmp_path: Path, canaries: Canaries
) -> None:
    folder = tmp_path / "here" / "runs" / "small"
    canaries.plant(folder)
    try:
        answer = seal_tui("run", study, "--headless")
        assert answer.returncode == 0, answer.stderr
        assert answer.stderr == ""
        assert "\x1b" not in answer.stdout, "plain lines in a pipe"
        assert f"Explore it: seal-tui open {folder}" in answer.stdout
        assert (folder / "study.toml").read_bytes() == study.read_bytes()

        for path in [folder, *folder.rglob("*")]:
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path

        status = json.loads(seal_tui("status", folder, "--json").stdout)
        assert (status["state"], status["run_dir"]) == ("done", str(folder))
        digest = manifest(folder)["metrics_sha256"]

        # The study in the run folder is as good a study as its original.
        (folder / "study.toml").write_text(
            study.read_text()
            .replace('"pairs.jsonl"', f'"{study.parent}/pairs.jsonl"')
            .replace('"taxonomy.toml"', f'"{study.parent}/taxonomy.toml"')
            .replace('"gold.jsonl"', f'"{study.parent}/gold.jsonl"')
        )
        again = seal_tui("run", folder / "study.toml", "--run-dir", folder, "--headless")
        assert again.returncode == 0, again.stderr
        assert manifest(folder)["metrics_sha256"] == digest

        stopped = seal_tui("stop", folder)
        assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
        assert not launch.held(folder), "when it says stopped, it is"
        assert seal_tui("stop", folder).stdout == "no engine is running\n"
    finally:
        end_engine(folder)


def test_a_run_continues_after_its_terminal_closes_and_a_follower_is_interrupted(
    study: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    follower = subprocess.Popen(
        [*COMMAND, "run", str(study), "--run-dir", str(folder), "--headless"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell's background job ignores SIGINT, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        until(lambda: launch.holder(folder), "the engine is up")
        engine = launch.holder(folder)
        assert engine is not None
        assert follower.stdout is not None
        follower.stdout.readline()  # the first stage
        os.killpg(follower.pid, signal.SIGINT)
        _, output = follower.communicate(timeout=30)
        assert follower.returncode == 130
        assert "The run continues" in output
        assert "Traceback" not in output
        assert launch.reachable(folder) is not None
        assert launch.holder(folder) == engine
    finally:
        end_engine(folder)


# ---------------------------------------------------------------- what scripts read


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, float):
        yield value


def test_metrics_as_json_have_every_documented_table_and_field(done: Path, seal_tui: Cli) -> None:
    answer = seal_tui("metrics", done, "--json")
    assert (answer.returncode, answer.stderr) == (0, "")

    def refuse(word: str) -> float:
        raise AssertionError(f"{word} is no JSON")

    tables = json.loads(answer.stdout, parse_constant=refuse)
    assert set(TABLES) <= set(tables)
    for name, fields in TABLES.items():
        for row in tables[name]:
            assert set(fields.split()) <= set(row), name
    assert all(math.isfinite(number) for number in numbers(tables))
    assert {row["role"] for row in tables["alignment"]} == {"pre", "post"}
    assert {row["preset"] for row in tables["imprint"]} == set(PRESETS)
    assert {row["outcome"] for row in tables["imprint"]} == {"pre", "post", "difference"}
    assert sum(row["n"] for row in tables["regimes"]) == 24


def test_metrics_can_be_limited_to_one_preset(done: Path, seal_tui: Cli) -> None:
    tables = json.loads(seal_tui("metrics", done, "--json", "--preset", "released-code").stdout)
    assert {row["preset"] for row in tables["imprint"]} == {"released-code"}


def test_metrics_are_plain_text_by_default(done: Path, seal_tui: Cli) -> None:
    answer = seal_tui("metrics", done)
    assert answer.returncode == 0
    assert "helpful" in answer.stdout
    assert "\x1b" not in answer.stdout


def test_a_closed_pipe_is_not_reported_as_an_error(done: Path) -> None:
    command = f"{shlex.join(COMMAND)} metrics {done} --json | head -c 20"
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert answer.stderr == ""
    assert len(answer.stdout) == 20


def test_status_as_text_and_as_json(done: Path, seal_tui: Cli) -> None:
    assert "done" in seal_tui("status", done).stdout
    status = json.loads(seal_tui("status", done, "--json").stdout)
    assert {"state", "stages", "counts", "warnings", "error", "pid"} <= set(status)
    assert all(stage["state"] == "done" for stage in status["stages"])


def test_a_lost_database_is_told_in_one_line_and_made_anew(run: Path, seal_tui: Cli) -> None:
    assert seal_tui("status", run).returncode == 0
    busy = seal_tui("recover", run)
    assert busy.returncode == 1
    assert "`seal-tui stop` it first" in busy.stderr
    seal_tui("stop", run)
    (run / "seal.duckdb").unlink()
    answer = seal_tui("status", run)
    assert answer.returncode == 1
    (line,) = answer.stderr.splitlines()
    assert "seal.duckdb is missing" in line
    assert f"seal-tui recover {run}" in line
    answer = seal_tui("recover", run)
    assert answer.returncode == 0, answer.stderr
    assert "recovered  0 decisions" in answer.stdout
    assert f"--run-dir {run}" in answer.stdout
    assert json.loads(seal_tui("recover", run, "--json").stdout)["problem"] == ""
    assert seal_tui("status", run).returncode == 0


def test_doctor_reports_every_check_and_fails_if_one_does(seal_tui: Cli, study: Path) -> None:
    answer = seal_tui("doctor", study, "--json")
    checks = json.loads(answer.stdout)
    by_name = {check["name"]: check for check in checks}
    assert {"python", "packages", "device", "embedded", "sockets", "disk", "terminal"} <= set(
        by_name
    )
    assert by_name["study"]["ok"]
    assert "helpful" in by_name["features"]["value"]
    assert by_name["data"]["value"].startswith("preference: ")
    assert by_name["data"]["row"]["chosen"][-1]["role"] == "assistant"
    assert all(check["fix"] for check in checks if not check["ok"]), "what to do about it"
    assert answer.returncode == (0 if all(check["ok"] for check in checks) else 1)


def test_doctor_fails_when_a_check_does_and_says_the_fix(seal_tui: Cli, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.touch()
    answer = seal_tui("doctor", SEAL_TUI_CACHE=str(cache))
    lines = answer.stdout.splitlines()
    failed = [number for number, line in enumerate(lines) if line.startswith("FAIL")]
    assert {lines[number].split()[1] for number in failed} == {"embedded", "disk"}
    assert all(lines[number + 1].lstrip().startswith("→ ") for number in failed)
    assert answer.returncode == 1


def test_doctor_explains_an_invalid_study(seal_tui: Cli, study: Path) -> None:
    study.write_text("[data]\npaht = 'x'\n")
    answer = seal_tui("doctor", study)
    assert answer.returncode == 2
    assert "data.paht: unknown key" in answer.stdout


ROW = {
    "id": "q7",
    "system": "Be brief.",
    "prompt": [
        {"role": "user", "content": "Is it raining?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"name": "look", "arguments": {"at": "sky"}}],
        },
        {"role": "tool", "content": "dry"},
    ],
    "chosen": "No,\nit is dry.\x1b[2J",
    "rejected": "Look outside.",
    "score_chosen": 7.5,
    "lang": "en",
    "notes": "the first of the two was found to be more useful",
    "votes": [{"annotator": "ann", "score": 2}, {"annotator": "bo", "score": -1}],
}


def about_data(folder: Path, settings: str) -> Path:
    """A study of one row, with these settings of its data."""
    (folder / "data.jsonl").write_text(json.dumps(ROW) + "\n", "utf-8")
    path = folder / "one.toml"
    path.write_text(f'name = "one"\n[data]\npath = "data.jsonl"\n{settings}\n', "utf-8")
    return path


def test_doctor_shows_the_first_row_turn_by_turn(seal_tui: Cli, tmp_path: Path) -> None:
    study = about_data(tmp_path, 'ignore = ["notes"]\n[data.columns]\nvotes = "votes"')
    printed = seal_tui("doctor", study).stdout
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    start = next(at for at, line in enumerate(lines) if line.startswith("ok data"))
    assert lines[start].startswith("ok data preference: chosen and rejected")
    assert lines[start + 1] == f"first pair pair q7 · line 1 of {tmp_path / 'data.jsonl'}"
    assert lines[start + 2 : start + 14] == [
        "system Be brief.",
        "user Is it raining?",
        'assistant [call] look {"at": "sky"}',
        "tool dry",
        "chosen:",
        "assistant No,",
        "it is dry.␛[2J",
        "rejected:",
        "assistant Look outside.",
        "the data says score chosen 7.5 · votes ann +2, bo -1",
        "columns id q7 · score_chosen 7.5 · lang en",
        "not read notes",
    ]
    assert "\x1b" not in printed


def test_doctor_has_the_first_row_as_json(seal_tui: Cli, tmp_path: Path) -> None:
    study = about_data(tmp_path, 'ignore = ["notes"]\n[data.columns]\nvotes = "votes"')
    checks = json.loads(seal_tui("doctor", study, "--json").stdout)
    [row] = [check["row"] for check in checks if "row" in check]
    assert [turn["role"] for turn in row["context"]] == ["system", "user", "assistant", "tool"]
    assert row["chosen"] == [{"role": "assistant", "content": ROW["chosen"]}]
    assert row["layout"] == "preference" and row["not_read"] == ["notes"]
    assert row["facts"]["votes"] == ROW["votes"]


def test_doctor_says_what_of_a_row_would_be_lost(seal_tui: Cli, tmp_path: Path) -> None:
    answer = seal_tui("doctor", about_data(tmp_path, ""))
    assert 'line 1: "notes" holds text that would not be read' in answer.stdout
    assert 'ignore = ["notes"]' in answer.stdout
    assert answer.returncode == 2


def test_a_plan_is_printed_and_nothing_is_written(seal_tui: Cli, tmp_path: Path) -> None:
    study = write_light_study(tmp_path / "light", "")
    answer = seal_tui("run", study, "--run-dir", tmp_path / "new", "--plan")
    assert answer.returncode == 0, answer.stderr
    assert "read pairs" in answer.stdout
    assert "12 pairs to compute" in answer.stdout
    assert not (tmp_path / "new").exists()


def test_a_changed_study_shows_a_preview_before_it_runs(
    seal_tui: Cli, tmp_path: Path, url: str
) -> None:
    study, run = write_light_study(tmp_path / "light", url), tmp_path / "run"
    assert seal_tui("run", study, "--run-dir", run, "--headless").returncode == 0
    again = seal_tui("run", study, "--run-dir", run, "--headless")
    assert "The study has changed" not in again.stdout
    write_taxonomy(study.parent / "taxonomy.toml", FEATURES[:2])
    planned = seal_tui("run", study, "--run-dir", run, "--plan")
    line = "24 entries to compute · 24 of them were computed with other settings"
    assert line in planned.stdout
    changed = seal_tui("run", study, "--run-dir", run, "--headless")
    assert changed.returncode == 0, changed.stderr
    assert changed.stdout.index("The study has changed") < changed.stdout.index(line)
    assert changed.stdout.index(line) < changed.stdout.index("run done")
    end_engine(run)


def test_open_attaches_to_a_socket_or_explains_why_it_cannot(seal_tui: Cli, run: Path) -> None:
    assert "either a run folder or --socket" in one_line(seal_tui("open"), 2)
    assert "either a run folder or --socket" in one_line(
        seal_tui("open", run, "--socket", "x.sock"), 2
    )
    assert "is not a socket" in one_line(seal_tui("open", "--socket", run / "study.json"), 2)
    answer = seal_tui("open", "--socket", launch.ensure_engine(run))
    assert answer.returncode == 2
    assert "needs a terminal" in answer.stderr
    answer = seal_tui("open", run)
    assert "seal-tui status" in one_line(answer, 2) and "--headless" not in answer.stderr
