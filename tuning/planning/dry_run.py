"""`--dry-run`: forecasts what is left of a study. It starts no trial and writes nothing of the study."""

from __future__ import annotations

import contextlib
import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amc.cache import cache_dir
from amc.config import Config, from_dict
from amc.errors import UserError
from amc.evaluation.scores.draws import PASSES
from amc.processes import cores
from analysis.record.connection.address import without_password
from analysis.record.reading import open_if_present
from analysis.record.rows import StudyRow, TrialRow
from analysis.tables.layout.cells import plural
from tuning.engine.resume_check import check_same_study
from tuning.engine.study import Study
from tuning.planning.disk import disk_usage
from tuning.planning.durations import format_duration
from tuning.planning.forecast import Forecast, TrialCosts, Workload, forecast
from tuning.planning.probe import run_probe
from tuning.planning.recorded_costs import RecordedStudy, comparable, recorded_costs
from tuning.planning.workload import StepCost, workload
from tuning.tracking.store import artifact_folder

# Seconds of the command besides trials, on an idle machine with two cores: imports and reading the data; start of Ray;
# shutdown and the last messages to MLflow.
PROGRAM, RAY, CLOSING = 4.0, 8.0, 4.0
_FEW_STEPS = 5  # timed steps, below which their mean is called uncertain


@dataclass(frozen=True)
class CostSource:
    """Costs of a trial and where they come from.

    Attributes:
        kind: `record` or `probe`; empty if nothing is left to run.
        checkpoint, samples: bytes that a trial leaves.
        text: explanation for the user.
    """

    kind: str
    costs: TrialCosts
    checkpoint: int
    samples: int
    text: str


_NO_SOURCE = CostSource("", TrialCosts(0.0, 0.0, 0.0, 0.0, 0.0, 0.0), 0, 0, "nothing is left to run")


def show_forecast(study: Study, *, as_json: bool) -> int:
    """Prints the forecast, as JSON or as text, and returns the exit code."""
    document = dry_run(study)
    print(json.dumps(document, indent=2) if as_json else forecast_text(document), flush=True)
    return 0


def dry_run(study: Study) -> dict[str, Any]:
    """The forecast of what is left of a study, as JSON values.

    Raises:
        UserError: The study on record has other settings, or the probe failed.
    """
    trials, curves = _on_record(study)
    base = from_dict(study.row.config)
    step_cost = StepCost(base)
    scored = study.settings.score_test
    workers = study.resources.workers
    left = workload(study.sources, trials, curves, base=base, workers=workers, scored=scored, step_cost=step_cost)
    source = (_from_record(study, step_cost) or _from_probe(study, base, left)) if left.runs else _NO_SOURCE
    return _document(study, left, forecast(left, source.costs, study.pruner), source, len(trials))


def _on_record(study: Study) -> tuple[list[TrialRow], Mapping[str, Mapping[int, float]]]:
    """Trials and curves on record, none for a new study."""
    name = study.row.name
    with open_if_present(study.record or study.folder / "record.db") as records:
        if records is None or all(row.name != name for row in records.studies()):
            return [], {}
        check_same_study(records.study(name), study.row, allow=study.allow_changes)
        return records.trials(name), records.curves(name)


def _document(study: Study, left: Workload, found: Forecast, source: CostSource, ended: int) -> dict[str, Any]:
    gpus, cpus = study.resources.gpus, study.resources.cpus
    most = found.steps_range[1]
    sizes = {"checkpoint": source.checkpoint, "samples": source.samples}
    disk = disk_usage(study, left.runs, most_steps=most, ended=ended, **sizes)
    costs = source.costs
    return {
        "study": study.row.name,
        "trials": len(left.trials),
        "confirming": len(left.confirming),
        "on_record": ended,
        "steps": round(found.steps),
        "steps_range": list(found.steps_range),
        "device": "gpu" if gpus else "cpu core",
        "device_hours": found.busy / 3600 * (gpus or cpus),
        "wall_seconds": found.wall,
        "wall_seconds_range": list(found.wall_range),
        "time_budget_seconds": None if study.until is None else max(0.0, study.until - time.monotonic()),
        "disk_bytes": sum(disk.values()),
        "disk": disk,
        "resources": {name: getattr(study.resources, name) for name in ("workers", "cpus", "gpus", "memory")},
        "source": {
            "kind": source.kind,
            "text": source.text,
            "step": costs.step,
            "look": costs.evaluation,
            "start": costs.start,
            "end": costs.end,
            "score": costs.score,
            "launch": costs.launch,
        },
        "places": places(study),
    }


