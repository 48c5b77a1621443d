"""Persons' commands and the engine, with toy trials in this process."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest

from amc.config import Config
from analysis.record.rows import CommandRow
from analysis.record.states import COMPLETE, DONE, PRUNED, REFUSED, WAITING
from analysis.record.writing import RecordWriter
from tests.tuning import toy_trials
from tests.tuning.command_kills import TYPED, check_command_kills, check_driver_kills, prepare
from tests.tuning.engine.test_engine import Forgetful, engine
from tests.tuning.in_process import run_in_process
from tuning.engine import steering
from tuning.engine.engine import Engine, StudyPlan
from tuning.engine.sources import ListedTrials, Proposal, SampledTrials
from tuning.engine.steering import Steering, add_command, command_line, ignored_changes
from tuning.engine.summary import summary
from tuning.search.pruners import create_pruner
from tuning.search.samplers import create_sampler, grid
from tuning.search.space import Parameter, Space, checked_space
from tuning.search.space_changes import changed
from tuning.workers import pause_file
from tuning.workers.job import Job, Outcome
from tuning.workers.pause_file import PauseCheck


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pause_file, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(toy_trials, "leaked", Forgetful())
    monkeypatch.setattr(steering, "this_user", lambda: "ann@here")


def command(driver: Engine, kind: str, **arguments: object) -> CommandRow:
    """Types a command, and lets the driver take it."""
    add_command(driver.record, "toy", kind, arguments)
    (taken,) = driver.take_commands()
    return taken


def begin(driver: Engine) -> Job:
    job = driver.next_job()
    assert job is not None
    driver.started(job)
    return job


def asked(job: Job) -> bool:
    return PauseCheck(Path(job.pause_file), job.key, job.attempt)()


def listed(record: RecordWriter, base: Config, folder: Path) -> Engine:
    names = ("ours-0", "no_ya-0", "no_ym-0")
    proposals = tuple(Proposal(name, "trial", n, base) for n, name in enumerate(names))
    plan = StudyPlan("toy", [ListedTrials(proposals)], create_pruner("none", 20, 5), folder, "m:f")
    return Engine(record, plan)


def test_a_running_trial_is_stopped(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    driver = engine(record, base, tmp_path / "toy", pruner="none")
    first, second = begin(driver), begin(driver)
    assert driver.report(first, 5, {"val/accuracy": 0.5})
    directory = Path(first.directory)
    directory.mkdir(parents=True)
    taken = command(driver, "stop-trial", trial=first.key)
    assert (taken.outcome, taken.message) == (DONE, "trial-0000 stopped at step 5/20")
    trial = record.trial("toy", first.key)
    assert (trial.state, trial.reason, trial.value, trial.step) == (PRUNED, "stopped by ann@here", 0.5, 5)
    assert [asked(first), asked(second)] == [True, False]
    assert directory.is_dir()  # the process may still write there
    assert not driver.report(first, 10, {"val/accuracy": 0.6})
    driver.finish(first, Outcome(paused=True))
    assert record.trial("toy", first.key) == trial
    assert not directory.exists()
    assert driver.report(second, 5, {"val/accuracy": 0.4})


@pytest.mark.parametrize("end", ["paused", "failed", "lost", "interrupted"])
def test_a_stopped_trial_stays_stopped_however_its_process_ends(
    record: RecordWriter, base: Config, tmp_path: Path, end: str
) -> None:
    driver = engine(record, base, tmp_path / "toy", pruner="none")
    job = begin(driver)
    Path(job.directory).mkdir(parents=True)
    command(driver, "stop-trial", trial=job.key)
    before = record.trial("toy", job.key)
    if end == "lost":
        driver.worker_lost(job, "it died")
    elif end == "interrupted":
        driver.interrupt(job)
    else:
        driver.finish(job, Outcome(paused=True) if end == "paused" else Outcome(failure="no such file"))
    assert record.trial("toy", job.key) == before
    assert not Path(job.directory).exists()
    assert driver.failed_starts == 0


def test_a_stop_that_cannot_be(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    driver = engine(record, base, tmp_path / "toy", trials=1, seeds=1)
    job = begin(driver)
    driver.report(job, 20, {"val/accuracy": 0.5})
    driver.finish(job, Outcome(value=0.5))
    taken = command(driver, "stop-trial", trial=job.key)
    assert (taken.outcome, taken.message) == (REFUSED, "trial-0000 has already ended: COMPLETE at step 20/20")
    assert record.trial("toy", job.key).state == COMPLETE
    assert command(driver, "stop-trial", trial="trial-9").message == "the study has no trial trial-9"


def test_a_run_of_the_race_is_stopped_and_counts_as_no_score(
    record: RecordWriter, base: Config, tmp_path: Path
) -> None:
    driver = engine(record, base, tmp_path / "toy", trials=1, seeds=1)
    job = begin(driver)
    driver.report(job, 20, {"val/accuracy": 0.5})
    driver.finish(job, Outcome(value=0.5))
    run = begin(driver)
    assert command(driver, "stop-trial", trial=run.key).outcome == DONE
    assert record.trial("toy", run.key).state == PRUNED
    assert driver.next_job() is None  # the budget is used: it is not started again
    assert driver.is_finished


def test_two_persons_stop_a_trial_and_the_second_learns_of_it(
    record: RecordWriter, base: Config, tmp_path: Path
) -> None:
    driver = engine(record, base, tmp_path / "toy")
    job = begin(driver)
    for _ in range(2):
        add_command(record, "toy", "stop-trial", {"trial": job.key})
    first, second = driver.take_commands()
    assert [first.outcome, second.outcome] == [DONE, REFUSED]
    assert second.message == "trial-0000 has already ended: PRUNED at step 0/20"
    assert record.commands("toy") == [first, second]


def test_a_trial_stopped_before_any_report_does_not_disturb_the_search(
    record: RecordWriter, base: Config, tmp_path: Path
) -> None:
    driver = engine(record, base, tmp_path / "toy", trials=14)
    job = begin(driver)
    command(driver, "stop-trial", trial=job.key)
    driver.finish(job, Outcome(paused=True))
    run_in_process(driver)
    states = [trial.state for trial in record.trials("toy", "trial")]
    assert states[0] == PRUNED
    assert len(states) == 14
    assert set(states) <= {COMPLETE, PRUNED}
    assert record.trial("toy", job.key).attempts == 1


def test_added_trials_are_on_top_of_those_asked_for(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    driver = engine(record, base, tmp_path / "toy", trials=2)
    run_in_process(driver)
    assert driver.is_finished
    assert command(driver, "add-trials", count=1).message == "the study has 3 trials now"
    assert not driver.is_finished
    assert command(driver, "add-trials", count=2).message == "the study has 5 trials now"
    run_in_process(engine(record, base, tmp_path / "toy", trials=2))  # rerun as before
    assert len(record.trials("toy", "trial")) == 5
    run_in_process(engine(record, base, tmp_path / "toy", trials=4))
    assert len(record.trials("toy", "trial")) == 7
    commands = summary(record, "toy")["commands"]
    assert [(row["kind"], row["author"], row["arguments"]) for row in commands] == [
        ("add-trials", "ann@here", {"count": 1}),
        ("add-trials", "ann@here", {"count": 2}),
    ]
    assert all(row["created"] <= row["taken"] for row in commands)


def test_a_list_takes_no_more_trials(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    taken = command(listed(record, base, tmp_path / "toy"), "add-trials", count=1)
    assert taken.outcome == REFUSED
    assert "rerun its own command with more --seeds" in taken.message


def test_paused_and_resumed(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    driver = engine(record, base, tmp_path / "toy", trials=2, seeds=0, pruner="none")
    first, second = begin(driver), begin(driver)
    assert command(driver, "resume").message == "the study is not paused"
    assert command(driver, "pause").outcome == DONE
    assert command(driver, "pause").message == "the study was already paused by ann@here"
    assert asked(first)
    driver.finish(first, Outcome(paused=True))
    paused = record.trial("toy", first.key)
    assert (paused.state, paused.reason, paused.stalls) == (WAITING, "paused", 0)
    assert driver.next_job() is None
    assert not driver.is_finished
    assert command(driver, "resume").outcome == DONE
    again = begin(driver)
    assert (again.key, again.attempt) == (first.key, 2)
    assert not asked(again)
    # It saw the request before it was withdrawn.
    driver.finish(second, Outcome(paused=True))
    trial = record.trial("toy", second.key)
    assert (trial.state, trial.reason, trial.stalls) == (WAITING, "paused", 0)
    # A stop signal that no command asked for is still the trial's own trouble.
    driver.finish(again, Outcome(paused=True))
    assert "stop signal" in record.trial("toy", first.key).reason


def test_a_new_driver_knows_that_the_study_is_paused(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    first = engine(record, base, tmp_path / "toy")
    begin(first)
    command(first, "pause")
    second = engine(record, base, tmp_path / "toy")
    assert second.steering.paused is not None
    assert second.next_job() is None
    assert record.trial("toy", "trial-0000").state == WAITING
    command(second, "resume")
    assert begin(second).attempt == 2


def test_a_waiting_trial_runs_next(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    driver = engine(record, base, tmp_path / "toy", trials=4, seeds=0)
    jobs = [begin(driver) for _ in range(4)]
    assert command(driver, "priority", trial="trial-0001").message == "trial-0001 is not waiting: it is RUNNING"
    command(driver, "pause")
    for job in jobs:
        driver.finish(job, Outcome(paused=True))
    assert command(driver, "priority", trial="trial-0002").message == "trial-0002 runs next"
    command(driver, "priority", trial="trial-0003")
    command(driver, "resume")
    after = engine(record, base, tmp_path / "toy", trials=4, seeds=0)  # as after a kill
    assert [begin(after).key for _ in range(4)] == ["trial-0003", "trial-0002", "trial-0000", "trial-0001"]


def test_a_listed_trial_runs_next(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    driver = listed(record, base, tmp_path / "toy")
    assert command(driver, "priority", trial="no_ym-0").message == "no_ym-0 runs next"
    assert command(driver, "priority", trial="no_such-0").outcome == REFUSED
    assert [begin(driver).key for _ in range(3)] == ["no_ym-0", "ours-0", "no_ya-0"]
    assert sorted(trial.number for trial in record.trials("toy")) == [0, 1, 2]


def test_a_changed_space_holds_for_later_trials_and_for_later_drivers(
    record: RecordWriter, base: Config, tmp_path: Path
) -> None:
    driver = engine(record, base, tmp_path / "toy", trials=3, seeds=0, pruner="none")
    begin(driver)
    assert command(driver, "space", changes="--freeze weights.gan=2").outcome == DONE
    begin(driver)
    # As after a kill, by the same command with its own space.
    later = engine(record, base, tmp_path / "toy", trials=8, seeds=0, pruner="none")
    run_in_process(later)
    assert command(later, "space", changes="--unfreeze weights.gan --range weights.gan=5:6").message == (
        "weights.gan is searched from 5 to 6 instead of 0.1 to 10; weights.gan is searched again (5 to 6); "
        "this applies to trials proposed from now on"
    )
    run_in_process(engine(record, base, tmp_path / "toy", trials=10, seeds=0, pruner="none"))
    weights = [trial.params["weights.gan"] for trial in record.trials("toy", "trial")]
    assert weights[:8] == [1.0, *[2.0] * 7]
    assert all(5 <= weight <= 6 for weight in weights[8:])
    assert [trial.config["weights"]["gan"] for trial in record.trials("toy", "trial")] == weights
    assert [row["arguments"]["changes"] for row in summary(record, "toy")["commands"]] == [
        "--freeze weights.gan=2",
        "--unfreeze weights.gan --range weights.gan=5:6",
    ]


def test_changes_of_a_space_that_cannot_be(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    driver = engine(record, base, tmp_path / "toy")
    before = driver.sources
    for changes, message in (
        ("--freeze weights.rnak=2", "the study does not search 'weights.rnak'"),
        ("--range weights.gan=1:2 --unfreeze weights.rank", "'weights.rank' is not frozen"),
    ):
        taken = command(driver, "space", changes=changes)
        assert taken.outcome == REFUSED
        assert message in taken.message
    # All changes of a command are made, or none.
    assert driver.sources == before
    taken = command(listed(record, base, tmp_path / "toy"), "space", changes="--freeze weights.gan=2")
    assert (taken.outcome, taken.message) == (REFUSED, "this study runs a list of trials: it has no search space")


def test_a_change_that_no_longer_fits_the_space_of_the_command_is_told(
    record: RecordWriter, base: Config, tmp_path: Path
) -> None:
    driver = engine(record, base, tmp_path / "toy")
    command(driver, "space", changes="--freeze weights.gan=2")
    rank = Parameter("weights.rank", "log", 1.0, 1000.0)
    narrow = checked_space(base, [rank], {})
    source = SampledTrials(narrow, create_sampler("random", narrow, 0), 4, 0)
    (line,) = ignored_changes(driver.steering, [source])
    assert line.startswith("space --freeze weights.gan=2: no longer possible, ignored (the study does not search")
    assert driver.steering.steered(source) == replace(source, sampler=ANY)


def test_recorded_changes_apply_in_order_and_those_that_no_longer_fit_are_told(base: Config) -> None:
    rank = Parameter("weights.rank", "log", 1.0, 1000.0)
    space = checked_space(base, [rank, Parameter("weights.l1", "log", 1.0, 10.0)], {})
    source = SampledTrials(space, create_sampler("random", space, 0), 4, 0)
    steered = Steering(
        space_changes=["--freeze weights.gan=2", "--range weights.rank=20:50", "--range weights.rank=5:60"]
    )
    after = steered.steered(source)
    assert isinstance(after, SampledTrials)
    assert [(row.low, row.high) for row in after.space.parameters] == [(5, 60), (1, 10)]
    assert ignored_changes(steered, [source]) == [
        "space --freeze weights.gan=2: no longer possible, ignored "
        "(the study does not search 'weights.gan'; it searches weights.rank, weights.l1)"
    ]


def test_a_command_that_raises_is_refused_and_the_study_goes_on(
    record: RecordWriter, base: Config, tmp_path: Path
) -> None:
    driver = engine(record, base, tmp_path / "toy")
    taken = command(driver, "space", changes=f"--freeze weights.gan={'9' * 400}")
    assert (taken.outcome, taken.message) == (REFUSED, "int too large to convert to float")
    assert command(driver, "add-trials", count=1).outcome == DONE


def grid_study(record: RecordWriter, space: Space, folder: Path) -> Engine:
    source = SampledTrials(space, create_sampler("grid", space, 0), 20, 0)
    plan = StudyPlan("toy", [source], create_pruner("none", 20, 5), folder, "tests.tuning.toy_trials:learn")
    return Engine(record, plan)


def test_a_change_that_makes_the_grid_too_large_is_refused(
    record: RecordWriter, base: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid, "MAX_POINTS", 8)
    names = ("weights.gan", "weights.rank")
    space = checked_space(base, [Parameter(name, "log", 0.1, 1000.0) for name in names], {})
    space = changed(space, "--freeze weights.gan=1")
    driver = grid_study(record, space, tmp_path / "toy")
    taken = command(driver, "space", changes="--unfreeze weights.gan")
    assert taken.outcome == REFUSED
    assert taken.message.startswith("a grid over this space has 9 points")
    # A record by another sampler may hold such a change: a driver with a grid goes on without it.
    monkeypatch.setattr(grid, "MAX_POINTS", 9)
    assert command(driver, "space", changes="--unfreeze weights.gan").outcome == DONE
    monkeypatch.setattr(grid, "MAX_POINTS", 8)
    later = grid_study(record, space, tmp_path / "toy")
    assert later.sources == later.plan.sources
    (line,) = ignored_changes(later.steering, later.plan.sources)
    assert line.startswith("space --unfreeze weights.gan: no longer possible, ignored (a grid over this space has 9")


def test_no_trials_are_added_to_a_grid_that_has_no_points_left(
    record: RecordWriter, base: Config, tmp_path: Path
) -> None:
    space = checked_space(base, [Parameter("weights.gan", "log", 0.1, 10.0)], {})
    driver = grid_study(record, space, tmp_path / "toy")
    assert command(driver, "add-trials", count=1).message == "the study has 21 trials now"
    run_in_process(driver)
    taken = command(driver, "add-trials", count=1)
    assert taken.outcome == REFUSED
    assert taken.message.startswith("all points of the grid have been tried; widen a range")
    assert command(driver, "space", changes="--range weights.gan=0.2:20").outcome == DONE
    assert command(driver, "add-trials", count=1).outcome == DONE


def test_a_command_of_a_later_program_is_refused(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    taken = command(engine(record, base, tmp_path / "toy"), "sing", song="x")
    assert (taken.outcome, taken.message) == (
        REFUSED,
        "the program that runs the study does not know the command sing",
    )
    assert command_line(taken) == f"command 1 by ann@here: sing x: refused: {taken.message}"
    assert command_line(replace(taken, outcome="", taken=None)) == "command 1 by ann@here: sing x: pending"


def test_a_study_that_is_being_stopped_leaves_commands_pending(
    record: RecordWriter, base: Config, tmp_path: Path
) -> None:
    driver = engine(record, base, tmp_path / "toy")
    driver.pause()
    row = add_command(record, "toy", "add-trials", {"count": 1})
    assert driver.take_commands() == []
    assert record.commands("toy") == [row]
    (taken,) = engine(record, base, tmp_path / "toy").take_commands()
    assert taken.outcome == DONE


def test_pending_and_refused_commands_amount_to_nothing() -> None:
    row = CommandRow(1, "", "toy", 0.0, "ann@here", "add-trials", {"count": 3})
    pause = replace(row, id=2, kind="pause", arguments={})
    assert Steering.from_commands([row, pause, replace(pause, outcome=REFUSED)]) == Steering()
    done = [replace(each, outcome=DONE) for each in (row, pause)]
    assert Steering.from_commands(done) == Steering(3, done[1])
    assert Steering.from_commands([*done, replace(done[1], kind="resume")]) == Steering(3)


def test_a_driver_killed_between_any_two_writes_loses_no_command_and_takes_none_twice(
    base: Config, tmp_path: Path
) -> None:
    template, numbers = tmp_path / "template.db", itertools.count()
    prepare(str(template), base, tmp_path / "toy")
    kills = check_driver_kills(
        lambda: str(shutil.copy(template, tmp_path / f"{next(numbers)}.db")), base, tmp_path / "toy"
    )
    assert kills >= 2 * len(TYPED)


def test_a_command_that_is_killed_is_on_record_once_or_not_at_all(base: Config, tmp_path: Path) -> None:
    assert check_command_kills(str(tmp_path / "record.db"), base) == [0, 0, 0, 1]
