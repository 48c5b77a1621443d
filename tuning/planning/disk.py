"""Disk space that a study takes."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from amc.config import Config
from amc.methods import method_of
from tuning.engine.checkpoints import checkpoints_kept
from tuning.engine.study import Study
from tuning.planning.forecast import PlannedRun, TrialCosts

# Bytes of an empty record and an empty MLflow store; of a report in the record, and of its 37 metrics in MLflow.
_RECORD, _TRACKING, _REPORT, _METRICS = 60_000, 900_000, 3_000, 37 * 350
_CLIP_SCORES, _HEADER = 90, 9_000  # bytes of a clip in a score sheet, and of a generator file besides its weights


def disk_usage(
    study: Study, runs: list[PlannedRun], costs: Mapping[str, TrialCosts], configs: Mapping[str, Config]
) -> dict[str, int]:
    """Bytes that the runs that are left will add if none is pruned, by kind of file.

    Args:
        costs, configs: by method.
    """
    scored = [run.method for run in runs if run.scored]
    sheets = len(scored) * study.row.dataset["split"]["test"] * _CLIP_SCORES
    reports = sum((run.budget - run.done) // run.every + 1 for run in runs)
    local = study.target.startswith("sqlite")
    # Kept are those of the best trials; a running trial has two while it replaces its own.
    running = min(study.resources.workers, len(runs))
    kept = min(checkpoints_kept(study.sources), len(runs) - running) + 2 * running
    return {
        "checkpoints": kept * max((each.checkpoint + each.samples for each in costs.values()), default=0),
        "samples": sum(costs[run.method].samples for run in runs) * (2 if local else 1),
        "generators": sum(scored.count(method) * generator_bytes(configs[method]) for method in set(scored)),
        "record": reports * _REPORT + _RECORD + sheets if runs else 0,
        "mlflow": reports * _METRICS + _TRACKING + sheets if runs and local else 0,
    }


def generator_bytes(config: Config) -> int:
    """Size of the generator file that a scored run leaves."""
    method = method_of(config)
    with torch.device("meta"):  # only the shapes are needed
        tensors = method.networks[method.predictor](config).state_dict().values()
    return _HEADER + sum(int(tensor.numel()) * int(tensor.element_size()) for tensor in tensors)
