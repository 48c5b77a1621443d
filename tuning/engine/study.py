"""Runs a study to its end or until it is interrupted: lock, record, trials, MLflow, results, summary.

Puts the engine, the Ray runner and the MLflow thread together. Searches and ablations both use it, and differ in their
sources of trials.
"""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from amc.cli.command import NO_SUCCESS
from amc.errors import UserError
from amc.stop_signals import INTERRUPTED
from analysis.record.connection.address import database_url, sqlite_path, without_password
from analysis.record.connection.lock import record_lock_path, study_lock
from analysis.record.rows import ImportedRow, StudyRow
from analysis.record.states import COMPLETE, OPEN
from analysis.record.writing import RecordWriter
from tuning.engine.engine import Engine, StudyPlan
from tuning.engine.folder_owner import check_owner, write_owner
from tuning.engine.hooks import Hook, run_results_hook
from tuning.engine.interruption import STOPPING, StopRequest
from tuning.engine.machine_facts import machine_facts
from tuning.engine.progress import StudyProgress
from tuning.engine.resume_check import MergeSettings, create_or_resume
from tuning.engine.sources import TrialSource
from tuning.engine.steering import RESUME, add_command, command_line, ignored_changes
from tuning.engine.summary import study_documents, summary, write_summary
from tuning.on_ray import node_files, ray_session, session_folder
from tuning.on_ray.runner import run_on_ray
from tuning.search.goal import Goal
from tuning.search.pruners import Pruner
from tuning.tracking.mlflow_runs import MlflowRuns
from tuning.tracking.store import default_store, normalized
from tuning.tracking.sync_thread import SyncThread
from tuning.workers.job import TrialSettings
from tuning.workers.resources import Resources

DONE = 0  # exit code
TAKEN = ("artifacts", "mlflow.db")  # names in DIR beside the studies' folders
FLUSH_SECONDS = 60.0  # how long an MLflow store that does not answer may delay the end
RESULTS_SECONDS = 30.0  # of a time budget, reserved for tables and figures


@dataclass(frozen=True)
class JudgePlan:
    """The judges of a study with folds, for its forecast.

    Attributes:
        folds: number of folds that the subjects are divided into.
        tested: number of folds that runs are tested on.
        untrained: number of judges that are to be trained.
        seconds: that this takes, by estimate.
    """

    folds: int
    tested: int
    untrained: int
    seconds: float


@dataclass(frozen=True)
class Study:
    """A study to be run.

    Attributes:
        row: the study as the record describes it; a study of this name on record must agree with it.
        runs: DIR.
        devices: GPUs of this machine.
        record: address of the record; None is DIR/STUDY/record.db.
        tracking: address of MLflow; None is DIR/mlflow.db.
        trainable: `package.module:function`, called by a worker for each trial.
        settings, extra: for the trainable; see `tuning.workers.job.Job`.
        on_cluster: this process is connected to the Ray cluster that trials run on; else Ray is started here.
        cached: files in the cache folder that trials on other nodes need.
        until: `time.monotonic()` at which the study must have ended or paused; None is no limit.
        imported: trials of other studies (`tuning.search.warm_start`); those on record already are skipped.
        allow_changes: another space, base configuration or goal than the recorded one replaces it.
        before_trials: called under the study's lock before the first trial, to score earlier runs again for example.
        make_results: makes tables and figures in DIR/STUDY when the trials have ended or the time is used up.
        merge_settings: see `tuning.engine.resume_check.create_or_resume`.
        judges: those of its folds; None without folds.
    """

    row: StudyRow
    sources: Sequence[TrialSource]
    pruner: Pruner
    runs: Path
    resources: Resources
    devices: int = 0
    record: str | None = None
    tracking: str | None = None
    trainable: str = "tuning.workers.trial:run"
    settings: TrialSettings = field(default_factory=TrialSettings)
    extra: Mapping[str, Any] = field(default_factory=dict)
    on_cluster: bool = False
    cached: Sequence[Path] = ()
    until: float | None = None
    imported: Sequence[ImportedRow] = ()
    allow_changes: bool = False
    before_trials: Hook | None = None
    make_results: Hook | None = None
    merge_settings: MergeSettings | None = None
    judges: JudgePlan | None = None

    @property
    def folder(self) -> Path:
        """DIR/STUDY, absolute, because workers run in another folder."""
        return self.runs.absolute() / self.row.name

    @property
    def record_address(self) -> str | Path:
        """Address of the record."""
        return self.record or self.folder / "record.db"

    @property
    def target(self) -> str:
        """Address of MLflow."""
        return normalized(self.tracking) if self.tracking else default_store(self.runs)


@dataclass(frozen=True)
class Ending:
    """How a study ended.

    Attributes:
        code: exit code.
        summary: content of its `summary.json`.
        results: whether this run of the command made its tables and figures.
        unfinished: trials are left because the time budget is used up.
    """

    code: int
    summary: Mapping[str, Any]
    results: bool = False
    unfinished: bool = False


