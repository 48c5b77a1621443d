"""The durable record of studies: its reader.

One database holds everything that a study is rebuilt from: which trials there are, how each stands, every metric it
reported, and how far the tracker has copied all that. `tuning.record` writes it; whoever only wants to know reads it
here. The default is one SQLite file a study; any SQLAlchemy address of a database server serves as well.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa

from amc.errors import UserError
from analysis.record_schema import (
    check_schema,
    connect,
    database_url,
    point_table,
    sqlite_path,
    study_table,
    trial_table,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class StudyRow:
    """A study: what its trials share.

    Attributes:
        dataset: name, origin, fingerprint, clips, split (rule, seed and sizes), reduction, chance, real accuracies.
        settings: how it was asked for: sampler, pruner, workers, ...
    """

    name: str
    uid: str
    kind: str
    preset: str
    seed: int
    dataset: Mapping[str, Any]
    config: Mapping[str, Any]
    space: Mapping[str, Any]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    created: float


@dataclass(frozen=True)
class TrialRow:
    """A trial as the record has it; the columns' comments in `trial_table` say what each field is."""

    study: str
    key: str
    role: str
    number: int
    parent: str | None
    state: str
    params: Mapping[str, Any]
    config: Mapping[str, Any]
    seed: int
    budget: int
    step: int = 0
    value: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    attempts: int = 0
    stalls: int = 0
    seconds: float = 0.0
    reason: str = ""
    mlflow_run_id: str | None = None
    created: float = 0.0
    started: float | None = None
    ended: float | None = None


@dataclass(frozen=True)
class Point:
    """One report of a trial: all its metrics at one training step."""

    id: int
    key: str
    step: int
    attempt: int
    timestamp: int  # milliseconds since 1970
    metrics: Mapping[str, float]


class Records:
    """Reads a record. Use as a context manager, or `close` it.

    Raises:
        UserError: on opening: there is none, it is something else, or it is of another schema version.
    """

    def __init__(self, address: str | Path) -> None:
        self.address = database_url(address)
        path = sqlite_path(self.address)
        if path is not None and not path.is_file():
            raise UserError(f"there is no study record at {path}")
        self.engine = connect(self.address)
        try:
            check_schema(self.engine, self.address)
        except UserError:
            self.engine.dispose()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the database back."""
        self.engine.dispose()

    def studies(self) -> list[StudyRow]:
        """All studies, the oldest first."""
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(study_table).order_by(study_table.c.created)).mappings()
            return [_study(row) for row in rows]

    def study(self, name: str) -> StudyRow:
        """The study called `name`.

        Raises:
            UserError: there is none.
        """
        with self.engine.connect() as connection:
            row = connection.execute(sa.select(study_table).where(study_table.c.name == name)).mappings().first()
        if row is None:
            raise UserError(f"no study {name!r} in {self.address.render_as_string(hide_password=True)}")
        return _study(row)

    def trials(self, study: str, role: str | None = None) -> list[TrialRow]:
        """The trials of a study by role and number, or those of one role."""
        table = trial_table
        query = sa.select(table).where(table.c.study == study).order_by(table.c.role.desc(), table.c.number)
        if role is not None:
            query = query.where(table.c.role == role)
        with self.engine.connect() as connection:
            return [_trial(row) for row in connection.execute(query).mappings()]

    def trial(self, study: str, key: str) -> TrialRow:
        """One trial.

        Raises:
            UserError: there is none.
        """
        table = trial_table
        with self.engine.connect() as connection:
            row = connection.execute(_one(study, key)).mappings().first()
        if row is None:
            known = [trial.key for trial in self.trials(study)]
            raise UserError(f"study {study!r} has no {table.name} {key!r}: it has {', '.join(known) or 'none'}")
        return _trial(row)

    def points(self, study: str, key: str | None = None, *, after: int = 0) -> list[Point]:
        """Reports in the order of arrival: of one trial or of all, those with a larger id than `after`."""
        table = point_table
        query = sa.select(table).where(table.c.study == study, table.c.id > after).order_by(table.c.id)
        if key is not None:
            query = query.where(table.c.key == key)
        with self.engine.connect() as connection:
            return [_point(row) for row in connection.execute(query).mappings()]

    def curves(self, study: str, metric: str | None = None) -> dict[str, dict[int, float]]:
        """{trial key: {step: value}} of one metric, by default the objective; steps ascending, maybe none."""
        curves: dict[str, dict[int, float]] = {trial.key: {} for trial in self.trials(study)}
        if metric is None:
            table = point_table
            query = sa.select(table.c.key, table.c.step, table.c.value).where(table.c.study == study)
            with self.engine.connect() as connection:
                for key, step, value in connection.execute(query.order_by(table.c.step)):
                    curves[key][step] = math.nan if value is None else value
            return curves
        for point in sorted(self.points(study), key=lambda point: point.step):
            if metric in point.metrics:
                curves[point.key][point.step] = point.metrics[metric]
        return curves

    def frame(self, study: str) -> pd.DataFrame:
        """A row a trial, a column a field; parameters as `params.NAME`, final scores as `scores.NAME`."""
        import pandas as pd  # slow to import, and rarely wanted

        rows = []
        for trial in self.trials(study):
            row = {name: value for name, value in vars(trial).items() if name not in ("params", "config", "scores")}
            row |= {f"params.{name}": value for name, value in trial.params.items()}
            row |= {f"scores.{name}": value for name, value in trial.scores.items()}
            rows.append(row)
        return pd.DataFrame(rows)


def dumps(value: Any) -> str:
    """JSON for a column. Numbers that are not finite become strings, since strict JSON has none."""
    return json.dumps(_encode(value), sort_keys=True, allow_nan=False)


def metrics_from(text: str) -> dict[str, float]:
    """The numbers of a metrics column."""
    return {name: float(value) for name, value in json.loads(text).items()}


def _encode(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _encode(inner) for key, inner in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_encode(inner) for inner in value]
    return value


def _one(study: str, key: str) -> sa.Select[Any]:
    return sa.select(trial_table).where(trial_table.c.study == study, trial_table.c.key == key)


def _study(row: sa.RowMapping) -> StudyRow:
    values = dict(row)
    for name in ("dataset", "config", "space", "settings", "versions"):
        values[name] = json.loads(values[name])
    return StudyRow(**values)


def _trial(row: sa.RowMapping) -> TrialRow:
    values = dict(row)
    values["params"], values["config"] = json.loads(values["params"]), json.loads(values["config"])
    values["scores"] = metrics_from(values["scores"])
    return TrialRow(**values)


def _point(row: sa.RowMapping) -> Point:
    return Point(row["id"], row["key"], row["step"], row["attempt"], row["timestamp"], metrics_from(row["metrics"]))
