"""How a study stands, in memory: read from the record once, and trial by trial again when one has changed.

A driver alone changes its study's trials, so what it remembers stays true; asking the record for all of them at every
report would make a report cost more the longer a study runs.
"""

from __future__ import annotations

from collections.abc import Mapping

from analysis.record.rows import Score, TrialRow
from analysis.record.writing import RecordWriter


class TrialCache:
    """The trials of a study and how they stood at each report.

    Attributes:
        scores: {trial key: {step: how it stood}} by the study's goal; every trial's, steps ascending.
        curves: the same by its first objective alone.
    """

    def __init__(self, record: RecordWriter, study: str) -> None:
        self.record, self.study = record, study
        self.rows = {trial.key: trial for trial in record.trials(study)}
        self.scores: dict[str, Mapping[int, Score]] = {}
        self.curves: dict[str, Mapping[int, float]] = {}
        for key, scores in record.scores_by_step(study).items():
            self._stood(key, scores)

    def trials(self) -> list[TrialRow]:
        """All trials, in the record's order."""
        return list(self.rows.values())

    def refresh(self, key: str) -> TrialRow:
        """A trial that is new or may have changed, as it is now."""
        new = key not in self.rows
        self.rows[key] = self.record.trial(self.study, key)
        if new:
            self._stood(key, {})
            rows = sorted(self.rows.values(), key=lambda row: row.number)
            self.rows = {row.key: row for row in sorted(rows, key=lambda row: row.role, reverse=True)}
        return self.rows[key]

    def refresh_curve(self, key: str) -> TrialRow:
        """A trial that reported, as it is now."""
        self._stood(key, self.record.scores_by_step(self.study, key)[key])
        return self.refresh(key)

    def _stood(self, key: str, scores: Mapping[int, Score]) -> None:
        self.scores[key] = scores
        self.curves[key] = {step: score.values[0] for step, score in scores.items()}
