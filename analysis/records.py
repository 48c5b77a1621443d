"""The durable record of studies: its schema, and its reader.

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

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1

WAITING, RUNNING, COMPLETE, PRUNED, FAILED = "WAITING", "RUNNING", "COMPLETE", "PRUNED", "FAILED"
STATES = (WAITING, RUNNING, COMPLETE, PRUNED, FAILED)
ENDED = (COMPLETE, PRUNED, FAILED)  # a trial in one of these is never run again
OPEN = (WAITING, RUNNING)

metadata = sa.MetaData()

schema_table = sa.Table("amc_schema", metadata, sa.Column("version", sa.Integer, primary_key=True, autoincrement=False))

study_table = sa.Table(
    "study",
    metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("uid", sa.String(32), nullable=False),  # tells two studies of one name apart, wherever it was copied to
    sa.Column("kind", sa.String(40), nullable=False),  # search, table4, ...
    sa.Column("preset", sa.String(40), nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("dataset", sa.Text, nullable=False),  # the rest of these are JSON
    sa.Column("config", sa.Text, nullable=False),  # the configuration that trials start from
    sa.Column("space", sa.Text, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("versions", sa.Text, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
)

trial_table = sa.Table(
    "trial",
    metadata,
    sa.Column("study", sa.String(200), sa.ForeignKey("study.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(100), primary_key=True),
    sa.Column("role", sa.String(20), nullable=False),  # trial or confirm
    sa.Column("number", sa.Integer, nullable=False),  # from 0 within its role
    sa.Column("parent", sa.String(100)),  # of a confirming run: the trial whose configuration it repeats
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("params", sa.Text, nullable=False),  # JSON: dotted names that were chosen
    sa.Column("config", sa.Text, nullable=False),  # JSON: the complete configuration
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("budget", sa.Integer, nullable=False),  # steps
    sa.Column("step", sa.Integer, nullable=False, default=0),  # of the last report
    sa.Column("value", sa.Float),  # the objective at the last report
    sa.Column("scores", sa.Text, nullable=False, default="{}"),  # JSON: measured once at the end, on the test split
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("stalls", sa.Integer, nullable=False, default=0),  # attempts lost one after the other without a report
    sa.Column("seconds", sa.Float, nullable=False, default=0.0),  # over all attempts
    sa.Column("reason", sa.Text, nullable=False, default=""),  # why it failed, or was last interrupted
    sa.Column("mlflow_run_id", sa.String(64)),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("started", sa.Float),  # the running attempt, or the last one
    sa.Column("ended", sa.Float),
    sa.UniqueConstraint("study", "role", "number"),
)

point_table = sa.Table(
    "point",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),  # grows with the order of arrival
    sa.Column("study", sa.String(200), nullable=False),
    sa.Column("key", sa.String(100), nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("timestamp", sa.BigInteger, nullable=False),  # milliseconds; the tracker's too, so nothing counts twice
    sa.Column("value", sa.Float),  # the objective: the one metric that is read again at every decision
    sa.Column("metrics", sa.Text, nullable=False),  # JSON
    sa.UniqueConstraint("study", "key", "step"),
    sa.ForeignKeyConstraint(["study", "key"], ["trial.study", "trial.key"], ondelete="CASCADE"),
)

projection_table = sa.Table(
    "projection",
    metadata,
    sa.Column("study", sa.String(200), sa.ForeignKey("study.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("target", sa.String(500), primary_key=True),  # the tracking store's address
    sa.Column("key", sa.String(100), primary_key=True),  # the trial's; "" for the study's own run
    sa.Column("run_id", sa.String(64), nullable=False),
    sa.Column("cursor", sa.Integer, nullable=False, default=0),  # id of the last point that arrived
    sa.Column("described", sa.Boolean, nullable=False, default=False),  # parameters are there
    sa.Column("pictured", sa.Boolean, nullable=False, default=False),  # sample clips are there
    sa.Column("status", sa.String(20), nullable=False, default=""),  # the last one written there
)


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
        path = _sqlite_path(self.address)
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


def database_url(address: str | Path) -> sa.URL:
    """`address` as SQLAlchemy has it; a path stands for a SQLite file.

    Raises:
        UserError: neither a path nor the address of a database.
    """
    text = str(address)
    if "://" not in text:
        return sa.URL.create("sqlite", database=str(Path(text).expanduser().absolute()))
    try:
        return sa.make_url(text)
    except sa.exc.ArgumentError as error:
        raise UserError(f"{text!r} is no database address: give a file, or such as postgresql://user@host/name") from error


def connect(address: sa.URL) -> sa.Engine:
    """An engine for a record; nothing is created or checked yet.

    Raises:
        UserError: the database's driver is not installed.
    """
    try:
        if address.get_backend_name() != "sqlite":
            return sa.create_engine(address, pool_pre_ping=True)
        engine = sa.create_engine(address, connect_args={"timeout": 30})
    except (sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise UserError(f"cannot talk to a {address.get_backend_name()} database: {error}") from error

    def prepare(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        # A rollback journal, not WAL: WAL breaks on network file systems. What is committed is with the operating
        # system, so a killed process loses nothing; NORMAL leaves only a power cut a chance, at half the time.
        cursor.execute("PRAGMA journal_mode=PERSIST")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    sa.event.listen(engine, "connect", prepare)
    return engine


def check_schema(engine: sa.Engine, address: sa.URL) -> None:
    """Holds a record against this program's schema.

    Raises:
        UserError: no database, another one's tables, or another schema version.
    """
    shown = address.render_as_string(hide_password=True)
    try:
        tables = sa.inspect(engine).get_table_names()
        if schema_table.name not in tables:
            raise UserError(f"{shown} is no study record: it has no table {schema_table.name}")
        with engine.connect() as connection:
            version = connection.execute(sa.select(schema_table.c.version)).scalar()
    except sa.exc.DBAPIError as error:
        raise UserError(f"cannot read the study record {shown}: {error.orig}") from error
    if version != SCHEMA_VERSION:
        age = "a newer" if version is not None and version > SCHEMA_VERSION else "an older"
        raise UserError(
            f"the study record {shown} is of {age} schema ({version}; this program knows {SCHEMA_VERSION}): "
            "open it with the program's version that made it, or start a study with another --study or --record"
        )


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


def _sqlite_path(address: sa.URL) -> Path | None:
    return Path(address.database) if address.get_backend_name() == "sqlite" and address.database else None
