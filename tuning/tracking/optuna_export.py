"""Writes a study into a database of Optuna, for optuna-dashboard and `optuna.visualization`.

The trials of a study become an Optuna study of the same name. Runs of another role, such as the confirming runs of a
search, become a study NAME-ROLE of their own: they repeat a configuration, so they are not trials of the search.
"""

from __future__ import annotations

import json
import math
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import optuna
import sqlalchemy as sa
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from amc.dotted_fields import flattened
from amc.errors import UserError, first_line
from analysis.record.connection.address import sqlite_path, with_driver, without_password
from analysis.record.lookup import method_name
from analysis.record.rows import Point, Snapshot, StudyRow, TrialRow
from analysis.record.schema import schema_table
from analysis.record.states import COMPLETE, FAILED, PRUNED, RUNNING, TRIAL, WAITING
from tuning.search.goal import Goal

STATES: Mapping[str, TrialState] = {
    WAITING: TrialState.WAITING,
    RUNNING: TrialState.RUNNING,
    COMPLETE: TrialState.COMPLETE,
    PRUNED: TrialState.PRUNED,
    FAILED: TrialState.FAIL,
}
# Optuna 5 writes each constraint under a name of its own, but reads this list of earlier versions too, and
# optuna-dashboard reads nothing else.
CONSTRAINTS = "constraints"
METRIC_NAMES = "study:metric_names"  # where `Study.set_metric_names` keeps them
_UNIQUE_ID = "amc_uid"


@dataclass(frozen=True)
class OptunaStudy:
    """A study as Optuna has it.

    Attributes:
        objectives: their names; all are maximized.
        attributes: the study's user attributes.
    """

    name: str
    objectives: tuple[str, ...]
    attributes: Mapping[str, Any]
    trials: tuple[FrozenTrial, ...]


def optuna_studies(snapshot: Snapshot) -> list[OptunaStudy]:
    """The trials of a study as an Optuna study, and its runs of each other role as another."""
    row, goal = snapshot.study, Goal.from_dict(snapshot.study.goal)
    roles = dict.fromkeys([TRIAL, *(trial.role for trial in snapshot.trials)])
    distributions = _distributions(row, snapshot.trials)
    reports: dict[str, list[Point]] = {trial.key: [] for trial in snapshot.trials}
    for point in snapshot.reports:
        reports[point.key].append(point)
    return [
        OptunaStudy(
            row.name if role == TRIAL else f"{row.name}-{role}",
            tuple(objective.name for objective in goal.objectives),
            _study_attributes(row, role),
            tuple(
                _trial(trial, reports[trial.key], row, goal, distributions)
                for trial in snapshot.trials
                if trial.role == role
            ),
        )
        for role in roles
    ]


def write_studies(studies: Sequence[OptunaStudy], url: str) -> None:
    """Writes studies into the database at `url`, creating it if needed.

    A study that an earlier export of the same study wrote is replaced, unless something was added to it since.

    Args:
        url: SQLAlchemy URL.

    Raises:
        UserError: the URL is invalid, the database cannot be written or is not one of Optuna, or it has another study
            of the same name. No study has been changed then, unless the database failed while it was written.
    """
    shown = without_password(url)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        _check_database(url)
        # Optuna fills templates in an URL.
        storage = optuna.storages.RDBStorage(with_driver(url).replace("{", "{{").replace("}", "}}"))
        try:
            known = {study.study_name: study for study in optuna.get_all_study_summaries(storage)}
            replaced = [study for study in studies if study.name in known]
            for study in replaced:
                _check_replaceable(study, storage, shown)
            for study in replaced:
                optuna.delete_study(study_name=study.name, storage=storage)
            for study in studies:
                _write_study(study, storage)
        finally:
            storage.remove_session()
            storage.engine.dispose()
    except ImportError as error:
        raise UserError(f"no driver for {shown.partition('://')[0]} databases is installed: {error}") from error
    except (sa.exc.SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError) as error:
        cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
        reason = first_line(getattr(cause, "orig", None) or cause or error)
        raise UserError(f"cannot write to the database {shown}: {reason}") from error


def _check_database(url: str) -> None:
    """Checks the URL, and that the database, if there is one, is not a study record or a store of MLflow."""
    shown = without_password(url)
    example = "give a URL such as sqlite:///optuna.db"
    try:
        parsed = sa.make_url(with_driver(url))
        engine = sa.create_engine(parsed)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise UserError(f"--optuna {shown!r} is not the URL of a database: {example}") from error
    path = sqlite_path(parsed)
    if parsed.get_backend_name() == "sqlite":
        if path is None or str(path) == ":memory:":
            raise UserError(f"--optuna {shown!r} names no file: {example}")
        if path.is_dir() or not path.absolute().parent.is_dir():
            where = f"{path} is a folder" if path.is_dir() else f"there is no folder {path.absolute().parent}"
            raise UserError(f"--optuna {shown}: {where}")
        if not path.exists():
            return
    try:
        tables = sa.inspect(engine).get_table_names()
    finally:
        engine.dispose()
    if schema_table.name in tables:
        raise UserError(f"{shown} is the record of a study, not a database of Optuna: {example}")
    if "alembic_version" in tables and "version_info" not in tables:
        # Optuna and MLflow both keep their schema version in `alembic_version`.
        raise UserError(f"{shown} belongs to another program, such as MLflow: {example}")


