"""Joins several studies into one table, if they were measured in the same way on the same data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from amc.errors import UserError
from analysis.record.rows import StudyRow
from analysis.record.states import COMPLETE
from analysis.scores.study_scores import ArmScores, StudyScores

NOT_COMPARED = ("seed", "switches")  # parts of the configuration in which arms and runs differ


def join_studies(studies: Sequence[StudyScores]) -> StudyScores:
    """Returns the first study with the arms and seeds that only the others have.

    Its name becomes the names of all, such as "one + two". A study without complete runs only adds its arms.

    Raises:
        UserError: the studies differ in data, origin, preset, split, configuration, number of seeds or scorer; or an
            arm of the same name has different changes, or different scores with the same seed.
    """
    first, *others = studies
    for other in others:
        first = _with(first, other)
    return first


def _with(first: StudyScores, other: StudyScores) -> StudyScores:
    names = f"studies {first.row.name!r} and {other.row.name!r} cannot be in one table: "
    for what, mine, its in zip(_SHARED, _shared(first), _shared(other), strict=True):
        if mine != its:
            raise UserError(f"{names}their {what} differ ({_brief(mine)}, {_brief(its)})")
    if first.finished and other.finished and first.scorer != other.scorer:
        raise UserError(f"{names}their scorers differ ({_brief(first.scorer)}, {_brief(other.scorer)})")
    if _clips(first) and _clips(other) and _clips(first) != _clips(other):
        raise UserError(f"{names}they were scored on different clips")
    arms = []
    for arm in first.arms:
        again = other.by_slug.get(arm.slug)
        if again is not None and arm.changes != again.changes:
            raise UserError(f"{names}their arms {arm.slug!r} have different changes")
        if again is not None and any(
            arm.accuracies.get(seed, accuracy) != accuracy for seed, accuracy in again.accuracies.items()
        ):
            raise UserError(f"{names}their runs of {arm.title} with the same seed have different scores")
        arms.append(arm if again is None else _both(arm, again))
    arms += [arm for arm in other.arms if arm.slug not in first.by_slug]
    known = first if first.scorer else other
    return replace(
        first,
        row=replace(first.row, name=f"{first.row.name} + {other.row.name}"),
        arms=tuple(arms),
        real=first.real or other.real,
        still=first.still or other.still,
        clipwise=known.clipwise,
        scorer=known.scorer,
        unscored=sum(run.accuracy is None for arm in arms for run in arm.complete) if known.scorer else 0,
    )


def _both(arm: ArmScores, again: ArmScores) -> ArmScores:
    """Adds the complete runs that the other study has for seeds this arm has not completed."""
    runs = {run.seed: run for run in arm.runs}
    runs |= {run.seed: run for run in again.runs if run.seed not in arm.seeds and run.state == COMPLETE}
    ordered = tuple(runs[seed] for seed in sorted(runs))
    complete = sum(run.state == COMPLETE for run in ordered)
    return replace(arm, runs=ordered, planned=max(arm.planned, again.planned, complete))


def _clips(scores: StudyScores) -> tuple[Any, ...]:
    """Labels and subjects of the clips that a study was scored on; empty if unknown."""
    found = [*(sheet for arm in scores.arms for sheet in arm.sheets.values())][:1]
    return tuple((sheet.label, sheet.subject) for sheet in found)


_SHARED = (
    "data sets", "origins", "presets", "fingerprints", "split rules", "splits", "classifiers", "numbers of seeds",
    "base configurations",
)  # fmt: skip


def _shared(scores: StudyScores) -> tuple[Any, ...]:
    row = scores.row
    data = row.dataset
    return (
        data["name"],
        data["origin"],
        row.preset,
        data["fingerprint"],
        data["split"]["rule"],
        data["split"],
        data.get("classifier"),
        row.settings["seeds"],
        _base(row),
    )


def _base(row: StudyRow) -> Mapping[str, Any]:
    return {name: value for name, value in row.config.items() if name not in NOT_COMPARED}


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
