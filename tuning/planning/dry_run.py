"""`--dry-run`: forecasts what is left of a study. It starts no trial and writes nothing of the study."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from amc.cache import cache_dir
from amc.config import Config
from amc.evaluation.scores.draws import versions
from amc.methods import load_config
from amc.processes import cores
from analysis.record.connection.address import without_password
from analysis.record.reading import open_if_present
from analysis.record.rows import CommandRow, TrialRow
from analysis.tables.layout.cells import plural
from tuning.engine.folder_owner import check_owner
from tuning.engine.resume_check import check_same_study
from tuning.engine.sources import SampledTrials
from tuning.engine.steering import Steering
from tuning.engine.study import Study
from tuning.planning.disk import disk_usage
from tuning.planning.durations import format_duration
from tuning.planning.forecast import TrialCosts, Workload, forecast, mean_costs
from tuning.planning.probe import run_probe
from tuning.planning.recorded_costs import recorded_costs
from tuning.planning.workload import relative_step_cost, typical_configs, workload
from tuning.tracking.store import artifact_folder

# Seconds of the command besides trials, on an idle machine with two cores: imports and reading the data; start of Ray;
# shutdown and the last messages to MLflow.
PROGRAM, RAY, CLOSING = 4.0, 8.0, 4.0
_FEW_STEPS = 5  # timed steps, below which their mean is called uncertain


def show_forecast(study: Study, *, as_json: bool) -> int:
    """Prints the forecast, as JSON or as text, and returns the exit code."""
    document = dry_run(study)
    print(json.dumps(document, indent=2) if as_json else forecast_text(document), flush=True)
    return 0


def dry_run(study: Study) -> dict[str, Any]:
    """The forecast of what is left of a study, as JSON values.

    Raises:
        UserError: The study on record has other settings, its folder belongs to another record, or the probe failed.
    """
    trials, commands = _on_record(study)
    steering = Steering.from_commands(commands)
    study = replace(study, sources=[steering.steered(source) for source in study.sources])
    base = load_config(study.row.config)
    work = workload(study.sources, trials, base=base, scored=study.settings.score_test)
    configs = typical_configs(study.sources, trials, base)
    methods = dict.fromkeys(run.method for run in work.left)
    costs = {method: _costs(study, configs[method], work) for method in methods}
    wanted = study.resources
    expected, low, high = forecast(work, costs, study.pruner, wanted.workers)
    disk = disk_usage(study, work.left, costs, configs)
    source = asdict(mean_costs(costs, work.left))
    source["look"] = source.pop("evaluation")
    return {
        "study": study.row.name,
        "judges": None if study.judges is None else asdict(study.judges),
        "extractor": study.settings.extractor,
        "trials": len(work.trials),
        "tried": sum(len(source.untried(trials)) for source in study.sources if isinstance(source, SampledTrials)),
        "confirming": len(work.confirming),
        "on_record": len(trials),
        "steps": round(expected.steps),
        "steps_range": [round(low.steps), round(high.steps)],
        "device": "gpu" if wanted.gpus else "cpu core",
        "device_hours": expected.busy / 3600 * (wanted.gpus or wanted.cpus),
        "wall_seconds": expected.wall,
        "wall_seconds_range": sorted([low.wall, high.wall]),
        "time_budget_seconds": None if study.until is None else max(0.0, study.until - time.monotonic()),
        "disk_bytes": sum(disk.values()),
        "disk": disk,
        "resources": asdict(wanted),
        "source": {name: value for name, value in source.items() if name not in ("checkpoint", "samples")},
        "places": places(study),
    }


def places(study: Study) -> dict[str, str]:
    """Paths and addresses of all that a study writes or reads."""
    folder = study.folder
    return {
        "study": str(folder),
        "record": without_password(study.record) if study.record else str(folder / "record.db"),
        **{name: str(folder / name) for name in ("checkpoints", "samples", "generators", "logs")},
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
    confirming = (
        f", then up to {plural(document['confirming'], 'run')} with new seeds" if document["confirming"] else ""
    )
    tried = f", first {plural(document['tried'], 'point')} of --try" if document["tried"] else ""
    on_record = f" ({document['on_record']} already on record)" if document["on_record"] else ""
    disk = ", ".join(f"{name} {_size(size)}" for name, size in document["disk"].items() if size)
    wall, workers = document["wall_seconds"], document["resources"]["workers"]
    rows = {
        "trials": f"{document['trials']}{tried}{confirming}{on_record}",
        "steps": f"{document['steps']:,}{pruned}",
        "wall time": f"{format_duration(wall)}{spread} with {workers} in parallel",
        "device-hours": f"{document['device_hours']:.2f} ({document['device']}s)",
        "disk": f"{_size(document['disk_bytes'])}" + (f": {disk}" if disk else ""),
        "based on": document["source"]["text"],
    }
    judges = document["judges"]
    if judges is not None:
        rows["folds"] = (
            f"{judges['tested']} of {judges['folds']} tested; "
            f"{plural(judges['untrained'], 'evaluation classifier')} to train first, "
            f"about {format_duration(judges['seconds'])}"
        )
    if document["extractor"] is not None:
        rows["not counted"] = (
            f"training the keypoint judge, and finding keypoints in real and generated clips ({document['extractor']})"
        )
    budget = document["time_budget_seconds"]
    if budget is not None and wall > budget:
        rows["time budget"] = f"{format_duration(budget)} is not enough: the study will pause after that"
    rows |= {name: place for name, place in document["places"].items() if place}
    lines = [f"dry run of {document['study']}: no trial is started and nothing of the study is written"]
    return "\n".join([*lines, *(f"  {name:<12}  {value}" for name, value in rows.items())])


def score_ratio(config: Config, split: Mapping[str, Any]) -> float:
    """Duration of scoring a run, relative to an evaluation on the validation split.

    Scoring generates `versions` of the test split, and as many clips as an evaluation has.
    """
    return float(1 + versions(config) * split["test"] / max(1, split["validation"]))


def _on_record(study: Study) -> tuple[list[TrialRow], list[CommandRow]]:
    """Trials and commands on record, none for a new study."""
    name = study.row.name
    check_owner(study.folder, name, study.record_address)
    with open_if_present(study.record_address) as records:
        if records is None or all(row.name != name for row in records.studies()):
            return [], []
        check_same_study(records.study(name), study.row, allow=study.allow_changes)
        return records.trials(name), records.commands(name)


def _costs(study: Study, config: Config, work: Workload) -> TrialCosts:
    """What the method of a configuration costs: from trials on record, otherwise from a probe."""
    ratio = score_ratio(config, study.row.dataset["split"])
    recorded = recorded_costs(study, config.method.name, launch=PROGRAM + CLOSING, score_ratio=ratio)
    return recorded or _probed_costs(study, config, work)


def _probed_costs(study: Study, config: Config, work: Workload) -> TrialCosts:
    wanted = study.resources
    # Trials of a cluster do not all run on this machine, but it is the one that can be measured.
    processes = max(1, min(wanted.workers, len(work.trials) or len(work.confirming), cores() // wanted.cpus))
    found = run_probe(config, study.settings, wanted, processes=processes)
    few = " (few, so the time is uncertain)" if found.steps < _FEW_STEPS else ""
    text = (
        f"a probe with {processes} in parallel: {plural(found.steps, 'step')} of {found.step:.3g} s each{few}, "
        f"evaluation {found.evaluation:.2g} s, start and end of a trial {found.start + found.end:.2g} s"
    )
    return TrialCosts(
        kind="probe",
        text=text,
        step=found.step * relative_step_cost(study.sources, config),
        evaluation=found.evaluation,
        start=found.start,
        end=found.end,
        score=found.evaluation * score_ratio(config, study.row.dataset["split"]),
        launch=PROGRAM + RAY + found.imports + CLOSING,
        checkpoint=found.checkpoint_bytes,
        samples=found.sample_bytes,
    )


def _size(count: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"
