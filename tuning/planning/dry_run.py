"""`--dry-run`: what a study would take, and where everything would go. Starts no trial, writes nothing of a study."""

from __future__ import annotations

import contextlib
import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from amc.cache import cache_dir
from amc.config import Config, from_dict
from amc.errors import UserError
from amc.evaluation.scores.draws import PASSES
from amc.models.generator import Generator
from analysis.record.address import without_password
from analysis.record.reading import RecordReader, open_if_present
from analysis.record.rows import StudyRow, TrialRow
from analysis.record.states import TRIAL
from tuning.engine.checkpoints import KEEP
from tuning.engine.resume_check import check_same_study
from tuning.engine.study import Study
from tuning.planning.durations import format_duration
from tuning.planning.forecast import Costs, Forecast, Workload, checkpoint_count, forecast
from tuning.planning.probe import Probe, probe
from tuning.planning.recorded_costs import History, Recorded, comparable, recorded_costs
from tuning.planning.workload import Work, workload
from tuning.tracking.store import artifact_folder
from tuning.workers.resources import cores

# Seconds of the command besides trials. On an idle machine with two cores: the command's own imports and the look at
# its data; Ray's start; its end and the tracker's last word.
PROGRAM, RAY, CLOSING = 4.0, 8.0, 4.0
# Bytes: an empty record and an empty store of MLflow's, a report in the one, one of its metrics in the other.
_RECORD, _TRACKING, _REPORT, _METRIC = 60_000, 900_000, 3_000, 350
_METRICS = 37  # of a report
_SHEET_CLIP, _HEADER = 90, 9_000  # bytes: a clip in a score sheet, what a generator's file has beside its weights
_FEW = 5  # timed steps, of which the mean is uncertain


@dataclass(frozen=True)
class Source:
    """Where figures come from.

    Attributes:
        kind: `record` or `probe`; empty where nothing is left to run.
        checkpoint, samples: bytes that a trial leaves.
        text: for people.
    """

    kind: str
    costs: Costs
    checkpoint: int
    samples: int
    text: str


def dry_run(study: Study) -> dict[str, Any]:
    """The forecast of what is left of a study, as plain values.

    Raises:
        UserError: the study could not be run either.
    """
    name = study.row.name
    trials: list[TrialRow] = []
    curves: Mapping[str, Mapping[int, float]] = {}
    with open_if_present(study.record or study.folder / "record.db") as known:
        if known is not None and any(row.name == name for row in known.studies()):
            trials, curves = known.trials(name), known.curves(name)
            check_same_study(known.study(name), study.row, allow=study.allow_changes)
    base = from_dict(study.row.config)
    work = Work(base)
    left = workload(
        study.sources,
        trials,
        curves,
        base=base,
        workers=study.resources.workers,
        tested=study.settings.score_test,
        work=work,
    )
    generator = generator_bytes(base)
    some = bool(left.loads) or forecast(left, _NOTHING, study.pruner, draws=1).runs > 0
    source = (_recorded(study, work) or _probed(study, base, left)) if some else _IDLE
    return _document(study, left, forecast(left, source.costs, study.pruner), source, len(trials), generator)


