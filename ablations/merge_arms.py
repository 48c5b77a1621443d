"""Resuming a study: merges the arms and seeds of the command with those on record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ablations.arms import MORE, TABLE_4
from amc.errors import UserError
from analysis.record.reading import open_if_present
from analysis.record.rows import StudyRow
from analysis.scores.growth import LOOKS

ORDER = {arm.slug: place for place, arm in enumerate([*TABLE_4, *MORE])}
_FIXED = {"changes": {}, "seed_shift": 0, "of": []}  # what determines an arm's runs, with defaults


def study_on_record(address: str | Path, study: str) -> StudyRow | None:
    """The study of this name in the record at `address`; None if there is none.

    Raises:
        UserError: The file is not a study record, or cannot be read.
    """
    with open_if_present(address) as records:
        return None if records is None else records.find_study(study)


def merge_arms(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The wanted settings with all arms on record added, and the larger number of seeds.

    A command with fewer arms or seeds than on record runs only these, and removes none from the study's tables.

    Args:
        known, wanted: settings of the study, on record and as given.

    Raises:
        UserError: An arm on record has the same slug but other settings.
    """
    before, asked = ({str(arm["arm"]): arm for arm in settings["arms"]} for settings in (known, wanted))
    for slug in before.keys() & asked.keys():
        for name, default in _FIXED.items():
            old, new = (arms[slug].get(name, default) for arms in (before, asked))
            if old != new:
                raise UserError(
                    f"arm {slug!r} is on record with another {name} ({old!r} there, {new!r} here): "
                    "give the arm another name, or choose another --study"
                )
    both = {**before, **asked}
    arms = sorted(both.values(), key=lambda arm: ORDER.get(str(arm["arm"]), len(ORDER)))
    kept = {LOOKS: known[LOOKS]} if LOOKS in known else {}
    return {**wanted, **kept, "arms": arms, "seeds": max(int(known["seeds"]), int(wanted["seeds"]))}