def run_study(study: Study) -> Ending:
    """Runs what is left of a study.

    Raises:
        UserError: the study is being run by another process, differs from the one on record, its record cannot be
            used, its folder belongs to a study of another record, Ray cannot be started, or `before_trials` failed.
            A study that is new then leaves nothing behind.
    """
    created = _missing_folders(study.folder)
    file = sqlite_path(database_url(study.record_address))
    new_file = file if file is not None and not file.exists() else None
    try:
        with _driven_record(study) as record:
            new = record.find_study(study.row.name) is None
            row = create_or_resume(record, study.row, allow=study.allow_changes, merge=study.merge_settings)
            write_owner(study.folder, record.study(row.name).uid, study.record_address)
            record.add_imported(study.imported)
            if study.before_trials is not None:
                study.before_trials(record, study.folder)
            with _record_stays(file):
                try:
                    return StudyRun(replace(study, row=row), record).run()
                except ray_session.RayCannotStart:
                    if new:
                        record.delete_study(row.name)
                    raise
    except UserError as error:
        if isinstance(error, ray_session.RayCannotStart) and new_file is not None:
            lock = record_lock_path(new_file, study.row.name)
            for path in (new_file, new_file.with_name(f"{new_file.name}-journal"), lock):
                path.unlink(missing_ok=True)
        if study.folder in created and not (study.folder / "checkpoints").exists():
            _remove_folders(created)
        raise


@contextmanager
def _driven_record(study: Study) -> Iterator[RecordWriter]:
    """Locks the study for this process and opens its record."""
    with study_lock(study.folder / ".lock", study.row.name):
        check_owner(study.folder, study.row.name, study.record_address)
        record = RecordWriter(study.record_address)
        try:
            with record.lock_study(study.row.name):
                yield record
        finally:
            record.close()


@contextmanager
def _record_stays(file: Path | None) -> Iterator[None]:
    """Checks that the file of the record is the same after the block; None for a database server.

    Raises:
        UserError: it was deleted or replaced, which may have caused any other error in the block.
    """

    def identity() -> tuple[int, int] | None:
        with suppress(OSError):
            found = file.stat() if file is not None else None
            return None if found is None else (found.st_dev, found.st_ino)
        return None

    before, cause = identity(), None
    try:
        yield
    except UserError as error:
        if identity() == before:
            raise
        cause = error
    if identity() != before:
        raise UserError(
            f"the study record {file} was deleted or replaced while the study ran, so its last results are not on "
            "record: put it back from a backup, then rerun the same command, or give another --study"
        ) from cause


def _missing_folders(folder: Path) -> list[Path]:
    """The folder and those of its parents that do not exist yet, the innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def _remove_folders(created: Sequence[Path]) -> None:
    """Removes a study's folder with its content, and its parents if they are empty."""
    shutil.rmtree(created[0], ignore_errors=True)
    for folder in created:
        with suppress(OSError):  # another study may have been created in it
            folder.rmdir()


