"""The trials of a study in memory, so that a report does not read the whole record again.

A study's trials are changed by its driver alone. They are read from the record once, and one by one again when the
driver has changed one; otherwise a report would cost more the more trials a study has.
"""

from __future__ import annotations

from collections.abc import Mapping

from analysis.record.rows import Score, TrialRow
from analysis.record.writing import RecordWriter


class TrialCache:
    """The trials of a study, with their scores at each report.

    Attributes:
        rows: {trial key: trial}, in the record's order.
        scores: {trial key: {step: score}} of every trial by the study's goal; steps ascend.
        curves: {trial key: {step: first objective}}, with equal accuracies ordered.
    """

    def __init__(self, record: RecordWriter, study: str) -> None:
        self.record, self.study = record, study
        self.rows = {trial.key: trial for trial in record.trials(study)}
        self.scores: dict[str, Mapping[int, Score]] = {}
        self.curves: dict[str, Mapping[int, float]] = {}
        for key, scores in record.scores_by_step(study).items():
            self._set_scores(key, scores)

    def trials(self) -> list[TrialRow]:
        """All trials, in the record's order."""
        return list(self.rows.values())

    def refresh(self, key: str) -> TrialRow:
        """Reads a trial that is new or may have changed."""
        new = key not in self.rows
        self.rows[key] = self.record.trial(self.study, key)
        if new:
            self._set_scores(key, {})
            rows = sorted(self.rows.values(), key=lambda row: row.number)
            self.rows = {row.key: row for row in sorted(rows, key=lambda row: row.role, reverse=True)}
        return self.rows[key]

    def refresh_curve(self, key: str) -> TrialRow:
        """Reads a trial that has reported, with its scores."""
        self._set_scores(key, self.record.scores_by_step(self.study, key)[key])
        return self.refresh(key)

    def _set_scores(self, key: str, scores: Mapping[int, Score]) -> None:
        self.scores[key] = scores
        self.curves[key] = {step: score.values[0] for step, score in scores.items()}
