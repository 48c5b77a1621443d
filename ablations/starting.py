"""`--from-study`: the configuration that an ablation begins with, the best of a search with every part in place.

A study that is on record goes on from the configuration that it began with, whatever the search has found since.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from amc.config import Config, from_dict
from amc.errors import UserError
from analysis.record.found import find_trial, open_study
from analysis.record.rows import StudyRow

# What decides how clips are cut and judged; the rest of a model may be another than the preset's.
_JUDGED = ("size", "frames", "discarded_frames", "classifier_width")


@dataclass(frozen=True)
class Start:
    """Where an ablation begins.

    Attributes:
        config: of the search's best trial, every switch as in Ours.
        trial: its key.
        restored: switches that the trial had otherwise.
    """

    config: Config
    trial: str
    restored: tuple[str, ...]

    def settings(self) -> dict[str, Any]:
        """For the study's record."""
        return {"from_trial": self.trial, "restored": list(self.restored)}


def start(runs: Path, record: str | None, search: str, mine: Config, known: StudyRow | None) -> Start:
    """The best of `search`, or what the study on record began with; says on standard error what a user must know.

    Args:
        mine: Ours at this study's data set and preset.
        known: the study on record, if there is one.

    Raises:
        UserError: no such search, none of its trials is complete, or it searched other data.
    """
    if known is None or known.settings.get("from_study") != search:
        found = best_of(runs, record, search, mine)
        if found.restored:
            print(
                f"{found.trial}, the best of {search}, was trained with other {', '.join(found.restored)}: Ours has "
                "every part, so its weights are those found for another model",
                file=sys.stderr,
            )
        return found
    settings: Mapping[str, Any] = known.settings
    began = Start(from_dict(known.config), settings.get("from_trial", ""), tuple(settings.get("restored", ())))
    try:
        now = best_of(runs, record, search, mine)
    except UserError:
        return began  # the search may be gone by now
    if replace(now.config, seed=began.config.seed) != began.config:
        print(
            f"{known.name} goes on from the configuration that it began with; {now.trial} is the best of {search} now: "
            "another --study begins from it",
            file=sys.stderr,
        )
    return began


def best_of(runs: Path, record: str | None, search: str, mine: Config) -> Start:
    """The configuration of a search's best trial, from the record that was named or the search's own.

    Raises:
        UserError: see `start`.
    """
    with open_study(search, runs, record) as found:
        if found is None:
            raise UserError(
                f"--from-study {search!r}: there is no such study in {runs / search / 'record.db'}; "
                "give the name of a search in --out, or --record where it is kept"
            )
        trial = find_trial(*found)
    return _started(from_dict(trial.config), trial.key, mine, search)


def _started(found: Config, key: str, mine: Config, search: str) -> Start:
    differing = [name for name in ("dataset", "preset", "split") if getattr(found, name) != getattr(mine, name)]
    differing += [f"model.{name}" for name in _JUDGED if getattr(found.model, name) != getattr(mine.model, name)]
    if differing:
        raise UserError(
            f"--from-study {search!r} searched {found.dataset.name} at preset {found.preset}, "
            f"split by {found.split.rule}: ask for the same ({', '.join(differing)} differ)"
        )
    switches = asdict(mine.switches)
    restored = tuple(name for name, on in asdict(found.switches).items() if on != switches[name])
    return Start(replace(found, switches=mine.switches), key, restored)