class StudyRun:
    """One run of the command on a study: trials, results, summary."""

    def __init__(self, study: Study, record: RecordWriter) -> None:
        self.study, self.record = study, record
        plan = StudyPlan(
            study=study.row.name,
            sources=study.sources,
            pruner=study.pruner,
            folder=study.folder,
            trainable=study.trainable,
            settings=study.settings,
            extra=study.extra,
            memory=study.resources.memory,
            goal=Goal.from_dict(study.row.goal),
        )
        self.engine = Engine(record, plan)
        # Trials on a cluster run on other machines than this one.
        facts = {} if study.on_cluster else machine_facts(study.resources.gpus)
        facts |= {f"version.{package}": version for package, version in study.row.versions.items()}
        self.mlflow_runs = MlflowRuns(
            record,
            study.row.name,
            runs=study.runs,
            folder=study.folder,
            target=study.target,
            facts=facts,
            documents=study_documents,
        )
        self.sync_thread = SyncThread(self.mlflow_runs, _print_line)
        self.stop = StopRequest(_trials_deadline(study))
        self.started = True  # False if Ray could not be started

    def run(self) -> Ending:
        """Runs what is left of the study.

        Raises:
            UserError: the study cannot continue.
        """
        try:
            self._follow_earlier_commands()
            self.engine.fill()
            if not self.engine.is_finished:
                self._run_trials()
            if self.study.make_results is not None and not self._must_end_now():
                self.mlflow_runs.results = self._make_results(self.study.make_results)
        except KeyboardInterrupt:  # a signal before or after the trials: during them, `self.stop` handles signals
            self.stop.on_keyboard_interrupt()
            _print_line(STOPPING)
        except ray_session.RayCannotStart:
            self.started = False
            raise
        finally:
            self.engine.pause_file.close()
            if self.started:
                content = self._close()
        return self._ending(content)

    def _follow_earlier_commands(self) -> None:
        """Takes commands that an earlier driver left pending, and resumes a study that was paused."""
        engine = self.engine
        taken = engine.take_commands()
        if engine.steering.paused is not None:  # whoever reruns the command wants it to run
            add_command(self.record, self.study.row.name, RESUME, {})
            taken += engine.take_commands()
        for line in [*map(command_line, taken), *ignored_changes(engine.steering, self.study.sources)]:
            _print_line(line)

    def _run_trials(self) -> None:
        study, engine, stop = self.study, self.engine, self.stop
        progress = StudyProgress(engine.trials, engine.planned)
        engine.callbacks = [progress]
        session = ray_session.session(study.resources, devices=study.devices, on_cluster=study.on_cluster)
        try:
            with stop.signals, session as folder:
                stop.signals.install()  # Ray has installed its own handlers
                stop.before_forced_exit = partial(session_folder.kill_processes, folder)
                self.sync_thread.start()  # only now: its imports would delay the start of Ray
                files = node_files.put_files(study.settings.files(), study.cached) if study.on_cluster else []
                if stop.signals.came:
                    engine.stopping = True
                else:
                    modules = [study.trainable.split(":")[0]]
                    run_on_ray(
                        engine,
                        study.resources,
                        modules,
                        folder,
                        stop_requested=stop,
                        on_cluster=study.on_cluster,
                        files=files,
                    )
                if study.make_results is None or self._must_end_now():
                    self.sync_thread.finish(self._mlflow_status())  # copies while Ray shuts down
        finally:
            progress.close()

    def _must_end_now(self) -> bool:
        return self.stop.signals.came or bool(self.engine.fatal_error)

    def _make_results(self, hook: Hook) -> bool:
        """Makes tables and figures; False if that failed, so that they are not copied to MLflow."""
        error = run_results_hook(hook, self.record, self.study.folder)
        if error:
            _print_line(f"cannot make tables and figures ({error}): the record is complete; rerun the command to retry")
        return not error

    def _close(self) -> Mapping[str, Any]:
        """Waits for MLflow and writes the summary; on a full disk, as far as there is room."""
        ended = self.engine.is_finished and not self._must_end_now() and not self.stop.out_of_time()
        if ended:
            self._refuse_commands()
        # Interrupted outside the trials, the study has results left to make, even if no trials.
        self.sync_thread.finish("SCHEDULED" if self.stop.outside_trials else self._mlflow_status())
        if self.sync_thread.ident is None:  # not started yet
            self.sync_thread.start()
        self.engine.delete_unneeded_checkpoints()
        name, path = self.study.row.name, self.study.folder / "summary.json"
        with suppress(OSError):
            write_summary(self.record, name, path)
        patience = self.stop.seconds_left() if self._must_end_now() else FLUSH_SECONDS
        if not self.sync_thread.wait(patience) and not self.sync_thread.unusable:
            shown = without_password(self.study.target)
            _print_line(f"MLflow at {shown} is not up to date: rerun the same command to copy the rest")
        if ended:
            self._refuse_commands()  # those that arrived while it waited for MLflow
        try:
            return write_summary(self.record, name, path)  # again, with the ids of MLflow's runs
        except OSError as error:
            self.engine.abort(f"cannot write {path} ({error.strerror})")
            return summary(self.record, name)

    def _refuse_commands(self) -> None:
        with suppress(UserError):
            self.engine.refuse_commands("the study has ended; rerun its command to add or resume trials")

    def _ending(self, content: Mapping[str, Any]) -> Ending:
        if self.engine.fatal_error:
            raise UserError(
                f"{self.engine.fatal_error}: the study has stopped; no results are lost. Fix the problem, "
                "then rerun the same command to resume"
            )
        if self.stop.signals.came:
            return Ending(INTERRUPTED, content, self.mlflow_runs.results)
        unfinished = self.stop.out_of_time() and not self._all_trials_ended()
        if unfinished:
            _print_line("the time budget is used up: rerun the same command to resume")
        code = DONE if self._any_success() else NO_SUCCESS
        return Ending(code, content, self.mlflow_runs.results, unfinished)

    def _mlflow_status(self) -> str:
        """The status of the study's own run in MLflow when the command ends."""
        finished = self._all_trials_ended() if self.engine.stopping else self.engine.is_finished
        if not finished:
            return "SCHEDULED"
        return "FINISHED" if self._any_success() else "FAILED"

    def _all_trials_ended(self) -> bool:
        trials = self.engine.trials()
        return len(trials) >= self.engine.planned() and not any(trial.state in OPEN for trial in trials)

    def _any_success(self) -> bool:
        return any(trial.state == COMPLETE for trial in self.engine.trials())


def _trials_deadline(study: Study) -> float | None:
    """When trials must have ended, so that time for tables and figures is left."""
    if study.until is None or study.make_results is None:
        return study.until
    return study.until - min(RESULTS_SECONDS, max(0.0, study.until - time.monotonic()) / 4)


def checked_name(name: str) -> str:
    """Checks the name of a study, which is also the name of its folder.

    Raises:
        UserError: the name cannot be used.
    """
    if name.lower() in TAKEN:
        raise UserError(f"--study {name!r}: this name is reserved in DIR; give another one")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise UserError(
            f"--study {name!r}: use letters, digits, '.', '_' and '-' only, and begin with a letter or digit"
        )
    return name


def _print_line(text: str) -> None:
    with suppress(OSError):  # the reader of standard error may have ended
        print(text, file=sys.stderr, flush=True)
