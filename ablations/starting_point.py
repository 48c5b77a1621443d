"""`--from-study`: the configuration that an ablation starts from, which is the best of a search with all parts enabled.

A study on record keeps the configuration that it started from, even if the search has found a better one since.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from amc.config import Config
from amc.errors import UserError
from amc.methods import load_config
from analysis.record.lookup import find_trial, open_study_record
from analysis.record.rows import StudyRow

# Model settings that determine how clips are cut and judged; the others may differ from the preset's.
_SHARED = ("size", "frames", "discarded_frames", "classifier_width")


@dataclass(frozen=True)
class StartingPoint:
    """The configuration that an ablation starts from.

    Attributes:
        config: of the search's best trial, with every switch as in Ours.
        trial: key of that trial.
        restored: switches that had another value in that trial.
    """

    config: Config
    trial: str
    restored: tuple[str, ...]

    def settings(self) -> dict[str, Any]:
        """Settings that the study's record keeps."""
        return {"from_trial": self.trial, "restored": list(self.restored)}


def starting_point(runs: Path, record: str | None, search: str, mine: Config, known: StudyRow | None) -> StartingPoint:
    """The best configuration of a search, or the one that the study on record started from.

    Prints a line on standard error if a switch was changed, or if the search has found a better configuration since.

    Args:
        search: name of the search.
        mine: configuration of Ours with this study's data set and preset.
        known: the study on record; None for a new study.

    Raises:
        UserError: There is no such search, none of its trials is complete, or it used other data.
    """
    if known is None or known.settings.get("from_study") != search:
        found = best_of(runs, record, search, mine)
        if found.restored:
            print(
                f"{found.trial}, the best trial of {search}, was trained with different values of "
                f"{', '.join(found.restored)}, which are reset to those of Ours. Its other settings were therefore "
                "tuned for a different model",
                file=sys.stderr,
            )
        return found
    settings: Mapping[str, Any] = known.settings
    began = StartingPoint(
        load_config(known.config), settings.get("from_trial", ""), tuple(settings.get("restored", ()))
    )
    try:
        now = best_of(runs, record, search, mine)
    except UserError:
        return began  # the search may have been deleted
    if replace(now.config, seed=began.config.seed) != began.config:
        print(
            f"{known.name} keeps the configuration that it started from, although {now.trial} is the best trial of "
            f"{search} now; give another --study to start from that",
            file=sys.stderr,
        )
    return began


def best_of(runs: Path, record: str | None, search: str, mine: Config) -> StartingPoint:
    """The configuration of a search's best trial, from the given record or the search's own.

    Raises:
        UserError: As for `starting_point`.
    """
    with open_study_record(search, runs, record) as found:
        if found is None:
            raise UserError(
                f"--from-study {search!r}: there is no such study in {runs / search / 'record.db'}; "
                "give the name of a search in --out, or the --record that contains it"
            )
        trial = find_trial(*found)
    return _started(load_config(trial.config), trial.key, mine, search)


def _started(found: Config, key: str, mine: Config, search: str) -> StartingPoint:
    differing = [name for name in ("dataset", "preset", "method") if getattr(found, name) != getattr(mine, name)]
    # A search has one test split; folds divide the same subjects.
    differing += ["split"] if replace(found.split, folds=0, fold=0) != replace(mine.split, folds=0, fold=0) else []
    differing += [f"model.{name}" for name in _SHARED if getattr(found.model, name) != getattr(mine.model, name)]
    if differing:
        raise UserError(
            f"--from-study {search!r} searched {found.dataset.name} at preset {found.preset}, "
            f"split by {found.split.rule}: give the same data options ({', '.join(differing)} differ)"
        )
    switches = asdict(mine.switches)
    restored = tuple(name for name, on in asdict(found.switches).items() if on != switches[name])
    return StartingPoint(replace(found, switches=mine.switches, split=mine.split), key, restored)
