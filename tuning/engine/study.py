"""Runs a study to its end, or until it is interrupted: lock, record, workers, tracker, summary.

Searches and ablations differ only in their sources of trials; everything that happens around those is here.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

from amc.cli.command import NO_SUCCESS
from amc.errors import UserError
from amc.stop_signals import INTERRUPTED, STOPS, StopSignals
from analysis.record.database import without_password
from analysis.record.lock import driving
from analysis.record.rows import ImportedRow, StudyRow
from analysis.record.states import COMPLETE, OPEN
from analysis.record.writing import RecordWriter
from tuning.engine.engine import Engine, StudyPlan
from tuning.engine.hooks import Hook, failure
from tuning.engine.machine_facts import machine_facts
from tuning.engine.progress import StudyProgress
from tuning.engine.resume_check import Join, create_or_resume
from tuning.engine.sources import TrialSource
from tuning.engine.summary import summary, write_summary
from tuning.on_ray import node_files, ray_session
from tuning.on_ray.runner import run_on_ray
from tuning.search.goal import Goal
from tuning.search.pruners import Pruner
from tuning.tracking.projection import Projection
from tuning.tracking.store import default_store
from tuning.tracking.tracker import Tracker
from tuning.workers.resources import Resources

DONE = 0  # exit code
TAKEN = ("artifacts", "mlflow.db")  # in DIR, beside the studies' folders
FLUSH_SECONDS = 60.0  # that a tracker which does not answer may hold up the end
LAST_SECONDS = 9.0  # from the signal to the end of an interrupted study
STOPPING = "stopping: the same command goes on where this one was"
RESULTS_SECONDS = 30.0  # of a time budget that are kept for what a study makes of its trials


@dataclass(frozen=True)
class Study:
    """A study that is to be run.

    Attributes:
        row: what the record shall say of it; another study of its name must check_same_study.
        runs: DIR.
        record: the record's address; None is DIR/<study>/record.db.
        tracking: MLflow's address; None is DIR/mlflow.db.
        trainable, settings: what a worker calls, and with what.
        joined: this process is connected to the Ray cluster that trials run on; else Ray is started for the study.
        files, cached: settings that name a file, and files of the cache folder, that other nodes need.
        until: `time.monotonic()` at which it shall have ended for now; None is never.
        imported: what `tuning.search.warm_start` found; rows that are on record already are passed over.
        allow_changes: another space, base configuration or goal than the recorded one takes its place.
        before: carried out under the study's lock before its first trial, such as scoring earlier runs again.
        results: makes tables and the like in DIR/<study> when trials have ended or the time is used up.
        join: see `tuning.engine.resume_check.create_or_resume`.
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
    settings: Mapping[str, Any] = field(default_factory=dict)
    joined: bool = False
    files: Sequence[str] = ()
    cached: Sequence[Path] = ()
    until: float | None = None
    imported: Sequence[ImportedRow] = ()
    allow_changes: bool = False
    before: Hook | None = None
    results: Hook | None = None
    join: Join | None = None

    @property
    def folder(self) -> Path:
        """DIR/<study>, absolute: workers run elsewhere."""
        return self.runs.absolute() / self.row.name

    @property
    def target(self) -> str:
        """MLflow's address."""
        return self.tracking or default_store(self.runs)


@dataclass(frozen=True)
class Ending:
    """How a study ended.

    Attributes:
        code: exit code.
        summary: content of its `summary.json`.
        results: whether its tables and the like are of this sitting; False where there are none, or older ones.
    """

    code: int
    summary: Mapping[str, Any]
    results: bool = False


def run_study(study: Study) -> Ending:
    """Runs what is left of a study.

    Raises:
        UserError: it is being run by another process, differs from the one on record, its record can't be used, or
            `before` says so.
    """
    made = _missing(study.folder)
    try:
        with driving(study.folder / ".lock", study.row.name):
            record = RecordWriter(study.record or study.folder / "record.db")
            try:
                with record.lock_study(study.row.name):
                    row = create_or_resume(record, study.row, allow=study.allow_changes, join=study.join)
                    record.add_imported(study.imported)
                    if study.before is not None:
                        study.before(record, study.folder)
                    return _run(replace(study, row=row), record)
            finally:
                record.close()
    except UserError:
        if study.folder in made and not (study.folder / "checkpoints").exists():
            shutil.rmtree(study.folder, ignore_errors=True)
            for folder in made:
                with suppress(OSError):  # another study may be in it by now
                    folder.rmdir()
        raise


