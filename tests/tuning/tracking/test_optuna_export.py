from __future__ import annotations

import math
import warnings
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from amc.config import natops, with_overrides
from amc.errors import UserError
from analysis.record.rows import Snapshot
from analysis.record.states import COMPLETE, CONFIRM, FAILED, PRUNED
from analysis.record.writing import RecordWriter
from tests.tuning.toy_rows import study_row, trial_row
from tuning.tracking.optuna_export import optuna_studies, write_studies

BASE = with_overrides(natops("smoke"), {"training.steps": 20})
SPACE = {
    "parameters": {
        "weights.gan": {"kind": "log", "when": [], "low": 0.5, "high": 8.0},
        "training.batch_size": {"kind": "int", "when": [], "low": 4, "high": 16},
        "switches.da": {"kind": "bool", "when": [], "choices": [False, True], "prior": 0.8},
        "weights.da_aux": {"kind": "float", "when": ["switches.da"], "low": 0.0, "high": 1.0},
    }
}
GOAL = {"objectives": ["accuracy"], "constraints": ["time/step_seconds <= 0.5"]}


def params(number: int, da: bool = True) -> dict[str, object]:
    found: dict[str, object] = {"weights.gan": 1.0 + number, "training.batch_size": 4 + number, "switches.da": da}
    return found | ({"weights.da_aux": 0.25} if da else {})


def make(path: Path, **changes: object) -> Snapshot:
    """Six trials, one in each state and one that is infeasible, and a confirming run."""
    with RecordWriter(path) as record:
        record.create_study(replace(study_row(BASE), **({"space": SPACE, "goal": GOAL, "uid": "u" * 32} | changes)))  # type: ignore[arg-type]
        objectives = ["val/accuracy", "val/appearance"][: len(record.study("toy").goal["objectives"])]
        for number, state in enumerate([COMPLETE, PRUNED, FAILED, COMPLETE, "RUNNING", "WAITING"]):
            record.add_trial(trial_row(BASE, number, params=params(number, number != 3), seed=10 + number))
            if state != "WAITING":
                record.begin("toy", f"trial-{number:04d}")
                record.mark_started("toy", f"trial-{number:04d}", 1)
            for step in (5, 10) if state not in ("WAITING", FAILED) else ():
                metrics = {
                    "val/accuracy": (number + step) / 20,
                    "val/appearance": 0.5,
                    "time/step_seconds": 0.4 if number < 3 else 0.75,
                }
                record.report("toy", f"trial-{number:04d}", 1, step, metrics, objectives=objectives, violation=0.0)
            if state in (COMPLETE, PRUNED, FAILED):
                reason = "a loss is NaN" if state == FAILED else ""
                record.finish("toy", f"trial-{number:04d}", 1, state, reason=reason)
        config = with_overrides(BASE, {"split.folds": 3}).to_dict()
        row = trial_row(BASE, 0, key="confirm-0000", role=CONFIRM, parent="trial-0000", config=config, params=params(0))
        record.add_trial(row)
        record.begin("toy", "confirm-0000")
        record.finish("toy", "confirm-0000", 1, COMPLETE, value=0.5, scores={"test/accuracy": 0.4})
        return record.snapshot("toy")


def export(snapshot: Snapshot, path: Path) -> str:
    url = f"sqlite:///{path}"
    write_studies(optuna_studies(snapshot), url)
    return url


