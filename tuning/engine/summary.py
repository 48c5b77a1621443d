"""The results of a study, from its record: `summary.json`, and a table for the screen."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from textwrap import shorten
from typing import Any

from amc.atomic import atomic_write
from amc.dotted_fields import flattened, shown
from analysis.record.lookup import is_tried, method_name
from analysis.record.race import winner
from analysis.record.ranking import pareto, ranked
from analysis.record.reading import RecordReader
from analysis.record.rows import CommandRow, ImportedRow, SheetRow, StudyRow, TrialRow
from analysis.record.states import TRIAL
from analysis.scores.confirming_runs import confirming_accuracy
from analysis.scores.estimates import MeanEstimate, as_list
from analysis.scores.race_result import Finalist, RaceResult, race_result
from analysis.statistics.levels import INTERVAL
from analysis.tables.layout.cells import plural
from tuning.engine.sources import of_role
from tuning.search.goal import Goal
from tuning.search.objectives import ACCURACY, NAMES

ROWS = 20  # shown on the screen
REASON = 100  # characters of a failure's reason in a row; `summary.json` and the trial's log have all of it


def summary(records: RecordReader, study: str) -> dict[str, Any]:
    """The content of `summary.json`."""
    row, trials = records.study(study), records.trials(study)
    searched = of_role(trials, TRIAL)
    chosen, race = winner(trials, row.space), race_result(trials, row.space)
    return {
        "study": row.name,
        "kind": row.kind,
        "dataset": dict(row.dataset),
        "preset": row.preset,
        "method": method_name(row.config),
        "seed": row.seed,
        "settings": dict(row.settings),
        "fixed": dict(row.space.get("fixed", {})),
        "objectives": list(row.goal["objectives"]),
        "constraints": list(row.goal["constraints"]),
        "imported": _imported(records.imported(study)),
        "trials": [_trial(trial) | {"tried": is_tried(row, trial)} for trial in searched],
        "best": None if chosen is None else _trial(chosen),
        "pareto": [trial.key for trial in pareto(searched)],
        "confirm": None if chosen is None else _confirm(race, chosen, records.score_sheets(study)),
        "race": None if race is None else race.to_dict(),
        "commands": [_command(command) for command in records.commands(study)],
        "versions": dict(row.versions),
    }


def write_summary(records: RecordReader, study: str, path: Path) -> dict[str, Any]:
    """Writes `summary.json` atomically, and returns its content."""
    content = summary(records, study)
    with atomic_write(path) as partial:
        partial.write_text(_json_text(content), encoding="utf-8")
    return content


def study_documents(records: RecordReader, study: str) -> dict[str, str]:
    """The summary and the table as text, by the names that they have in MLflow."""
    return {"summary.json": _json_text(summary(records, study)), "table.txt": table(records, study) + "\n"}


def _json_text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def table(records: RecordReader, study: str) -> str:
    """The trials of a search in a table, the best first, with a caption; objectives are in percent."""
    row, trials = records.study(study), records.trials(study)
    searched = of_role(trials, TRIAL)
    first = ranked(searched)
    rows = first + [trial for trial in searched if trial not in first]
    base = dict(flattened(row.config))
    titles = " ".join(f"{name:>{_width(name)}}" for name in row.goal["objectives"])
    lines = [
        _caption(row),
        f"{'':>3} {'trial':<10} {titles} {'log-lik.':>8}  {'state':<8} {'steps':>6} {'time':>7}  changed from the base",
    ]
    for place, trial in enumerate(rows[:ROWS], start=1):
        values = _values(trial)
        shown = " ".join(f"{_percent(values.get(name)):>{_width(name)}}" for name in row.goal["objectives"])
        note = (
            shorten(trial.reason, REASON, placeholder="…")
            if trial.state == "FAILED"
            else changed_params(trial.params, base)
        )
        note = f"violates a constraint; {note}" if trial.violation else note
        note = f"tried; {note}" if is_tried(row, trial) else note
        likelihood = "" if trial.log_likelihood is None else f"{trial.log_likelihood:.4f}"
        shown = f"{shown} {likelihood:>8}"
        columns = f"{place:>3} {trial.key:<10} {shown}  {trial.state:<8} {trial.step:>6} {_clock(trial.seconds):>7}"
        lines.append(f"{columns}  {note}".rstrip())
    if len(rows) > ROWS:
        lines.append(f"    … and {len(rows) - ROWS} more in summary.json")
    front = pareto(searched)
    if len(row.goal["objectives"]) > 1 and front:
        lines.append(f"Pareto front: {', '.join(trial.key for trial in front)}")
    return "\n".join(lines)


def confirmed(records: RecordReader, study: str) -> str:
    """Lines on the race of the finalists; empty if none of its runs is complete."""
    race = race_result(records.trials(study), records.study(study).space)
    if race is None or (mean := race.winner.mean) is None:
        return ""
    first, others = race.winner, len(race.finalists) - 1
    seeds = sum(run.value is not None for run in first.runs)
    lines = [
        f"{first.key} repeated with {plural(seeds, 'new seed')}: validation {100 * mean:.1f}%, "
        f"selected at {100 * first.selected:.1f}% {_fall(first)}"
    ]
    if others:
        lines.append(_race(race))
    test = confirming_accuracy(first.runs, records.score_sheets(study))
    if test is not None:
        lines.append(f"{first.key} with new seeds: test accuracy {100 * test.mean:.1f}% {_interval(test)}")
    return "\n".join(lines)


def _fall(finalist: Finalist) -> str:
    fall, interval = 100 * (finalist.fall or 0.0), finalist.fall_interval
    text = f"{'a fall' if fall >= 0 else 'a rise'} of {abs(fall):.1f} points"
    if interval is None:
        return f"({text}, no interval with a single seed)"
    low, high = sorted(end if fall >= 0 else -end for end in interval)
    return f"({text}, {INTERVAL} {100 * low:.1f} to {100 * high:.1f})"


def _race(race: RaceResult) -> str:
    text = f"race of {len(race.finalists)} finalists, {plural(len(race.runs), 'run')}: "
    if race.open:
        return text + f"{race.winner.key} leads, {race.open} not finished"
    if race.rivals:
        return text + f"{race.winner.key} is ahead, but not distinguishable from {', '.join(race.rivals)}"
    return text + f"{race.winner.key} wins"


def _interval(estimate: MeanEstimate) -> str:
    if estimate.interval is None:
        return "(no interval with a single seed)"
    low, high = estimate.interval
    return f"({INTERVAL} {100 * low:.1f} to {100 * high:.1f})"


def _caption(row: StudyRow) -> str:
    data = row.dataset
    parts = [f"{row.name}: {data.get('name')}, origin={data.get('origin')}, preset {row.preset}"]
    if "split" in data:
        parts[0] += f", split by {data['split']['rule']}"
    if "chance" in data:
        titles = ", ".join(objective.title for objective in Goal.from_dict(row.goal).objectives)
        parts.append(f"{titles} in %, chance {100 * data['chance']:.1f}")
    if "real_accuracy" in data:
        real = data["real_accuracy"]
        parts.append(f"real clips {100 * real['validation']:.1f} (test {100 * real['test']:.1f})")
    return "; ".join(parts)


def changed_params(params: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    """The parameters that differ from the base configuration, in a few words; both by dotted name."""
    changed = {name: value for name, value in params.items() if value != base.get(name)}
    if not changed:
        return "nothing"
    off = [name.removeprefix("switches.") for name, value in changed.items() if value is False]
    others = [f"{_short(name)} {shown(value)}" for name, value in changed.items() if value is not False]
    return "; ".join(filter(None, [f"without {', '.join(off)}" if off else "", ", ".join(others)]))


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
        "values": _values(trial),
        "log_likelihood": trial.log_likelihood,
        "violation": trial.violation if trial.violation is None or math.isfinite(trial.violation) else "inf",
        "budget": trial.budget,
        "step": trial.step,
        "seed": trial.seed,
        "attempts": trial.attempts,
        "seconds": round(trial.seconds, 3),
        "reason": trial.reason,
        "mlflow_run_id": trial.mlflow_run_id,
    }


def _command(command: CommandRow) -> dict[str, Any]:
    """A command by which a person steered the study; times are in seconds since 1970, `taken` is null if pending."""
    values = asdict(command)
    del values["study"], values["uid"]
    return values


def _values(trial: TrialRow) -> dict[str, float | None]:
    """Each objective at the last report, by its name on the command line."""
    values = trial.values or {ACCURACY.metric: trial.value}
    return {NAMES.get(metric, metric): value for metric, value in values.items()}


def _imported(rows: Sequence[ImportedRow]) -> dict[str, int]:
    """The number of imported trials by study."""
    return dict(Counter(row.source for row in rows))


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _width(name: str) -> int:
    return max(8, len(name))


def _confirm(race: RaceResult | None, chosen: TrialRow, sheets: Mapping[str, SheetRow]) -> dict[str, Any]:
    runs = () if race is None else race.winner.runs
    test = confirming_accuracy(runs, sheets)
    return {
        "of": chosen.key,
        "runs": [{**_trial(run), "scores": dict(run.scores)} for run in runs],
        "n_seeds": 0 if test is None else test.seeds,
        "test_accuracy": None if test is None else test.mean,
        "ci95": None if test is None else as_list(test.interval),
    }


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes else f"{rest} s"
