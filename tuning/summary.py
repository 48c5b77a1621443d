"""What a study found: `summary.json`, and the table for the screen, both from the record alone."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.records import Records, StudyRow, TrialRow
from analysis.states import COMPLETE, TRIAL
from analysis.statistics import Estimate, mean_interval
from tuning.samplers.base import History
from tuning.sources import best, confirming, of_role

ROWS = 20  # of the table on the screen
TEST = "test/accuracy"


def summary(records: Records, study: str) -> dict[str, Any]:
    """The content of `summary.json`."""
    row, trials = records.study(study), records.trials(study)
    searched = of_role(trials, TRIAL)
    chosen = best(searched)
    return {
        "study": row.name,
        "kind": row.kind,
        "dataset": dict(row.dataset),
        "preset": row.preset,
        "seed": row.seed,
        "settings": dict(row.settings),
        "fixed": dict(row.space.get("fixed", {})),
        "trials": [_trial(trial) for trial in searched],
        "best": None if chosen is None else _trial(chosen),
        "confirm": None if chosen is None else _confirm(confirming(trials, chosen.key), chosen),
        "versions": dict(row.versions),
    }


def write_summary(records: Records, study: str, path: Path) -> dict[str, Any]:
    """Writes `summary.json` atomically, and returns its content."""
    content = summary(records, study)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(partial, path)
    return content


def table(records: Records, study: str) -> str:
    """The ranked table with its caption; accuracies in percent."""
    row, trials = records.study(study), records.trials(study)
    searched = of_role(trials, TRIAL)
    ranked = History(searched, {}).ranked()
    ranked += [trial for trial in searched if trial not in ranked]
    base = _flat(row.config)
    lines = [
        _caption(row),
        f"{'':>3} {'trial':<10} {'accuracy':>8}  {'state':<8} {'steps':>6} {'time':>7}  changed from Table B",
    ]
    for place, trial in enumerate(ranked[:ROWS], start=1):
        value = "" if trial.value is None else f"{100 * trial.value:.1f}"
        note = trial.reason if trial.state == "FAILED" else _changes(trial.params, base)
        columns = f"{place:>3} {trial.key:<10} {value:>8}  {trial.state:<8} {trial.step:>6} {_clock(trial.seconds):>7}"
        lines.append(f"{columns}  {note}".rstrip())
    if len(ranked) > ROWS:
        lines.append(f"    … and {len(ranked) - ROWS} more in summary.json")
    return "\n".join(lines)


def confirmed(records: Records, study: str) -> str:
    """A line on the confirming runs of the best trial; empty where there are none."""
    trials = records.trials(study)
    chosen = best(of_role(trials, TRIAL))
    if chosen is None:
        return ""
    runs = confirming(trials, chosen.key)
    done = [run for run in runs if run.state == COMPLETE and TEST in run.scores]
    if not done:
        return ""
    test = mean_interval([run.scores[TEST] for run in done])
    values = [run.value for run in done if run.value is not None]
    validation = f", validation {100 * math.fsum(values) / len(values):.1f}%" if values else ""
    seeds = "1 fresh seed" if test.count == 1 else f"{test.count} fresh seeds"
    return f"{chosen.key} again with {seeds}: test accuracy {100 * test.mean:.1f}% {_interval(test)}{validation}"


def _interval(estimate: Estimate) -> str:
    if estimate.interval is None:
        return "(one seed gives no interval)"
    low, high = _held(estimate.interval)
    return f"(95% interval {100 * low:.1f} to {100 * high:.1f})"


def _held(interval: tuple[float, float]) -> tuple[float, float]:
    # An accuracy is no less than 0 and no more than 1, which the t interval does not know.
    return max(0.0, interval[0]), min(1.0, interval[1])


def _caption(row: StudyRow) -> str:
    data = row.dataset
    parts = [f"{row.name}: {data.get('name')}, origin={data.get('origin')}, preset {row.preset}"]
    if "chance" in data:
        parts.append(f"validation accuracy in %, chance {100 * data['chance']:.1f}")
    if "real_accuracy" in data:
        real = data["real_accuracy"]
        parts.append(f"real clips {100 * real['validation']:.1f} (test {100 * real['test']:.1f})")
    return "; ".join(parts)


def _changes(params: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    changed = {name: value for name, value in params.items() if value != base.get(name)}
    if not changed:
        return "nothing"
    off = [name.removeprefix("switches.") for name, value in changed.items() if value is False]
    shown = [f"{_short(name)} {value:.2g}" if isinstance(value, float) else f"{_short(name)} {value}"
             for name, value in changed.items() if value is not False]  # fmt: skip
    return "; ".join(filter(None, [f"without {', '.join(off)}" if off else "", ", ".join(shown)]))


def _short(name: str) -> str:
    section, _, last = name.rpartition(".")
    return {"margins": f"rho_{last}"}.get(
        section, last.replace("lr_generator", "lr_g").replace("lr_discriminator", "lr_d")
    )


def _trial(trial: TrialRow) -> dict[str, Any]:
    return {
        "key": trial.key,
        "number": trial.number,
        "state": trial.state,
        "params": dict(trial.params),
        "value": trial.value,
        "budget": trial.budget,
        "step": trial.step,
        "seed": trial.seed,
        "attempts": trial.attempts,
        "seconds": round(trial.seconds, 3),
        "reason": trial.reason,
        "mlflow_run_id": trial.mlflow_run_id,
    }


def _confirm(runs: Sequence[TrialRow], chosen: TrialRow) -> dict[str, Any]:
    done = [run for run in runs if run.state == COMPLETE and TEST in run.scores]
    test = mean_interval([run.scores[TEST] for run in done]) if done else None
    return {
        "of": chosen.key,
        "runs": [{**_trial(run), "scores": dict(run.scores)} for run in runs],
        "n_seeds": len(done),
        "test_accuracy": None if test is None else test.mean,
        "ci95": None if test is None or test.interval is None else list(_held(test.interval)),
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows |= _flat(value, f"{prefix}{name}.")
        else:
            rows[f"{prefix}{name}"] = value
    return rows


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes else f"{rest} s"
