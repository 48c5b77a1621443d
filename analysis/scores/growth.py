"""Whether a study was given more seeds after its results had been looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.record.rows import StudyRow
from analysis.scores.study_scores import StudyScores
from analysis.statistics.repeated_tests import repeated_tests

LOOKS = "results_written"  # in the study's settings: a list of {"seeds", "planned"}, one for each time
FEWEST = 2  # seeds with which there are p values


def settings_with_look(settings: Mapping[str, Any], scores: StudyScores) -> dict[str, Any]:
    """Returns a study's settings with the present number of seeds noted, for when results have been written.

    `seeds` is the number that Ours has completed, `planned` the number that was requested by then.
    """
    ours = scores.ours
    look = {"seeds": 0 if ours is None else len(ours.complete), "planned": int(settings["seeds"])}
    looks = list(settings.get(LOOKS, ()))
    return {**settings, LOOKS: [*(one for one in looks if one != look), look]}


def growth(row: StudyRow) -> dict[str, Any] | None:
    """Returns the numbers of seeds at which results were written, and what testing at each does to the error.

    A study that was written before all its planned seeds were complete has not grown: its size was fixed beforehand.
    With K folds at least K seeds are planned, one for each fold: fewer test only a part of the subjects.

    Returns:
        {"seeds": [earlier ones, now], "error", "level"} as in `repeated_tests`; None if no seeds were added after
        results with p values had been written.
    """
    folds = int(row.config.get("split", {}).get("folds", 0))
    planned = int(row.settings["seeds"])
    earlier = {look["seeds"] for look in row.settings.get(LOOKS, ()) if max(look["planned"], folds) < planned}
    seeds = [*sorted(count for count in earlier if FEWEST <= count < planned), planned]
    if len(seeds) < 2:
        return None
    found = repeated_tests(seeds)
    return {"seeds": seeds, "error": found.error, "level": found.level}
