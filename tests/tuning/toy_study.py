"""Runs a study of toy trials on Ray, for tests that kill it: `python -m tests.tuning.toy_study DIR TRIALS SETTINGS`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from amc.config import natops, with_overrides
from analysis.records import StudyRow
from tuning.pruners import pruner
from tuning.ray_runner import resources
from tuning.samplers import sampler
from tuning.search_space import search_space
from tuning.sources import Confirming, Sampled
from tuning.study import Study, run_study


def main(folder: Path, trials: int, settings: dict[str, object]) -> int:
    base = with_overrides(natops("smoke"), {"training.steps": 20})
    space = search_space(base)
    search = Sampled(space, sampler("tpe", space, 0), trials, 0)
    study = Study(
        row=StudyRow(
            name="toy",
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
        sources=[search, Confirming(search, 1, 0)],
        pruner=pruner("halving", 20, 5),
        runs=folder,
        resources=resources(2, 1, 0, devices=0),
        trainable="tests.tuning.toy_trials:learn",
        settings=settings,
    )
    return run_study(study).code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])))
