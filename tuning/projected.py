"""What the record knows of MLflow: how far each trial has been copied to which store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from analysis.database import answered
from analysis.record_schema import projection_table, trial_table
from tuning.record_access import Writable, update_trial


@dataclass(frozen=True)
class Projected:
    """How far the tracker has copied a trial (or with key "" the study) to one store."""

    run_id: str
    cursor: int = 0
    described: bool = False
    pictured: bool = False
    status: str = ""
    scored: float = 0.0


@dataclass(frozen=True)
class Stage:
    """What of a trial changes when it begins and ends."""

    state: str
    started: bool


class Projections(Writable):
    """The part of a record that the tracker reads and writes."""

    @answered
    def targets(self, study: str) -> list[str]:
        """The stores that a study was copied to."""
        table = projection_table
        with self.engine.connect() as connection:
            query = sa.select(table.c.target).where(table.c.study == study).distinct()
            return [row[0] for row in connection.execute(query)]

    @answered
    def projected(self, study: str, target: str) -> dict[str, Projected]:
        """How far each trial was copied to the store at `target`, by key."""
        table = projection_table
        query = sa.select(table).where(table.c.study == study, table.c.target == target)
        with self.engine.connect() as connection:
            return {
                row["key"]: Projected(**{name: row[name] for name in Projected.__dataclass_fields__})
                for row in connection.execute(query).mappings()
            }

    @answered
    def project(self, study: str, target: str, states: Mapping[str, Projected]) -> None:
        """Notes how far trials have been copied to the store at `target`, by key."""
        table = projection_table
        with self._write() as connection:
            for key, state in states.items():
                here = (table.c.study == study, table.c.target == target, table.c.key == key)
                if connection.execute(sa.update(table).where(*here).values(asdict(state))).rowcount == 0:
                    connection.execute(sa.insert(table).values(study=study, target=target, key=key, **asdict(state)))
                if key:
                    update_trial(connection, study, key, mlflow_run_id=state.run_id)

    @answered
    def stages(self, study: str) -> dict[str, Stage]:
        """How each trial stands, by key, in the order of `trials`: for who asks often, none of the JSON is read."""
        table = trial_table
        columns = (table.c.key, table.c.state, table.c.started)
        query = sa.select(*columns).where(table.c.study == study).order_by(table.c.role.desc(), table.c.number)
        with self.engine.connect() as connection:
            return {key: Stage(state, started is not None) for key, state, started in connection.execute(query)}
