"""Warm start: what other studies found, as history for this one's sampler.

Ended trials of another study are copied into this study's record with every metric they reported, once, and from then
on it is rebuilt from there alone: the other study may go on, or be deleted. They are no trials of this study and are
never counted as such; its pruner does not see them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from amc.config import from_dict
from amc.errors import UserError
from analysis.record import ranking
from analysis.record.reading import RecordReader, open_if_present
from analysis.record.rows import ImportedRow, StudyRow, TrialRow
from analysis.record.states import COMPLETE, ENDED, PRUNED, TRIAL
from tuning.search.goal import Goal
from tuning.search.space import Space

ROLE = "imported"
_SAME_DATA = (
    "fingerprint",
    "split",
    "classifier",
    "identity",
    "reduction",
)  # what accuracies must share to be compared


@dataclass(frozen=True)
class ImportedHistory:
    """Imported trials as a sampler has them.

    Attributes:
        trials: those of this study's data, preset and budget as they ended; others that were complete as PRUNED, since
            what they reached says only where to look.
        curves: {trial key: {step: first objective}}.
        start: parameters of the best one, moved into this study's ranges; None where they don't fit.
    """

    trials: Sequence[TrialRow] = ()
    curves: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    start: Mapping[str, Any] | None = None


def find_imported(wanted: str | None, study: str, runs: Path, record: str | None, goal: Goal) -> list[ImportedRow]:
    """What `study` learns from: the rows on its record, and those of the study `wanted` if they are not among them.

    Args:
        runs: DIR.
        record: the record's address; None is DIR/<study>/record.db.

    Raises:
        UserError: there is no such study, or nothing in it can be used.
    """
    mine = record or runs / study / "record.db"
    rows = _of_study(mine, study)
    if wanted is None or any(row.source == wanted for row in rows):
        return rows
    if wanted == study:
        raise UserError(f"--warm-start {wanted!r} is this study itself: give another one's name")
    for place in (mine, runs / wanted / "record.db"):
        with open_if_present(place) as records:
            if records is not None and any(row.name == wanted for row in records.studies()):
                return rows + _read(records, wanted, study, goal)
    where = f"{record} or {runs}" if record else str(runs)
    raise UserError(f"--warm-start {wanted!r}: there is no such study in {where}")


def imported_history(rows: Sequence[ImportedRow], study: StudyRow, space: Space, goal: Goal) -> ImportedHistory:
    """Imported trials as history of `study`."""
    trials, curves = [], {}
    for row in rows:
        trial, curves[_key(row)] = _trial(row, goal), _curve(row, goal)
        trials.append(trial)
    first = next(iter(ranking.ranked(trials)), None)  # by how they ended in their own study
    comparable = {_key(row): _comparable(row, study, space) for row in rows}
    told = [
        # Without a value a trial is never compared with this study's own; places come from all its objectives.
        trial
        if comparable[trial.key]
        else replace(trial, value=None, state=PRUNED if trial.state == COMPLETE else trial.state)
        for trial in (_with_params(trial, space) for trial in trials)
    ]
    return ImportedHistory(told, curves, None if first is None else _start(first, space))


def _of_study(place: str | Path, study: str) -> list[ImportedRow]:
    with open_if_present(place) as records:
        return [] if records is None else records.imported(study)


def _read(records: RecordReader, source: str, study: str, goal: Goal) -> list[ImportedRow]:
    other = records.study(source)
    named = list(other.goal["objectives"])
    wanted = [row.name for row in goal.objectives]
    if named != wanted:
        raise UserError(
            f"--warm-start {source!r} searched for {', '.join(named)}, this study for {', '.join(wanted)}: "
            f"give --objectives {','.join(named)}, or another study"
        )
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
        for trial in records.trials(source, TRIAL)
        if trial.state in ENDED
    ]
    if not ranking.ranked([_trial(row, goal) for row in rows]):
        raise UserError(
            f"--warm-start {source!r} has no ended trial with a value to learn from: "
            "let it run further, or give another study"
        )
    return rows


def _key(row: ImportedRow) -> str:
    return f"{row.source}/{row.key}"


def _trial(row: ImportedRow, goal: Goal) -> TrialRow:
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
    )


def _curve(row: ImportedRow, goal: Goal) -> dict[int, float]:
    name = goal.metrics[0]
    return {step: metrics[name] for step, metrics in row.curve.items() if name in metrics}


def _comparable(row: ImportedRow, study: StudyRow, space: Space) -> bool:
    same = all(row.dataset.get(name) == study.dataset.get(name) for name in _SAME_DATA)
    return same and row.preset == study.preset and row.budget == space.base.training.steps


def _flat(trial: TrialRow) -> Mapping[str, Any]:
    return from_dict(trial.config).flat()


def _with_params(trial: TrialRow, space: Space) -> TrialRow:
    """The trial with what this study's parameters were set to in it, whether its own study searched them or not."""
    flat = _flat(trial)
    values = {row.name: flat[row.name] for row in space.parameters}
    return replace(trial, params={row.name: values[row.name] for row in space.active(values)})


def _start(trial: TrialRow, space: Space) -> dict[str, Any] | None:
    flat = _flat(trial)
    values = {row.name: flat[row.name] for row in space.parameters}
    params = space.nearest(values)
    # A number is moved to the end of its range; a choice that is none any more has no neighbour.
    fits = all(row.contains(values[row.name]) for row in space.active(params) if row.kind in ("categorical", "bool"))
    return params if fits else None
