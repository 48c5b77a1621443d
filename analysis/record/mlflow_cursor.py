"""What the record knows of MLflow: how far each trial has been copied to which store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from analysis.record.access import Writable, update_trial
from analysis.record.database import answered
from analysis.record.schema import projection_table, sheet_table, trial_table


@dataclass(frozen=True)
class MlflowCursor:
    """How far the tracker has copied a trial (or with key "" the study) to one store.

    Attributes:
        scored: when the sheet was made whose scores are there; 0 for none.
    """

    run_id: str
    cursor: int = 0
    described: bool = False
    pictured: bool = False
    status: str = ""
    scored: float = 0.0


@dataclass(frozen=True)
class TrialStage:
    """What of a trial changes when it begins and ends, and when it is scored.

    Attributes:
        scored: when its score sheet was made; 0 without one.
    """

    state: str
    started: bool
    scored: float = 0.0


class Projections(Writable):
    """The part of a record that the tracker reads and writes."""

    @answered
    def mlflow_targets(self, study: str) -> list[str]:
        """The stores that a study was copied to."""
        table = projection_table
        with self.engine.connect() as connection:
            query = sa.select(table.c.target).where(table.c.study == study).distinct()
            return [row[0] for row in connection.execute(query)]

    @answered
    def mlflow_cursors(self, study: str, target: str) -> dict[str, MlflowCursor]:
        """How far each trial was copied to the store at `target`, by key."""
        table = projection_table
        query = sa.select(table).where(table.c.study == study, table.c.target == target)
        with self.engine.connect() as connection:
            return {
                row["key"]: MlflowCursor(**{name: row[name] for name in MlflowCursor.__dataclass_fields__})
                for row in connection.execute(query).mappings()
            }

    @answered
    def set_mlflow_cursors(self, study: str, target: str, states: Mapping[str, MlflowCursor]) -> None:
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
    def trial_stages(self, study: str) -> dict[str, TrialStage]:
        """How each trial stands, by key, in the order of `trials`: for who asks often, none of the JSON is read."""
        table, sheet = trial_table, sheet_table
        scored = table.outerjoin(sheet, sa.and_(sheet.c.study == table.c.study, sheet.c.key == table.c.key))
        columns = (table.c.key, table.c.state, table.c.started, sheet.c.created)
        query = sa.select(*columns).select_from(scored).where(table.c.study == study)
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(table.c.role.desc(), table.c.number)).all()
        return {key: TrialStage(state, started is not None, made or 0.0) for key, state, started, made in rows}
