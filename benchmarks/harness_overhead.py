"""Measures what the harness costs, compared with plain Ray Tune: `python benchmarks/harness_overhead.py --json`.

Prints medians over the rounds, with the lowest and the highest value:

- report: trials on one worker that do nothing but report 39 metrics at a time. `wall_ms` is the time from one report to
  the next, including the driver's work in between. `cpu_ms` is the CPU time of the driver's process per report,
  including MLflow, from the difference of two studies that have different numbers of reports.
- start: seconds from the end of a trial until the next one on that worker has started and imported torch.
- efficiency: for trials of equal length that keep every core busy, seconds per trial in bare processes / on the
  harness's workers. The first trial of each process is left out. `quiet` is the share of a core that bare trials got;
  below 0.98, another program was running and the measurement should be repeated.

The peer is `OptunaSearch` with `MLflowLoggerCallback` (`benchmarks/peer_tune.py`). Both sides run in alternation. This
project's studies start with finished trials on record and use successive halving; the peer's start empty and have no
scheduler.

Takes roughly 10 minutes on two cores, on which nothing else should run. `--quick` takes about a minute.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from amc.processes import cores  # noqa: E402
from benchmarks import harness_study  # noqa: E402
from benchmarks.harness_trials import METRICS, BenchmarkPlan, diary  # noqa: E402
from tuning.tracking.store import default_store, open_store  # noqa: E402

OURS, PEER = "benchmarks.harness_study", "benchmarks.peer_tune"
SIDES = {"ours": OURS, "peer": PEER}


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
        rounds: how often each side is measured.
        history: finished trials on record before a study of this project.
        trials: per study of reports.
        reports: per trial in the longer of the two studies, by side; the peer is slower and gets fewer.
        long_trials: trials per worker in the study of efficiency, besides the first.
        long_seconds: seconds of each of these.
    """

    rounds: int
    history: int
    trials: int
    reports: dict[str, int]
    long_trials: int
    long_seconds: float


FULL = Scale(rounds=2, history=49, trials=4, reports={"ours": 80, "peer": 12}, long_trials=3, long_seconds=20.0)
QUICK = Scale(rounds=1, history=3, trials=2, reports={"ours": 12, "peer": 5}, long_trials=2, long_seconds=0.5)
FEW = 2  # reports per trial in the shorter study
LONG_REPORTS = 5  # reports per trial in the study of efficiency


