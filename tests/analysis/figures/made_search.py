"""A search's record with invented trials, whose value hangs on the learning rate and on one switch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from amc.config import natops, with_overrides
from analysis.record.rows import StudyRow, TrialRow
from analysis.record.writing import RecordWriter

SPACE: dict[str, dict[str, Any]] = {
    "optimizer.lr_generator": {"kind": "log", "when": [], "low": 1e-4, "high": 1e-2},
    "weights.gram": {"kind": "log", "when": [], "low": 1.0, "high": 100.0},
    "model.noise": {"kind": "int", "when": [], "low": 8, "high": 64},
    "training.average": {"kind": "float", "when": [], "low": 0.5, "high": 0.99},
    "readings.adversarial": {"kind": "categorical", "when": [], "choices": ["non_saturating", "least_squares"]},
    "switches.lrank": {"kind": "bool", "when": [], "choices": [False, True], "prior": 0.8},
    "weights.rank": {"kind": "log", "when": ["switches.lrank"], "low": 10.0, "high": 1000.0},
}


def write_search(path: Path, trials: int = 40, *, name: str = "made-smoke-search", running: int = 1) -> None:
    """Writes a search: every third trial is pruned half-way, the last `running` have not ended."""
    base, draw = natops("smoke"), np.random.default_rng(5)
    row = StudyRow(
        name=name,
        uid="",
        kind="search",
        preset="smoke",
        seed=0,
        dataset={"name": "natops", "origin": "procedural", "split": {"rule": "subject", "validation": 30, "test": 60}},
        config=base.to_dict(),
        space={"parameters": SPACE, "fixed": {}},
        settings={"workers": 2},
        versions={},
        created=1_790_000_000.0,
    )
    with RecordWriter(path) as record, record.lock_study(name):
        record.create_study(row)
        for number in range(trials):
            params = _params(draw)
            key, steps = f"trial-{number:03d}", base.training.steps
            config = with_overrides(base, {k: v for k, v in params.items() if k.startswith("optimizer")}).to_dict()
            record.add_trial(TrialRow(name, key, "trial", number, None, "WAITING", params, config, number, steps))
            attempt = record.begin(name, key).attempts
            record.mark_started(name, key, attempt)
            if number >= trials - running:
                continue
            pruned = number % 3 == 2
            value = _value(params, draw) * (0.6 if pruned else 1.0)
            step = steps // 2 if pruned else steps
            record.report(name, key, attempt, step, {"val/accuracy": value, "time/seconds": 0.1 * step})
            record.finish(name, key, attempt, "PRUNED" if pruned else "COMPLETE", value=value, scores={})


def _params(draw: np.random.Generator) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for name, row in SPACE.items():
        if row["kind"] == "log":
            params[name] = float(math.exp(draw.uniform(math.log(row["low"]), math.log(row["high"]))))
        elif row["kind"] == "float":
            params[name] = float(draw.uniform(row["low"], row["high"]))
        elif row["kind"] == "int":
            params[name] = int(draw.integers(row["low"], row["high"] + 1))
        elif row["kind"] == "categorical":
            params[name] = row["choices"][int(draw.integers(len(row["choices"])))]
        else:
            params[name] = bool(draw.random() < row["prior"])
    if not params["switches.lrank"]:
        del params["weights.rank"]
    return params


def _value(params: dict[str, Any], draw: np.random.Generator) -> float:
    rate = math.log10(params["optimizer.lr_generator"])  # -4 to -2, best at -2.7
    return float(
        np.clip(0.9 - 0.35 * abs(rate + 2.7) - 0.15 * (not params["switches.lrank"]) + draw.normal(0, 0.03), 0, 1)
    )
