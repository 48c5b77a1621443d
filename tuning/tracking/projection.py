"""MLflow as a projection of the record: one parent run a study, one child a trial, written off the training path.

`Projection.sync` compares what the record has with what it noted to have copied, and copies the rest. Runs are found by
their tags before they are made, and points carry the record's timestamps, so that whatever was copied twice (because
this process died between copying and noting) is the same row there. A store that can't be reached is tried again; its
points wait in the record.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.record.database import without_password
from analysis.record.mlflow_cursor import MlflowCursor
from analysis.record.rows import Point, SheetRow, StudyRow, TrialRow
from analysis.record.states import COMPLETE, ENDED, FAILED, PRUNED, RUNNING, WAITING
from analysis.record.writing import RecordWriter
from tuning.tracking.results import log_files, log_results
from tuning.tracking.store import experiment, open_store

if TYPE_CHECKING:
    from mlflow import MlflowClient

BATCH = 1000  # metrics a call, MLflow's limit
PARENT = ""  # the projection's key of the study's own run

# An interrupted trial is not running and will go on: SCHEDULED.
STATUS = {WAITING: "SCHEDULED", RUNNING: "RUNNING", COMPLETE: "FINISHED", PRUNED: "KILLED", FAILED: "FAILED"}


class Projection:
    """Copies one study to one MLflow store.

    Args:
        runs: DIR; artifacts of a store without a server go under it.
        folder: DIR/<study>, where sample pictures and checkpoints are.
        target: the store's address.
        facts: about this driver's machine and program; they become tags `amc.NAME` of the runs that it makes.

    Attributes:
        results: tables and the like in `folder` are whole, and go to the study's own run at its end.
        uploading: the best checkpoint is under way, which may take long.
        alive: `time.monotonic()` of the last sign of life from the store.
        problems: lines on what could not be copied for good, for the user.
    """

    def __init__(
        self,
        record: RecordWriter,
        study: str,
        *,
        runs: Path,
        folder: Path,
        target: str,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        self.record, self.study = record, record.study(study)
        self.runs, self.folder, self.address = runs.absolute(), folder, target
        self.target = without_password(target)  # as the record has it
        self.facts = facts or {}
        self.client: MlflowClient | None = None
        self.experiment = ""
        self.known: dict[str, MlflowCursor] = {}
        self.there: dict[str, str] | None = None  # ids of the runs that the store has, by key
        self.changed: set[str] = set()  # keys whose state is not noted yet
        self.seen = 0  # id up to which all points of the record are copied
        self.results = False
        self.uploading, self.alive = False, time.monotonic()
        self.problems: list[str] = []

    def sync(self, *, study_status: str = "RUNNING") -> None:
        """Copies what the store does not have yet.

        Args:
            study_status: what the study's own run shall be: RUNNING, SCHEDULED, FINISHED or FAILED.
        """
        try:
            self._copy(study_status)
        except BaseException:
            self.there = None  # a call that seemed to fail may have made a run
            raise
        finally:
            self._write_notes()

    def _copy(self, study_status: str) -> None:
        client = self._open()
        parent = self._parent(client)
        # States first: a trial that has ended by then has all its points.
        standing = self.record.trial_stages(self.study.name)
        points = self._new_points()
        for key, trial in standing.items():
            known = self.known.get(key)
            # Made when the trial's process is up, so that a run's duration is the trial's.
            if known is None and not trial.started and trial.state not in ENDED and key not in points:
                continue
            again = known is not None and known.scored != trial.scored
            if known is None or known.status != STATUS[trial.state] or key in points or again:
                self._trial(client, self.record.trial(self.study.name, key), points.get(key, []), parent.run_id)
            elif trial.state in ENDED and not known.pictured:  # a stopped trial's come after its end
                self._pictures(client, key, known)
        self.seen = max([self.seen, *(batch[-1].id for batch in points.values())])
        self._close_parent(client, parent, study_status)

    def _open(self) -> MlflowClient:
        if self.client is None:
            client = open_store(self.address, self.runs)
            self.experiment = experiment(client, self.study.name, self.address, self.runs)
            self.known = self.record.mlflow_cursors(self.study.name, self.target)
            self.client = client
        if self.there is None:
            # An earlier driver may have made runs and died before it noted so.
            self.there = _runs(self.client, self.experiment, self.study.uid)
        return self.client

    def _parent(self, client: MlflowClient) -> MlflowCursor:
        study = self.study
        tags = {"amc.role": "study", "amc.study": study.name, "amc.kind": study.kind, "amc.seed": str(study.seed)}
        state = self._run(client, PARENT, study.name, tags, round(study.created * 1000))
        if not state.described:
            described = {"preset": study.preset, "seed": study.seed, "dataset": study.dataset, **study.settings}
            _log_params(client, state.run_id, dict(_flat(described)))
            state = self._note(PARENT, replace(state, described=True))
        return state

    def _close_parent(self, client: MlflowClient, parent: MlflowCursor, status: str) -> None:
        if status == "RUNNING" or status == "SCHEDULED":
            self._status(client, PARENT, parent, status, None)
            if status == "SCHEDULED" and self.results:  # of a study half done
                log_files(client, parent.run_id, folder=self.folder, seen=self._sign_of_life)
            return
        self._write_notes()  # the summary names the runs
        self.uploading = True
        try:
            self.problems += log_results(
                client, self.record, self.study, parent.run_id, folder=self.folder, seen=self._sign_of_life
            )
            if self.results:
                log_files(client, parent.run_id, folder=self.folder, seen=self._sign_of_life)
        finally:
            self.uploading = False
        self._status(client, PARENT, parent, status, None)

    def _trial(self, client: MlflowClient, trial: TrialRow, points: list[Point], parent: str) -> None:
        tags = {
            "amc.role": trial.role,
            "amc.trial_key": trial.key,
            "amc.seed": str(trial.seed),
            "mlflow.parentRunId": parent,
            **({"amc.parent_key": trial.parent} if trial.parent else {}),
        }
        state = self._run(client, trial.key, trial.key, tags, _ms(trial.started or trial.created))
        if not state.described:
            _log_params(client, state.run_id, dict(_flat(trial.config)))
            state = self._note(trial.key, replace(state, described=True))
        state = self._points(client, trial.key, state, points)
        status = STATUS[trial.state]
        if trial.state not in ENDED:
            self._status(client, trial.key, state, status, None)
            return
        sheet = self.record.score_sheet(self.study.name, trial.key)
        if state.status != status or (sheet is not None and state.scored != sheet.created):
            _log_end(client, state.run_id, trial, sheet)
            state = self._note(
                trial.key, replace(state, scored=0.0 if sheet is None else sheet.created, pictured=False)
            )
        if state.status != status:
            state = self._pictures(client, trial.key, state)
            self._status(client, trial.key, state, status, _ms(trial.ended))

    def _run(self, client: MlflowClient, key: str, name: str, tags: Mapping[str, str], start: int) -> MlflowCursor:
        if key in self.known:
            return self.known[key]
        assert self.there is not None
        if key in self.there:
            # What an earlier driver got to is not known: all is written again, which changes nothing.
            return self._note(key, MlflowCursor(self.there[key]))
        tags = {**tags, **_common(self.study), **{f"amc.{fact}": value for fact, value in self.facts.items()}}
        commit = self.facts.get("version.git", "").rstrip("+")
        if commit:
            tags["mlflow.source.git.commit"] = commit
        run = client.create_run(self.experiment, start_time=start, tags=tags, run_name=name)
        self.there[key] = run.info.run_id
        return self._note(key, MlflowCursor(run.info.run_id, status=run.info.status))

    def _new_points(self) -> dict[str, list[Point]]:
        points = self.record.points(self.study.name, after=self.seen)
        cursors = {key: state.cursor for key, state in self.known.items()}
        found: dict[str, list[Point]] = {}
        for point in points:
            if point.id > cursors.get(point.key, 0):
                found.setdefault(point.key, []).append(point)
        return found

    def _points(self, client: MlflowClient, key: str, state: MlflowCursor, points: list[Point]) -> MlflowCursor:
        from mlflow.entities import Metric

        for batch in _batches(points):
            metrics = [
                Metric(name, value, point.timestamp, point.step)
                for point in batch
                for name, value in point.metrics.items()
            ]
            client.log_batch(state.run_id, metrics=metrics)
            state = self._note(key, replace(state, cursor=batch[-1].id))
        return state

    def _pictures(self, client: MlflowClient, key: str, state: MlflowCursor) -> MlflowCursor:
        folder = self.folder / "samples" / key
        if state.pictured or not folder.is_dir() or not any(folder.iterdir()):
            return state
        client.log_artifacts(state.run_id, str(folder), "samples")
        return self._note(key, replace(state, pictured=True))

    def _status(self, client: MlflowClient, key: str, state: MlflowCursor, status: str, end: int | None) -> None:
        if state.status == status:
            return
        if status in ("RUNNING", "SCHEDULED"):
            client.update_run(state.run_id, status=status)
        else:
            client.set_terminated(state.run_id, status=status, end_time=end)
        self._note(key, replace(state, status=status))

    def _note(self, key: str, state: MlflowCursor) -> MlflowCursor:
        self.known[key] = state
        self.changed.add(key)
        self._sign_of_life()
        return state

    def _write_notes(self) -> None:
        if self.changed:
            self.record.set_mlflow_cursors(self.study.name, self.target, {key: self.known[key] for key in self.changed})
            self.changed.clear()

    def _sign_of_life(self) -> None:
        self.alive = time.monotonic()


def _runs(client: MlflowClient, experiment_id: str, uid: str) -> dict[str, str]:
    found: dict[str, str] = {}
    token = None
    while token is None or token:
        page = client.search_runs(
            [experiment_id], filter_string=f"tags.`amc.study_id` = '{uid}'", max_results=1000, page_token=token
        )
        for run in page:
            found[run.data.tags.get("amc.trial_key", PARENT)] = run.info.run_id
        token = page.token or ""
    return found


def _common(study: StudyRow) -> dict[str, str]:
    return {
        "amc.study_id": study.uid,
        "amc.preset": study.preset,
        "amc.study_seed": str(study.seed),
        "amc.dataset": str(study.dataset.get("name", "")),
        "amc.origin": str(study.dataset.get("origin", "")),
        "amc.fingerprint": str(study.dataset.get("fingerprint", "")),
        "amc.split_rule": str(study.dataset.get("split", {}).get("rule", "")),
    }


def _log_params(client: MlflowClient, run_id: str, params: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    rows = [Param(name, str(value)[:6000]) for name, value in params.items()]
    for start in range(0, len(rows), 100):
        client.log_batch(run_id, params=rows[start : start + 100])


def _log_end(client: MlflowClient, run_id: str, trial: TrialRow, sheet: SheetRow | None) -> None:
    """What is known of a trial since its end: its scores, which are of the time at which it was scored last."""
    from mlflow.entities import Metric, RunTag

    ended = _ms(trial.ended)
    made = ended if sheet is None else max(ended, _ms(sheet.created))
    if sheet is not None:
        client.log_text(run_id, json.dumps(sheet.content), "sheet.json")
    client.log_batch(
        run_id,
        metrics=[
            *(Metric(name, value, made, trial.step) for name, value in trial.scores.items()),
            Metric("trial/seconds", trial.seconds, ended, trial.step),
        ],
        tags=[
            RunTag("amc.attempts", str(trial.attempts)),
            *([RunTag("amc.reason", trial.reason[:5000])] if trial.reason else []),
        ],
    )


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
