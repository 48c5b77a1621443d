"""Looks up what an earlier study found: the study by name, one of its trials, and that trial's configuration.

`amc train --from-study`, ablations that start from a search, and warm starts use the same look-up.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from amc.cli.from_study import TrialConfig
from amc.config import AMC_GAN, SPLIT_RULES, SplitConfig
from amc.errors import UserError
from analysis.record.race import winner
from analysis.record.reading import RecordReader, open_if_present
from analysis.record.rows import StudyRow, TrialRow
from analysis.record.states import TRIAL

_LISTED = 20  # names in an error message, at most


def method_name(config: Mapping[str, Any]) -> str:
    """Name of the method that a recorded configuration is for, as given to `--method`."""
    return str(config.get("method", {}).get("name", AMC_GAN.name))


def is_tried(study: StudyRow, trial: TrialRow) -> bool:
    """Whether a trial's parameters are a point that a person asked for with `--try`."""
    return trial.role == TRIAL and dict(trial.params) in study.settings.get("tried", ())


@contextmanager
def open_study_record(
    study: str, runs: Path, record: str | None = None
) -> Iterator[tuple[RecordReader, StudyRow] | None]:
    """Opens the record of a study for reading.

    Args:
        study: its name.
        runs: the folder of studies.
        record: address of a record to look in first; then RUNS/STUDY/record.db is tried.

    Yields:
        The reader and the study; None if neither record has a study of this name.

    Raises:
        UserError: a record cannot be read.
    """
    path = runs / study / "record.db"
    for address in (path,) if record is None else (record, path):
        with open_if_present(address) as reader:
            row = None if reader is None else reader.find_study(study)
            if reader is not None and row is not None:
                yield reader, row
                return
    yield None


def find_trial(reader: RecordReader, study: StudyRow, wanted: str | None = None) -> TrialRow:
    """One trial of a search.

    Args:
        reader: of the study's record.
        study: the study.
        wanted: the trial's key or number; None for the one that the search returns.

    Raises:
        UserError: the study is not a search, has no such trial, or has no complete trial to be the best.
    """
    _check_search(study.name, study.kind)
    trials = reader.trials(study.name)
    chosen = winner(trials, study.space)
    return _select(
        study.name, [trial for trial in trials if trial.role == TRIAL], None if chosen is None else chosen.key, wanted
    )


def find_config(runs: Path, study: str, wanted: str | None) -> TrialConfig:
    """The configuration of one trial of a study in RUNS/STUDY, from its record.

    A study whose record is on a server has only its summary.json there, which is read instead.

    Args:
        runs: the folder of studies.
        study: its name.
        wanted: the trial's key or number; None for the one that the search returns.

    Raises:
        UserError: there is no such study or trial, or its record or summary cannot be read.
    """
    with open_study_record(study, runs) as found:
        if found is not None:
            reader, row = found
            trial = find_trial(reader, row, wanted)
            return _config(row.preset, method_name(row.config), row.dataset, row.space.get("fixed", {}), trial)
    known = sorted({path.parent.name for name in ("record.db", "summary.json") for path in runs.glob(f"*/{name}")})
    path = runs / study / "summary.json"
    if study not in known or not path.is_file():
        raise UserError(f"no study {study!r} in {runs} (found: {_listing(known)}): give its folder with --runs DIR")
    return _config_from_summary(path, study, wanted)


def _config_from_summary(path: Path, study: str, wanted: str | None) -> TrialConfig:
    content = _read_summary(path)
    _check_search(study, str(content.get("kind", "search")))
    dataset, fixed, best_trial = content.get("dataset"), content.get("fixed", {}), content.get("best")
    if not isinstance(dataset, Mapping) or not isinstance(fixed, Mapping):
        raise _not_a_summary(path, "dataset or fixed is not an object")
    trials = _summary_trials(path, study, content.get("trials"))
    key = None if best_trial is None else str(best_trial.get("key") if isinstance(best_trial, Mapping) else "")
    if key is not None and key not in {trial.key for trial in trials}:
        raise _not_a_summary(path, "the best trial is not among the trials")
    method = str(content.get("method", AMC_GAN.name))
    return _config(str(content.get("preset", "")), method, dataset, fixed, _select(study, trials, key, wanted))


def _read_summary(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise _not_a_summary(path, str(error)) from error
    if not isinstance(content, Mapping):
        raise _not_a_summary(path, "the top level is not an object")
    return content


def _summary_trials(path: Path, study: str, rows: object) -> list[TrialRow]:
    if not isinstance(rows, Sequence) or not all(
        isinstance(row, Mapping) and isinstance(row.get("key"), str) for row in rows
    ):
        raise _not_a_summary(path, "trials is not a list of objects with keys")
    trials = []
    for row in rows:
        params, value, number = row.get("params"), row.get("value"), row.get("number")
        trials.append(
            TrialRow(
                study=study,
                key=row["key"],
                role=TRIAL,
                number=number if isinstance(number, int) else -1,
                parent=None,
                state=str(row.get("state", "")),
                params=params if isinstance(params, Mapping) else {},
                config={},
                seed=0,
                budget=0,
                value=float(value) if isinstance(value, (int, float)) else None,
            )
        )
    return trials


def _select(study: str, trials: Sequence[TrialRow], best_key: str | None, wanted: str | None) -> TrialRow:
    wanted = best_key if wanted is None else wanted
    keys = _listing([trial.key for trial in trials])
    if wanted is None:
        raise UserError(
            f"study {study!r} has no complete trial yet, so there is no best one: rerun the search to continue it "
            f"(its trials: {keys})"
        )
    for trial in trials:
        if wanted == trial.key or (wanted.lstrip("0") or "0") == str(trial.number):
            return trial
    raise UserError(f"no trial {wanted!r} in study {study!r} (found: {keys})")


def _config(
    preset: str, method: str, dataset: Mapping[str, Any], fixed: Mapping[str, Any], trial: TrialRow
) -> TrialConfig:
    if not trial.params:
        raise UserError(f"{trial.key} of study {trial.study} has no parameters: choose another trial")
    return TrialConfig(
        study=trial.study,
        trial=trial.key,
        state=trial.state,
        preset=preset,
        dataset=str(dataset.get("name", "")),
        origin=str(dataset.get("origin", "")),
        value=trial.value,
        method=method,
        settings={**_split(dataset), **fixed, **trial.params},
    )


def _split(dataset: Mapping[str, Any]) -> dict[str, str]:
    """The rule by which the study's data were split, as a setting, if it is not the default.

    With another rule, clips that the study selected by could become test clips.
    """
    split = dataset.get("split")
    rule = split.get("rule") if isinstance(split, Mapping) else None
    # "source" is not a choice: the default rule falls back to it.
    return {"split.rule": rule} if rule in SPLIT_RULES and rule != SplitConfig.rule else {}


def _check_search(study: str, kind: str) -> None:
    # Trials of an ablation differ in the arm, so no single configuration stands for the study.
    if kind != "search":
        raise UserError(f"study {study!r} is not a search ({kind}): give the name of a search")


def _not_a_summary(path: Path, why: str) -> UserError:
    return UserError(f"{path} is not the summary of a study ({why}): rerun the search to write it again")


def _listing(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(names[:_LISTED]) or "none") + more
