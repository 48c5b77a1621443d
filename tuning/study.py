"""Runs a study to its end, or until it is interrupted: lock, record, workers, tracker, summary.

Searches and ablations differ only in their sources of trials; everything that happens around those is here.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from amc.config import from_dict
from amc.errors import UserError
from analysis.records import StudyRow
from analysis.states import COMPLETE
from tuning.engine import Engine, Plan
from tuning.lock import driving
from tuning.progress import Progress
from tuning.pruners import Pruner
from tuning.ray_runner import Resources, local_ray, run_on_ray
from tuning.record import Record
from tuning.sources import Source
from tuning.summary import write_summary
from tuning.tracking import Projection, Tracker
from tuning.tracking_store import default_store

DONE, NO_SUCCESS, INTERRUPTED = 0, 3, 130  # exit codes
FLUSH_SECONDS = 60.0  # that a tracker which does not answer may hold up the end
FLUSH_SECONDS_INTERRUPTED = 4.0


@dataclass(frozen=True)
class Study:
    """A study that is to be run.

    Attributes:
        row: what the record shall say of it; another study of its name must agree.
        runs: DIR.
        record: the record's address; None is DIR/<study>/record.db.
        tracking: MLflow's address; None is DIR/mlflow.db.
        trainable, settings: what a worker calls, and with what.
    """

    row: StudyRow
    sources: Sequence[Source]
    pruner: Pruner
    runs: Path
    resources: Resources
    devices: int = 0
    record: str | None = None
    tracking: str | None = None
    trainable: str = "tuning.trial:run"
    settings: Mapping[str, Any] = field(default_factory=dict)

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
    """How a study ended: its exit code, and the content of its `summary.json`."""

    code: int
    summary: Mapping[str, Any]


def run_study(study: Study) -> Ending:
    """Runs what is left of a study.

    Raises:
        UserError: it is being run by another process, differs from the one on record, or its record can't be used.
    """
    made = _missing(study.folder)
    try:
        with driving(study.folder / ".lock", study.row.name):
            record = Record(study.record or study.folder / "record.db")
            try:
                _agree(record.create_study(study.row), study.row)
                return _run(study, record)
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


def _run(study: Study, record: Record) -> Ending:
    name = study.row.name
    record.update_study(name, settings=study.row.settings)
    plan = Plan(name, study.sources, study.pruner, study.folder, study.trainable, study.settings)
    engine = Engine(record, plan)
    projection = Projection(record, name, runs=study.runs, folder=study.folder, target=study.target)
    tracker = Tracker(projection, _say)
    signals = Signals()
    try:
        if not engine.finished:
            _run_trials(study, engine, signals, tracker)
    finally:
        tracker.finish(_status(engine))
        if tracker.ident is None:  # it has not been started
            tracker.start()
        engine.tidy()
        content = write_summary(record, name, study.folder / "summary.json")
        if not tracker.wait(FLUSH_SECONDS_INTERRUPTED if signals.came else FLUSH_SECONDS):
            _say(f"MLflow at {study.target} has not got everything: the same command brings the rest")
    content = write_summary(record, name, study.folder / "summary.json")  # now with the ids of MLflow's runs
    if signals.came:
        return Ending(INTERRUPTED, content)
    return Ending(DONE if _succeeded(engine) else NO_SUCCESS, content)


def _run_trials(study: Study, engine: Engine, signals: Signals, tracker: Tracker) -> None:
    progress = Progress(engine.trials, engine.planned)
    engine.watchers = [progress]
    module = study.trainable.split(":")[0]
    try:
        with signals, local_ray(study.resources, devices=study.devices) as session:
            signals.install()  # Ray has put its own in place
            tracker.start()  # not before: its imports would hold up the start of Ray
            run_on_ray(engine, study.resources, [module], session / "tune", stopping=lambda: signals.came)
            tracker.finish(_status(engine))  # while Ray shuts down
    finally:
        progress.close()


def _status(engine: Engine) -> str:
    """MLflow's word for how the study stands when its driver ends."""
    if engine.stopping or not engine.finished:
        return "SCHEDULED"
    return "FINISHED" if _succeeded(engine) else "FAILED"


def _succeeded(engine: Engine) -> bool:
    return any(trial.state == COMPLETE for trial in engine.trials())


class Signals:
    """Turns Ctrl-C and SIGTERM into a flag; the second one ends the process at once (the record can take it)."""

    def __init__(self) -> None:
        self.came = False
        self.before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        self.before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        self.install()
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def install(self) -> None:
        """Puts the handlers in place."""
        for number in self.before:
            signal.signal(number, self._take)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.came:
            os._exit(INTERRUPTED)
        self.came = True
        _say("stopping: the same command goes on where this one was")


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt, as Ctrl-C does, while nothing of a study is running yet."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# What a study is about; the rest of its settings may change from one run of it to the next.
_FIXED = ("kind", "preset", "seed", "config", "space")
_FIXED_DATA = ("name", "origin", "fingerprint", "split")


def _agree(known: StudyRow, wanted: StudyRow) -> None:
    """Holds a study against the one on record.

    Raises:
        UserError: they differ; the message names what differs.
    """
    pairs = {name: (getattr(known, name), getattr(wanted, name)) for name in _FIXED}
    # A study from before a setting existed ran with its default.
    pairs["config"] = (from_dict(known.config).to_dict(), from_dict(wanted.config).to_dict())
    pairs |= {f"data {name}": (known.dataset.get(name), wanted.dataset.get(name)) for name in _FIXED_DATA}
    differences: list[str] = []
    for name, (old, new) in pairs.items():
        differences += _differences(name, _plain(old), _plain(new))
    if differences:
        shown = "; ".join(differences[:4]) + (f"; and {len(differences) - 4} more" if len(differences) > 4 else "")
        raise UserError(f"study {wanted.name!r} is on record with other settings ({shown}): give another --study")


def _differences(name: str, old: Any, new: Any) -> list[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        rows: list[str] = []
        for key in sorted(set(old) | set(new)):
            rows += _differences(f"{name}.{key}", old.get(key), new.get(key))
        return rows
    return [] if old == new else [f"{name} {old!r} there, {new!r} here"]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def checked_name(name: str) -> str:
    """A study's name, which is also a folder's.

    Raises:
        UserError: it can't be one.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise UserError(f"--study {name!r}: letters, digits, '.', '_' and '-' only, beginning with a letter or digit")
    return name


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
