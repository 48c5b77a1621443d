"""Copies a study from its record to MLflow: one parent run per study, with one child run per trial.

`MlflowRuns.sync` compares the record with notes of what was copied already, and copies the rest. Copying the same thing
twice is harmless, which happens if the process dies before it notes what it copied: runs are found by their tags before
they are created, and metrics carry the timestamps of the record. If the store cannot be reached, metrics wait in the
record. Runs and artifacts that the store has lost are copied again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amc.dotted_fields import flattened
from analysis.record.connection.address import without_password
from analysis.record.rows import MlflowCursor, Point, SheetRow, StudyRow, TrialRow
from analysis.record.states import COMPLETE, ENDED, FAILED, PRUNED, RUNNING, WAITING
from analysis.record.writing import RecordWriter
from tuning.tracking.results import log_files, log_results
from tuning.tracking.store import close_store, experiment_id, open_store
from tuning.tracking.study_runs import find_runs

if TYPE_CHECKING:
    from mlflow import MlflowClient

BATCH = 1000  # metrics per call, MLflow's limit
PARENT = ""  # key of the study's own run

# An interrupted trial does not run, and will be resumed: SCHEDULED.
STATUS = {WAITING: "SCHEDULED", RUNNING: "RUNNING", COMPLETE: "FINISHED", PRUNED: "KILLED", FAILED: "FAILED"}


class MlflowRuns:
    """Copies one study to one MLflow store.

    Args:
        runs: DIR; a store without a server keeps its artifacts there.
        folder: DIR/STUDY, with sample pictures and checkpoints.
        target: address of the store.
        facts: about this machine and program; they become tags `amc.NAME` of the runs that are created.
        documents: called with the record and the study's name when the study has ended; returns text files by name,
            which become artifacts of the study's own run.

    Attributes:
        results: tables, figures and report in `folder` are complete; they are copied when the study ends.
        uploading: the best checkpoint is being copied, which may take long.
        last_answer: `time.monotonic()` of the last answer of the store.
        problems: lines for the user on what can never be copied.
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
        documents: Callable[[RecordWriter, str], Mapping[str, str]] = lambda record, study: {},
    ) -> None:
        self.record, self.study = record, record.study(study)
        self.runs, self.folder, self.address = runs.absolute(), folder, target
        self.target = without_password(target)  # as the record stores it
        self.facts, self.documents = facts or {}, documents
        self.client: MlflowClient | None = None
        self.experiment = ""
        self.cursors: dict[str, MlflowCursor] = {}  # what was copied of each run
        self.store_runs: dict[str, str] | None = None  # ids of the runs that the store has, by key
        self.changed: set[str] = set()  # keys whose cursor is not written to the record yet
        self.copied_until = 0  # id up to which all points of the record are copied
        self.results = False
        self.uploading, self.last_answer = False, time.monotonic()
        self.problems: list[str] = []

    def sync(self, *, study_status: str = "RUNNING") -> None:
        """Copies what the store does not have yet.

        Args:
            study_status: the status of the study's own run: RUNNING, SCHEDULED, FINISHED or FAILED.
        """
        try:
            self._copy(study_status)
        except BaseException:
            # A call that seemed to fail may have created a run, or the store may have been replaced.
            close_store(self.client)
            self.client, self.store_runs, self.copied_until = None, None, 0
            raise
        finally:
            self._write_cursors()

    def _copy(self, study_status: str) -> None:
        client = self._open()
        parent = self._parent_run(client)
        # States first: the points of a trial that has ended by now are complete. One that ends before its row is read
        # below gets its last points from the next call.
        stages = self.record.trial_stages(self.study.name)
        points = self._new_points()
        for key, trial in stages.items():
            known = self.cursors.get(key)
            # A run is created when the trial's process has started, so that its duration is the trial's.
            if known is None and not trial.started and trial.state not in ENDED and key not in points:
                continue
            rescored = known is not None and known.scored != trial.scored
            if known is None or known.status != STATUS[trial.state] or key in points or rescored:
                self._copy_trial(client, self.record.trial(self.study.name, key), points.get(key, []), parent.run_id)
            if trial.state in ENDED:  # a pruned trial writes its pictures after its end
                self._copy_pictures(client, key, self.cursors[key])
        self.copied_until = max([self.copied_until, *(batch[-1].id for batch in points.values())])
        self._close_parent(client, parent, study_status)

    def _open(self) -> MlflowClient:
        if self.client is None:
            client = open_store(self.address, self.runs)
            self.experiment = experiment_id(client, self.study.name, self.address, self.runs)
            self.cursors = self.record.mlflow_cursors(self.study.name, self.target)
            self.client = client
        if self.store_runs is None:
            found = find_runs(self.client, self.experiment, self.study.uid)
            # An earlier driver may have created runs and died before it noted them.
            self.store_runs = {run.key: run.run_id for run in found}
            # The store may have been deleted or replaced since the notes were made, or its artifacts.
            there = {run.run_id: run for run in found}
            self.cursors = {
                key: cursor if there[cursor.run_id].has_artifacts else replace(cursor, status="", pictured=False)
                for key, cursor in self.cursors.items()
                if cursor.run_id in there
            }
        return self.client

    def _parent_run(self, client: MlflowClient) -> MlflowCursor:
        study = self.study
        tags = {"amc.role": "study", "amc.study": study.name, "amc.kind": study.kind, "amc.seed": str(study.seed)}
        state = self._find_or_create_run(client, PARENT, study.name, tags, round(study.created * 1000))
        if not state.described:
            described = {"preset": study.preset, "seed": study.seed, "dataset": study.dataset, **study.settings}
            _log_params(client, state.run_id, dict(flattened(described)))
            state = self._set_cursor(PARENT, replace(state, described=True))
        return state

    def _close_parent(self, client: MlflowClient, parent: MlflowCursor, status: str) -> None:
        if status == "RUNNING" or status == "SCHEDULED":
            self._set_status(client, PARENT, parent, status, None)
            if status == "SCHEDULED" and self.results:  # of an unfinished study
                log_files(client, parent.run_id, folder=self.folder, on_answer=self._note_answer)
            return
        self._write_cursors()  # the summary contains the ids of the runs
        self.uploading = True
        try:
            self.problems += log_results(
                client,
                self.record,
                self.study,
                parent.run_id,
                folder=self.folder,
                documents=self.documents(self.record, self.study.name),
                on_answer=self._note_answer,
            )
            if self.results:
                log_files(client, parent.run_id, folder=self.folder, on_answer=self._note_answer)
        finally:
            self.uploading = False
        self._set_status(client, PARENT, parent, status, None)

    def _copy_trial(self, client: MlflowClient, trial: TrialRow, points: list[Point], parent: str) -> None:
        tags = {
            "amc.role": trial.role,
            "amc.trial_key": trial.key,
            "amc.seed": str(trial.seed),
            "mlflow.parentRunId": parent,
            **({"amc.parent_key": trial.parent} if trial.parent else {}),
        }
        state = self._find_or_create_run(client, trial.key, trial.key, tags, _ms(trial.started or trial.created))
        if not state.described:
            _log_params(client, state.run_id, dict(flattened(trial.config)))
            state = self._set_cursor(trial.key, replace(state, described=True))
        state = self._copy_points(client, trial.key, state, points)
        status = STATUS[trial.state]
        if trial.state not in ENDED:
            self._set_status(client, trial.key, state, status, None)
            return
        sheet = self.record.score_sheet(self.study.name, trial.key)
        if state.status != status or (sheet is not None and state.scored != sheet.created):
            _log_end(client, state.run_id, trial, sheet)
            state = self._set_cursor(
                trial.key, replace(state, scored=0.0 if sheet is None else sheet.created, pictured=False)
            )
        if state.status != status:
            state = self._copy_pictures(client, trial.key, state)
            self._set_status(client, trial.key, state, status, _ms(trial.ended))

    def _find_or_create_run(
        self, client: MlflowClient, key: str, name: str, tags: Mapping[str, str], start: int
    ) -> MlflowCursor:
        if key in self.cursors:
            return self.cursors[key]
        assert self.store_runs is not None
        if key in self.store_runs:
            # What an earlier driver copied is unknown: copying everything again changes nothing.
            return self._set_cursor(key, MlflowCursor(self.store_runs[key]))
        tags = {**tags, **_common(self.study), **{f"amc.{fact}": value for fact, value in self.facts.items()}}
        commit = self.facts.get("version.git", "").rstrip("+")
        if commit:
            tags["mlflow.source.git.commit"] = commit
        run = client.create_run(self.experiment, start_time=start, tags=tags, run_name=name)
        self.store_runs[key] = run.info.run_id
        return self._set_cursor(key, MlflowCursor(run.info.run_id, status=run.info.status))

    def _new_points(self) -> dict[str, list[Point]]:
        points = self.record.points(self.study.name, after=self.copied_until)
        cursors = {key: state.cursor for key, state in self.cursors.items()}
        found: dict[str, list[Point]] = {}
        for point in points:
            if point.id > cursors.get(point.key, 0):
                found.setdefault(point.key, []).append(point)
        return found

    def _copy_points(self, client: MlflowClient, key: str, state: MlflowCursor, points: list[Point]) -> MlflowCursor:
        from mlflow.entities import Metric

        for batch in _batches(points):
            metrics = [
                Metric(name, value, point.timestamp, point.step)
                for point in batch
                for name, value in point.metrics.items()
            ]
            client.log_batch(state.run_id, metrics=metrics)
            state = self._set_cursor(key, replace(state, cursor=batch[-1].id))
        return state

    def _copy_pictures(self, client: MlflowClient, key: str, state: MlflowCursor) -> MlflowCursor:
        folder = self.folder / "samples" / key
        if state.pictured or not folder.is_dir() or not any(folder.iterdir()):
            return state
        client.log_artifacts(state.run_id, str(folder), "samples")
        return self._set_cursor(key, replace(state, pictured=True))

    def _set_status(self, client: MlflowClient, key: str, state: MlflowCursor, status: str, end: int | None) -> None:
        if state.status == status:
            return
        if status in ("RUNNING", "SCHEDULED"):
            client.update_run(state.run_id, status=status)
        else:
            client.set_terminated(state.run_id, status=status, end_time=end)
        self._set_cursor(key, replace(state, status=status))

    def _set_cursor(self, key: str, state: MlflowCursor) -> MlflowCursor:
        self.cursors[key] = state
        self.changed.add(key)
        self._note_answer()
        return state

    def _write_cursors(self) -> None:
        if self.changed:
            self.record.set_mlflow_cursors(
                self.study.name, self.target, {key: self.cursors[key] for key in self.changed}
            )
            self.changed.clear()

    def _note_answer(self) -> None:
        self.last_answer = time.monotonic()


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

    # A parameter that a run has cannot be changed, though the study's settings may have been.
    known = client.get_run(run_id).data.params
    rows = [Param(name, str(value)[:6000]) for name, value in params.items() if name not in known]
    for start in range(0, len(rows), 100):
        client.log_batch(run_id, params=rows[start : start + 100])


def _log_end(client: MlflowClient, run_id: str, trial: TrialRow, sheet: SheetRow | None) -> None:
    """Logs the scores of a trial that has ended, with the time at which it was scored."""
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


def _ms(seconds: float | None) -> int:
    return round((time.time() if seconds is None else seconds) * 1000)