_NOTHING = Costs(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
_IDLE = Source("", _NOTHING, 0, 0, "nothing is left to run")


def _document(
    study: Study, left: Workload, found: Forecast, source: Source, ended: int, generator: int
) -> dict[str, Any]:
    trials = sum(load.role == TRIAL for load in left.loads)
    gpus, cpus = study.resources.gpus, study.resources.cpus
    scored = round(found.runs) - sum(not load.tested for load in left.loads)
    disk = _disk(study, found, source, ended, scored, generator)
    return {
        "study": study.row.name,
        "trials": trials,
        "confirming": round(found.runs) - trials,
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
        "source": {"kind": source.kind, "text": source.text, **asdict(source.costs)},
        "places": places(study),
    }


def _disk(study: Study, found: Forecast, source: Source, ended: int, scored: int, generator: int) -> dict[str, int]:
    """Bytes by what they are for.

    Args:
        ended: trials on record.
        scored: runs to come that leave a score sheet and a generator of `generator` bytes.
    """
    runs = round(found.runs)
    sheets = scored * study.row.dataset["split"]["test"] * _SHEET_CLIP
    kept = checkpoint_count(min(ended, KEEP), runs, study.resources.workers, KEEP)
    every = from_dict(study.row.config).training.evaluate_every
    reports = found.steps_range[1] // max(1, every) + runs
    local = study.target.startswith("sqlite")
    return {
        "checkpoints": kept * (source.checkpoint + source.samples) if runs else 0,
        "samples": runs * source.samples * (2 if local else 1),
        "generators": scored * generator,
        "record": reports * _REPORT + _RECORD + sheets if runs else 0,
        "mlflow": reports * _METRICS * _METRIC + _TRACKING + sheets if runs and local else 0,
    }


def generator_bytes(config: Config) -> int:
    """Size of the file in which a run of `config` that is scored leaves its generator."""
    with torch.device("meta"):  # its shapes are enough
        tensors = Generator(config).state_dict().values()
    return _HEADER + sum(int(tensor.numel()) * int(tensor.element_size()) for tensor in tensors)


def scoring(split: Mapping[str, Any]) -> float:
    """What a score sheet takes, relative to a look at the validation split: `PASSES` over the test split's clips, and
    one over the clips that identity is measured on, which are as many as a look's.
    """
    return float(1 + PASSES * split["test"] / max(1, split["validation"]))


def places(study: Study) -> dict[str, str]:
    """Where everything of a study goes."""
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


def told(document: Mapping[str, Any]) -> str:
    """The forecast for a person."""
    low, high = document["wall_seconds_range"]
    trials, confirming = document["trials"], document["confirming"]
    few, many = document["steps_range"]
    workers = document["resources"]["workers"]
    pruned = f"; {few:,} if all are pruned at the first chance, {many:,} if none is" if few < many else ""
    spread = f"; {format_duration(low)} to {format_duration(high)}" if few < many else ""
    disk = ", ".join(f"{name} {_bytes(size)}" for name, size in document["disk"].items() if size)
    rows = {
        "trials": f"{trials}" + (f", then {confirming} confirming" if confirming else "") + _after(document),
        "steps": f"{document['steps']:,}{pruned}",
        "wall time": f"{format_duration(document['wall_seconds'])} with {workers} at once{spread}",
        "device-hours": f"{document['device_hours']:.2f} ({document['device']}s)",
        "disk": f"{_bytes(document['disk_bytes'])}" + (f": {disk}" if disk else ""),
        "figures from": document["source"]["text"],
    }
    budget = document["time_budget_seconds"]
    if budget is not None and document["wall_seconds"] > budget:
        rows["time budget"] = f"{format_duration(budget)} will not do: it stops then, and the same command goes on"
    rows |= {name: place for name, place in document["places"].items() if place}
    width = max(map(len, rows))
    lines = [f"dry run of {document['study']}: no trial is started, nothing of the study is written"]
    return "\n".join([*lines, *(f"  {name:<{width}}  {value}" for name, value in rows.items())])


def show_forecast(study: Study, *, as_json: bool) -> int:
    """Prints the forecast, as a document or for a person, and returns the exit code."""
    document = dry_run(study)
    print(json.dumps(document, indent=2) if as_json else told(document), flush=True)
    return 0


def _after(document: Mapping[str, Any]) -> str:
    return f" ({document['on_record']} on record already)" if document["on_record"] else ""


def _bytes(count: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"


def _probed(study: Study, base: Config, left: Workload) -> Source:
    wanted = study.resources
    # Trials of a cluster don't all share this machine, though it is this one that stands for the others.
    processes = max(1, min(wanted.workers, len(left.loads) or left.confirm, cores() // wanted.cpus))
    found = probe(base, study.settings, wanted, processes=processes)
    split = study.row.dataset["split"]
    look = found.look + found.save
    costs = Costs(
        step=found.step,
        look=look,
        start=found.load + found.warm,
        end=found.end,
        score=found.look * scoring(split),
        launch=PROGRAM + RAY + found.imports + CLOSING,
    )
    return Source("probe", costs, found.checkpoint_bytes, found.sample_bytes, _measured(found))


def _measured(found: Probe) -> str:
    few = " (few: the time is uncertain)" if found.steps < _FEW else ""
    return (
        f"a probe just now, {found.processes} at once: {found.steps} steps of {found.step:.3g} s each{few}, "
        f"a look {found.look:.2g} s, start and end of a trial {found.load + found.warm + found.end:.2g} s"
    )


def _recorded(study: Study, work: Work) -> Source | None:
    """Costs from studies of --out that this one can be compared with."""
    histories, places = [], []
    for path in sorted(study.runs.glob("*/record.db")):
        with contextlib.suppress(UserError), open_if_present(path) as records:
            if records is None:
                continue
            for row in records.studies():
                if comparable(row, study.row):
                    histories.append(_history(records, row))
                    places.append(path.parent)
    found = recorded_costs(histories, work, launch=PROGRAM + CLOSING, score=scoring(study.row.dataset["split"]))
    checkpoints = [file.stat().st_size for place in places for file in place.glob("checkpoints/*/*/*.safetensors")]
    samples = [_size(each) for place in places for each in place.glob("samples/*") if each.is_dir()]
    if found is None or not checkpoints:
        return None
    pictures = round(statistics.fmean(samples)) if samples else 0
    return Source("record", found.costs, max(checkpoints), pictures, _from_record(found))


def _history(records: RecordReader, study: StudyRow) -> History:
    made = {key: created for key, (_, created) in records.score_sheet_versions(study.name).items()}
    return History(study, records.trials(study.name), records.points(study.name), made)


def _from_record(found: Recorded) -> str:
    trials = "1 ended trial" if found.trials == 1 else f"{found.trials} ended trials"
    return f"{trials} on this machine ({', '.join(found.studies)}): {found.costs.step:.3g} s a step"


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
