"""Trials of a search, best first, and the race of the best ones on new seeds; in percent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amc.dotted_fields import shown
from analysis.record.lookup import is_tried
from analysis.record.race import winner
from analysis.record.ranking import pareto, ranked
from analysis.record.reading import RecordReader
from analysis.record.rows import SheetRow, StudyRow, TrialRow
from analysis.record.states import COMPLETE, FAILED, PRUNED, TRIAL
from analysis.scores.confirming_runs import confirming_accuracy
from analysis.scores.estimates import as_list
from analysis.scores.race_result import race_result
from analysis.scores.study_scores import ACCURACY
from analysis.statistics.levels import INTERVAL
from analysis.tables.layout.caption import SHORT, origin
from analysis.tables.layout.cells import number, plural, span
from analysis.tables.layout.formats import Table
from analysis.tables.layout.text_table import TextTable

PARAMETERS_SHOWN = 8  # columns in Markdown and LaTeX; CSV and JSON have all


def search_content(records: RecordReader, study: str) -> dict[str, Any]:
    """Returns the content of `trials.json`: {"caption", "rows" (one per trial), "winner", "race", "confirm"}.

    Rows are ordered by selection score. `winner` is the key of the trial that the search returns, `race` the finalists
    with their scores on new seeds, and `confirm` the test accuracy of the winner's runs.
    """
    row, trials = records.study(study), records.trials(study)
    searched = [trial for trial in trials if trial.role == TRIAL]
    first = ranked(searched)
    front = {trial.key for trial in pareto(searched)}
    rest = [trial for trial in searched if trial not in first]
    tried = {trial.key for trial in searched if is_tried(row, trial)}
    rows = [_row(trial, place, front, tried) for place, trial in enumerate(first, start=1)]
    rows += [_row(trial, None, front, tried) for trial in rest]
    chosen, race = winner(trials, row.space), race_result(trials, row.space)
    return {
        "caption": _facts(row, searched),
        "rows": rows,
        "winner": None if chosen is None else chosen.key,
        "race": None if race is None else race.to_dict(100.0),
        "confirm": None if race is None else _confirm(race.winner.runs, records.score_sheets(study)),
    }


def search_table(records: RecordReader, study: str) -> Table:
    """Returns the table in all its forms."""
    content = search_content(records, study)
    caption, rows = content["caption"], content["rows"]
    objectives = caption["objectives"]
    parameters = _varied(rows)[:PARAMETERS_SHOWN]
    view = TextTable(
        caption=_sentence(caption),
        head=(
            "trial",
            "rank",
            *(f"{name}, %" for name in objectives),
            "log-likelihood",
            "state",
            "steps",
            "seconds",
            *parameters,
        ),
        rows=tuple(
            (
                row["key"],
                "-" if row["rank"] is None else str(row["rank"]),
                *(number(row["values"].get(name)) for name in objectives),
                number(row["log_likelihood"], ".4f"),
                row["state"],
                str(row["step"]),
                number(row["seconds"], ".0f"),
                *(_parameter(row["params"].get(name)) for name in parameters),
            )
            for row in rows
        ),
        notes=tuple(_notes(content, parameters)),
    )
    records_ = [
        {name: value for name, value in row.items() if name not in ("params", "values")}
        | {f"values.{name}": value for name, value in row["values"].items()}
        | {f"params.{name}": value for name, value in row["params"].items()}
        for row in rows
    ]
    return Table("trials", content, view, records_)


def _facts(row: StudyRow, trials: Sequence[TrialRow]) -> dict[str, Any]:
    states = [trial.state for trial in trials]
    real = row.dataset.get("real_accuracy", {})
    return {
        **origin(row),
        "seed": row.seed,
        "objectives": [_short(name) for name in row.goal["objectives"]],
        "constraints": list(row.goal["constraints"]),
        "chance": 100 * float(row.dataset["chance"]) if "chance" in row.dataset else None,
        "real_accuracy": 100 * float(real["validation"]) if "validation" in real else None,
        "trials": len(trials),
        "trials_planned": row.settings.get("trials"),
        **{name: states.count(state) for name, state in _STATES},
    }


_STATES = (("complete", COMPLETE), ("pruned", PRUNED), ("failed", FAILED))


def _row(trial: TrialRow, rank: int | None, front: set[str], tried: set[str]) -> dict[str, Any]:
    values = trial.values or {"val/accuracy": trial.value}
    return {
        "rank": rank,
        "key": trial.key,
        "state": trial.state,
        "tried": trial.key in tried,
        "values": {_short(name): None if value is None else 100 * value for name, value in values.items()},
        "log_likelihood": trial.log_likelihood,
        "front": trial.key in front,
        "keeps_constraints": None if trial.violation is None else not trial.violation,
        "step": trial.step,
        "budget": trial.budget,
        "seconds": trial.seconds,
        "attempts": trial.attempts,
        "reason": trial.reason,
        "params": dict(trial.params),
    }


def _confirm(runs: Sequence[TrialRow], sheets: Mapping[str, SheetRow]) -> dict[str, Any]:
    values = {run.key: 100 * run.scores[ACCURACY] for run in runs if run.state == COMPLETE and ACCURACY in run.scores}
    found = confirming_accuracy(runs, sheets, 100.0)
    return {
        "of": sorted({run.parent for run in runs if run.parent}),
        "mean": None if found is None else found.mean,
        "ci95": None if found is None else as_list(found.interval),
        "method": None if found is None else found.method,
        "n_seeds": len(values),
        "runs": len(runs),
        "values": values,
    }


def _sentence(caption: Mapping[str, Any]) -> str:
    ended = sum(caption[name] for name, _ in _STATES)
    planned = max(caption["trials_planned"] or 0, caption["trials"])
    text = f"{caption['study']}: search trials, best first; validation scores in %; {caption['dataset']}, "
    text += f"origin={caption['origin']}, preset {caption['preset']}, seed {caption['seed']}"
    if caption["split"] is not None:
        text += f", split by {caption['split']['rule']}"
    if caption["fingerprint"] is not None:
        text += f"; data {caption['fingerprint'][:SHORT]}"
    if caption["chance"] is not None:
        text += f"; chance {caption['chance']:.1f}"
    if caption["real_accuracy"] is not None:
        text += f", real clips {caption['real_accuracy']:.1f}"
    text += "; " + ", ".join(f"{caption[name]} {name}" for name, _ in _STATES) + "."
    return text + (f" NOT FINISHED: {ended} of {plural(planned, 'trial')}." if ended < planned else "")


def _notes(content: Mapping[str, Any], parameters: Sequence[str]) -> list[str]:
    confirm, race, notes = content["confirm"], content["race"], []
    if any(row["log_likelihood"] is not None for row in content["rows"]):
        notes.append(
            "Log-likelihood: natural logarithm of the probability that the motion classifier gives to the class asked "
            "for, mean over the generated validation clips. It orders equal accuracies."
        )
    if race is not None:
        notes.append(race_note(race))
    if confirm is not None and confirm["mean"] is not None:
        text = f"{', '.join(confirm['of'])} confirmed with {plural(confirm['n_seeds'], 'new seed')}: "
        text += f"test accuracy {confirm['mean']:.1f}%"
        how = f"{INTERVAL} {span(confirm['ci95'])}, {confirm['method']}"
        sure = f" ({how})." if confirm["ci95"] else " (no interval with one seed)."
        notes.append(text + sure)
    if confirm is not None and confirm["n_seeds"] < confirm["runs"]:
        notes.append(f"Runs with new seeds NOT FINISHED: {confirm['n_seeds']} of {confirm['runs']}.")
    if content["caption"]["constraints"]:
        notes.append(
            f"Constraints: {', '.join(content['caption']['constraints'])}; trials that satisfy them come first."
        )
    tried = sorted(row["key"] for row in content["rows"] if row["tried"])
    if tried:
        notes.append(f"Points that were given with --try: {', '.join(tried)}.")
    left = len(_varied(content["rows"])) - len(parameters)
    if left > 0:
        notes.append(f"{plural(left, 'more parameter')} in the CSV and JSON files.")
    failed = [row for row in content["rows"] if row["state"] == FAILED]
    notes += [f"{row['key']} FAILED: {row['reason'] or 'reason unknown'}." for row in failed]
    return notes


def race_note(race: Mapping[str, Any]) -> str:
    """Sentences on the finalists' validation scores with new seeds, and on the winner."""
    shown = []
    for one in race["finalists"]:
        runs = [run for run in one["runs"] if run["value"] is not None]
        if one["mean"] is None:
            shown.append(f"{one['key']} {number(one['selected'])} (no complete run)")
            continue
        sure = f", {INTERVAL} of the fall {span(one['fall_ci95'])}" if one["fall_ci95"] else ""
        shown.append(
            f"{one['key']} {number(one['selected'])} → {number(one['mean'])} ({plural(len(runs), 'new seed')}{sure})"
        )
    text = f"Selection score → mean validation score over new seeds: {'; '.join(shown)}."
    if len(race["finalists"]) == 1:
        return text
    text += f" {race['winner']} has the highest estimate from both"
    return text + (f"; not distinguishable from it: {', '.join(race['rivals'])}." if race["rivals"] else ".")


def _varied(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the parameters whose values differ between trials."""
    names = dict.fromkeys(name for row in rows for name in row["params"])
    return [name for name in names if len({repr(row["params"].get(name)) for row in rows}) > 1]


def _short(metric: str) -> str:
    return metric.rpartition("/")[2]


def _parameter(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    return shown(value)
