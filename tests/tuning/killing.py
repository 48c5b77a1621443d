"""Faults for tests of the real command: runs a search, looks into its record and its processes, and kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amc.errors import UserError
from analysis.record.race import CANDIDATES, winner
from analysis.record.reading import RecordReader
from analysis.record.rows import Point, TrialRow
from analysis.record.states import COMPLETE, CONFIRM, ENDED, PRUNED, RUNNING
from tests.tuning.exactly_once import Row, Run, violations
from tuning.preparation.defaults import DEFAULTS
from tuning.tracking.store import default_store, open_store

ROOT = Path(__file__).resolve().parents[2]
STUDY = "natops-smoke-search"
KEPT = CANDIDATES  # best trials whose checkpoints stay
PATIENCE = 300.0  # seconds that anything may take on a slow and busy machine
MARK = "AMC_TEST_MARK"  # in the environment of a command and of all that it starts
_HOT = bytes.fromhex("d9d505f920a163d7")  # begins SQLite's rollback journal until its transaction is committed


@dataclass(frozen=True)
class Process:
    """A living process; `output` is the file that its standard output goes to."""

    pid: int
    parent: int
    command: str
    output: str


@dataclass(frozen=True)
class Look:
    """What the record holds at one moment."""

    trials: Mapping[str, TrialRow] = field(default_factory=dict)
    points: tuple[Point, ...] = ()
    space: Mapping[str, Any] = field(default_factory=dict)

    @property
    def training(self) -> list[TrialRow]:
        """Trials whose attempt has begun in its process and has not ended."""
        return [trial for trial in self.trials.values() if trial.state == RUNNING and trial.started is not None]


class Search:
    """A smoke search of `trials` trials in `folder`, by the real command; the same command each time.

    Args:
        steps, every: of each trial, and between two of its reports.
        runs: DIR, by default in `folder`.
        target: MLflow's address, by default in `runs`.
    """

    def __init__(
        self,
        folder: Path,
        trials: int,
        steps: int,
        every: int,
        *arguments: str,
        runs: Path | None = None,
        target: str | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.runs, self.log = runs or folder / "runs", folder / "output.log"
        self.target = target or default_store(self.runs)
        self.study = STUDY
        self.folder = self.runs / self.study
        self.record: str | None = None  # its address; by default a file in `self.folder`
        space = folder / "space.toml"
        space.write_text(f'[fixed]\n"training.steps" = {steps}\n"training.evaluate_every" = {every}\n')
        self.command = [sys.executable, str(ROOT / "tuning" / "run_search.py"), "--dataset", "natops"]
        self.command += ["--preset", "smoke", "--trials", str(trials), "--workers", "2", "--out", str(self.runs)]
        self.command += ["--space", str(space), *(["--tracking-uri", target] if target else []), *arguments]
        self.mark = uuid.uuid4().hex
        self.sessions: set[Path] = set()
        self.trials, self.steps, self.every = trials, steps, every

    def start(self) -> subprocess.Popen[bytes]:
        """Runs the command as the leader of a process group; what it prints goes to a file, which holds up nobody."""
        with self.log.open("wb") as output:
            return subprocess.Popen(
                self.command,
                env=os.environ | {MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def printed(self) -> str:
        """What the last command has printed."""
        return self.log.read_text()

    def end(self, driver: subprocess.Popen[bytes]) -> int:
        """Waits for the command's end; its exit code."""
        return driver.wait(PATIENCE)

    def look(self) -> Look:
        """The record as it is now; nothing where there is none yet."""
        try:
            with RecordReader(self.record or self.folder / "record.db") as records:
                trials = {trial.key: trial for trial in records.trials(self.study)}
                row = records.find_study(self.study)
                return Look(trials, tuple(records.points(self.study)), {} if row is None else row.space)
        except UserError:
            return Look()

    def wait(self, driver: subprocess.Popen[bytes], when: Callable[[Look], bool]) -> Look | None:
        """Until the record is so; None if the command ends before that."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            look = self.look()
            if when(look):
                return look
            if driver.poll() is not None:
                return None
            time.sleep(0.05)
        raise AssertionError(f"the study does not get there; it printed:\n{self.printed()}")

    def kill(self, driver: subprocess.Popen[bytes], *, group: bool = False) -> None:
        """kill -9 of the command, or of its whole process group; notes its Ray session."""
        self.sessions |= sessions(driver.pid)
        if group:
            os.killpg(driver.pid, signal.SIGKILL)
        else:
            driver.kill()
        driver.wait()

    def stop_in_a_transaction(self, driver: subprocess.Popen[bytes]) -> bool:
        """Freezes the command while it writes to its record; False if it ends before that."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and driver.poll() is None:
            if not self._hot():
                continue
            driver.send_signal(signal.SIGSTOP)
            os.waitpid(driver.pid, os.WUNTRACED)
            if self._hot():
                return True
            driver.send_signal(signal.SIGCONT)
        return False

    def _hot(self) -> bool:
        try:
            with (self.folder / "record.db-journal").open("rb") as journal:
                return journal.read(len(_HOT)) == _HOT
        except FileNotFoundError:
            return False

    def processes(self) -> list[Process]:
        """All living processes that stem from this search's commands."""
        mark = f"{MARK}={self.mark}".encode()
        return [process for process in everything() if mark in process_file(process.pid, "environ").split(b"\0")]

    def tracked(self) -> list[Run]:
        """What MLflow has."""
        client = open_store(self.target, self.runs)
        place = client.get_experiment_by_name(self.study)
        assert place is not None
        return [
            Run(
                run_id=run.info.run_id,
                role=run.data.tags["amc.role"],
                trial_key=run.data.tags.get("amc.trial_key", ""),
                status=run.info.status,
                curve=[(at.step, at.value) for at in client.get_metric_history(run.info.run_id, "val/accuracy")],
            )
            for run in client.search_runs([place.experiment_id])
        ]

    def executed(self) -> list[tuple[str, int, int]]:
        """(trial, attempt, step) of the steps that the logs prove to have been trained."""
        return [row for log in sorted((self.folder / "logs").glob("*-*.log")) for row in trained(log.stem, log)]


