"""A study as pandas DataFrames, for notebooks and for export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from amc.errors import UserError
from amc.evaluation.score_sheet import ScoreSheet
from analysis.record.connection.address import without_password
from analysis.record.reading import RecordReader
from analysis.record.rows import Snapshot, StudyRow, TrialRow
from analysis.scores.load_study import is_ablation, load_study
from analysis.tables.search import search_table
from analysis.tables.write_tables import tables_of

TIMES = ("created", "started", "ended")
TRIAL_COLUMNS = (
    *("key", "role", "number", "parent", "state", "seed", "budget", "step", "attempts", "seconds", "reason"),
    *(*TIMES, "log_likelihood", "violation"),
)


@dataclass(frozen=True)
class StudyData:
    """A study as it was when it was opened; open it again for newer data. Accuracies are fractions.

    Attributes:
        address: of the record.
        snapshot: the rows of the record.
    """

    address: str | Path
    snapshot: Snapshot

    def __repr__(self) -> str:
        """The study's name, its record without the password, and how much is in it."""
        counts = f"{len(self.snapshot.trials)} trials, {len(self.snapshot.reports)} reports"
        return f"StudyData({self.study.name!r} in {without_password(str(self.address))}: {counts})"

    @property
    def study(self) -> StudyRow:
        """What the trials have in common: data set, preset, seed, search space, versions."""
        return self.snapshot.study

    @cached_property
    def trials(self) -> pd.DataFrame:
        """A row per trial and confirming run.

        Columns: `key`, `role`, `number`, `parent`, `state`, `seed`, `budget` and `step` (training steps), `attempts`,
        `seconds`, `reason`, `created`, `started` and `ended` (UTC), `log_likelihood`, `violation`, then
        `values.METRIC` (objectives at the last report), `params.NAME` (missing where the parameter was inactive) and
        `scores.METRIC` (test scores).
        """
        rows = [_trial(trial) for trial in self.snapshot.trials]
        return pd.DataFrame(rows, columns=None if rows else TRIAL_COLUMNS)

    @cached_property
    def reports(self) -> pd.DataFrame:
        """A row per report: `key` of the trial, training `step`, `attempt`, `time` (UTC), and a column per metric."""
        rows = [
            {"key": one.key, "step": one.step, "attempt": one.attempt, "time": _time(one.timestamp / 1000)}
            | dict(one.metrics)
            for one in self.snapshot.reports
        ]
        return pd.DataFrame(rows, columns=None if rows else ["key", "step", "attempt", "time"])

    @cached_property
    def scores(self) -> pd.DataFrame:
        """A row per run that was scored on the test split, and per reference (keys `reference:NAME`).

        Columns: `key`, `clips` (how many), `accuracy` and `second_accuracy` (of the two motion classifiers), the mean
        over clips of each metric, and the metrics that have one value for all clips
        (`amc.evaluation.score_sheet.ScoreSheet` describes them).
        """
        rows = [{"key": key} | _means(made.sheet) for key, made in sorted(self.snapshot.sheets.items())]
        return pd.DataFrame(rows, columns=None if rows else ["key", "clips", "accuracy"])

    @cached_property
    def clips(self) -> pd.DataFrame:
        """A row per run (or reference) and test clip: what `scores` are the means of.

        Columns: `key`, `clip` (from 0), `label`, `subject`, `predicted`, `predicted_second`, and the metrics that were
        measured on these clips. Metrics measured on other clips, such as `identity`, are left out.
        """
        frames = [_clips(made.sheet).assign(key=key) for key, made in sorted(self.snapshot.sheets.items())]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["key", "clip", "label"])

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The study's tables by file name, with unrounded numbers: `table4`, `metrics` and so on; `trials` of a search.

        They are computed from the record when they are first used, which may take seconds.
        """
        with RecordReader(self.address) as records:
            name = self.study.name
            ablation = is_ablation(self.study)
            tables = tables_of(load_study(records, name)) if ablation else [search_table(records, name)]
        return {table.name: pd.DataFrame(list(table.records)) for table in tables}


def read_study(address: str | Path, study: str | None = None) -> StudyData:
    """See `analysis.open_study`."""
    text = str(address)
    if "://" not in text:
        path = Path(text).expanduser()
        address = path / "record.db" if path.is_dir() else path
    with RecordReader(address) as records:
        if study is None:
            study = _only_study([row.name for row in records.studies()], text)
        return StudyData(address, records.snapshot(study))


def _only_study(names: list[str], address: str) -> str:
    if len(names) != 1:
        found = ", ".join(names) or "none"
        raise UserError(f"which study of {address}? Give its name as the second argument (found: {found})")
    return names[0]


def _trial(trial: TrialRow) -> dict[str, Any]:
    return {
        **{name: getattr(trial, name) for name in TRIAL_COLUMNS},
        **{name: _time(getattr(trial, name)) for name in TIMES},
        **_prefixed("values", trial.values),
        **_prefixed("params", trial.params),
        **_prefixed("scores", trial.scores),
    }


def _prefixed(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}.{name}": value for name, value in values.items()}


def _time(seconds: float | None) -> pd.Timestamp | None:
    return None if seconds is None else pd.Timestamp(seconds, unit="s", tz="UTC").round("ms")


def _means(sheet: ScoreSheet) -> dict[str, Any]:
    label = np.asarray(sheet.label)
    row = {"clips": len(label), "accuracy": float(np.mean(label == np.asarray(sheet.predicted)))}
    if sheet.predicted_second:
        row["second_accuracy"] = float(np.mean(label == np.asarray(sheet.predicted_second)))
    return row | {name: float(np.mean(values)) for name, values in sheet.clips.items() if values} | dict(sheet.numbers)


def _clips(sheet: ScoreSheet) -> pd.DataFrame:
    count = len(sheet.label)
    columns: dict[str, Any] = {
        "key": "",
        "clip": range(count),
        "label": sheet.label,
        "subject": sheet.subject,
        "predicted": sheet.predicted,
        "predicted_second": sheet.predicted_second or None,
    }
    return pd.DataFrame(columns | {name: values for name, values in sheet.clips.items() if len(values) == count})