def places(study: Study) -> dict[str, str]:
    """Paths and addresses of all that a study writes or reads."""
    folder = study.folder
    return {
        "study": str(folder),
        "record": without_password(study.record) if study.record else str(folder / "record.db"),
        "checkpoints": str(folder / "checkpoints"),
        "samples": str(folder / "samples"),
        "generators": str(folder / "generators"),
        "logs": str(folder / "logs"),
        "summary": str(folder / "summary.json"),
        "tracking": without_password(study.target),
        "artifacts": str(artifact_folder(study.runs.absolute(), study.row.name)),
        "data": study.settings.data,
        "cache": str(cache_dir()),
    }


def forecast_text(document: Mapping[str, Any]) -> str:
    """The forecast as text."""
    low, high = document["wall_seconds_range"]
    few, many = document["steps_range"]
    pruned = f" ({few:,} if every trial is pruned as early as possible, {many:,} if none is)" if few < many else ""
    spread = f" ({format_duration(low)} to {format_duration(high)})" if few < many else ""
    confirming = f", then {plural(document['confirming'], 'confirming run')}" if document["confirming"] else ""
    on_record = f" ({document['on_record']} already on record)" if document["on_record"] else ""
    disk = ", ".join(f"{name} {_size(size)}" for name, size in document["disk"].items() if size)
    wall, workers = document["wall_seconds"], document["resources"]["workers"]
    rows = {
        "trials": f"{document['trials']}{confirming}{on_record}",
        "steps": f"{document['steps']:,}{pruned}",
        "wall time": f"{format_duration(wall)}{spread} with {workers} in parallel",
        "device-hours": f"{document['device_hours']:.2f} ({document['device']}s)",
        "disk": f"{_size(document['disk_bytes'])}" + (f": {disk}" if disk else ""),
        "based on": document["source"]["text"],
    }
    budget = document["time_budget_seconds"]
    if budget is not None and wall > budget:
        rows["time budget"] = f"{format_duration(budget)} is not enough: the study will pause after that"
    rows |= {name: place for name, place in document["places"].items() if place}
    width = max(map(len, rows))
    lines = [f"dry run of {document['study']}: no trial is started and nothing of the study is written"]
    return "\n".join([*lines, *(f"  {name:<{width}}  {value}" for name, value in rows.items())])


def _size(count: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"


def score_ratio(split: Mapping[str, Any]) -> float:
    """Duration of scoring a run, relative to an evaluation on the validation split.

    Scoring makes `PASSES` passes over the test split, and one over as many clips as an evaluation has.
    """
    return float(1 + PASSES * split["test"] / max(1, split["validation"]))


def _from_probe(study: Study, base: Config, left: Workload) -> CostSource:
    wanted = study.resources
    # Trials of a cluster do not all run on this machine, but it is the one that can be measured.
    processes = max(1, min(wanted.workers, len(left.trials) or len(left.confirming), cores() // wanted.cpus))
    found = run_probe(base, study.settings, wanted, processes=processes)
    costs = TrialCosts(
        step=found.step,
        evaluation=found.evaluation,
        start=found.start,
        end=found.end,
        score=found.evaluation * score_ratio(study.row.dataset["split"]),
        launch=PROGRAM + RAY + found.imports + CLOSING,
    )
    few = " (few, so the time is uncertain)" if found.steps < _FEW_STEPS else ""
    text = (
        f"a probe with {processes} in parallel: {found.steps} steps of {found.step:.3g} s each{few}, "
        f"evaluation {found.evaluation:.2g} s, start and end of a trial {found.start + found.end:.2g} s"
    )
    return CostSource("probe", costs, found.checkpoint_bytes, found.sample_bytes, text)


def _from_record(study: Study, step_cost: StepCost) -> CostSource | None:
    """Costs from comparable studies in --out; None if there are none."""
    histories, folders = [], []
    for path in sorted(study.runs.glob("*/record.db")):
        for history in _comparable_studies(path, study.row):
            histories.append(history)
            folders.append(path.parent)
    ratio = score_ratio(study.row.dataset["split"])
    found = recorded_costs(histories, step_cost, launch=PROGRAM + CLOSING, score_ratio=ratio)
    checkpoints = [_bytes(file) for folder in folders for file in folder.glob("checkpoints/*/*/*.safetensors")]
    if found is None or not checkpoints:
        return None
    samples = [_bytes(each) for folder in folders for each in folder.glob("samples/*") if each.is_dir()]
    trials, studies = plural(found.trials, "finished trial"), ", ".join(found.studies)
    text = f"{trials} on this machine ({studies}): {found.costs.step:.3g} s per step"
    return CostSource("record", found.costs, max(checkpoints), round(statistics.fmean(samples or [0])), text)


def _comparable_studies(path: Path, mine: StudyRow) -> list[RecordedStudy]:
    with contextlib.suppress(UserError), open_if_present(path) as records:
        if records is not None:
            rows = [row for row in records.studies() if comparable(row, mine)]
            return [RecordedStudy(row, records.trials(row.name), records.points(row.name)) for row in rows]
    return []


def _bytes(path: Path) -> int:
    """Size of a file, or of all files in a folder."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())