def test_trials_are_those_of_the_record(tmp_path: Path) -> None:
    snapshot = make(tmp_path / "record.db")
    url = export(snapshot, tmp_path / "optuna.db")
    study = optuna.load_study(study_name="toy", storage=url)
    states = ["COMPLETE", "PRUNED", "FAIL", "COMPLETE", "RUNNING", "WAITING"]
    assert [trial.state.name for trial in study.trials] == states
    assert [direction.name for direction in study.directions] == ["MAXIMIZE"]
    assert study.metric_names == ["accuracy"]
    assert study.user_attrs["constraints"] == ["time/step_seconds <= 0.5"]
    first, pruned, failed, infeasible, running, waiting = study.trials
    assert first.value == pytest.approx(0.5)
    assert pruned.value == pytest.approx(11 / 20)
    assert failed.value is None
    assert failed.user_attrs["reason"] == "a loss is NaN"
    assert first.intermediate_values == {5: 0.25, 10: 0.5}
    assert running.intermediate_values == {5: 9 / 20, 10: 14 / 20}
    assert waiting.intermediate_values == {}
    assert first.params == params(0)
    assert infeasible.params == params(3, da=False)
    assert first.distributions == {
        "weights.gan": FloatDistribution(0.5, 8.0, log=True),
        "training.batch_size": IntDistribution(4, 16),
        "switches.da": CategoricalDistribution((False, True)),
        "weights.da_aux": FloatDistribution(0.0, 1.0),
    }
    assert "weights.da_aux" not in infeasible.distributions
    assert list(first.constraints.values()) == pytest.approx([-0.2])  # 0.4 of 0.5, relative to the bound
    assert list(infeasible.constraints.values()) == pytest.approx([0.5])
    assert failed.constraints == {}
    assert study.best_trial.number == 0  # trial 3 is better, but infeasible
    assert (first.user_attrs["seed"], first.user_attrs["attempts"], first.user_attrs["role"]) == (10, 1, "trial")
    row = snapshot.trials[0]
    assert row.ended is not None
    assert first.datetime_start == datetime.fromtimestamp(row.created)
    assert first.datetime_complete == datetime.fromtimestamp(row.ended)
    assert waiting.datetime_start is None
    assert running.datetime_complete is None


def test_confirming_runs_are_a_study_of_their_own(tmp_path: Path) -> None:
    url = export(make(tmp_path / "record.db"), tmp_path / "optuna.db")
    (run,) = optuna.load_study(study_name="toy-confirm", storage=url).trials
    assert (run.value, run.params) == (0.5, params(0))
    assert run.user_attrs["parent"] == "trial-0000"
    assert run.user_attrs["test/accuracy"] == 0.4
    assert run.user_attrs["config"] == {"split.folds": 3}


def test_several_objectives(tmp_path: Path) -> None:
    goal = {"objectives": ["accuracy", "appearance"], "constraints": []}
    url = export(make(tmp_path / "record.db", goal=goal), tmp_path / "optuna.db")
    study = optuna.load_study(study_name="toy", storage=url)
    assert study.metric_names == ["accuracy", "appearance"]
    assert study.trials[0].values == [0.5, 0.5]
    assert [trial.number for trial in study.best_trials] == [3]
    # A confirming run without reports has one of the two objectives.
    assert optuna.load_study(study_name="toy-confirm", storage=url).trials[0].state is TrialState.FAIL


def test_values_outside_the_space_of_today(tmp_path: Path) -> None:
    """After --allow-space-change: a range that is narrower now, a choice and a parameter that are gone."""
    space = {
        "parameters": {
            "weights.gan": {"kind": "log", "when": [], "low": 2.0, "high": 3.0},
            "switches.da": {"kind": "categorical", "when": [], "choices": ["never"]},
        }
    }
    trials = [
        trial_row(BASE, 0, params={"weights.gan": 1.0, "switches.da": True, "gone": [1, 2]}, state=COMPLETE, value=0.5),
        trial_row(BASE, 1, params={"weights.gan": 9.0, "switches.da": "never"}),
    ]
    (study,) = optuna_studies(Snapshot(replace(study_row(BASE), space=space), tuple(trials), (), {}))
    assert study.trials[0].distributions == {
        "weights.gan": FloatDistribution(1.0, 9.0, log=True),
        "switches.da": CategoricalDistribution(("never", True)),
        "gone": CategoricalDistribution(("[1, 2]",)),
    }
    write_studies([study], f"sqlite:///{tmp_path / 'optuna.db'}")


def test_a_constraint_whose_metric_is_missing_is_violated_by_a_finite_number(tmp_path: Path) -> None:
    goal = GOAL | {"constraints": ["time/other <= 0.5"]}
    study = optuna_studies(make(tmp_path / "record.db", goal=goal))[0]
    (value,) = study.trials[0].constraints.values()
    assert value > 1e300
    assert math.isfinite(value)  # JSON has no infinity


