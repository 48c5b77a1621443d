"""The engine with toy trials in this process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from amc.config import Config
from amc.evaluation.score_sheet import ScoreSheet
from analysis.record.race import CANDIDATES
from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE, FAILED, PRUNED, WAITING
from analysis.record.writing import RecordWriter
from tests.tuning import toy_trials
from tests.tuning.in_process import run_in_process
from tests.tuning.toy_rows import trial_row
from tuning.engine.engine import Engine, EngineCallback, StudyPlan
from tuning.engine.sources import SEEDS, ListedTrials, Proposal, RaceOfFinalists, SampledTrials
from tuning.engine.summary import confirmed, summary, table, write_summary
from tuning.search.default_space import search_space
from tuning.search.pruners import create_pruner
from tuning.search.samplers import create_sampler
from tuning.workers.job import Job, Outcome


class Forgetful(list[str]):
    def append(self, item: str) -> None:
        """All toy trials of this process share its memory."""


@pytest.fixture(autouse=True)
def _no_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy_trials, "leaked", Forgetful())


def engine(
    record: RecordWriter, base: Config, folder: Path, trials: int = 4, seeds: int = 2, **settings: object
) -> Engine:
    search = SampledTrials(search_space(base), create_sampler("tpe", search_space(base), 0), trials, 0)
    plan = StudyPlan(
        "toy",
        [search, RaceOfFinalists(search, 1, seeds, 0, {})],
        create_pruner(str(settings.pop("pruner", "halving")), 20, 5),
        folder,
        "tests.tuning.toy_trials:learn",
        extra=settings,
    )
    return Engine(record, plan)


def states(record: RecordWriter, role: str = "trial") -> list[str]:
    return [trial.state for trial in record.trials("toy", role)]


def test_a_search_with_its_confirmation(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    run_in_process(engine(record, base, tmp_path / "toy"))
    # Table B's own gan weight 1 is the toy's best, and it came first: all others fall behind at a rung.
    assert states(record) == [COMPLETE, PRUNED, PRUNED, PRUNED]
    pruned = record.curves("toy")["trial-0001"]
    assert list(pruned) == [5]
    runs = record.trials("toy", "confirm")
    assert [run.state for run in runs] == [COMPLETE, COMPLETE]
    assert [run.parent for run in runs] == ["trial-0000"] * 2
    assert len({trial.seed for trial in record.trials("toy")}) == 6
    assert min(run.seed for run in runs) >= SEEDS // 2
    config = dict(record.trial("toy", "trial-0000").config)
    assert dict(runs[0].config) == {**config, "seed": runs[0].seed}


def test_a_larger_number_adds_and_runs_nothing_again(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    run_in_process(engine(record, base, tmp_path / "toy", trials=2))
    before = {trial.key: trial for trial in record.trials("toy")}
    run_in_process(engine(record, base, tmp_path / "toy", trials=2))
    assert {trial.key: trial for trial in record.trials("toy")} == before
    run_in_process(engine(record, base, tmp_path / "toy", trials=5))
    after = {trial.key: trial for trial in record.trials("toy")}
    assert len(record.trials("toy", "trial")) == 5
    assert {key: after[key] for key in before} == before


class Crash(BaseException):
    pass


class Crashing(EngineCallback):
    def __init__(self, reports: int) -> None:
        self.left = reports

    def on_report(self, trial: TrialRow, step: int, metrics: Mapping[str, float]) -> None:
        self.left -= 1
        if self.left == 0:
            raise Crash


@pytest.mark.parametrize("reports", [1, 2, 3, 4, 5, 7, 9])
def test_a_driver_that_dies_at_a_report_loses_and_doubles_nothing(
    record: RecordWriter, base: Config, tmp_path: Path, reports: int
) -> None:
    first = engine(record, base, tmp_path / "toy", pruner="none")
    first.callbacks = [Crashing(reports)]
    with pytest.raises(Crash):
        run_in_process(first)
    done = [trial.key for trial in record.trials("toy") if trial.state == COMPLETE]
    run_in_process(engine(record, base, tmp_path / "toy", pruner="none"))
    assert states(record) == [COMPLETE] * 4
    assert {tuple(curve) for curve in record.curves("toy").values()} == {(5, 10, 15, 20)}
    assert all(record.trial("toy", key).attempts == 1 for key in done)
    assert sum(trial.attempts for trial in record.trials("toy")) == 7  # four trials, two confirming runs, one again


def test_a_failed_trial_tells_why_and_the_study_goes_on(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    run_in_process(engine(record, base, tmp_path / "toy", diverges=["trial-0000"]))
    assert states(record)[0] == FAILED
    failed = record.trial("toy", "trial-0000")
    assert failed.reason == "FloatingPointError: loss/gan not finite by step 3"
    assert COMPLETE in states(record)
    assert "not finite" in table(record, "toy")


def test_what_a_complete_trial_lacks_is_recorded(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    driver = engine(record, base, tmp_path / "toy")
    job = driver.next_job()
    assert job is not None
    driver.started(job)
    driver.finish(job, Outcome(value=0.5, note="keypoints were not scored"))
    assert states(record)[0] == COMPLETE
    assert record.trial("toy", job.key).reason == "keypoints were not scored"


def test_a_lost_worker_costs_an_attempt_only(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    driver = engine(record, base, tmp_path / "toy")
    job = driver.next_job()
    assert job is not None
    driver.started(job)
    assert driver.report(job, 5, {"val/accuracy": 0.1})
    driver.worker_lost(job, "killed")
    assert states(record)[0] == WAITING
    again = driver.next_job()
    assert again is not None
    assert (again.key, again.attempt) == (job.key, 2)
    assert not driver.report(job, 10, {"val/accuracy": 0.2})  # the old worker is still alive
    driver.finish(job, Outcome(value=0.9))
    assert record.trial("toy", job.key).state == "RUNNING"


def test_a_report_sent_again_is_not_judged_again(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    """A continued trial was good enough at step 5 when it was there; better ones came since."""
    driver = engine(record, base, tmp_path / "toy", pruner="halving")
    job = driver.next_job()
    assert job is not None
    assert driver.report(job, 5, {"val/accuracy": 0.1})
    assert driver.report(job, 10, {"val/accuracy": 0.2})
    other = driver.next_job()
    assert other is not None
    assert driver.report(other, 5, {"val/accuracy": 0.9})
    driver.worker_lost(job, "killed")
    again = driver.next_job()
    assert again is not None
    assert driver.report(again, 5, {"val/accuracy": 0.1})


def test_interrupted_trials_come_before_new_ones(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    driver = engine(record, base, tmp_path / "toy")
    jobs: list[Job] = [job for job in (driver.next_job(), driver.next_job()) if job is not None]
    driver.interrupt(jobs[1])
    restarted = engine(record, base, tmp_path / "toy")
    assert [job.key for job in (restarted.next_job(), restarted.next_job()) if job] == ["trial-0000", "trial-0001"]


def test_a_stopping_engine_hands_out_nothing(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    driver = engine(record, base, tmp_path / "toy")
    driver.stopping = True
    assert driver.next_job() is None
    assert driver.is_finished


def test_listed_trials_run_once_each(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    keys = ["ours-s0", "ours-s1", "no_da-s0", "no_da-s1"]
    arms = tuple(Proposal(key, "trial", number, base) for number, key in enumerate(keys))
    source = ListedTrials(arms)
    for _ in range(2):
        run_in_process(
            Engine(
                record,
                StudyPlan(
                    "toy", [source], create_pruner("none", 20, 5), tmp_path / "toy", "tests.tuning.toy_trials:learn"
                ),
            )
        )
    assert [trial.key for trial in record.trials("toy")] == keys
    assert [trial.attempts for trial in record.trials("toy")] == [1] * 4


@pytest.mark.parametrize(("seeds", "kept"), [(0, 3), (2, CANDIDATES)])
def test_checkpoints_of_the_best_stay_and_pictures_of_all(
    record: RecordWriter, base: Config, tmp_path: Path, seeds: int, kept: int
) -> None:
    run_in_process(engine(record, base, tmp_path / "toy", trials=10, seeds=seeds, pruner="none"))
    ranked = sorted(record.trials("toy", "trial"), key=lambda trial: -(trial.value or 0))
    assert {path.name for path in (tmp_path / "toy/checkpoints").iterdir()} == {trial.key for trial in ranked[:kept]}
    assert len(list((tmp_path / "toy/samples").iterdir())) == 10 + seeds


def test_summary_and_table(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    data = {**record.study("toy").dataset, "chance": 1 / 3, "real_accuracy": {"validation": 1.0, "test": 0.95}}
    record.update_study("toy", dataset=data)
    run_in_process(engine(record, base, tmp_path / "toy"))
    content = write_summary(record, "toy", tmp_path / "summary.json")
    assert json.loads((tmp_path / "summary.json").read_text()) == content == summary(record, "toy")
    assert [trial["key"] for trial in content["trials"]] == [f"trial-{number:04d}" for number in range(4)]
    assert {"key", "state", "params", "value", "budget", "attempts", "seconds", "mlflow_run_id"} <= set(
        content["trials"][0]
    )
    assert content["best"]["key"] == "trial-0000"
    assert content["confirm"]["n_seeds"] == 2
    assert content["confirm"]["ci95"] == [1.0, 1.0]
    shown = table(record, "toy").splitlines()
    assert "origin=procedural" in shown[0]
    assert "chance 33.3" in shown[0]
    assert shown[2].split()[:3] == ["1", "trial-0000", "100.0"]
    assert confirmed(record, "toy").splitlines() == [
        "trial-0000 repeated with 2 new seeds: validation 100.0%, selected at 100.0% "
        "(a fall of 0.0 points, 95% interval 0.0 to 0.0)",
        "trial-0000 with new seeds: test accuracy 100.0% (95% interval 100.0 to 100.0)",
    ]


def test_a_long_reason_is_one_short_row(record: RecordWriter, base: Config) -> None:
    record.add_trial(trial_row(base))
    record.begin("toy", "trial-0000")
    record.finish("toy", "trial-0000", 1, FAILED, reason="RuntimeError: " + "size mismatch for a.b " * 30)
    row = table(record, "toy").splitlines()[2]
    assert "RuntimeError: size mismatch" in row
    assert row.endswith("…")
    assert len(row) < 170
    assert len(summary(record, "toy")["trials"][0]["reason"]) > 600


def test_what_a_run_was_scored_with_is_on_record(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    run_in_process(engine(record, base, tmp_path / "toy", trials=1, seeds=0, clips=7))
    (row,) = record.score_sheets("toy").values()
    assert (row.key, row.scorer) == ("trial-0000", "toy")
    assert row.sheet == ScoreSheet.from_dict(toy_trials.sheet(7))
    ended = record.trial("toy", "trial-0000").ended
    assert ended is not None
    assert row.created <= ended