def main() -> int:
    """Runs the benchmark and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--part", choices=("all", "reports", "efficiency"), default="all", help="what to measure (default: all)"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help=f"measurements of each side (default: {FULL.rounds})")
    parser.add_argument(
        "--quick", action="store_true", help="one short round, to test the benchmark; its figures mean nothing"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that running studies end as well
    scale = QUICK if args.quick else FULL
    scale = replace(scale, rounds=args.rounds or scale.rounds)
    facts: dict[str, Any] = {"cores": cores(), "rounds": scale.rounds, "history": scale.history, "metrics": METRICS}
    with tempfile.TemporaryDirectory(prefix="overhead-") as name:
        bench = Bench(Path(name), scale)
        if args.part != "efficiency":
            facts |= reports(bench)
        if args.part != "reports":
            facts["efficiency"] = efficiency(bench)
    print(json.dumps(facts, indent=2) if args.json else _lines(facts))
    return 0


class Bench:
    """Runs studies in a folder, each in its own process and from the same initial state."""

    def __init__(self, folder: Path, scale: Scale) -> None:
        self.folder, self.scale = folder, scale
        self.plan = BenchmarkPlan(0, FEW, 1, 0, scale.history, str(folder / "diary.jsonl"))
        harness_study.prepare(self._place("ours"), self.plan)
        peer = self._place("peer")
        peer.mkdir()
        open_store(default_store(peer), peer)
        for side in SIDES:
            shutil.copytree(self._place(side), self._begun(side))

    def study(self, side: str, plan: BenchmarkPlan) -> dict[str, Any]:
        """Runs a study; returns the wall and CPU seconds of its driver, and the diary of its trials."""
        place = self._place(side)  # always the same path, because the record identifies the MLflow store by its address
        shutil.rmtree(place)
        shutil.copytree(self._begun(side), place)
        Path(plan.diary).unlink(missing_ok=True)
        (done,) = _together([[SIDES[side], str(place), plan.dumps()]])
        measured: dict[str, Any] = json.loads(done.splitlines()[-1])
        return measured | {"diary": diary(plan)}

    def bare(self, plan: BenchmarkPlan) -> list[dict[str, Any]]:
        """Runs the plan's trials in as many bare processes as it has workers; returns their diary."""
        Path(plan.diary).unlink(missing_ok=True)
        each = replace(plan, trials=plan.trials // plan.workers)
        _together([["benchmarks.harness_trials", each.dumps()]] * plan.workers)
        return diary(plan)

    def _place(self, side: str) -> Path:
        return self.folder / side

    def _begun(self, side: str) -> Path:
        return self.folder / f"{side}-begun"


def _together(commands: Sequence[Sequence[str]]) -> list[str]:
    """Runs modules of this project in parallel, each in its own process; returns what they print."""
    # Without settings of Ray, so that the peer gets its defaults; this project's own settings are made in `tuning`.
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TUNE_"))}
    environment = plain | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with tempfile.TemporaryFile("w+") as errors, contextlib.ExitStack() as stack:
        processes = []
        for command in commands:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
            stack.callback(
                process.terminate
            )  # if this benchmark is interrupted; does nothing to a process that has ended
            processes.append(process)
        printed = [process.communicate()[0] for process in processes]
        if any(process.returncode for process in processes):
            errors.seek(0)
            raise RuntimeError(f"{commands[0][0]} failed: {errors.read()}")
        return printed


def reports(bench: Bench) -> dict[str, Any]:
    """The cost of a report and of the start of a trial, on both sides."""
    wall: dict[str, list[float]] = {side: [] for side in SIDES}
    cpu: dict[str, list[float]] = {side: [] for side in SIDES}
    start: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(bench.scale.rounds):
        for side, count in bench.scale.reports.items():
            few = replace(bench.plan, trials=bench.scale.trials)
            less, more = bench.study(side, few), bench.study(side, replace(few, reports=count))
            wall[side].append(1e3 * statistics.median(between_reports(more["diary"])))
            cpu[side].append(1e3 * (more["cpu"] - less["cpu"]) / (few.trials * (count - FEW)))
            start[side].append(statistics.median([*starts(less["diary"]), *starts(more["diary"])]))
            shown = f"{wall[side][-1]:.1f} ms a report, {cpu[side][-1]:.1f} ms of CPU"
            _say(f"{side}: {shown}, {start[side][-1]:.2f} s to start a trial")
    return {
        "report": {"wall_ms": _against(wall), "cpu_ms": _against(cpu)},
        "start": {"seconds": _against(start)},
    }


def efficiency(bench: Bench) -> dict[str, Any]:
    """The throughput of trials that keep all cores busy, relative to bare processes."""
    workers, each = cores(), bench.scale.long_trials + 1
    plan = replace(bench.plan, trials=workers * each, reports=LONG_REPORTS, workers=workers)
    plan = replace(plan, units=units(bench, plan))
    names = ("bare", "quiet", "harness", "trial", "start", "efficiency")
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(bench.scale.rounds):
        alone = bench.bare(plan)
        bare = statistics.mean(cycles(alone))
        found["quiet"].append(statistics.mean(line["cpu"] / (line["end"] - line["up"]) for line in alone))
        lines = bench.study("ours", plan)["diary"]
        found["bare"].append(bare)
        found["harness"].append(statistics.mean(cycles(lines)))
        found["trial"].append(statistics.mean(line["end"] - line["up"] for line in lines))
        found["start"].append(statistics.median(starts(lines)))
        found["efficiency"].append(bare / found["harness"][-1])
        _say(", ".join(f"{name} {values[-1]:.3f}" for name, values in found.items()))
    return {"workers": workers, "reports": LONG_REPORTS, **{name: _spread(values) for name, values in found.items()}}


def units(bench: Bench, plan: BenchmarkPlan) -> int:
    """Units of work before each report, so that a trial takes `Scale.long_seconds`."""
    few = 200
    once = statistics.median(cycles(bench.bare(replace(plan, units=few))))
    return max(1, round(few * bench.scale.long_seconds / once))


def between_reports(lines: Sequence[dict[str, Any]]) -> list[float]:
    """Seconds from each report of a trial to its next."""
    return [
        later - earlier
        for line in lines
        for earlier, later in zip(line["reported"], line["reported"][1:], strict=False)
    ]


def on_workers(lines: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Pairs of a trial and the next one on the same worker."""
    before: dict[int, dict[str, Any]] = {}
    for line in lines:
        if line["worker"] in before:
            yield before[line["worker"]], line
        before[line["worker"]] = line


def starts(lines: Sequence[dict[str, Any]]) -> list[float]:
    """Seconds from the end of a trial until the next one on the same worker has started and imported torch."""
    return [later["up"] - earlier["end"] for earlier, later in on_workers(lines)]


def cycles(lines: Sequence[dict[str, Any]]) -> list[float]:
    """Seconds from the end of a trial to the end of the next one on the same worker."""
    return [later["end"] - earlier["end"] for earlier, later in on_workers(lines)]


def _against(values: dict[str, list[float]]) -> dict[str, Any]:
    """Median and range of each side, and of the ratio peer / ours of each round."""
    ratios = [peer / ours for ours, peer in zip(values["ours"], values["peer"], strict=True)]
    return {**{side: _spread(found) for side, found in values.items()}, "ratio": _spread(ratios)}


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _lines(facts: dict[str, Any]) -> str:
    lines = [f"{facts['cores']} cores, {facts['rounds']} rounds, {facts['history']} ended trials on record"]
    rows = []
    if "report" in facts:
        rows += [(f"a report of {METRICS} metrics, wall", "ms", facts["report"]["wall_ms"])]
        rows += [(f"a report of {METRICS} metrics, driver's CPU", "ms", facts["report"]["cpu_ms"])]
        rows += [("start of a trial", "s", facts["start"]["seconds"])]
    for what, unit, row in rows:
        shown = "   ".join(f"{name} {_shown(row[name])}" for name in ("ours", "peer", "ratio"))
        lines.append(f"{what} ({unit}): {shown}")
    if "efficiency" in facts:
        row = facts["efficiency"]
        shown = "   ".join(f"{name} {_shown(row[name])}" for name in ("bare", "quiet", "harness", "trial", "start"))
        lines.append(f"{row['workers']} workers, seconds a trial: {shown}   efficiency {_shown(row['efficiency'])}")
    return "\n".join(lines)


def _shown(row: dict[str, float]) -> str:
    return f"{row['median']:.3g} ({row['low']:.3g} to {row['high']:.3g})"


if __name__ == "__main__":
    sys.exit(main())
