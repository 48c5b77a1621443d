"""Runs a study of toy trials on Ray, for tests that kill it: `python -m tests.tuning.toy_study DIR TRIALS SETTINGS`.

The record's and MLflow's addresses may follow.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path

from amc.cli.command import run
from amc.config import natops, with_overrides
from analysis.record.rows import StudyRow
from analysis.record.writing import RecordWriter
from tuning.engine import study as engine_study
from tuning.engine.interruption import sigterm_as_interrupt
from tuning.engine.sources import RaceOfFinalists, SampledTrials
from tuning.engine.study import Study, run_study
from tuning.search.default_space import search_space
from tuning.search.pruners import create_pruner
from tuning.search.samplers import create_sampler
from tuning.workers.resources import machine_resources


def main(
    folder: Path, trials: int, settings: dict[str, object], record: str | None = None, tracking: str | None = None
) -> int:
    if "flush" in settings:  # seconds that MLflow gets at the end, where a test would wait them all
        engine_study.FLUSH_SECONDS = float(str(settings["flush"]))
    gpus = float(str(settings.get("gpus", 0)))  # of one GPU that Ray is told of; no toy looks for it
    base = with_overrides(natops("smoke"), {"training.steps": 20})
    space = search_space(base)
    search = SampledTrials(space, create_sampler("tpe", space, 0), trials, 0)
    study = Study(
        row=StudyRow(
            name=str(settings.get("study", "toy")),
            uid="",
            kind="search",
            preset="smoke",
            seed=0,
            dataset={"name": "toy", "origin": "procedural", "fingerprint": "f" * 64},
            config=base.to_dict(),
            space=space.to_dict(),
            settings={"trials": trials},
            versions={"toy": "1"},
            created=0.0,
        ),
        sources=[
            search,
            RaceOfFinalists(
                search, int(str(settings.get("finalists", 1))), int(str(settings.get("seeds", 1))), 0, space.to_dict()
            ),
        ],
        pruner=create_pruner(str(settings.get("pruner", "halving")), 20, 5),
        runs=folder,
        record=record,
        tracking=tracking,
        resources=machine_resources(2, 1, gpus, devices=int(gpus > 0)),
        devices=int(gpus > 0),
        trainable="tests.tuning.toy_trials:learn",
        extra=settings,
        until=time.monotonic() + float(str(settings["seconds"])) if "seconds" in settings else None,
        before_trials=partial(mark, "before", float(str(settings["before"]))) if "before" in settings else None,
        make_results=partial(mark, "tables", float(str(settings["results"]))) if "results" in settings else None,
    )
    return run_study(study).code


def mark(name: str, seconds: float, record: RecordWriter, folder: Path) -> None:
    """A hook: a file that is there when it begins, and one that is when it has ended, so many seconds later."""
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "begun").write_text("")
    time.sleep(seconds)
    (folder / name / "trials").write_text(f"{len(record.trials(folder.name))}\n")


if __name__ == "__main__":
    with sigterm_as_interrupt():
        sys.exit(run(lambda: main(Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]), *sys.argv[4:])))
