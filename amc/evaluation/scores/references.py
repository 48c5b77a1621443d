"""Score sheets of the references of a study: real clips, and clips that repeat their first frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from amc.config import Config
from amc.data.training_data import TrainingData
from amc.evaluation.judges import identity
from amc.evaluation.judges.identity import identity_clips, scored_frames
from amc.evaluation.score_sheet import REAL, STILL, ScoreSheet
from amc.evaluation.scores.score import (
    CHUNK,
    Measurements,
    Part,
    clips_of,
    compare_with_real,
    feature_distances,
    in_chunks,
    limited_threads,
    measure_video,
    measured_real,
    score_sheet,
)
from amc.evaluation.scores.test_judges import Judges

_FLOOR = 6  # stream of random numbers, beside those of the draws


def references(config: Config, data: TrainingData, judges: Judges, *, part: Part = "test") -> dict[str, ScoreSheet]:
    """The score sheets `REAL` and `STILL`.

    `REAL` holds the accuracies on the real test clips, the highest that a generator can be expected to reach, and
    their motion energy. Frechet and kernel distances compare the real test clips with training clips: the lowest that
    a generator can be expected to reach. The training clips have the same class counts if there are enough of them.
    PSNR, SSIM and LPIPS are left out.

    `STILL` holds the scores of clips that repeat their first frame, as from a generator without motion.
    """
    with limited_threads(config):
        return _references(config, data, judges, part)


def _references(config: Config, data: TrainingData, judges: Judges, part: Part) -> dict[str, ScoreSheet]:
    clips, length = clips_of(data, part), config.model.frames
    real = measured_real(config, data, judges, part)
    train = matching_training_clips(data, clips)
    floor = in_chunks(len(train), CHUNK, lambda rows: measure_video(data.clips.frames[train[rows], 1:], judges, length))

    def still(rows: slice) -> Measurements:
        frames = data.clips.frames[clips[rows]]
        held = _still(frames, length - 1)
        return measure_video(held, judges, length) | compare_with_real(held, frames[:, 1:], judges)

    found = in_chunks(len(clips), CHUNK, still)
    return {
        REAL: score_sheet(
            data, clips, real, feature_distances(floor, real), _identity(data, config, judges, lambda frames: frames)
        ),
        STILL: score_sheet(
            data,
            clips,
            found,
            feature_distances(found, real),
            _identity(data, config, judges, lambda frames: _still(frames, length)),
        ),
    }


def matching_training_clips(data: TrainingData, clips: NDArray[np.int64], seed: int = 0) -> NDArray[np.int64]:
    """Random training clips with the class counts of `clips`; all clips of a class that has fewer."""
    rng = np.random.default_rng([seed, _FLOOR])
    label, train = data.clips.label, data.split.train
    classes, counts = np.unique(label[clips], return_counts=True)
    pools = [train[label[train] == c] for c in classes]
    chosen = [rng.choice(pool, min(int(n), len(pool)), replace=False) for pool, n in zip(pools, counts, strict=True)]
    result: NDArray[np.int64] = np.sort(np.concatenate(chosen))
    return result


def _still(frames: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """The first frame of (n, T, H, W, 3), repeated `count` times."""
    return np.repeat(frames[:, :1], count, axis=1)


def _identity(
    data: TrainingData,
    config: Config,
    judges: Judges,
    shown: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
) -> dict[str, NDArray[np.float64]]:
    """Identity kept in the real clips from whose first frames clips are generated."""
    if not judges.identity:
        return {}
    clips = identity_clips(data, judges.identity.subjects, identity.SEED)
    frames = scored_frames(shown(data.clips.frames[clips]), config)
    return {"identity": identity.subject_recognised(judges.identity, data, clips, frames).mean(1)}
