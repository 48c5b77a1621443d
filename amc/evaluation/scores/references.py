"""Score sheets of the references of a study: real clips, and clips that repeat their first or last seen frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from amc.config import Config
from amc.data.training_data import TrainingData
from amc.evaluation.judges import identity
from amc.evaluation.judges.identity import identity_clips, scored_frames
from amc.evaluation.metrics.pixels import motion_energy
from amc.evaluation.score_sheet import LAST_SEEN, REAL, STILL, ScoreSheet
from amc.evaluation.scores.score import (
    CHUNK,
    Measurements,
    Part,
    clips_of,
    compare_with_real,
    feature_distances,
    given_frames,
    in_chunks,
    limited_threads,
    measure_video,
    measured_real,
    score_sheet,
)
from amc.evaluation.scores.test_judges import Judges

_FLOOR = 6  # stream of random numbers, beside those of the draws


def references(
    config: Config, data: TrainingData, judges: Judges, *, part: Part = "test", last_seen: bool = False
) -> dict[str, ScoreSheet]:
    """The score sheets `REAL` and `STILL`, and `LAST_SEEN` if it is asked for.

    `REAL` holds the accuracies on the real test clips, the highest that a generator can be expected to reach, and
    their motion energy. Frechet and kernel distances compare the real test clips with training clips: the lowest that
    a generator can be expected to reach. The training clips have the same class counts if there are enough of them.
    PSNR, SSIM and LPIPS are left out. Metrics of generated frames cover the same frames as those of the method that
    `config` names.

    `STILL` holds the scores of clips that repeat their first frame, as from a generator without motion.

    `LAST_SEEN` holds those of clips that go on with their frame number d, `config.model.discarded_frames`: the last one
    that is not scored, and so the last that a method may see.
    """
    with limited_threads(config):
        found = _references(config, data, judges, part)
        if last_seen:
            found[LAST_SEEN] = _held(config, data, judges, part, config.model.discarded_frames)
        return found


def _references(config: Config, data: TrainingData, judges: Judges, part: Part) -> dict[str, ScoreSheet]:
    clips, length, given = clips_of(data, part), config.model.frames, given_frames(config)
    real = measured_real(config, data, judges, part) | _keypoints(data.clips.frames[clips], judges)
    real["motion_energy"] = motion_energy(data.clips.frames[clips, 1 + given :])
    train = matching_training_clips(data, clips)
    floor = in_chunks(len(train), CHUNK, lambda rows: measure_video(data.clips.frames[train[rows], 1:], judges, length))

    return {
        REAL: score_sheet(
            data,
            clips,
            real,
            feature_distances(floor, real),
            _identity(data, config, judges, lambda frames: frames),
            given,
        ),
        STILL: _held(config, data, judges, part, 1),
    }


def _held(config: Config, data: TrainingData, judges: Judges, part: Part, seen: int) -> ScoreSheet:
    """The score sheet of clips that repeat their frame number `seen`, from 1, after that frame."""
    clips, length, given = clips_of(data, part), config.model.frames, given_frames(config)

    def measured(rows: slice) -> Measurements:
        frames = data.clips.frames[clips[rows]]
        held = _hold(frames, seen, length)
        found = measure_video(held, judges, length) | {"motion_energy": motion_energy(held[:, given:])}
        return found | compare_with_real(held, frames[:, 1:], judges, given)

    found = in_chunks(len(clips), CHUNK, measured)
    found |= _keypoints(_hold(data.clips.frames[clips], seen, length), judges)
    distances = feature_distances(found, measured_real(config, data, judges, part))
    identity = _identity(data, config, judges, lambda frames: _hold(frames, seen, length))
    return score_sheet(data, clips, found, distances, identity, given)


def _keypoints(video: NDArray[np.uint8], judges: Judges) -> Measurements:
    return judges.keypoints.measure(video) if judges.keypoints else {}


def matching_training_clips(data: TrainingData, clips: NDArray[np.int64], seed: int = 0) -> NDArray[np.int64]:
    """Random training clips with the class counts of `clips`; all clips of a class that has fewer."""
    rng = np.random.default_rng([seed, _FLOOR])
    label, train = data.clips.label, data.split.train
    classes, counts = np.unique(label[clips], return_counts=True)
    pools = [train[label[train] == c] for c in classes]
    chosen = [rng.choice(pool, min(int(n), len(pool)), replace=False) for pool, n in zip(pools, counts, strict=True)]
    result: NDArray[np.int64] = np.sort(np.concatenate(chosen))
    return result


def _hold(frames: NDArray[np.uint8], seen: int, length: int) -> NDArray[np.uint8]:
    """Frames 2 to `length` of clips (n, T, H, W, 3) that repeat frame number `seen`, from 1, after that frame."""
    return np.concatenate([frames[:, 1:seen], np.repeat(frames[:, seen - 1 : seen], length - seen, axis=1)], axis=1)


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
