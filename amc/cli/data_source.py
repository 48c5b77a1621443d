"""Which clip file a command works on: the user's, or the procedural stand-in, made on first use and kept."""

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
    """A checked clip file and the line that announces it."""

    path: Path
    origin: str
    announcement: str  # one line for the screen


def resolve(dataset: str | None, data: Path | None, preset: str) -> DataSource:
    """The clip file for `--dataset` and `--data`.

    `data` where given; else $AMC_DATA/<dataset>.h5 where that is set and exists; else the stand-in at the preset's
    sizes, made once (with progress on standard error) and cached as data/<dataset>-<preset>-v<version>.h5.

    Raises:
        UserError: neither argument, a file that is missing, fails its checks or holds the other data set, an unknown
            data set or preset, or no stand-in for the data set.
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
        raise UserError(f"{path}: holds the data set {info.name!r}, not {dataset!r}")
    return DataSource(path, info.origin, f"data: {path} ({info.name}, origin={info.origin})")


def stand_in_sizes(dataset: str, preset: str) -> dict[str, Any]:
    """Clips, size, frames and classes of a data set's stand-in at a preset.

    Raises:
        UserError: an unknown preset.
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
    }


def _stand_in(dataset: str, preset: str) -> DataSource:
    sizes = stand_in_sizes(dataset, preset)
    stand_in = STAND_INS[dataset]
    path = cache_dir() / "data" / f"{dataset}-{preset}-v{stand_in.version}.h5"
    wanted = stand_in.recipe(**sizes, seed=STAND_IN_SEED)

    def usable(there: Path) -> bool:
        # The cache can be made again, so a damaged file there is no error; nor is one of other sizes.
        try:
            return bool(read_info(there).generator == wanted)
        except UserError:
            return False

    def make(partial: Path) -> None:
        with console(f"making the {dataset} stand-in ({preset})", "clip") as progress:
            stand_in.synthesize(partial, **sizes, seed=STAND_IN_SEED, progress=progress)

    make_once(path, make, usable=usable)
    return DataSource(path, "procedural", f"data: procedural stand-in for {dataset} (origin=procedural), {path}")
