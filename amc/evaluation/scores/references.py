"""A study's own sheets, which stand beside its runs': real clips, and clips that repeat their first frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from amc.config import Config
from amc.data.training_data import TrainingData
from amc.evaluation.judges import identity
from amc.evaluation.judges.identity import judged_clips, scored_frames
from amc.evaluation.score_sheet import REAL, STILL, ScoreSheet
from amc.evaluation.scores.score import (
    CHUNK,
    Found,
    Part,
    compared,
    few_threads,
    in_chunks,
    judged,
    numbers,
    part_of,
    real_found,
    sheet,
)
from amc.evaluation.scores.test_judges import Judges

_FLOOR = 6  # stream of random numbers, beside those of the draws


def references(config: Config, data: TrainingData, judges: Judges, *, part: Part = "test") -> dict[str, ScoreSheet]:
    """The sheets `REAL` and `STILL`.

    `REAL` has what classifiers see in the real clips (the ceiling) and their motion energy. Its Frechet and kernel
    distances are the floor: training clips against them, of each class as many as the part has, or all where training
    clips are fewer. PSNR, SSIM and LPIPS, which compare a clip with itself, are left out.

    `STILL` repeats the first frame: what a generator scores that moves nothing.
    """
    with few_threads(config):
        return _references(config, data, judges, part)


def _references(config: Config, data: TrainingData, judges: Judges, part: Part) -> dict[str, ScoreSheet]:
    clips, length = part_of(data, part), config.model.frames
    real = real_found(config, data, judges, part)
    train = alike(data, clips)
    floor = in_chunks(len(train), CHUNK, lambda rows: judged(data.clips.frames[train[rows], 1:], judges, length))

    def still(rows: slice) -> Found:
        frames = data.clips.frames[clips[rows]]
        held = _held(frames, length - 1)
        return judged(held, judges, length) | compared(held, frames[:, 1:], judges)

    found = in_chunks(len(clips), CHUNK, still)
    return {
        REAL: sheet(data, clips, real, numbers(floor, real), _identity(data, config, judges, lambda frames: frames)),
        STILL: sheet(
            data,
            clips,
            found,
            numbers(found, real),
            _identity(data, config, judges, lambda frames: _held(frames, length)),
        ),
    }


def alike(data: TrainingData, clips: NDArray[np.int64], seed: int = 0) -> NDArray[np.int64]:
    """Training clips with the class counts of `clips`, drawn; all of a class that has fewer."""
    rng = np.random.default_rng([seed, _FLOOR])
    label, train = data.clips.label, data.split.train
    classes, counts = np.unique(label[clips], return_counts=True)
    pools = [train[label[train] == c] for c in classes]
    chosen = [rng.choice(pool, min(int(n), len(pool)), replace=False) for pool, n in zip(pools, counts, strict=True)]
    result: NDArray[np.int64] = np.sort(np.concatenate(chosen))
    return result


def _held(frames: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """The first frame of (n, T, H, W, 3), `count` times."""
    return np.repeat(frames[:, :1], count, axis=1)


def _identity(
    data: TrainingData,
    config: Config,
    judges: Judges,
    shown: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
) -> dict[str, NDArray[np.float64]]:
    """Identity kept in the real clips that generated ones begin like."""
    if not judges.identity:
        return {}
    clips = judged_clips(data, judges.identity.subjects, identity.SEED)
    frames = scored_frames(shown(data.clips.frames[clips]), config)
    return {"identity": identity.hits(judges.identity, data, clips, frames).mean(1)}