def test_a_second_export_replaces_the_first(tmp_path: Path) -> None:
    snapshot = make(tmp_path / "record.db")
    export(replace(snapshot, trials=snapshot.trials[:2], reports=()), tmp_path / "optuna.db")
    url = export(snapshot, tmp_path / "optuna.db")
    assert [summary.study_name for summary in optuna.get_all_study_summaries(url)] == ["toy", "toy-confirm"]
    assert len(optuna.load_study(study_name="toy", storage=url).trials) == 6


def test_a_study_with_additions_or_of_another_origin_is_not_replaced(tmp_path: Path) -> None:
    snapshot = make(tmp_path / "record.db")
    url = export(snapshot, tmp_path / "optuna.db")
    other = replace(snapshot, study=replace(snapshot.study, uid="v" * 32))
    with pytest.raises(UserError, match="has a study 'toy' that was not exported from this study, so it is not repl"):
        export(other, tmp_path / "optuna.db")
    study = optuna.load_study(study_name="toy-confirm", storage=url)
    storage = optuna.storages.RDBStorage(url)
    storage.set_study_system_attr(study._study_id, "dashboard:note", "interesting")
    with pytest.raises(UserError, match="'toy-confirm' to which trials or notes have been added"):
        export(snapshot, tmp_path / "optuna.db")
    storage.set_study_system_attr(optuna.load_study(study_name="toy", storage=url)._study_id, "x", 1)
    study = optuna.load_study(study_name="toy", storage=url)
    study.add_trial(optuna.trial.create_trial(value=1.0))
    with pytest.raises(UserError, match="to which trials or notes have been added"):
        export(snapshot, tmp_path / "optuna.db")
    assert len(optuna.load_study(study_name="toy", storage=url).trials) == 7


def test_an_export_that_was_killed_is_completed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = make(tmp_path / "record.db")
    with monkeypatch.context() as patched:
        patched.setattr(optuna.Study, "add_trials", lambda study, trials: study.add_trial(trials[0]) or 1 / 0)
        with pytest.raises(ZeroDivisionError):
            export(snapshot, tmp_path / "optuna.db")
    url = export(snapshot, tmp_path / "optuna.db")
    assert len(optuna.load_study(study_name="toy", storage=url).trials) == 6


def test_optunas_figures_open_the_study(tmp_path: Path) -> None:
    """`optuna.visualization.matplotlib`: the same data as the interactive figures, which need plotly."""
    from optuna.visualization import matplotlib as figures

    url = export(make(tmp_path / "record.db"), tmp_path / "optuna.db")
    study = optuna.load_study(study_name="toy", storage=url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figures.plot_optimization_history(study)
        figures.plot_intermediate_values(study)
        figures.plot_slice(study)
        figures.plot_contour(study, params=["weights.gan", "training.batch_size"])
        figures.plot_parallel_coordinate(study)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("optuna.db", "--optuna 'optuna.db' is not the URL of a database: give a URL such as sqlite:///optuna.db"),
        ("nosuch://host/x", "is not the URL of a database"),
        ("sqlite://", "names no file"),
        ("sqlite:///{folder}", "is a folder"),
        ("sqlite:///{folder}/missing/x.db", "there is no folder"),
        ("sqlite:///{folder}/record.db", "record.db is the record of a study, not a database of Optuna"),
        ("sqlite:///{folder}/list.txt", "cannot write to the database sqlite:///.*list.txt: file is not a database"),
        ("oracle://host/x", "no driver for oracle databases is installed"),
        ("postgresql://u:secret@127.0.0.1:1/x", r"cannot write to the database postgresql://u@127.0.0.1:1/x: "),
    ],
)
def test_unusable_addresses(url: str, message: str, tmp_path: Path) -> None:
    snapshot = make(tmp_path / "record.db")
    (tmp_path / "list.txt").write_text(
        "bread, milk, and enough words to be longer than the header of a database file" * 9
    )
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=message):
        write_studies(optuna_studies(snapshot), url.replace("{folder}", str(tmp_path)))
    assert sorted(tmp_path.iterdir()) == before


def test_a_store_of_mlflow_is_refused(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "mlflow.db") as store:
        store.execute("CREATE TABLE alembic_version (version_num TEXT)")
    store.close()
    with pytest.raises(UserError, match=r"mlflow\.db belongs to another program, such as MLflow"):
        export(make(tmp_path / "record.db"), tmp_path / "mlflow.db")
