"""Warm start: trials of other studies as history for this study's sampler.

Ended trials of another study are copied to this study's record once, with all metrics that they reported. From then on
only the copies are used: the other study may continue, or be deleted. Imported trials are not counted as trials of this
study, and its pruner does not use them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from amc.config import AMC_GAN
from amc.errors import UserError
from amc.methods import load_config
from analysis.record import ranking
from analysis.record.equal_accuracies import ACCURACY, LOG_LIKELIHOOD, objective_value
from analysis.record.lookup import method_name, open_study_record
from analysis.record.reading import RecordReader, open_if_present
from analysis.record.rows import ImportedRow, StudyRow, TrialRow
from analysis.record.states import COMPLETE, ENDED, PRUNED, TRIAL
from tuning.search.goal import Goal
from tuning.search.space import Space

ROLE = "imported"
# Facts about the data that must be equal for accuracies to be comparable.
_SAME_DATA = ("fingerprint", "split", "classifier", "identity", "reduction")


@dataclass(frozen=True)
class ImportedHistory:
    """Imported trials, as a sampler uses them.

    Attributes:
        trials: a complete trial of other data, another preset or another budget is PRUNED here and has no value,
            because its value cannot be compared with those of this study.
        curves: {trial key: {step: first objective}}.
        start: parameters of the best trial, moved into the ranges of this study; None if they do not fit.
    """

    trials: Sequence[TrialRow] = ()
    curves: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    start: Mapping[str, Any] | None = None


def find_imported(
    wanted: str | None, study: str, runs: Path, record: str | None, goal: Goal, method: str = AMC_GAN.name
) -> list[ImportedRow]:
    """The trials that `study` imported before, and those of the study `wanted` if it is not among their sources.

    Args:
        wanted: `--warm-start`; None imports no further study.
        runs: DIR.
        record: address of the record; None is DIR/STUDY/record.db.
        method: that `study` searches.

    Raises:
        UserError: the study `wanted` does not exist or searched another method, or none of its trials can be used.
    """
    rows = _already_imported(record or runs / study / "record.db", study)
    if wanted is None or any(row.source == wanted for row in rows):
        return rows
    if wanted == study:
        raise UserError(f"--warm-start {wanted!r} is this study itself: give the name of another one")
    with open_study_record(wanted, runs, record) as found:
        if found is None:
            where = f"{record} or {runs}" if record else str(runs)
            raise UserError(f"--warm-start {wanted!r}: no such study in {where}")
        other = method_name(found[1].config)
        if other != method:
            raise UserError(
                f"--warm-start {wanted!r}: it searched method {other!r}, not {method!r}: choose another study"
            )
        return rows + _read_study(*found, study, goal)


def imported_history(rows: Sequence[ImportedRow], study: StudyRow, space: Space, goal: Goal) -> ImportedHistory:
    """Imported trials as history for the sampler of `study`."""
    trials, curves = [], {}
    for row in rows:
        trial, curves[_key(row)] = _as_trial(row, goal), _curve(row, goal)
        trials.append(trial)
    # The best imported trial, by the values that the trials have in their own studies.
    first = next(iter(ranking.ranked(trials)), None)
    comparable = {_key(row): _comparable(row, study, space) for row in rows}
    history = [
        # If values cannot be compared with those of this study, the trial gets none, and is PRUNED instead of COMPLETE.
        trial
        if comparable[trial.key]
        else replace(trial, value=None, state=PRUNED if trial.state == COMPLETE else trial.state)
        for trial in (_with_params(trial, space) for trial in trials)
    ]
    return ImportedHistory(history, curves, None if first is None else _starting_point(first, space))


def _already_imported(place: str | Path, study: str) -> list[ImportedRow]:
    with open_if_present(place) as records:
        return [] if records is None else records.imported(study)


def _read_study(records: RecordReader, other: StudyRow, study: str, goal: Goal) -> list[ImportedRow]:
    source = other.name
    named = list(other.goal["objectives"])
    wanted = [row.name for row in goal.objectives]
    if named != wanted:
        raise UserError(
            f"--warm-start {source!r} has the objectives {', '.join(named)}, this study has {', '.join(wanted)}: "
            f"give --objectives {','.join(named)}, or choose another study"
        )
    # Trials before points: of a trial that ends in between, all points are then read.
    ended = [trial for trial in records.trials(source, TRIAL) if trial.state in ENDED]
    points: dict[str, dict[int, Mapping[str, float]]] = {}
    for point in sorted(records.points(source), key=lambda point: point.step):
        points.setdefault(point.key, {})[point.step] = point.metrics
    rows = [
        ImportedRow(
            study=study,
            source=source,
            key=trial.key,
            source_uid=other.uid,
            number=trial.number,
            state=trial.state,
            preset=other.preset,
            dataset=other.dataset,
            config=trial.config,
            budget=trial.budget,
            curve=points.get(trial.key, {}),
        )
        for trial in ended
    ]
    if not ranking.ranked([_as_trial(row, goal) for row in rows]):
        raise UserError(
            f"--warm-start {source!r} has no ended trial with a value: let that study run longer, or choose another one"
        )
    return rows


def _key(row: ImportedRow) -> str:
    return f"{row.source}/{row.key}"


def _as_trial(row: ImportedRow, goal: Goal) -> TrialRow:
    step, metrics = max(row.curve.items(), default=(0, {}))
    found = {name: metrics.get(name) for name in goal.metrics}
    values = {name: value if value is not None and math.isfinite(value) else None for name, value in found.items()}
    return TrialRow(
        study=row.study,
        key=_key(row),
        role=ROLE,
        number=row.number,
        parent=None,
        state=row.state,
        params={},
        config=row.config,
        seed=0,
        budget=row.budget,
        step=step,
        value=values[goal.metrics[0]],
        values=values,
        violation=goal.violation(metrics),
        log_likelihood=_log_likelihood(metrics),
    )


def _curve(row: ImportedRow, goal: Goal) -> dict[int, float]:
    name = goal.metrics[0]
    found = {step: metrics for step, metrics in row.curve.items() if name in metrics}
    if name != ACCURACY:
        return {step: metrics[name] for step, metrics in found.items()}
    return {step: objective_value(metrics[name], _log_likelihood(metrics)) for step, metrics in found.items()}


def _log_likelihood(metrics: Mapping[str, float]) -> float | None:
    value = metrics.get(LOG_LIKELIHOOD)
    return value if value is not None and math.isfinite(value) else None


def _comparable(row: ImportedRow, study: StudyRow, space: Space) -> bool:
    same = all(row.dataset.get(name) == study.dataset.get(name) for name in _SAME_DATA)
    return same and row.preset == study.preset and row.budget == space.base.training.steps


def _flat(trial: TrialRow) -> Mapping[str, Any]:
    return load_config(trial.config).flat()


def _with_params(trial: TrialRow, space: Space) -> TrialRow:
    """The trial with its values of this study's parameters, whether its own study searched them or not."""
    flat = _flat(trial)
    values = {row.name: flat[row.name] for row in space.parameters}
    return replace(trial, params={row.name: values[row.name] for row in space.active(values)})


def _starting_point(trial: TrialRow, space: Space) -> dict[str, Any] | None:
    flat = _flat(trial)
    values = {row.name: flat[row.name] for row in space.parameters}
    params = space.nearest(values)
    # A number can be moved into its range; a choice that this study does not have cannot.
    fits = all(row.contains(values[row.name]) for row in space.active(params) if row.kind in ("categorical", "bool"))
    return params if fits else None
