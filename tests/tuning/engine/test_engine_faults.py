"""What the engine does when memory or storage run out, and when it is asked to pause."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from amc.config import Config
from analysis.record.states import COMPLETE, FAILED, WAITING
from analysis.record.writing import RecordWriter
from tests.tuning import toy_trials
from tests.tuning.engine.test_engine import Forgetful, engine, states
from tests.tuning.in_process import run_in_process
from tuning.workers.failures import MEMORY, STORAGE
from tuning.workers.job import Outcome
from tuning.workers.pause_file import PauseCheck


@pytest.fixture(autouse=True)
def _no_leak(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(toy_trials, "leaked", Forgetful())
    return


def test_out_of_memory_is_tried_again_once_alone(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    driver = engine(record, base, tmp_path / "toy", hungry=["trial-0000"], pruner="none")
    run_in_process(driver)
    trial = record.trial("toy", "trial-0000")
    assert (trial.state, trial.attempts, trial.alone) == (COMPLETE, 2, True)
    assert [other.attempts for other in record.trials("toy", "trial")[1:]] == [1, 1, 1]


def test_out_of_memory_alone_too_is_a_failure_with_its_reason(
    record: RecordWriter, base: Config, tmp_path: Path
) -> None:
    run_in_process(engine(record, base, tmp_path / "toy", hungry=["trial-0000"], fits_alone=False, pruner="none"))
    trial = record.trial("toy", "trial-0000")
    assert (trial.state, trial.attempts, trial.reason) == (FAILED, 2, "MemoryError: a tensor of 80 GB")
    assert states(record)[1:] == [COMPLETE] * 3


def test_a_process_killed_for_memory_counts_the_same(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    driver = engine(record, base, tmp_path / "toy")
    for expected in (WAITING, FAILED):
        job = driver.next_job()
        assert job is not None
        assert job.key == "trial-0000"
        driver.started(job)
        driver.worker_lost(job, "killed for memory", MEMORY)
        assert record.trial("toy", job.key).state == expected
    assert job.alone


def test_alone_means_without_the_cap_that_packing_set(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    driver = engine(record, base, tmp_path / "toy")
    object.__setattr__(driver.plan, "memory", 2**30)
    job = driver.next_job()
    assert job is not None
    assert job.memory == 2**30
    driver.started(job)
    driver.finish(job, Outcome(failure="MemoryError", cause=MEMORY))
    again = driver.next_job()
    assert again is not None
    assert (again.key, again.alone, again.memory) == (job.key, True, None)


def test_a_full_disk_is_no_trials_fault(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    driver = engine(record, base, tmp_path / "toy")
    job = driver.next_job()
    assert job is not None
    driver.started(job)
    failure = f"OSError: [Errno {errno.ENOSPC}] No space left on device: '/data/checkpoint'"
    driver.finish(job, Outcome(failure=failure, cause=STORAGE))
    assert driver.fatal_error == failure
    assert record.trial("toy", job.key).state == WAITING


def test_a_paused_study_goes_on_at_the_very_step(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    driver = engine(record, base, tmp_path / "toy", pruner="none")
    looks = 0

    def stopping() -> bool:
        nonlocal looks
        looks += 1
        return looks > 13  # within the first trial, between two reports

    run_in_process(driver, stopping=stopping)
    paused = record.trial("toy", "trial-0000")
    assert (paused.state, paused.step, paused.attempts) == (WAITING, 10, 1)
    assert len(record.trials("toy")) == 1
    run_in_process(engine(record, base, tmp_path / "toy", pruner="none"))
    assert states(record) == [COMPLETE] * 4
    assert list(record.curves("toy")["trial-0000"]) == [5, 10, 15, 20]
    steps = (tmp_path / "toy" / "steps.txt").read_text().split()
    assert [one for one in steps if one.startswith("trial-0000:")] == [f"trial-0000:{n}" for n in range(1, 21)]


def test_pausing_reaches_the_trials_of_this_driver_alone(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    driver = engine(record, base, tmp_path / "toy")
    job = driver.next_job()
    assert job is not None
    assert not PauseCheck(Path(job.pause_file), job.key, job.attempt)()
    driver.pause()
    assert PauseCheck(Path(job.pause_file), job.key, job.attempt)()
    assert driver.next_job() is None
    successor = engine(record, base, tmp_path / "toy")
    again = successor.next_job()
    assert again is not None
    assert not PauseCheck(Path(again.pause_file), again.key, again.attempt)()
