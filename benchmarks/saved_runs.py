"""Results of simulated searches in a JSON-lines file, so that a benchmark can be run in several sessions.

A line has one run: search, function, seed, the settings of the simulation, and what `simulate` returned. Each line is
written at once, so several processes may append to a file, and a killed one loses only the run it was in.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.simulated_clock import SimulatedRun, SimulationSetup


@dataclass(frozen=True)
class RunKey:
    """What determines a run, apart from the version of the code.

    Attributes:
        first: first step at which a trial may be pruned.
    """

    search: str
    function: str
    seed: int
    setting: SimulationSetup
    first: int

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**asdict(self), "setting": {**asdict(self.setting), "milestones": list(self.setting.milestones)}}


class SavedRuns:
    """The runs in a file, or only in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.runs: dict[str, SimulatedRun] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path is not None and path.exists() else []:
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue  # a line that was cut off when its process was killed
            self.runs[_text(row["run"])] = _run(row)

    def get_or_run(self, key: RunKey, run: Callable[[], SimulatedRun]) -> SimulatedRun:
        """The saved run, or else a new one, which is saved."""
        name = _text(key.to_dict())
        if name not in self.runs:
            self.runs[name] = found = run()
            if self.path is not None:
                _append(self.path, _text({"run": key.to_dict(), **_row(found)}))
        return self.runs[name]


def _append(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        end = file.seek(0, 2)
        if end:
            file.seek(end - 1)
            line = line if file.read(1) == b"\n" else f"\n{line}"  # after a line that was cut off
        file.write(f"{line}\n".encode())


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _row(run: SimulatedRun) -> dict[str, Any]:
    """JSON values; an infinite regret is None, because JSON has no infinity."""
    regrets = {
        rule: [value if math.isfinite(value) else None for value in values] for rule, values in run.regrets.items()
    }
    return {"regrets": regrets, "begun": run.begun, "complete": run.complete}


def _run(row: dict[str, Any]) -> SimulatedRun:
    regrets = {
        rule: tuple(math.inf if value is None else value for value in values) for rule, values in row["regrets"].items()
    }
    return SimulatedRun(regrets, row["begun"], row["complete"])
