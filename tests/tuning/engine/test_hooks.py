"""What a study does before and after its trials, with trials that have all ended: nothing of Ray is started."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amc.config import Config
from amc.errors import UserError
from analysis.record.reading import RecordReader
from analysis.record.states import COMPLETE
from analysis.record.writing import RecordWriter
from tests.tuning.toy_rows import study_row, trial_row
from tuning.engine.sources import ListedTrials, Proposal
from tuning.engine.study import RESULTS_SECONDS, Ending, Study, _trials_deadline, run_study
from tuning.search.pruners import create_pruner
from tuning.tracking.store import default_store, open_store
from tuning.workers.resources import machine_resources

pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One for all tests of this file: making one takes seconds."""
    return default_store(Path(tmp_path_factory.mktemp("store")))


@pytest.fixture
def study(record: RecordWriter, base: Config, tmp_path: Path, store: str) -> Study:
    """Of one trial, which is complete."""
    record.add_trial(trial_row(base))
    record.begin("toy", "trial-0000")
    record.report("toy", "trial-0000", 1, 20, {"val/accuracy": 0.5})
    record.finish("toy", "trial-0000", 1, COMPLETE)
    return Study(
        row=study_row(base),
        sources=[ListedTrials((Proposal("trial-0000", "trial", 0, base),))],
        pruner=create_pruner("none", 20, 5),
        runs=tmp_path,
        tracking=store,
        resources=machine_resources(1, 1, 0.0, devices=0),
        trainable="tests.tuning.toy_trials:learn",
    )


def write_table(text: str) -> Callable[[RecordWriter, Path], None]:
    def results(record: RecordWriter, folder: Path) -> None:
        path = folder / "tables" / "table4.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}, {len(record.trials('toy'))} trial\n")

    return results


def raising(error: BaseException) -> Callable[[RecordWriter, Path], None]:
    def hook(record: RecordWriter, folder: Path) -> None:
        raise error

    return hook


def parent(study: Study) -> tuple[Any, str]:
    """The study's own run."""
    client = open_store(study.target, study.runs)
    place = client.get_experiment_by_name("toy")
    assert place is not None
    with RecordReader(study.folder / "record.db") as records:
        mine = f"tags.`amc.study_id` = '{records.study('toy').uid}'"
    (run,) = client.search_runs([place.experiment_id], filter_string=f"{mine} AND tags.`amc.role` = 'study'")
    return client, run.info.run_id


def logged(study: Study) -> Path:
    """The table that the study's own run has."""
    client, ident = parent(study)
    return Path(client.get_run(ident).info.artifact_uri.removeprefix("file://")) / "tables" / "table4.md"


def test_both_are_carried_out_though_nothing_is_left_to_train(study: Study) -> None:
    order: list[str] = []

    def before(record: RecordWriter, folder: Path) -> None:
        order.append("before")
        with pytest.raises(UserError, match="is being run by process"):
            run_study(study)  # it is under the study's lock

    def results(record: RecordWriter, folder: Path) -> None:
        order.append("results")
        write_table("one")(record, folder)

    assert run_study(replace(study, before_trials=before, make_results=results)).code == 0
    assert order == ["before", "results"]
    assert (study.folder / "tables" / "table4.md").read_text() == "one, 1 trial\n"
    assert logged(study).read_text() == "one, 1 trial\n"


def test_results_reach_the_tracker_again_only_when_they_changed(study: Study) -> None:
    run_study(replace(study, make_results=write_table("one")))
    place = logged(study)
    place.write_text("a mark")
    run_study(replace(study, make_results=write_table("one")))
    assert place.read_text() == "a mark"
    run_study(replace(study, make_results=write_table("two")))
    assert place.read_text() == "two, 1 trial\n"


def test_the_end_tells_whether_results_are_of_this_sitting(study: Study) -> None:
    assert not run_study(study).results
    assert run_study(replace(study, make_results=write_table("one"))).results
    assert not run_study(replace(study, make_results=raising(KeyboardInterrupt()))).results
    assert not run_study(replace(study, make_results=raising(OSError(28, "No space left on device")))).results


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "OSError: [Errno 28] No space left on device"),
        (UserError("the table has no rows"), "the table has no rows"),
        (ZeroDivisionError("by\nnothing"), "ZeroDivisionError: by nothing; see "),
    ],
)
def test_results_that_fail_are_told_in_a_line_and_change_nothing_else(
    error: Exception, said: str, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    ending = run_study(replace(study, make_results=raising(error)))
    assert ending.code == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "cannot make tables" in line]
    assert len(lines) == 1
    assert said in lines[0]
    assert ending.summary["best"]
    assert (study.folder / "logs" / "results.log").is_file() == isinstance(error, ZeroDivisionError)
    with closing(sqlite3.connect(study.folder / "record.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert run_study(replace(study, make_results=write_table("again"))).code == 0


def test_a_stop_while_results_are_made_ends_in_order(study: Study) -> None:
    ending: Ending = run_study(replace(study, make_results=raising(KeyboardInterrupt())))
    assert ending.code == 130
    assert (study.folder / "summary.json").is_file()
    client, ident = parent(study)  # what there was to copy is copied
    assert client.get_run(ident).info.status == "SCHEDULED"
    assert run_study(replace(study, make_results=write_table("one"))).code == 0
    assert client.get_run(ident).info.status == "FINISHED"


@pytest.mark.parametrize("error", [UserError("no such clips"), KeyboardInterrupt()])
def test_whatever_ends_before_leaves_the_study_as_it_was(error: BaseException, study: Study) -> None:
    with RecordReader(study.folder / "record.db") as records:
        known = records.trials("toy")
    with pytest.raises(type(error)):
        run_study(replace(study, before_trials=raising(error), make_results=write_table("never")))
    with RecordReader(study.folder / "record.db") as records:
        assert records.trials("toy") == known
    assert not (study.folder / "tables").exists()
    assert run_study(study).code == 0


def test_results_have_their_share_of_a_time_budget(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    drawing = replace(study, make_results=write_table("one"))
    assert _trials_deadline(replace(study, until=1040.0)) == 1040.0
    assert _trials_deadline(drawing) is None
    assert _trials_deadline(replace(drawing, until=1040.0)) == 1030.0
    assert _trials_deadline(replace(drawing, until=9000.0)) == 9000.0 - RESULTS_SECONDS
    assert _trials_deadline(replace(drawing, until=900.0)) == 900.0


def test_a_record_that_was_deleted_while_the_study_ran_is_not_called_complete(study: Study) -> None:
    """Nothing that the study wrote after that is on record, so the line promises nothing."""
    path = study.folder / "record.db"
    deleting = replace(study, make_results=lambda record, folder: path.unlink())
    with pytest.raises(
        UserError, match=r"record.db was deleted or replaced while the study ran.*put it back"
    ) as caught:
        run_study(deleting)
    assert "no results are lost" not in str(caught.value)