@dataclass
class Witness:
    """Holds every look at the record against those before it."""

    points: dict[int, object] = field(default_factory=dict)
    ended: dict[str, TrialRow] = field(default_factory=dict)

    def saw(self, look: Look) -> None:
        """Nothing that was on record is lost or changed, and what had ended stays as it was."""
        now = {point.id: point for point in look.points}
        assert {number: now.get(number) for number in self.points} == self.points
        self.points = dict(now)
        for key, before in self.ended.items():
            trial = look.trials[key]
            kept = ("state", "attempts", "ended", "value", "step", "seconds", "started")
            assert [getattr(trial, name) for name in kept] == [getattr(before, name) for name in kept], key
        self.ended = {key: trial for key, trial in look.trials.items() if trial.state in ENDED}


def check_the_end(search: Search, witness: Witness) -> Look:
    """What the contract promises, whatever happened on the way."""
    look = search.look()
    witness.saw(look)
    trials = look.trials
    searched = [key for key in trials if trials[key].role == "trial"]
    assert searched == [f"trial-{number:04d}" for number in range(search.trials)]
    assert {trial.state for trial in trials.values()} <= {COMPLETE, PRUNED}
    best = sorted(
        (trial for trial in trials.values() if trial.state == COMPLETE and trial.role == "trial"),
        key=lambda trial: (-(trial.value or 0), -(trial.log_likelihood or 0), trial.number),
    )
    runs = [trial for trial in trials.values() if trial.role == CONFIRM]
    chosen = winner(list(trials.values()), look.space)
    assert chosen is not None
    raced = {run.parent for run in runs}
    assert {chosen.key} <= raced <= {trial.key for trial in best[:CANDIDATES]}
    assert len(raced) <= DEFAULTS["smoke"].finalists
    assert len({(run.parent, run.seed) for run in runs}) == len(runs)
    assert {run.key: run.state for run in runs} == {f"confirm-{number:04d}": COMPLETE for number in range(len(runs))}
    rows = [Row(key=trial.key, state=trial.state, attempts=trial.attempts) for trial in trials.values()]
    curves = {
        key: [(point.step, point.metrics["val/accuracy"]) for point in look.points if point.key == key]
        for key in trials
    }
    finished = {key: trial.attempts for key, trial in witness.ended.items()}
    wrong = violations(
        rows,
        search.tracked(),
        curves,
        search.executed(),
        finished,
        trials=search.trials + len(runs),
        every=search.every,
        budget=search.steps,
    )
    assert not wrong, "\n".join(wrong)
    for key, trial in trials.items():
        attempts = headers(search, key)
        assert attempts == sorted(set(attempts)), f"{key} was begun twice in one attempt: {attempts}"
        assert attempts[-1] == trial.attempts
    folders = {path.relative_to(search.folder / "checkpoints") for path in search.folder.glob("checkpoints/*/*")}
    assert folders == {Path(trial.key, f"attempt-{trial.attempts}") for trial in best[:KEPT]}
    assert not list(search.folder.glob("checkpoints/*/*/.*"))  # half-written ones
    complete = {key for key, trial in trials.items() if trial.state == COMPLETE}
    assert complete <= pictured(search) <= set(trials)
    summary = json.loads((search.folder / "summary.json").read_text())
    assert {row["key"]: row["state"] for row in summary["trials"]} == {key: trials[key].state for key in searched}
    assert not gone(search.processes)
    assert not [session for session in search.sessions if session.exists()]
    return look


