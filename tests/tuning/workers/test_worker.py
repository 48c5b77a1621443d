"""A trial server and the worker that holds it, without Ray."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from amc.evaluation.score_sheet import ScoreSheet
from tests.tuning import toy_trials
from tuning.workers.job import Job, Outcome
from tuning.workers.worker import JobCrashed, JobReported, JobStarted, TrialWorker

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[TrialWorker]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    made = TrialWorker([toy_trials.__name__])
    yield made
    made.close()


def job(folder: Path, key: str = "trial-0000", attempt: int = 1, **settings: object) -> Job:
    return Job(
        study="toy",
        key=key,
        role="trial",
        attempt=attempt,
        trainable="tests.tuning.toy_trials:learn",
        config={},
        params={"weights.gan": 1.0},
        seed=0,
        budget=10,
        directory=str(folder / key / f"attempt-{attempt}"),
        samples=str(folder / "samples" / key),
        log=str(folder / "logs" / f"{key}.log"),
        extra=settings,
    )


def follow(worker: TrialWorker) -> tuple[list[int], Outcome | JobCrashed]:
    """The steps that a job reports, all answered with "go on", and how it ends."""
    steps = []
    while True:
        message = worker.next()
        if isinstance(message, JobReported):
            steps.append(message.step)
            worker.answer(True)
        elif not isinstance(message, JobStarted):
            return steps, message


def test_jobs_share_a_server_and_no_memory(worker: TrialWorker, tmp_path: Path) -> None:
    servers, jobs = set[int](), set[int]()
    for number in range(3):
        worker.start(job(tmp_path, f"trial-{number:04d}"))
        started = worker.next()
        assert isinstance(started, JobStarted)
        assert worker.process is not None
        servers.add(worker.process.pid)
        jobs.add(started.pid)
        assert follow(worker) == ([5, 10], Outcome(value=1.0))
    assert len(servers) == 1  # so that only the first job waited for its imports
    assert len(jobs - servers) == 3
    assert "step 5: loss/0 0" in (tmp_path / "logs" / "trial-0000.log").read_text()


def test_a_job_travels_as_json(tmp_path: Path) -> None:
    made = job(tmp_path, dies_at=3)
    assert Job.loads(made.dumps()) == made
    assert "\n" not in made.dumps()


def test_a_score_sheet_comes_whole_through_the_pipe(worker: TrialWorker, tmp_path: Path) -> None:
    """One of a few hundred kilobytes, which no pipe takes at once; the log has none of it."""
    worker.start(job(tmp_path, clips=20_000))
    _, end = follow(worker)
    assert isinstance(end, Outcome)
    assert end.sheet is not None
    assert ScoreSheet.from_dict(end.sheet) == ScoreSheet.from_dict(toy_trials.sheet(20_000))
    assert end.scorer == "toy"
    assert len(json.dumps(end.to_dict())) > 400_000
    assert Outcome(**json.loads(json.dumps(end.to_dict()))) == end
    assert (tmp_path / "logs" / "trial-0000.log").stat().st_size < 1_000


def test_a_stopped_job_may_finish_its_pictures(worker: TrialWorker, tmp_path: Path) -> None:
    worker.start(job(tmp_path))
    assert isinstance(worker.next(), JobStarted)
    assert isinstance(worker.next(), JobReported)
    worker.stop()
    assert (tmp_path / "samples" / "trial-0000" / "strip.png").is_file()
    worker.start(job(tmp_path, "trial-0001"))
    assert follow(worker)[0] == [5, 10]


def test_a_failure_is_told_and_logged(worker: TrialWorker, tmp_path: Path) -> None:
    worker.start(job(tmp_path, diverges=["trial-0000"]))
    assert follow(worker) == ([], Outcome(failure="FloatingPointError: loss/gan not finite by step 3"))
    assert "Traceback" in (tmp_path / "logs" / "trial-0000.log").read_text()


def test_a_killed_job_goes_on_in_its_next_attempt(worker: TrialWorker, tmp_path: Path) -> None:
    worker.start(job(tmp_path, dies_at=7))
    assert follow(worker) == ([5], JobCrashed("the trial's process was killed by SIGKILL"))
    worker.start(job(tmp_path, attempt=2, dies_at=7))
    assert follow(worker) == ([5, 10], Outcome(value=1.0))
    log = (tmp_path / "logs" / "trial-0000.log").read_text()
    assert log.count("step 5:") == 2  # the earlier report was sent again, not computed again


def test_a_killed_server_is_started_again(worker: TrialWorker, tmp_path: Path) -> None:
    worker.start(job(tmp_path, pause=5))
    began = worker.next()
    assert isinstance(began, JobStarted)
    assert worker.process is not None
    worker.process.kill()
    os.kill(began.pid, signal.SIGKILL)
    assert follow(worker) == ([], JobCrashed("the trial server was killed"))
    worker.start(job(tmp_path, attempt=2))
    assert follow(worker)[0] == [5, 10]


def test_a_server_that_cannot_import_says_where_to_look(tmp_path: Path) -> None:
    broken = TrialWorker(["no_such_module"])
    broken.start(job(tmp_path))
    steps, end = follow(broken)
    broken.close()
    assert steps == []
    assert isinstance(end, JobCrashed)
    assert "the trial server ended with exit code 1; see " in end.reason
    assert "no_such_module" in (tmp_path / "logs" / "workers.log").read_text()


def gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_job_ends_with_the_worker_that_holds_it(worker: TrialWorker, tmp_path: Path) -> None:
    worker.start(job(tmp_path, pause=60))
    began = worker.next()
    assert isinstance(began, JobStarted)
    worker.close()
    assert gone(began.pid, 60), "the job trains on for nobody"


def test_a_job_whose_worker_was_lost_saves_where_it_is(worker: TrialWorker, tmp_path: Path) -> None:
    worker.start(job(tmp_path, pause=0.1, every=100))
    began = worker.next()
    assert isinstance(began, JobStarted)
    while not (tmp_path / "steps.txt").exists() or len((tmp_path / "steps.txt").read_text().split()) < 3:
        time.sleep(0.01)
    worker.close()
    assert gone(began.pid, 60)
    saved = json.loads((tmp_path / "trial-0000" / "attempt-1" / "checkpoint.json").read_text())
    assert saved["step"] == len((tmp_path / "steps.txt").read_text().split())
    assert 3 <= saved["step"] < 10


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_job_that_is_signalled_pauses(worker: TrialWorker, tmp_path: Path, number: signal.Signals) -> None:
    worker.start(job(tmp_path, pause=0.1, every=100))
    began = worker.next()
    assert isinstance(began, JobStarted)
    while not (tmp_path / "steps.txt").exists():
        time.sleep(0.01)
    os.kill(began.pid, number)
    assert follow(worker) == ([], Outcome(paused=True))
    worker.start(job(tmp_path, attempt=2, every=100))
    assert follow(worker) == ([10], Outcome(value=1.0))
    assert len((tmp_path / "steps.txt").read_text().split()) == 10


def test_a_disk_that_is_full_is_told_as_such(worker: TrialWorker, tmp_path: Path) -> None:
    worker.start(job(tmp_path, full_at=7))
    steps, end = follow(worker)
    assert steps == [5]
    assert isinstance(end, Outcome)
    assert end.cause == "storage"
    assert "No space left on device" in end.failure
