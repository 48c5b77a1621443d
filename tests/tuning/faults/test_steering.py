"""A person steers a study of toy trials by the real commands, which are killed as its driver is."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from analysis.record.reading import RecordReader
from analysis.record.rows import CommandRow, TrialRow
from analysis.record.states import COMPLETE, DONE, PRUNED, RUNNING
from tests.tuning.toy_command import PATIENCE, ROOT, Toy
from tuning.tracking.store import default_store

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # MLflow's own


def type_command(toy: Toy, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tuning", words[0], toy.name, *words[1:], "--out", str(toy.folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def on_record(toy: Toy) -> tuple[list[TrialRow], list[CommandRow]]:
    with RecordReader(toy.address) as records:
        return records.trials(toy.name), records.commands(toy.name)


def wait(
    toy: Toy, driver: subprocess.Popen[str], when: Callable[[Sequence[TrialRow], Sequence[CommandRow]], bool]
) -> None:
    deadline = time.monotonic() + PATIENCE
    while not when(*on_record(toy)):
        assert driver.poll() is None, toy.printed()
        assert time.monotonic() < deadline, "the study does not get there"
        time.sleep(0.1)


@pytest.mark.timeout(1200)
def test_a_study_is_steered_while_everything_is_killed(tmp_path: Path) -> None:
    """Paused; trials added by a command that is killed at once, as is the driver; rerun; a trial stopped."""
    # Without a pruner: halving could end all others behind the trial that is stopped by hand.
    toy = Toy(tmp_path, 4, default_store(tmp_path), pause=0.5, pruner="none")
    watching = None
    driver = toy.start()
    toy.wait(driver, 1)
    with (tmp_path / "watch.log").open("w") as log:
        command = [sys.executable, "-m", "tuning", "watch", toy.name, "--out", str(tmp_path)]
        watching = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    paused = type_command(toy, "pause")
    assert paused.communicate(timeout=PATIENCE)[0].startswith("command 1: paused; ")
    wait(toy, driver, lambda trials, _: not any(trial.state == RUNNING for trial in trials))
    adding = type_command(toy, "add-trials", "2")
    wait(toy, driver, lambda _, commands: len(commands) == 2)
    adding.kill()
    adding.communicate()
    driver.kill()
    driver.wait()
    refused = type_command(toy, "add-trials", "7")
    assert "is not running" in refused.communicate(timeout=PATIENCE)[1]
    assert refused.returncode == 2
    driver = toy.start()
    wait(toy, driver, lambda trials, _: any(trial.state == RUNNING and trial.started for trial in trials))
    key = next(trial.key for trial in on_record(toy)[0] if trial.state == RUNNING)
    stopping = type_command(toy, "stop-trial", key)
    stopping.communicate(timeout=PATIENCE)
    toy.end(driver)
    trials, commands = on_record(toy)
    assert [(row.kind, row.outcome) for row in commands[:3]] == [
        ("pause", DONE),
        ("add-trials", DONE),
        ("resume", DONE),
    ]
    assert sum(row.kind == "add-trials" for row in commands) == 1
    assert sum(trial.role == "trial" for trial in trials) == 6
    assert {trial.state for trial in trials} <= {COMPLETE, PRUNED}
    stopped = next(trial for trial in trials if trial.key == key)
    assert (stopping.returncode == 0) == stopped.reason.startswith("stopped by ")
    # A step after the last checkpoint may be trained twice, by the driver's kill alone; pausing loses none.
    steps = Counter((tmp_path / toy.name / "steps.txt").read_text().split())
    assert all(steps[f"{trial.key}:{step}"] >= 1 for trial in trials for step in range(1, trial.step + 1))
    assert watching.wait(PATIENCE) == 0
    lines = (tmp_path / "watch.log").read_text().splitlines()
    assert any("is paused by" in line for line in lines)
    assert "\x1b" not in "".join(lines)


@pytest.mark.timeout(1200)
def test_a_paused_study_ends_at_once_when_it_is_interrupted(tmp_path: Path) -> None:
    # Without a pruner: a trial that is pruned just before the pause writes its pictures when the study goes on.
    toy = Toy(tmp_path, 2, default_store(tmp_path), pause=0.5, pruner="none")
    driver = toy.start()
    toy.wait(driver, 1)
    type_command(toy, "pause").communicate(timeout=PATIENCE)
    wait(toy, driver, lambda trials, _: not any(trial.state == RUNNING for trial in trials))
    time.sleep(3.0)  # until Tune has no trial left
    driver.terminate()
    assert driver.wait(60) == 130
    assert "rerun the same command" in toy.printed()
    toy.end(toy.start())
    toy.check()