def _check_replaceable(study: OptunaStudy, storage: optuna.storages.BaseStorage, shown: str) -> None:
    number = storage.get_study_id_from_name(study.name)
    trials = storage.get_all_trials(number, deepcopy=False)
    keys = {trial.user_attrs["key"] for trial in study.trials}
    if storage.get_study_user_attrs(number).get(_UNIQUE_ID) != study.attributes[_UNIQUE_ID]:
        why = "that was not exported from this study"
    elif (
        any(trial.user_attrs.get("key") not in keys or set(trial.system_attrs) - {CONSTRAINTS} for trial in trials)
        or set(storage.get_study_system_attrs(number)) - {METRIC_NAMES}  # optuna-dashboard keeps notes there
    ):
        why = "to which trials or notes have been added"
    else:
        return
    raise UserError(
        f"{shown} has a study {study.name!r} {why}, so it is not replaced: give another database, or delete the study: "
        f"optuna delete-study --study-name {study.name} --storage {shown}"
    )


def _write_study(study: OptunaStudy, storage: optuna.storages.BaseStorage) -> None:
    directions = [StudyDirection.MAXIMIZE] * len(study.objectives)
    written = optuna.create_study(study_name=study.name, storage=storage, directions=directions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        written.set_metric_names(list(study.objectives))
    # First: an export that is killed is replaced by the next one.
    for name, value in study.attributes.items():
        written.set_user_attr(name, value)
    written.add_trials(study.trials)


def _study_attributes(row: StudyRow, role: str) -> dict[str, Any]:
    return {
        _UNIQUE_ID: row.uid,
        "role": role,
        "kind": row.kind,
        "method": method_name(row.config),
        "dataset": row.dataset.get("name"),
        "origin": row.dataset.get("origin"),
        "preset": row.preset,
        "seed": row.seed,
        "constraints": list(row.goal["constraints"]),
        "created": datetime.fromtimestamp(row.created).isoformat(sep=" ", timespec="seconds"),
    }


def _trial(
    trial: TrialRow,
    reports: Sequence[Point],
    row: StudyRow,
    goal: Goal,
    distributions: Mapping[str, BaseDistribution],
) -> FrozenTrial:
    state, values = STATES[trial.state], _values(trial, goal)
    if state is TrialState.COMPLETE and values is None:
        state = TrialState.FAIL  # Optuna has no complete trial without a value
    made = optuna.trial.create_trial(
        state=TrialState.RUNNING,  # the final state comes with its dates, below
        params={name: _choice(value) for name, value in trial.params.items()},
        distributions={name: distributions[name] for name in trial.params},
        user_attrs=_trial_attributes(trial, row),
        system_attrs={CONSTRAINTS: _constraints(goal, reports[-1].metrics)} if goal.constraints and reports else {},
        intermediate_values={point.step: point.metrics.get(goal.metrics[0], math.nan) for point in reports},
    )
    made.state = state
    if state in (TrialState.COMPLETE, TrialState.PRUNED):
        made.values = values
    # Optuna's start is when the parameters were proposed; `started` in the record is that of the last attempt.
    made.datetime_start = None if state is TrialState.WAITING else datetime.fromtimestamp(trial.created)
    made.datetime_complete = datetime.fromtimestamp(trial.ended or trial.created) if state.is_finished() else None
    return made


def _values(trial: TrialRow, goal: Goal) -> list[float] | None:
    """The objectives at the last report; None if not all of them were measured."""
    measured = trial.values or {goal.metrics[0]: trial.value}
    values = [measured.get(metric) for metric in goal.metrics]
    known = [value for value in values if value is not None and not math.isnan(value)]
    return known if len(known) == len(values) else None


def _constraints(goal: Goal, metrics: Mapping[str, float]) -> list[float]:
    """One number per constraint, above 0 where it is violated, relative to its bound."""
    numbers = []
    for row in goal.constraints:
        value = metrics.get(row.metric, math.nan)
        margin = abs(value - row.bound) / (abs(row.bound) or 1.0)
        numbers.append(sys.float_info.max if math.isnan(value) else row.violation(value) or -margin)
    return numbers


def _trial_attributes(trial: TrialRow, row: StudyRow) -> dict[str, Any]:
    base = dict(flattened(row.config))
    changed = {
        name: value
        for name, value in flattened(trial.config)
        if name not in (*trial.params, "seed") and value != base.get(name)
    }
    facts = {
        "key": trial.key,
        "role": trial.role,
        "parent": trial.parent,
        "seed": trial.seed,
        "budget": trial.budget,
        "step": trial.step,
        "attempts": trial.attempts,
        "seconds": round(trial.seconds, 3),
        "reason": trial.reason,
        "log_likelihood": trial.log_likelihood,
        "mlflow_run_id": trial.mlflow_run_id,
        "config": json.loads(json.dumps(changed, default=str)),  # what differs from the study's, besides the parameters
        **trial.scores,
    }
    return {name: value for name, value in facts.items() if value not in (None, "", {})}


def _distributions(row: StudyRow, trials: Sequence[TrialRow]) -> dict[str, BaseDistribution]:
    """The range or the choices of every parameter, widened to the values of trials that had another range."""
    seen: dict[str, list[Any]] = {}
    for trial in trials:
        for name, value in trial.params.items():
            seen.setdefault(name, []).append(value)
    space = row.space.get("parameters", {})
    return {name: _distribution(space.get(name, {}), values) for name, values in seen.items()}


def _distribution(parameter: Mapping[str, Any], values: Sequence[Any]) -> BaseDistribution:
    if "low" not in parameter:  # also a parameter that the search space no longer has, and the arm of an ablation
        return CategoricalDistribution(tuple(dict.fromkeys(map(_choice, [*parameter.get("choices", ()), *values]))))
    low, high = min(parameter["low"], *values), max(parameter["high"], *values)
    if parameter["kind"] == "int":
        return IntDistribution(int(low), int(high))
    return FloatDistribution(low, high, log=parameter["kind"] == "log" and low > 0)


def _choice(value: Any) -> Any:
    """A value that Optuna accepts as a choice."""
    return value if value is None or isinstance(value, bool | int | float | str) else json.dumps(value)
