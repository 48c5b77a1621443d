"""MLflow as a projection of the record: one parent run a study, one child a trial, written off the training path.

`Projection.sync` compares what the record has with what it noted to have copied, and copies the rest. Runs are found by
their tags before they are made, and points carry the record's timestamps, so that whatever was copied twice (because
this process died between copying and noting) is the same row there. A store that can't be reached is tried again; its
points wait in the record.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amc.errors import UserError
from analysis.records import Point, StudyRow, TrialRow
from analysis.states import COMPLETE, ENDED, FAILED, PRUNED, RUNNING, TRIAL, WAITING
from tuning.record import Projected, Record
from tuning.sources import best, of_role
from tuning.tracking_store import experiment, first_line, open_store

if TYPE_CHECKING:
    from mlflow import MlflowClient

BATCH = 1000  # metrics a call, MLflow's limit
EVERY = 1.0  # seconds between two looks at the record
PARENT = ""  # the projection's key of the study's own run

# An interrupted trial is not running and will go on: SCHEDULED.
STATUS = {WAITING: "SCHEDULED", RUNNING: "RUNNING", COMPLETE: "FINISHED", PRUNED: "KILLED", FAILED: "FAILED"}


class Projection:
    """Copies one study to one MLflow store.

    Args:
        runs: DIR; artifacts of a store without a server go under it.
        folder: DIR/<study>, where sample pictures are.
        target: the store's address.
    """

    def __init__(self, record: Record, study: str, *, runs: Path, folder: Path, target: str) -> None:
        self.record, self.study = record, record.study(study)
        self.runs, self.folder, self.target = runs.absolute(), folder, target
        self.client: MlflowClient | None = None
        self.experiment = ""
        self.known: dict[str, Projected] = {}

    def sync(self, *, study_status: str = "RUNNING") -> None:
        """Copies what the store does not have yet.

        Args:
            study_status: what the study's own run shall be: RUNNING, SCHEDULED, FINISHED or FAILED.
        """
        client = self._open()
        study = self.record.study(self.study.name)
        trials = self.record.trials(study.name)
        parent = self._parent(client, study)
        for trial in trials:
            # Made when the trial's process is up, so that a run's duration is the trial's.
            if trial.started is not None or trial.key in self.known or trial.state in ENDED:
                self._trial(client, study, trial, parent.run_id)
        self._close_parent(client, trials, parent, study_status)

    def _open(self) -> MlflowClient:
        if self.client is None:
            client = open_store(self.target, self.runs)
            self.experiment = experiment(client, self.study.name, self.target, self.runs)
            self.known = self.record.projected(self.study.name, self.target)
            self.client = client
        return self.client

    def _parent(self, client: MlflowClient, study: StudyRow) -> Projected:
        tags = {"amc.role": "study", "amc.study": study.name, "amc.kind": study.kind, **_common(study)}
        state = self._run(client, PARENT, study.name, tags, round(study.created * 1000))
        if not state.described:
            described = {"preset": study.preset, "seed": study.seed, "dataset": study.dataset, **study.settings}
            _log_params(client, state.run_id, dict(_flat(described)))
            state = self._note(PARENT, replace(state, described=True))
        return state

    def _close_parent(self, client: MlflowClient, trials: list[TrialRow], parent: Projected, status: str) -> None:
        if status != "RUNNING":
            found = best(of_role(trials, TRIAL))
            if found is not None and found.value is not None:
                client.set_tag(parent.run_id, "amc.best", found.key)
                client.log_metric(parent.run_id, "best/val/accuracy", found.value, timestamp=_ms(found.ended), step=0)
        self._status(client, PARENT, parent, status, None)

    def _trial(self, client: MlflowClient, study: StudyRow, trial: TrialRow, parent: str) -> None:
        state = self.known.get(trial.key)
        if state is not None and state.status == STATUS[trial.state] and trial.state in ENDED and state.pictured:
            return
        tags = {
            "amc.role": trial.role,
            "amc.trial_key": trial.key,
            "amc.seed": str(trial.seed),
            "mlflow.parentRunId": parent,
            **({"amc.parent_key": trial.parent} if trial.parent else {}),
            **_common(study),
        }
        state = self._run(client, trial.key, trial.key, tags, _ms(trial.started or trial.created))
        if not state.described:
            _log_params(client, state.run_id, dict(_flat(trial.config)))
            state = self._note(trial.key, replace(state, described=True))
        state = self._points(client, trial.key, state)
        if trial.state not in ENDED:
            self._status(client, trial.key, state, STATUS[trial.state], None)
            return
        if state.status != STATUS[trial.state]:
            for name, value in {**trial.scores, "trial/seconds": trial.seconds}.items():
                client.log_metric(state.run_id, name, value, timestamp=_ms(trial.ended), step=trial.step)
            client.set_tag(state.run_id, "amc.attempts", str(trial.attempts))
            if trial.reason:
                client.set_tag(state.run_id, "amc.reason", trial.reason)
        state = self._pictures(client, trial, state)
        self._status(client, trial.key, state, STATUS[trial.state], _ms(trial.ended))

    def _run(self, client: MlflowClient, key: str, name: str, tags: Mapping[str, str], start: int) -> Projected:
        if key in self.known:
            return self.known[key]
        # An earlier driver may have made the run and died before it noted so.
        wanted = {"amc.study_id": self.study.uid, "amc.role": tags["amc.role"]}
        if key:
            wanted["amc.trial_key"] = key
        query = " and ".join(f"tags.`{tag}` = '{value}'" for tag, value in wanted.items())
        found = client.search_runs([self.experiment], filter_string=query, max_results=1)
        run = (
            found[0] if found else client.create_run(self.experiment, start_time=start, tags=dict(tags), run_name=name)
        )
        return self._note(key, Projected(run.info.run_id, status=run.info.status))

    def _points(self, client: MlflowClient, key: str, state: Projected) -> Projected:
        from mlflow.entities import Metric

        points = self.record.points(self.study.name, key, after=state.cursor)
        for batch in _batches(points):
            metrics = [
                Metric(name, value, point.timestamp, point.step)
                for point in batch
                for name, value in point.metrics.items()
            ]
            client.log_batch(state.run_id, metrics=metrics)
            state = self._note(key, replace(state, cursor=batch[-1].id))
        return state

    def _pictures(self, client: MlflowClient, trial: TrialRow, state: Projected) -> Projected:
        folder = self.folder / "samples" / trial.key
        if state.pictured or not folder.is_dir() or not any(folder.iterdir()):
            return state
        client.log_artifacts(state.run_id, str(folder), "samples")
        return self._note(trial.key, replace(state, pictured=True))

    def _status(self, client: MlflowClient, key: str, state: Projected, status: str, end: int | None) -> None:
        if state.status == status:
            return
        if status in ("RUNNING", "SCHEDULED"):
            client.update_run(state.run_id, status=status)
        else:
            client.set_terminated(state.run_id, status=status, end_time=end)
        self._note(key, replace(state, status=status))

    def _note(self, key: str, state: Projected) -> Projected:
        self.record.project(self.study.name, self.target, key, state)
        self.known[key] = state
        return state


class Tracker(threading.Thread):
    """Syncs a projection every second in the background.

    Args:
        warn: told once, in a line, when the store can't be reached.
    """

    def __init__(self, projection: Projection, warn: Callable[[str], None]) -> None:
        super().__init__(name="tracker", daemon=True)
        self.projection, self.warn = projection, warn
        self.ending = threading.Event()
        self.status = "RUNNING"
        self.warned = self.complete = False

    def run(self) -> None:
        """Until all has been copied after `finish`."""
        pause = EVERY
        while not self.complete:
            self.ending.wait(pause)
            ending = self.ending.is_set()
            copied = self._try(self.status)
            self.complete = ending and copied
            if ending and not copied:
                time.sleep(EVERY)
            pause = EVERY if copied else min(pause * 2, 30.0)

    def finish(self, status: str) -> None:
        """Asks for what is left, and for this status of the study's own run; does not wait."""
        self.status = status
        self.ending.set()

    def wait(self, seconds: float) -> bool:
        """Waits for the end of that; False if the store could not be reached in time."""
        self.join(seconds)
        return self.complete

    def _try(self, study_status: str) -> bool:
        import mlflow.exceptions
        import sqlalchemy.exc

        try:
            self.projection.sync(study_status=study_status)
        except (mlflow.exceptions.MlflowException, sqlalchemy.exc.OperationalError, OSError, UserError) as error:
            if not self.warned:
                self.warn(
                    f"MLflow at {self.projection.target} does not answer ({first_line(error)}); its points are kept"
                )
            self.warned = True
            return False
        return True


def _common(study: StudyRow) -> dict[str, str]:
    tags = {
        "amc.study_id": study.uid,
        "amc.preset": study.preset,
        "amc.study_seed": str(study.seed),
        "amc.dataset": str(study.dataset.get("name", "")),
        "amc.origin": str(study.dataset.get("origin", "")),
        "amc.fingerprint": str(study.dataset.get("fingerprint", "")),
    }
    return tags | {f"amc.version.{name}": version for name, version in study.versions.items()}


def _log_params(client: MlflowClient, run_id: str, params: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    rows = [Param(name, str(value)[:6000]) for name, value in params.items()]
    for start in range(0, len(rows), 100):
        client.log_batch(run_id, params=rows[start : start + 100])


def _batches(points: list[Point]) -> Iterator[list[Point]]:
    batch: list[Point] = []
    size = 0
    for point in points:
        if batch and size + len(point.metrics) > BATCH:
            yield batch
            batch, size = [], 0
        batch.append(point)
        size += len(point.metrics)
    if batch:
        yield batch


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _ms(seconds: float | None) -> int:
    return round((time.time() if seconds is None else seconds) * 1000)
