"""The counter-proof to `test_kills`: the plain stack, killed in the same way, fails the same checks."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tuning.exactly_once import Row, Run, violations
from tests.tuning.peer_study import BUDGET, EVERY, FAILED, NAME, store
from tuning.tracking.store import open_store

ROOT = Path(__file__).resolve().parents[3]
TRIALS, KILLS = 5, 3
SLOW = 300.0  # seconds that a driver may take, on a machine with much else to do
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default"), pytest.mark.timeout(1800)]  # MLflow's own


@pytest.fixture
def session() -> Iterator[Path]:
    """A folder for Ray's own files; the path of a Unix socket may have 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="peer-ray-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Peer:
    """The peer's study in a folder, and all that can be seen of it from outside."""

    def __init__(self, folder: Path, session: Path) -> None:
        self.folder, self.session = folder, session
        self.client = open_store(store(folder), folder)  # it could not make one itself while being killed

    def start(self, life: int) -> subprocess.Popen[str]:
        arguments = [str(self.folder), str(TRIALS), str(life), str(self.session)]
        command = [sys.executable, "-m", "tests.tuning.peer_study", *arguments]
        # Ray as it comes: without what this project sets for itself.
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TUNE_"))}
        return subprocess.Popen(
            command, cwd=ROOT, env=plain, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def executed(self) -> list[tuple[str, int, int]]:
        path = self.folder / "executed.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(key, life, step) for key, life, step in map(json.loads, lines)]

    def runs(self) -> list[Run]:
        place = self.client.get_experiment_by_name(NAME)
        found: list[Run] = []
        for run in self.client.search_runs([place.experiment_id]) if place else ():
            # The callback counts reports where the record has training steps.
            history = self.client.get_metric_history(run.info.run_id, "value")
            found.append(
                {
                    "run_id": run.info.run_id,
                    "role": "trial",
                    "trial_key": run.data.tags["trial_name"].removeprefix("learn_"),
                    "status": run.info.status,
                    "curve": [(metric.step * EVERY, metric.value) for metric in history],
                }
            )
        return found

    def finished(self) -> dict[str, int]:
        """The trials that the stack itself has told to be finished, each with the life that it last ran in."""
        ended = {run["trial_key"] for run in self.runs() if run["status"] == "FINISHED"}
        return {key: life for key, life in self.lives().items() if key in ended}

    def lives(self) -> dict[str, int]:
        return {key: life for key, life, _ in sorted(self.executed(), key=lambda step: step[1])}


def test_the_plain_stack_breaks_what_ours_keeps(tmp_path: Path, session: Path) -> None:
    peer, chance = Peer(tmp_path, session), random.Random(0)
    finished: dict[str, int] = {}
    for life in range(1, KILLS + 1):
        process, before = peer.start(life), len(peer.executed())
        more = chance.randrange(EVERY, 3 * BUDGET)
        deadline = time.monotonic() + SLOW
        while len(peer.executed()) < before + more and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        over = process.poll() is not None
        process.kill()
        _, errors = process.communicate()
        finished = {**peer.finished(), **finished}  # what has once ended keeps the life that it ended in
        if over:
            break
    else:
        process = peer.start(KILLS + 1)
        _, errors = process.communicate(timeout=SLOW)
    assert process.returncode in (0, FAILED), errors
    found = judged(peer, finished) if process.returncode == 0 else [f"restore: {errors.strip().splitlines()[-1]}"]
    print(*found, sep="\n")
    assert finished, "it was killed too early to have anything to lose"
    # Each driver that was killed left runs behind, which nobody ends; what else there is depends on the moment.
    assert any(line.startswith(("runs:", "restore:")) for line in found)


def judged(peer: Peer, finished: dict[str, int]) -> list[str]:
    told = json.loads((peer.folder / "peer.json").read_text())
    lives = peer.lives()
    rows: list[Row] = [{**row, "attempts": lives.get(row["key"], 0)} for row in told["rows"]]
    curves = {key: [(step, value) for step, value in curve] for key, curve in told["curves"].items()}
    return violations(
        rows,
        peer.runs(),
        curves,
        peer.executed(),
        finished,
        trials=TRIALS,
        every=EVERY,
        budget=BUDGET,
        parents=0,
    )
