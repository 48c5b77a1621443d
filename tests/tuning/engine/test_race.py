"""The race with toy trials: several workers, a driver that dies between any two writes, a search that goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amc.config import Config
from analysis.record.race import winner
from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE
from analysis.record.writing import RecordWriter
from tests.tuning import toy_trials
from tests.tuning.in_process import run_in_process
from tests.tuning.toy_rows import study_row, trial_row
from tuning.engine.checkpoints import keys_to_keep
from tuning.engine.engine import Engine, StudyPlan
from tuning.engine.sources import SEEDS, RaceOfFinalists, SampledTrials
from tuning.engine.summary import confirmed, summary
from tuning.search.default_space import search_space
from tuning.search.pruners import create_pruner
from tuning.search.samplers import create_sampler

WRITES = ("add_trial", "begin", "mark_started", "report", "finish", "release")
VALUES = {0: 0.60, 1: 0.62, 2: 0.20}  # of the search, by number


class Crash(BaseException):
    """The driver is killed."""


class Forgetful(list[str]):
    def append(self, item: str) -> None:
        """All toy trials of this process share its memory."""


@pytest.fixture(autouse=True)
def _no_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy_trials, "leaked", Forgetful())


def race_of(base: Config, *, trials: int = 3, finalists: int = 2, seeds: int = 2, folds: int = 0) -> RaceOfFinalists:
    search = SampledTrials(search_space(base), create_sampler("random", search_space(base), 0), trials, 0)
    return RaceOfFinalists(search, finalists, seeds, 0, {}, folds)


def searched(record: RecordWriter, base: Config) -> None:
    """A finished search whose two best trials have nearly the same toy curve."""
    for number, value in VALUES.items():
        row = trial_row(base, number, params={"weights.gan": 1.5 + 0.01 * number})
        record.add_trial(row)
        record.begin("toy", row.key)
        record.report("toy", row.key, 1, 20, {"val/accuracy": value})
        record.finish("toy", row.key, 1, COMPLETE, value=value)


def engine(record: RecordWriter, source: RaceOfFinalists, folder: Path) -> Engine:
    plan = StudyPlan("toy", [source.search, source], create_pruner("none", 20, 5), folder,
                     "tests.tuning.toy_trials:learn", extra={"every": 20})  # fmt: skip
    return Engine(record, plan)


def raced(record: RecordWriter) -> list[TrialRow]:
    return record.trials("toy", "confirm")


@pytest.mark.slow
def test_all_state_is_in_the_record_whenever_the_driver_dies(
    base: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, source = tmp_path / "start.db", race_of(base)
    with RecordWriter(start) as record:
        record.create_study(study_row(base))
        searched(record, base)
    left = 1000
    for name in WRITES:
        monkeypatch.setattr(RecordWriter, name, dying(getattr(RecordWriter, name), lambda: left))
    whole = None
    for deaths in range(1000):
        path = tmp_path / f"{deaths}.db"
        shutil.copy(start, path)
        with RecordWriter(path) as record, record.lock_study("toy"):
            dying.count = 0  # type: ignore[attr-defined]
            left, died = (deaths if whole else 1000), False
            try:
                run_in_process(engine(record, source, tmp_path / str(deaths)))
            except Crash:
                died = True
            left = 10_000
            run_in_process(engine(record, source, tmp_path / str(deaths)))
            found = {
                run.key: (run.parent, run.seed, run.state, run.value, tuple(run.params.items()))
                for run in raced(record)
            }
            whole = whole or found
            assert found == whole
            assert {tuple(curve) for key, curve in record.curves("toy").items()} == {(20,)}
            assert sum(run.attempts for run in raced(record)) <= len(found) + 1  # only what was cut short ran again
        if deaths and not died:
            break
    assert len(whole or {}) == 4
    assert deaths > 16  # four writes a run, at least


def dying(write: Callable[..., Any], left: Callable[[], int]) -> Callable[..., Any]:
    """A write before which the driver dies, if it is the one after `left()` writes."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if dying.count == left():  # type: ignore[attr-defined]
            raise Crash
        dying.count += 1  # type: ignore[attr-defined]
        return write(*args, **kwargs)

    return call


def test_runs_are_paired_by_seed_and_fold(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    searched(record, base)
    run_in_process(engine(record, race_of(base, seeds=3, folds=2), tmp_path / "toy"))
    rows = [(run.parent, run.seed - SEEDS // 2, run.config["split"]["fold"]) for run in raced(record)]
    assert rows == [(f"trial-000{trial}", r, r % 2) for r in range(3) for trial in (1, 0)]


def test_a_longer_search_races_its_new_finalists(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    searched(record, base)
    run_in_process(engine(record, race_of(base), tmp_path / "toy"))
    before = raced(record)
    assert len(before) == 4
    row = trial_row(base, 3, params={"weights.gan": 1.0})
    record.add_trial(row)
    record.begin("toy", row.key)
    record.report("toy", row.key, 1, 20, {"val/accuracy": 0.7})
    record.finish("toy", row.key, 1, COMPLETE, value=0.7)
    run_in_process(engine(record, race_of(base, trials=4), tmp_path / "toy"))
    assert raced(record)[:4] == before
    assert {run.parent for run in raced(record)[4:]} == {"trial-0003"}
    chosen = winner(record.trials("toy"), {})
    assert chosen is not None
    assert chosen.key == "trial-0003"  # its toy curve ends at 1, those of the others at 2 / 3
    content = summary(record, "toy")
    assert content["best"]["key"] == content["race"]["winner"] == content["confirm"]["of"] == "trial-0003"
    assert content["race"]["finalists"][0]["fall"] == pytest.approx(0.7 - 1.0)
    assert keys_to_keep(record.trials("toy"), 1) == {"trial-0003", "trial-0000", "trial-0001"}
    assert "(a rise of 30.0 points" in confirmed(record, "toy")


def test_the_plan_of_a_race(record: RecordWriter, base: Config) -> None:
    assert race_of(base, seeds=3).planned([]) == 6
    searched(record, base)
    assert race_of(base, seeds=3).planned(record.trials("toy")) == 6
    assert race_of(base, finalists=1, seeds=3).planned(record.trials("toy")) == 3
    assert race_of(base, seeds=0).planned(record.trials("toy")) == 0
    assert race_of(base, seeds=0).propose(record.trials("toy"), {}) is None