def pictured(search: Search) -> set[str]:
    """The trials whose pictures are kept."""
    return {path.name for path in (search.folder / "samples").iterdir() if not path.name.startswith(".")}


def headers(search: Search, key: str) -> list[int]:
    """The attempts that a trial's log tells of, in their order."""
    lines = (search.folder / "logs" / f"{key}.log").read_text().splitlines()
    return [int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("--- ")]


def trained(key: str, log: Path) -> list[tuple[str, int, int]]:
    """(trial, attempt, step) of the steps that a trial's log proves to have been trained.

    A continued trial first sends its earlier reports again: with the same seconds, which no second training has.
    """
    rows, known, attempt, at = [], set[str](), 0, 0
    for line in log.read_text().splitlines():
        if line.startswith("--- "):
            attempt, at = int(line.rsplit(" ", 1)[1]), 0
        elif " step " in line:
            report = line.split(" ", 1)[1]
            step = int(report.split(":")[0].removeprefix("step "))
            if report not in known:
                rows += [(key, attempt, one) for one in range(at + 1, step + 1)]
            known.add(report)
            at = step
    return rows


def sessions(pid: int) -> set[Path]:
    """Folders of Ray instances that this process holds."""
    found = set()
    for lock in Path("/tmp").glob("amc-ray-*/lock"):
        try:
            if lock.read_text().startswith(f"process {pid} on "):
                found.add(lock.parent)
        except OSError:
            continue  # its driver ended in this moment
    return found


def everything() -> list[Process]:
    """All living processes that can be looked into."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        status = process_file(int(entry.name), "stat").rpartition(b")")[2].split()
        if not status or status[0] == b"Z":
            continue
        command = process_file(int(entry.name), "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
        try:
            output = os.readlink(entry / "fd" / "1")
        except OSError:
            output = ""
        found.append(Process(int(entry.name), int(status[1]), command, output))
    return found


def gone(find: Callable[[], Iterable[object]]) -> list[object]:
    """Waits until nothing is found; what is still there after much patience."""
    deadline = time.monotonic() + PATIENCE / 3
    while (left := list(find())) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


def process_file(pid: int, name: str) -> bytes:
    """A file of a process in /proc; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""  # it has ended
