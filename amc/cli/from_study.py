"""A configuration that a search found, read from the study's `summary.json`, for training at another size.

Only plain JSON is read, so that this needs nothing of the search itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from amc.config import DATASETS, SPLIT_RULES, Config, SplitConfig, configure, with_overrides
from amc.errors import UserError

_LISTED = 20  # keys in a message, at most


@dataclass(frozen=True)
class Found:
    """One trial of a study.

    Attributes:
        trial: its key, such as `trial-0004`.
        preset: that the study ran at.
        dataset: the name of the study's data.
        origin: of those data: `procedural`, `natops`, `mug` or `folder`.
        value: the trial's validation accuracy, a fraction; None where it has none.
        settings: by dotted name, what the study fixed for all trials and what it chose for this one.
    """

    study: str
    trial: str
    state: str
    preset: str
    dataset: str
    origin: str
    value: float | None
    settings: Mapping[str, Any]

    def implied_dataset(self) -> str:
        """The name for `--dataset` where the user gave neither that nor `--data`.

        Raises:
            UserError: the study ran on a clip file that a name alone does not lead to.
        """
        if self.dataset not in DATASETS:
            raise UserError(f"study {self.study} ran on the clip file {self.dataset!r}: give it with --data FILE.h5")
        # Asked before a stand-in is made, which may take long.
        if self.origin != "procedural" and not os.environ.get("AMC_DATA"):
            raise UserError(
                f"study {self.study} ran on a clip file (origin={self.origin}): give it with --data FILE.h5, "
                f"or --dataset {self.dataset} for the stand-in"
            )
        return self.dataset

    def check_origin(self, origin: str) -> None:
        """Nothing, where the data that the study's name led to have the study's origin.

        Raises:
            UserError: a stand-in would silently take the place of real clips, or the other way round.
        """
        if origin != self.origin:
            raise UserError(
                f"study {self.study} ran on data of origin={self.origin}, {self.dataset} is here origin={origin}: "
                f"give the study's clip file with --data FILE.h5, or --dataset {self.dataset} to take what is here"
            )

    def without(self, name: str) -> Found:
        """The same but for one setting, which the user gives."""
        return replace(self, settings={key: value for key, value in self.settings.items() if key != name})

    def applied(self, config: Config) -> Config:
        """`config` with the trial's settings."""
        return with_overrides(config, self.settings)

    def announcement(self, config: Config) -> str:
        """One line: whose settings are taken over, and what they change in `config`."""
        before, after = config.flat(), self.applied(config).flat()
        changed = [
            f"{name} {_short(before[name])} -> {_short(value)}"
            for name, value in after.items()
            if value != before[name]
        ]
        accuracy = "" if self.value is None else f", validation accuracy {self.value:.1%}"
        ended = "" if self.state == "COMPLETE" else f", {self.state}"
        return (
            f"configuration: {len(self.settings)} settings of {self.trial} of study {self.study} "
            f"({self.dataset}, preset {self.preset}{ended}{accuracy}); other than preset {config.preset}'s own: "
            f"{', '.join(changed) or 'none'}"
        )


def find(runs: Path, study: str, trial: str | None) -> Found:
    """A trial of the study in `runs`/`study`.

    Args:
        runs: the folder of studies.
        trial: its key as printed, or its number; None: the study's best.

    Raises:
        UserError: no such study or trial, a summary that can't be read, or settings that no configuration has.
    """
    path = _summary_path(runs, study)
    content = _read(path)
    # Absent where the study fixed nothing.
    fixed, dataset = content.get("fixed", {}), content.get("dataset")
    kind = content.get("kind", "search")
    if kind != "search":
        # Its trials differ in one arm each; what they have in common is not in its summary.
        raise UserError(f"study {study} is no search ({kind}): give a search, of which one configuration can be taken")
    if not isinstance(dataset, Mapping) or not isinstance(fixed, Mapping):
        raise UserError(_no_summary(path, "no data set, or fixed settings that are no table"))
    row = _trial(content, path, study, trial)
    params, value = row.get("params"), row.get("value")
    if not isinstance(params, Mapping) or not params:
        raise UserError(f"{row['key']} of study {study} has no params in {path}: choose another --trial")
    found = Found(
        study=study,
        trial=row["key"],
        state=str(row.get("state", "")),
        preset=str(content.get("preset", "")),
        dataset=str(dataset.get("name", "")),
        origin=str(dataset.get("origin", "")),
        value=float(value) if isinstance(value, (int, float)) else None,
        settings={**_split(dataset), **fixed, **params},
    )
    try:
        found.applied(configure("natops"))  # names and types are those of every preset
    except UserError as error:
        raise UserError(f"{found.trial} of study {study} cannot be taken over from {path}: {error}") from error
    return found


def _split(dataset: Mapping[str, Any]) -> dict[str, str]:
    """The rule that the study's data were divided by, where it is not the default, as a setting.

    Under another rule the clips that a run is tested on might be those that its configuration was chosen by.
    """
    split = dataset.get("split")
    rule = split.get("rule") if isinstance(split, Mapping) else None
    # "source" is what the default falls back to.
    return {"split.rule": rule} if rule in SPLIT_RULES and rule != SplitConfig.rule else {}


def _summary_path(runs: Path, study: str) -> Path:
    known = sorted(path.parent.name for path in runs.glob("*/summary.json"))
    if study in known:
        return runs / study / "summary.json"
    if study and (runs / study / "record.db").is_file():
        raise UserError(
            f"study {study} in {runs} has no summary.json yet: it is written when the search ends or is interrupted"
        )
    raise UserError(f"no study {study!r} in {runs}: there is {_listing(known)}; another folder is named by --runs DIR")


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(_no_summary(path, str(error))) from error
    if not isinstance(content, Mapping):
        raise UserError(_no_summary(path, "no table at its top"))
    return content


def _trial(content: Mapping[str, Any], path: Path, study: str, wanted: str | None) -> Mapping[str, Any]:
    trials = content.get("trials")
    if not isinstance(trials, Sequence) or not all(
        isinstance(row, Mapping) and isinstance(row.get("key"), str) for row in trials
    ):
        raise UserError(_no_summary(path, "no list of trials with keys"))
    keys = [row["key"] for row in trials]
    if wanted is None:
        best = content.get("best")
        if best is None:
            raise UserError(
                f"study {study} has no complete trial, so no best one: search on, or choose a --trial "
                f"({_listing(keys)})"
            )
        wanted = str(best.get("key")) if isinstance(best, Mapping) else ""
        if wanted not in keys:
            raise UserError(_no_summary(path, "its best trial is none of its trials"))
    number = wanted.lstrip("0") or "0"
    chosen: Mapping[str, Any] | None = next(
        (row for row in trials if row["key"] == wanted or str(row.get("number")) == number), None
    )
    if chosen is None:
        raise UserError(f"no trial {wanted!r} in study {study}: there is {_listing(keys)}")
    return chosen


def _no_summary(path: Path, why: str) -> str:
    return f"{path} is no summary of a study ({why}): run the search's command again, which writes it anew"


def _listing(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(names[:_LISTED]) or "none") + more


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
