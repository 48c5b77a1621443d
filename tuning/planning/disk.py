"""Disk space that a study takes."""

from __future__ import annotations

import torch

from amc.config import Config, from_dict
from amc.models.generator import Generator
from tuning.engine.checkpoints import KEEP
from tuning.engine.study import Study
from tuning.planning.forecast import PlannedRun

# Bytes of an empty record and an empty MLflow store; of a report in the record, and of one of its metrics in MLflow.
_RECORD, _TRACKING, _REPORT, _METRIC = 60_000, 900_000, 3_000, 350
_METRICS = 37  # per report
_CLIP_SCORES, _HEADER = 90, 9_000  # bytes of a clip in a score sheet, and of a generator file besides its weights


def disk_usage(
    study: Study, runs: list[PlannedRun], *, most_steps: int, ended: int, checkpoint: int, samples: int
) -> dict[str, int]:
    """Bytes that the runs that are left will add, by kind of file.

    Args:
        most_steps: of all runs together, if no trial is pruned.
        ended: number of trials on record.
        checkpoint, samples: bytes of a trial's checkpoint and of its sample pictures.
    """
    scored = sum(run.scored for run in runs)
    sheets = scored * study.row.dataset["split"]["test"] * _CLIP_SCORES
    config = from_dict(study.row.config)
    reports = most_steps // max(1, config.training.evaluate_every) + len(runs)
    kept = checkpoint_count(min(ended, KEEP), len(runs), study.resources.workers, KEEP)
    local = study.target.startswith("sqlite")
    return {
        "checkpoints": kept * (checkpoint + samples) if runs else 0,
        "samples": len(runs) * samples * (2 if local else 1),
        "generators": scored * generator_bytes(config),
        "record": reports * _REPORT + _RECORD + sheets if runs else 0,
        "mlflow": reports * _METRICS * _METRIC + _TRACKING + sheets if runs and local else 0,
    }


def generator_bytes(config: Config) -> int:
    """Size of the generator file that a scored run leaves."""
    with torch.device("meta"):  # only the shapes are needed
        tensors = Generator(config).state_dict().values()
    return _HEADER + sum(int(tensor.numel()) * int(tensor.element_size()) for tensor in tensors)


def checkpoint_count(kept: int, left: int, workers: int, keep: int) -> int:
    """Most checkpoints at a time: of the best `keep` trials, and two per running trial while it replaces its own.

    Args:
        kept: checkpoints of the trials on record.
        left: trials and confirming runs that are left.
    """
    running = min(workers, left)
    return max(kept, min(keep, kept + max(0, left - running)) + 2 * running)
