"""Several studies in one table: only what was measured in the same way on the same data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from amc.errors import UserError
from analysis.records import StudyRow
from analysis.tables.study import OURS, StudyScores

ASIDE = ("seed", "switches")  # of a configuration: what arms and runs differ in


def joined(studies: Sequence[StudyScores]) -> StudyScores:
    """The first study with the arms that only the others have.

    Raises:
        UserError: they differ in data, origin, preset, split, configuration, seeds, or in how they were scored.
    """
    first, *others = studies
    for other in others:
        for what, mine, its in zip(_SHARED, _shared(first), _shared(other), strict=True):
            if mine != its:
                raise UserError(
                    f"studies {first.row.name!r} and {other.row.name!r} cannot be in one table: "
                    f"their {what} differ ({_brief(mine)}, {_brief(its)})"
                )
        both = first.by_slug.get(OURS), other.by_slug.get(OURS)
        if (
            both[0]
            and both[1]
            and any(accuracy != both[0].accuracies.get(seed, accuracy) for seed, accuracy in both[1].accuracies.items())
        ):
            raise UserError(
                f"studies {first.row.name!r} and {other.row.name!r} cannot be in one table: "
                "their runs of Ours with the same seed have different scores"
            )
        more = tuple(arm for arm in other.arms if arm.slug not in first.by_slug)
        first = replace(
            first,
            arms=first.arms + more,
            clipwise=first.clipwise and other.clipwise,
            unscored=first.unscored + other.unscored,
        )
    return first


_SHARED = (
    "data sets", "origins", "presets", "fingerprints", "split rules", "splits", "classifiers", "numbers of seeds",
    "base configurations", "ways of scoring",
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
        scores.scorer,
    )


def _base(row: StudyRow) -> Mapping[str, Any]:
    return {name: value for name, value in row.config.items() if name not in ASIDE}


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
