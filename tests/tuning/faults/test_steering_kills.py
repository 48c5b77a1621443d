"""kill -9 of a driver that a person has steered: the change is on record, and the next driver follows it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from analysis.record.reading import RecordReader
from analysis.record.states import DONE
from analysis.record.writing import RecordWriter
from tests.tuning.toy_command import PATIENCE, Toy
from tuning.engine.steering import SPACE, add_command
from tuning.tracking.store import default_store

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # MLflow's own


def test_a_changed_space_survives_kill_9_and_the_command_with_its_own_space(tmp_path: Path) -> None:
    toy = Toy(tmp_path, 8, default_store(tmp_path), pause=0.1)
    driver = toy.start()
    toy.wait(driver, 1)
    with RecordWriter(toy.address) as record:
        add_command(record, "toy", SPACE, {"changes": "--freeze weights.gan=2 --range weights.l1=0.4:0.5"})
    deadline = time.monotonic() + PATIENCE
    with RecordReader(toy.address) as records:
        while records.commands("toy")[0].taken is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        driver.kill()  # within moments of its being taken
        driver.wait(PATIENCE)
        before = {trial.key for trial in records.trials("toy")}
        # A second change comes while no driver runs.
        with RecordWriter(toy.address) as record:
            add_command(record, "toy", SPACE, {"changes": "--freeze weights.gan=3"})
        toy.end(toy.start(pause=0.0))
        assert [command.outcome for command in records.commands("toy")] == [DONE, DONE]
        trials = records.trials("toy", "trial")
    later = [trial for trial in trials if trial.key not in before]
    assert len(trials) == 8
    assert later
    assert {trial.params["weights.gan"] for trial in later} == {3.0}
    assert all(0.4 <= trial.params.get("weights.l1", 0.4) <= 0.5 for trial in later)
    assert len({trial.number for trial in trials}) == 8
