"""The study that a command goes on with: joins the arms and seeds it asks for with those that are on record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ablations.arms import MORE, TABLE_4
from amc.errors import UserError
from analysis.record.reading import open_if_present
from analysis.record.rows import StudyRow

ORDER = {arm.slug: place for place, arm in enumerate([*TABLE_4, *MORE])}
_SAME = {"changes": {}, "seed_shift": 0, "of": []}  # what makes an arm's runs, with what is meant where it is not said


def study_on_record(address: str | Path, study: str) -> StudyRow | None:
    """What the record at `address` says of a study; None where it has none of that name.

    Raises:
        UserError: it is no record, or can't be read.
    """
    with open_if_present(address) as records:
        return None if records is None else records.find_study(study)


def merge_arms(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The wanted settings with every arm on record, and as many seeds as were ever asked for.

    A command for fewer arms or seeds runs no more than these, and takes nothing from the study's table.

    Raises:
        UserError: an arm on record was another one.
    """
    before, asked = ({str(arm["arm"]): arm for arm in settings["arms"]} for settings in (known, wanted))
    for slug in before.keys() & asked.keys():
        for name, default in _SAME.items():
            old, new = (arms[slug].get(name, default) for arms in (before, asked))
            if old != new:
                raise UserError(
                    f"arm {slug!r} is on record with another {name} ({old!r} there, {new!r} here): "
                    "give it another slug, or give another --study"
                )
    both = {**before, **asked}
    arms = sorted(both.values(), key=lambda arm: ORDER.get(str(arm["arm"]), len(ORDER)))
    return {**wanted, "arms": arms, "seeds": max(int(known["seeds"]), int(wanted["seeds"]))}
