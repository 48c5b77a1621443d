"""The clip file that a command uses: the user's, or the procedural stand-in, which is made once and cached."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amc.cache import cache_dir, make_once
from amc.config import DATASETS, PRESETS
from amc.data.clipfile import read_info
from amc.errors import UserError
from amc.progress import console
from amc.standins.registry import STAND_INS

STAND_IN_SEED = 0


@dataclass(frozen=True)
class DataSource:
    """A checked clip file."""

    path: Path
    origin: str
    announcement: str  # a line for the screen


def resolve(dataset: str | None, data: Path | None, preset: str) -> DataSource:
    """Finds the clip file for `--dataset` and `--data`.

    It is `data` if given; else $AMC_DATA/<dataset>.h5 if it exists; else the stand-in at the sizes of the preset, which
    is made on first use and cached as data/<dataset>-<preset>-v<version>.h5.

    Raises:
        UserError: neither argument is given, the file is missing, damaged or of another data set, or the data set or
            preset is unknown.
    """
    if data is not None:
        return _given(Path(data).expanduser(), dataset)
    if dataset is None:
        raise UserError(f"no data: give --dataset ({', '.join(DATASETS)}) or --data FILE.h5")
    if dataset not in DATASETS:
        raise UserError(f"unknown data set {dataset!r}: choose one of {', '.join(DATASETS)}, or give --data FILE.h5")
    folder = os.environ.get("AMC_DATA")
    if folder:
        path = Path(folder).expanduser() / f"{dataset}.h5"
        if path.is_file():
            return _given(path, dataset)
    return _stand_in(dataset, preset)


def _given(path: Path, dataset: str | None) -> DataSource:
    info = read_info(path)
    if dataset is not None and info.name != dataset and info.name in DATASETS:
        raise UserError(f"{path}: contains the data set {info.name!r}, not {dataset!r}")
    return DataSource(path, info.origin, f"data: {path} ({info.name}, origin={info.origin})")


def stand_in_sizes(dataset: str, preset: str) -> dict[str, Any]:
    """Number of clips, size, frames, classes and subjects of a data set's stand-in at a preset.

    Raises:
        UserError: the preset is unknown.
    """
    scale = PRESETS.get(preset)
    if scale is None:
        raise UserError(f"unknown preset {preset!r}: choose one of {', '.join(PRESETS)}")
    own = DATASETS[dataset]
    return {
        "clips": own.clips if scale.clips is None else scale.clips,
        "size": scale.size,
        "frames": scale.frames,
        "classes": None if scale.classes is None else min(scale.classes, own.spec.classes),
        "subjects": scale.subjects,
    }


def _stand_in(dataset: str, preset: str) -> DataSource:
    sizes = stand_in_sizes(dataset, preset)
    stand_in = STAND_INS[dataset]
    path = cache_dir() / "data" / f"{dataset}-{preset}-v{stand_in.version}.h5"
    wanted = stand_in.recipe(**sizes, seed=STAND_IN_SEED)

    def usable(there: Path) -> bool:
        # A damaged file, or one of other sizes, is replaced.
        try:
            return bool(read_info(there).generator == wanted)
        except UserError:
            return False

    def make(partial: Path) -> None:
        with console(f"making the {dataset} stand-in ({preset})", "clip") as progress:
            stand_in.synthesize(partial, **sizes, seed=STAND_IN_SEED, progress=progress)

    make_once(path, make, usable=usable)
    return DataSource(path, "procedural", f"data: procedural stand-in for {dataset} (origin=procedural), {path}")
