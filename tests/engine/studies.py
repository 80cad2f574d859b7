"""Small real studies on the sample data, and a server that stands in for a large rewriter."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from engine import outside
from engine import study as studies
from engine.paths import SAMPLE_DATA
from engine.service import Engine
from engine.wire.messages import RunStatus

PAIRS = 24
FEATURES = (
    ("helpful", "bool", "target"),
    ("harmless", "bool", "target"),
    ("sentiment", "sentiment", "spoiler"),
    ("eloquent", "bool", "spoiler"),
)


def until(true: Callable[[], Any], what: str, deadline_s: float = 90.0) -> Any:
    """What `true` returns once it is truthy; fails when that takes too long."""
    end = time.monotonic() + deadline_s
    while not (found := true()):
        assert time.monotonic() < end, f"not within {deadline_s:.0f} s: {what}"
        time.sleep(0.02)
    return found


def sample_rows(count: int = PAIRS, *, shortest: bool = True) -> list[dict[str, Any]]:
    """The shortest pairs of the sample whose sides differ, which take real models half the time, or
    just its first pairs."""
    with (SAMPLE_DATA / "pairs.jsonl").open(encoding="utf-8") as file:
        rows: list[dict[str, Any]] = [json.loads(line) for line in file]
    if shortest:
        rows = [row for row in rows if row["chosen"] != row["rejected"]]
        rows.sort(key=lambda row: len(row["chosen"] + row["rejected"]))
    return rows[:count]


def write_pairs(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def write_taxonomy(path: Path, features: tuple[tuple[str, str, str], ...]) -> None:
    path.write_text(
        "".join(
            f'[[feature]]\nname = "{name}"\nquestion = "Is it {name}?"\nkind = "{kind}"\n'
            f'class = "{role}"\n\n'
            for name, kind, role in features
        ),
        "utf-8",
    )


def write_study(
    folder: Path,
    *,
    pairs: int = PAIRS,
    limit: int = 0,
    features: tuple[tuple[str, str, str], ...] = FEATURES,
    rewriter_url: str | None = None,
    sample: int = 6,
    extra: str = "",
    shortest: bool = True,
) -> Path:
    """A study file in `folder`, with its data, taxonomy and gold labels beside it.

    Heads and gold labels, the embedded reward model, a post-D model trained in the run; rewrites
    only where there is a server that writes them. `extra` is more TOML.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = sample_rows(pairs, shortest=shortest)
    write_pairs(folder / "pairs.jsonl", rows)
    known = {row["id"] for row in rows}
    with (SAMPLE_DATA / "gold_labels.jsonl").open(encoding="utf-8") as file:
        gold = [line for line in file if json.loads(line)["id"] in known]
    (folder / "gold.jsonl").write_text("".join(gold), "utf-8")
    write_taxonomy(folder / "taxonomy.toml", features)
    rewriter = (
        f'[rewriter]\nbackend = "endpoint"\nmodel = "stand-in"\nbase_url = "{rewriter_url}"\n'
        if rewriter_url
        else ""
    )
    path = folder / "study.toml"
    path.write_text(
        f"""name = "small"
[data]
path = "pairs.jsonl"
limit = {limit}
[taxonomy]
file = "taxonomy.toml"
[labelers.main]
model = "embedded:label-heads"
[labelers.gold]
backend = "recorded"
path = "gold.jsonl"
{rewriter}
[rewrites]
sample = {sample if rewriter_url else 0}
strategies = ["neutral", "placebo"]
min_cosine = 0.5
{extra}""",
        "utf-8",
    )
    return path


def prepare(study_file: Path, run: Path) -> Path:
    """The run folder of a study, as `seal-tui run` makes it."""
    run.mkdir(parents=True, exist_ok=True)
    study = studies.load(study_file)
    (run / "study.json").write_bytes(studies.dump_resolved(study))
    outside.remember(outside.of(study, run))
    return run


def run_to_end(run: Path) -> RunStatus:
    """Run or resume the study of a folder in this process; how it ended."""
    engine = Engine(run)
    try:
        engine.start()
        engine.join()
        return engine.status()
    finally:
        engine.close()


def manifest(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "manifest.json").read_text("utf-8"))
    return content


def small_batches(plan: Any, rows: int) -> None:
    """Lets `engine.run.plan` put no more than so many texts into a batch, so that there is
    something between the first and the last."""
    compose = plan.compose

    def small(units: Any, sizes: Any, shape: Any) -> Any:
        return compose(units, sizes, shape._replace(rows=min(shape.rows, rows)))

    plan.compose = small


def stand_in_rewrite(passage: str) -> str:
    """What the stand-in makes of a passage: other words that keep numbers and negations."""
    return f"In other words: {passage}"


class ServerSays(Exception):
    """Raised by an answer of `stand_in_server`: an error with this HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@contextmanager
def stand_in_server(answer: Callable[[dict[str, Any], Message], str]) -> Iterator[str]:
    """The address of an OpenAI-compatible server that answers a request, body and headers, with
    `answer`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status = 200
            try:
                choice = {"message": {"content": answer(body, self.headers)}}
                sent = json.dumps({"choices": [{**choice, "finish_reason": "stop"}]}).encode()
            except ServerSays as error:
                status = error.status
                sent = json.dumps({"error": {"message": str(error)}}).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """A client that was killed in the middle of its request is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def passage(body: dict[str, Any]) -> str:
    """The text that a request is about, without the lines around it."""
    _begin, *lines, _end = body["messages"][-1]["content"].split("\n")
    return "\n".join(lines)


@contextmanager
def stand_in_rewriter(
    write: Callable[[str], str] = stand_in_rewrite,
) -> Iterator[tuple[str, list[str]]]:
    """A server in place of a large rewriter: its address, and what it was asked.

    Everything else of a rewriting run is real; only the writer is a stand-in.
    """
    asked: list[str] = []

    def answer(body: dict[str, Any], _: Message) -> str:
        asked.append(passage(body))
        return write(asked[-1])

    with stand_in_server(answer) as url:
        yield url, asked