def _missing(folder: Path) -> list[Path]:
    """The folder and those around it that are not there yet, the innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def _run(study: Study, record: RecordWriter) -> Ending:
    name = study.row.name
    plan = StudyPlan(
        name,
        study.sources,
        study.pruner,
        study.folder,
        study.trainable,
        study.settings,
        study.resources.memory,
        Goal.from_dict(study.row.goal),
    )
    engine = Engine(record, plan)
    # Trials on a cluster run on machines that this one knows nothing of.
    facts = {} if study.joined else machine_facts(study.resources.gpus)
    facts |= {f"version.{package}": version for package, version in study.row.versions.items()}
    projection = Projection(record, name, runs=study.runs, folder=study.folder, target=study.target, facts=facts)
    tracker = Tracker(projection, _say)
    stop = Stop(_until(study))
    try:
        if not engine.finished:
            _run_trials(study, engine, stop, tracker)
        if study.results is not None and not _hurried(engine, stop):
            projection.results = _made(study.results, study, record)
    except KeyboardInterrupt:  # its own signals are for trials: this came before or after them
        stop.interrupted()
    finally:
        engine.pause_file.close()
        content = _close(study, engine, tracker, stop)
    if engine.fatal_error:
        raise UserError(
            f"{engine.fatal_error}: the study stops here with nothing lost; make room, or mend what else is wrong, "
            "and run the same command again"
        )
    if stop.signals.came:
        return Ending(INTERRUPTED, content, projection.results)
    if stop.late() and not _ended(engine):
        _say("the time budget is used up: the same command goes on where this one was")
    return Ending(DONE if _succeeded(engine) else NO_SUCCESS, content, projection.results)


def _run_trials(study: Study, engine: Engine, stop: Stop, tracker: Tracker) -> None:
    progress = StudyProgress(engine.trials, engine.planned)
    engine.callbacks = [progress]
    module = study.trainable.split(":")[0]
    try:
        with stop.signals, ray_session.session(study.resources, devices=study.devices, joined=study.joined) as folder:
            stop.signals.install()  # Ray has put its own in place
            tracker.start()  # not before: its imports would hold up the start of Ray
            files = node_files.shared(study.settings, study.files, study.cached) if study.joined else []
            if stop.signals.came:
                engine.stopping = True
            else:
                run_on_ray(engine, study.resources, [module], folder / "tune", stopping=stop, files=files)
            if study.results is None or _hurried(engine, stop):
                tracker.finish(_status(engine))  # while Ray shuts down
    finally:
        progress.close()


def _until(study: Study) -> float | None:
    """When trials shall have ended, of a budget that `results` has its share of."""
    if study.until is None or study.results is None:
        return study.until
    return study.until - min(RESULTS_SECONDS, max(0.0, study.until - time.monotonic()) / 4)


def _hurried(engine: Engine, stop: Stop) -> bool:
    """Whether the study shall end at once."""
    return stop.signals.came or bool(engine.fatal_error)


def _made(results: Hook, study: Study, record: RecordWriter) -> bool:
    """Whether there are results now, which the tracker may copy."""
    why = failure(results, record, study.folder)
    if why:
        _say(
            f"tables and figures could not be made ({why}): nothing of the record is lost, the same command tries again"
        )
    return not why


def _close(study: Study, engine: Engine, tracker: Tracker, stop: Stop) -> Mapping[str, Any]:
    """Lets the tracker finish, and writes the summary; with a full disk, as much of it as there is room for."""
    # Stopped between trials and results there is something left to do, though no trial.
    tracker.finish("SCHEDULED" if stop.cut else _status(engine))
    if tracker.ident is None:  # it has not been started
        tracker.start()
    engine.tidy()
    path = study.folder / "summary.json"
    with suppress(OSError):
        write_summary(engine.record, study.row.name, path)
    patience = max(1.0, LAST_SECONDS - stop.waited()) if _hurried(engine, stop) else FLUSH_SECONDS
    if not tracker.wait(patience):
        _say(f"MLflow at {without_password(study.target)} has not got everything: the same command brings the rest")
    try:
        return write_summary(engine.record, study.row.name, path)  # now with the ids of MLflow's runs
    except OSError as error:
        engine.fatal_error = engine.fatal_error or f"cannot write {path} ({error.strerror})"
        return summary(engine.record, study.row.name)


class Stop:
    """Whether the study shall stop for now: a signal came, or its time is used up.

    Attributes:
        since: `time.monotonic()` at which the answer became yes.
        cut: the signal came before or after the trials.
    """

    def __init__(self, until: float | None) -> None:
        self.until = until
        self.since: float | None = None
        self.cut = False
        # A handler may come in the middle of another line: it writes past Python's buffers.
        self.signals = StopSignals(lambda: self._came() and os.write(2, f"{STOPPING}\n".encode()))
        self.installed = False

    def __call__(self) -> bool:
        """The answer."""
        if not self.installed:
            self.installed = True
            self.signals.install()  # Tune, which asks, has put a handler of its own for SIGUSR1 in place
        if self.since is None and (self.signals.came or self.late()):
            self.since = time.monotonic()
        return self.since is not None

    def interrupted(self) -> None:
        """Takes a signal that was not for `signals`."""
        self.cut = self.signals.came = self._came()
        _say(STOPPING)

    def _came(self) -> bool:
        self.since = time.monotonic()
        return True

    def late(self) -> bool:
        """Whether the time is used up, but for what an orderly end takes."""
        return self.until is not None and time.monotonic() > self.until - LAST_SECONDS

    def waited(self) -> float:
        """Seconds since the answer became yes."""
        return 0.0 if self.since is None else time.monotonic() - self.since


def _status(engine: Engine) -> str:
    """MLflow's word for how the study stands when its driver ends."""
    if not _ended(engine) if engine.stopping else not engine.finished:
        return "SCHEDULED"
    return "FINISHED" if _succeeded(engine) else "FAILED"


def _ended(engine: Engine) -> bool:
    return len(engine.trials()) >= engine.planned() and not any(trial.state in OPEN for trial in engine.trials())


def _succeeded(engine: Engine) -> bool:
    return any(trial.state == COMPLETE for trial in engine.trials())


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """SIGTERM and SIGUSR1 raise KeyboardInterrupt, as Ctrl-C does, while nothing of a study is running yet."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in STOPS if number != signal.SIGINT}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def checked_name(name: str) -> str:
    """A study's name, which is also a folder's.

    Raises:
        UserError: it can't be one.
    """
    if name.lower() in TAKEN:
        raise UserError(f"--study {name!r}: that name is taken by a file or folder of DIR's own; give another one")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise UserError(f"--study {name!r}: letters, digits, '.', '_' and '-' only, beginning with a letter or digit")
    return name


def _say(text: str) -> None:
    with suppress(OSError):  # whoever reads it may have ended first
        print(text, file=sys.stderr, flush=True)
