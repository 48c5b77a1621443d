"""The trials of a search with their parameters, and its space, as the figures need them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.figures.captions import data_facts
from analysis.record.reading import RecordReader
from analysis.record.rows import StudyRow, TrialRow
from analysis.record.states import COMPLETE, CONFIRM, PRUNED, TRIAL
from analysis.tables.layout.cells import plural


@dataclass(frozen=True)
class SearchTrials:
    """Trials of a search, and its space.

    Attributes:
        objective: name of a trial's value; accuracies are shown in percent.
        trials: complete and pruned trials with a value that satisfy the constraints, by number.
        confirm: complete confirming runs.
        excluded: number of other trials.
        space: {dotted name: kind, range or choices, conditions}.
    """

    row: StudyRow
    objective: str
    trials: tuple[TrialRow, ...]
    confirm: tuple[TrialRow, ...]
    excluded: int
    space: Mapping[str, Mapping[str, Any]]

    @property
    def complete(self) -> tuple[TrialRow, ...]:
        """The trials that were not pruned."""
        return tuple(trial for trial in self.trials if trial.state == COMPLETE)

    @property
    def scale(self) -> float:
        """Factor of values in figures."""
        return 100.0 if "accuracy" in self.objective else 1.0

    @property
    def axis(self) -> str:
        """Label of the axis of values."""
        return "validation accuracy, %" if self.objective == "accuracy" else self.objective

    @property
    def facts(self) -> str:
        """Last sentences of a caption."""
        pruned = len(self.trials) - len(self.complete)
        text = f"{plural(len(self.complete), 'complete trial')}, {pruned} pruned"
        if self.excluded:
            text += f", {self.excluded} excluded (not finished, failed, or violating a constraint)"
        clips = self.row.dataset.get("split", {}).get("validation")
        text += "" if clips is None else f"; {plural(int(clips), 'validation clip')}"
        return f"{text}; one seed per trial; {data_facts(self.row)}."


def search_trials(records: RecordReader, study: str) -> SearchTrials:
    """Reads the trials of a search.

    Raises:
        UserError: there is no such study.
    """
    row, trials = records.study(study), records.trials(study)
    own = [trial for trial in trials if trial.role == TRIAL]
    usable = tuple(trial for trial in own if trial.state in (COMPLETE, PRUNED) and _is_usable(trial))
    confirm = tuple(t for t in trials if t.role == CONFIRM and t.state == COMPLETE and _is_usable(t))
    objective = str(next(iter(row.goal.get("objectives") or ["accuracy"])))
    space = {name: _with_values(name, entry, usable) for name, entry in (row.space.get("parameters") or {}).items()}
    return SearchTrials(row, objective, usable, confirm, len(own) - len(usable), space)


def _with_values(name: str, entry: Mapping[str, Any], trials: Sequence[TrialRow]) -> Mapping[str, Any]:
    """A parameter whose range includes the values of all trials: ranges may change while a study runs."""
    if entry["kind"] in ("categorical", "bool"):
        return entry
    values = [float(trial.params[name]) for trial in trials if name in trial.params]
    values = [value for value in values if value > 0 or entry["kind"] != "log"]
    return {**entry, "low": min([entry["low"], *values]), "high": max([entry["high"], *values])}


def position_in_range(row: Mapping[str, Any], value: Any) -> float:
    """Returns the relative position of a value in its range: 0 to 1 inside, NaN for an unknown choice."""
    if row["kind"] in ("categorical", "bool"):
        choices = list(row["choices"])
        return choices.index(value) / (len(choices) - 1) if value in choices else math.nan
    low, high = float(row["low"]), float(row["high"])
    if row["kind"] == "log":
        return math.log(value / low) / math.log(high / low) if value > 0 else math.nan
    return (float(value) - low) / (high - low)


def _is_usable(trial: TrialRow) -> bool:
    return trial.value is not None and math.isfinite(trial.value) and not trial.violation
