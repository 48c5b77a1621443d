"""kill -9 of the real search command and of its workers, many times over: every trial still runs exactly once.

AMC_TEST_KILLS sets how often the command is killed (default: 10), AMC_TEST_SEED when (default: 0).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from analysis.record.states import ENDED
from tests.tuning.killing import KEPT, PATIENCE, Look, Process, Search, Witness, check_the_end, everything, pictured

KILLS = int(os.environ.get("AMC_TEST_KILLS", "10"))
SEED = int(os.environ.get("AMC_TEST_SEED", "0"))
TRIALS, EVERY = 12, 10
STEPS = EVERY * max(3, KILLS * 3 // 2)  # enough to train until the last kill: each lets pass up to four reports
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # MLflow's own


def disk_is_bounded(search: Search, look: Look) -> None:
    """While a study runs: checkpoints of open trials and the best few only, and no pile of earlier attempts."""
    folder = search.folder / "checkpoints"
    found = {path.name: list(path.iterdir()) for path in folder.iterdir()} if folder.is_dir() else {}
    running = sum(trial.state not in ENDED for trial in look.trials.values())
    # A trial that has ended goes a moment after the record says so.
    assert len(found) <= KEPT + running + 2, found
    for key, attempts in found.items():
        assert len(attempts) <= 3, f"{key} was begun {look.trials[key].attempts} times: {attempts}"


def begun(look: Look) -> set[tuple[str, int]]:
    """The attempts that have a process, or had one when their driver was killed."""
    return {(trial.key, trial.attempts) for trial in look.training}


def until(
    search: Search,
    driver: subprocess.Popen[bytes],
    moment: str,
    chance: random.Random,
    start: float,
    left: set[tuple[str, int]],
) -> Look | None:
    """Waits for a moment to kill at; None if the command ended before it.

    Args:
        left: attempts of killed drivers, which the record still has as running until they are adopted.
        start: seconds from the command's start to the first step of training, as far as is known.
    """
    if moment == "any":
        driver_ends(driver, chance.uniform(0, 1.2 * start))
        return search.look()
    began = search.wait(driver, lambda look: bool(begun(look) - left))
    if began is None:
        return None
    wanted, before = len(began.points) + chance.randrange(5), time.monotonic()
    look = search.wait(driver, lambda look: len(look.points) >= wanted and bool(begun(look) - left))
    reports = max(1, wanted - len(began.points))
    driver_ends(driver, chance.uniform(0, (time.monotonic() - before) / reports))
    if look is not None and moment == "writing" and not search.stop_in_a_transaction(driver):
        return None
    return look


def driver_ends(driver: subprocess.Popen[bytes], seconds: float) -> None:
    """Lets it run for so long."""
    try:
        driver.wait(seconds)
    except subprocess.TimeoutExpired:
        return


@pytest.mark.timeout(7200)
def test_a_search_whose_driver_is_killed_again_and_again(tmp_path: Path) -> None:
    """Four kills of five while trials train; the rest at any moment: in start-up, or with half a transaction written.

    Every third one takes the command's process group with it. Each time the same command is given again at once.
    """
    chance = random.Random(SEED)
    search, witness = Search(tmp_path, TRIALS, STEPS, EVERY), Witness()
    moments = [{1: "any", 6: "writing"}.get(index % 10, "training") for index in range(KILLS)]
    in_training, start = 0, 20.0
    hit = set[tuple[str, int]]()  # attempts that were killed before: this driver's own are others
    for number, moment in enumerate(moments):
        began = time.monotonic()
        driver = search.start()
        look = until(search, driver, moment, chance, start, hit)
        assert look is not None, f"the study ended after {number} kills: {search.printed()}"
        seconds = time.monotonic() - began
        if moment == "training":
            start = min(start, seconds)
        search.kill(driver, group=number % 3 == 2)
        look = search.look()  # what the driver had written when it died
        training = [trial for trial in look.training if (trial.key, trial.attempts) not in hit]
        hit |= {(trial.key, trial.attempts) for trial in training}
        in_training += bool(training)
        witness.saw(look)
        disk_is_bounded(search, look)
        shown = ", ".join(f"{trial.key} in attempt {trial.attempts} after {trial.step}" for trial in training)
        print(f"kill {number + 1} ({moment}) after {seconds:.1f} s, {len(look.points)} reports; {shown or 'none'}")
    driver = search.start()
    assert search.end(driver) == 0, search.printed()
    check_the_end(search, witness)
    print(f"seed {SEED}: {in_training} of {KILLS} kills while a trial trained")
    assert in_training >= 0.75 * KILLS


@pytest.mark.timeout(3600)
def test_a_search_whose_workers_are_killed(tmp_path: Path) -> None:
    """kill -9 of trials' processes, of the servers that fork them, and of Ray's actors; the command notices itself.

    A trial is spared until it has reported again: after three deaths without a report it would have failed.
    """
    kills = max(3, KILLS * 3 // 5)
    chance = random.Random(SEED)
    search, witness = Search(tmp_path, TRIALS, STEPS, EVERY), Witness()
    driver = search.start()
    spared: dict[str, int] = {}  # by trial, the reports it must have before it is hit again
    hit = set[tuple[str, int]]()  # attempts that lost their process
    done = {"trial": 0, "server": 0, "actor": 0}
    deadline = time.monotonic() + 4 * PATIENCE
    while sum(done.values()) < kills:
        assert time.monotonic() < deadline
        assert driver.poll() is None, f"the command ended after {done}: {search.printed()}"
        time.sleep(chance.uniform(0.1, 1.5))
        look = search.look()
        witness.saw(look)
        disk_is_bounded(search, look)
        reports = {trial.key: sum(point.key == trial.key for point in look.points) for trial in look.training}
        ready = [key for key, count in sorted(reports.items()) if count > spared.get(key, 0)]
        if not ready:
            continue
        key, kind = chance.choice(ready), list(done)[sum(done.values()) % 3]
        victim = worker(search, key, kind)
        if victim is None:
            continue
        try:
            os.kill(victim.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it was faster
        done[kind] += 1
        spared[key] = reports[key]
        if kind != "server":  # without it, the trial's process ends its attempt by itself
            hit.add((key, look.trials[key].attempts))
        print(f"kill {sum(done.values())}: {kind} of {key} after {reports[key]} reports: {victim.command[:60]}")
    assert search.end(driver) == 0, search.printed()
    look = check_the_end(search, witness)
    # Pruned ones are pictured as well, as the command went on, except those that were killed when they had just been
    # pruned: an attempt that was hit and was the last.
    late = {key for key, attempt in hit if look.trials[key].attempts == attempt}
    assert set(look.trials) - late <= pictured(search) <= set(look.trials)
    lost = sum(trial.attempts - 1 for trial in look.trials.values())
    # The trial of a killed server ends by itself, and one that was killed at its very end had ended.
    assert done["trial"] + done["actor"] - 2 <= lost <= kills
    print(f"seed {SEED}: {done}, {lost} attempts lost")


def worker(search: Search, key: str, kind: str) -> Process | None:
    """The process that trains a trial, the server it was forked from, or the Ray actor that holds that."""
    log = str(search.folder / "logs" / f"{key}.log")
    there = {process.pid: process for process in everything()}
    trial = next((one for one in there.values() if one.output == log), None)
    server = there.get(trial.parent) if trial is not None else None
    if server is None or "tuning.workers.trial_server" not in server.command:
        return None  # it was killed, and its last trial goes on without it
    return {"trial": trial, "server": server, "actor": there.get(server.parent)}[kind]
