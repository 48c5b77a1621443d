"""The study of `harness_study.py` on plain Ray Tune; a part of `harness_overhead.py`.

`python -m benchmarks.peer_tune DIR PLAN` is its driver. It uses `OptunaSearch` and `MLflowLoggerCallback` as their
documentation shows, on an existing SQLite store, with a new process for each trial, which is Tune's default. It does
not import `tuning`, which changes settings of Ray.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read by Ray when it is imported

import ray
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.search.optuna import OptunaSearch

from benchmarks.harness_trials import BenchmarkPlan, trial

ROOT = Path(__file__).resolve().parent.parent
PARAMETERS = 12  # dimensions of the search


def run(config: dict[str, Any]) -> None:
    """Runs one benchmark trial. Each runs in its own process; all count as worker 0, because they run one at a time."""
    trial(BenchmarkPlan.loads(config["plan"]), 0, lambda step, values: tune.report(values))


def main(folder: Path, plan: BenchmarkPlan) -> int:
    """Runs the study; prints its wall seconds, and the CPU seconds of this process over all threads."""
    os.environ["PYTHONPATH"] = str(ROOT)  # for Ray's processes
    space = {f"parameter_{index:02d}": tune.uniform(0.0, 1.0) for index in range(PARAMETERS)}
    with tempfile.TemporaryDirectory(prefix="peer-ray-", dir="/tmp", ignore_cleanup_errors=True) as session:
        began, worked = time.time(), time.process_time()
        ray.init(
            address="local",
            num_cpus=plan.workers,
            include_dashboard=False,
            log_to_driver=False,
            _temp_dir=session,
        )
        try:
            results = _tuner(folder, plan, space).fit()
        finally:
            ray.shutdown()
    print(json.dumps({"seconds": time.time() - began, "cpu": time.process_time() - worked}))
    return 1 if results.errors else 0


def _tuner(folder: Path, plan: BenchmarkPlan, space: dict[str, Any]) -> tune.Tuner:
    return tune.Tuner(
        tune.with_resources(run, {"cpu": 1}),
        param_space={**space, "plan": plan.dumps()},
        tune_config=tune.TuneConfig(
            metric="val/accuracy", mode="max", search_alg=OptunaSearch(seed=0), num_samples=plan.trials
        ),
        run_config=tune.RunConfig(
            name="peer",
            storage_path=str(folder / "tune"),
            verbose=0,
            callbacks=[MLflowLoggerCallback(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}", experiment_name="peer")],
        ),
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), BenchmarkPlan.loads(sys.argv[2])))
