"""SIGTERM in the middle of training, looks being rare: nothing is trained again, and nothing comes out different."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from amc.training import checkpoint
from analysis.record.states import WAITING
from tests.tuning.killing import Look, Search, Witness, gone

STEPS, EVERY = 400, 120  # so long that a trial which gets faster after its first look is not over when it is stopped
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600), pytest.mark.filterwarnings("default")]  # MLflow's own


def search(folder: Path) -> Search:
    """Two trials that run side by side, so that what the sampler proposes does not depend on which ends first."""
    return Search(folder, 2, STEPS, EVERY, "--pruner", "none", "--confirm-seeds", "0")


def kept(search: Search) -> dict[str, checkpoint.Checkpoint]:
    """The newest checkpoint of each trial, by key."""
    found = {}
    for trial in search.look().trials.values():
        path = search.folder / "checkpoints" / trial.key / f"attempt-{trial.attempts}" / checkpoint.FILE
        if path.exists():
            found[trial.key] = checkpoint.load(path)
    return found


def stopped(search: Search, driver: subprocess.Popen[bytes]) -> dict[str, int]:
    """SIGTERM: the command ends in order, before its trials do; the steps that they were at."""
    driver.send_signal(signal.SIGTERM)
    assert search.end(driver) == 130, search.printed()
    assert {trial.state for trial in search.look().trials.values()} == {WAITING}
    assert {run["status"] for run in search.tracked()} == {"SCHEDULED"}
    return {key: int(found.header["step"]) for key, found in kept(search).items()}


def curves(look: Look) -> dict[tuple[str, int], dict[str, float]]:
    return {
        (point.key, point.step): {k: v for k, v in point.metrics.items() if not k.startswith("time/")}
        for point in look.points
    }


def test_a_stopped_trial_goes_on_from_the_step_it_was_at(tmp_path: Path) -> None:
    plain = search(tmp_path / "plain")
    assert plain.end(plain.start()) == 0, plain.printed()
    broken, witness = search(tmp_path / "broken"), Witness()
    driver = broken.start()
    began = broken.wait(driver, lambda look: len(look.training) == 2)
    assert began is not None, broken.printed()
    since = time.monotonic()
    look = broken.wait(driver, lambda look: len({point.key for point in look.points}) == 2)
    assert look is not None, broken.printed()
    time.sleep((time.monotonic() - since) / 2)  # about half-way to the next look
    first = stopped(broken, driver)
    witness.saw(broken.look())
    assert len(first) == 2
    assert any(step % EVERY for step in first.values()), first
    # Stopped again as soon as both have begun: had they gone back to their last look, they could not be as far.
    driver = broken.start()
    assert broken.wait(driver, lambda look: len(look.training) == 2) is not None, broken.printed()
    second = stopped(broken, driver)
    witness.saw(broken.look())
    print(f"stopped after {first}, then after {second}")
    assert all(first[key] <= second[key] for key in first)
    assert broken.end(broken.start()) == 0, broken.printed()
    witness.saw(broken.look())
    assert {trial.attempts for trial in broken.look().trials.values()} == {3}
    assert curves(broken.look()) == curves(plain.look())
    whole, mended = kept(plain), kept(broken)
    assert whole.keys() == mended.keys() == first.keys()
    for key, expected in whole.items():
        assert expected.tensors.keys() == mended[key].tensors.keys()
        for name, tensor in expected.tensors.items():
            assert tensor.equal(mended[key].tensors[name]), f"{key}: {name}"
    assert not gone(broken.processes)
