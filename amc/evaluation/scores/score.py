"""The score sheet of a generator: all metrics on one part of the split."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from amc.config import Config
from amc.data.training_data import TrainingData
from amc.errors import UserError
from amc.evaluation.generation import TEST_SEED, VALIDATION_SEED, generate_clips
from amc.evaluation.judges.identity import identity_by_clip
from amc.evaluation.judges.judge_cache import cpu_threads
from amc.evaluation.judges.motion_classifier import RECIPE, predict
from amc.evaluation.keypoints.summary import ACCURACY, MISSING, POINTS_MISSING
from amc.evaluation.metrics.distances import FEWEST, frechet_distance, kernel_distance
from amc.evaluation.metrics.pixels import difference, motion_energy, psnr, ssim
from amc.evaluation.score_sheet import ScoreSheet
from amc.evaluation.scores.classifier_output import classify
from amc.evaluation.scores.draws import draws
from amc.evaluation.scores.test_judges import Judges
from amc.methods import method_of

Part = Literal["validation", "test"]
CHUNK = 128  # clips whose four generated versions are in memory at once
Measurements = dict[str, NDArray[Any]]
"""By metric name, one row per clip."""


class KeypointsNotScored(UserError):
    """The keypoint judge failed on generated clips.

    Attributes:
        sheet: all other scores.
    """

    def __init__(self, reason: UserError, sheet: ScoreSheet) -> None:
        super().__init__(str(reason))
        self.sheet = sheet


def score(
    generator: nn.Module,
    config: Config,
    data: TrainingData,
    judges: Judges,
    *,
    part: Part = "test",
    batch: int = 32,
    chunk: int = CHUNK,
    device: torch.device | None = None,
    check_pause: Callable[[], None] = lambda: None,
) -> ScoreSheet:
    """Generates clips for one part of the split and computes all metrics.

    PSNR, SSIM, LPIPS, diversity and motion energy are those of the frames that the method generates: frames 2 to T, or
    s + 1 to T if it sees s real frames. Classifiers see the last T - d frames (R15).
    Accuracy, Frechet and kernel distance and motion energy use the first draw of `amc.evaluation.scores.draws`. PSNR,
    SSIM and LPIPS use the draw with the clips' own velocities. Diversity compares the first draw with one that has
    another z, and with one that has other velocities.

    Args:
        part: "test", or "validation" if something is selected by the scores.
        batch: clips per forward pass.
        chunk: clips in memory at once, but for the frames that a keypoint judge sees, which are kept for all clips;
            like `batch` it affects memory and speed only.
        check_pause: called before each batch; an exception that it raises ends the scoring.

    Raises:
        KeypointsNotScored: the keypoint judge failed on the generated clips; it holds the other scores.
    """
    clips, length, given = clips_of(data, part), config.model.frames, given_frames(config)
    seen_by_keypoints: list[NDArray[np.uint8]] = []
    drawn = draws(config, data, clips, VALIDATION_SEED if part == "validation" else TEST_SEED)

    def chunked(rows: slice) -> Measurements:
        def made(of: Literal["first", "other_noise", "other_velocity", "own"]) -> NDArray[np.uint8]:
            some = drawn.part(rows)
            return generate_clips(
                generator, config, data, getattr(some, of), batch=batch, device=device, check_pause=check_pause
            )

        first = made("first")
        if judges.keypoints:
            seen_by_keypoints.append(first[:, -judges.keypoints.frames :].copy())
        found = measure_video(first, judges, length) | {"motion_energy": motion_energy(first[:, given:])}
        found["diversity_noise"] = difference(first[:, given:], made("other_noise")[:, given:])
        # A method that sees frames alone makes the same clips whatever the velocities are.
        other, own = (made("other_velocity"), made("own")) if method_of(config).needs_keypoints else (first, first)
        found["diversity_velocity"] = difference(first[:, given:], other[:, given:])
        return found | compare_with_real(own, data.clips.frames[clips[rows], 1:], judges, given)

    identity: dict[str, NDArray[np.float64]] = {}
    with limited_threads(config):
        found = in_chunks(len(clips), chunk, chunked)
        if judges.identity:
            identity["identity"] = identity_by_clip(
                generator, config, data, judges.identity, batch=batch, device=device, check_pause=check_pause
            )
        distances = feature_distances(found, measured_real(config, data, judges, part))
        # All clips at once, so that the user is told once of all that an extractor lacks.
        failure: UserError | None = None
        try:
            found |= judges.keypoints.measure(np.concatenate(seen_by_keypoints)) if judges.keypoints else {}
        except UserError as error:
            failure = error
    sheet = score_sheet(data, clips, found, distances, identity, given)
    if failure is not None:
        raise KeypointsNotScored(failure, sheet) from failure
    return sheet


def given_frames(config: Config) -> int:
    """How many of frames 2 to T are real frames that the method sees: 0 for a method that sees frame 1 alone."""
    return method_of(config).frames_seen - 1


def limited_threads(config: Config) -> AbstractContextManager[None]:
    """Uses one CPU thread inside the block if clips are small.

    On shared cores a second thread costs more than it gains: at compact size beside two trials, five times the CPU
    time.
    """
    small = config.model.frames * config.model.size**2 <= RECIPE.one_thread
    return cpu_threads(1 if small else torch.get_num_threads())


def clips_of(data: TrainingData, part: Part) -> NDArray[np.int64]:
    """The clips of a part of the split."""
    return data.split.test if part == "test" else data.split.validation


def measure_video(video: NDArray[np.uint8], judges: Judges, length: int) -> Measurements:
    """What the classifiers and FVD's network see in videos (n, T - 1, H, W, 3), frames 2 to T."""
    found = classify(judges.motion.network, video, length)
    measured: Measurements = {
        "predicted": found.classes,
        "predicted_second": predict(judges.second.network, video, length).argmax(1),
        "features": found.features,
    }
    return measured | ({"fvd_features": judges.fvd.features(video)} if judges.fvd else {})


def compare_with_real(made: NDArray[np.uint8], real: NDArray[np.uint8], judges: Judges, given: int) -> Measurements:
    """Metrics of videos against the real ones, (n, T - 1, H, W, 3) both; `psnr` and `ssim` are (n, T - 1).

    LPIPS leaves out the first `given` frames.
    """
    # Clip by clip, because SSIM needs ten arrays of doubles.
    found: Measurements = {
        name: np.stack([measure(a, b) for a, b in zip(made, real, strict=True)])
        for name, measure in (("psnr", psnr), ("ssim", ssim))
    }
    return found | ({"lpips": judges.lpips(made[:, given:], real[:, given:])} if judges.lpips else {})


def measured_real(config: Config, data: TrainingData, judges: Judges, part: Part) -> Measurements:
    """`measure_video` of the real clips of a part; computed once and cached in `judges.real`."""
    if part not in judges.real:
        clips = clips_of(data, part)
        judges.real[part] = in_chunks(
            len(clips),
            CHUNK,
            lambda rows: measure_video(data.clips.frames[clips[rows], 1:], judges, config.model.frames),
        )
    return judges.real[part]


def in_chunks(count: int, chunk: int, measured: Callable[[slice], Measurements]) -> Measurements:
    """Measures `count` clips, `chunk` at a time."""
    parts = [measured(slice(start, start + chunk)) for start in range(0, count, chunk)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def feature_distances(found: Measurements, real: Measurements) -> dict[str, float]:
    """Frechet and kernel distance (and FVD) from the features of real clips; empty if there are too few clips."""
    count = len(found["features"])
    if min(count, len(real["features"])) < FEWEST:
        return {}
    measured = {
        "frechet_distance": frechet_distance(_floats(found["features"]), _floats(real["features"])),
        "kernel_distance": kernel_distance(_floats(found["features"]), _floats(real["features"])),
        "features": float(count),
    }
    if "fvd_features" in found:
        measured["fvd"] = frechet_distance(_floats(found["fvd_features"]), _floats(real["fvd_features"]))
    return measured


def score_sheet(
    data: TrainingData,
    clips: NDArray[np.int64],
    found: Measurements,
    numbers: dict[str, float],
    identity: dict[str, NDArray[np.float64]],
    given: int,
) -> ScoreSheet:
    """The score sheet of `clips`: per-clip values, means over clips per frame, distances.

    The per-clip means of PSNR and SSIM leave out the first `given` of frames 2 to T.
    """
    by_frame: Measurements = {name: _floats(found[name]) for name in ("psnr", "ssim") if name in found}
    plain = ("diversity_noise", "diversity_velocity", "motion_energy", "lpips", MISSING, POINTS_MISSING)
    by_clip: Measurements = {name: values[:, given:].mean(1) for name, values in by_frame.items()}
    by_clip |= {name: _floats(found[name]) for name in plain if name in found} | identity
    if "keypoint_predicted" in found:
        by_clip[ACCURACY] = _floats(found["keypoint_predicted"] == data.clips.label[clips])
    return ScoreSheet(
        label=tuple(data.clips.label[clips].tolist()),
        subject=tuple(data.clips.subject[clips].tolist()),
        predicted=tuple(found["predicted"].tolist()),
        predicted_second=tuple(found["predicted_second"].tolist()),
        clips={name: tuple(values.tolist()) for name, values in by_clip.items()},
        frames={name: tuple(values.mean(0).tolist()) for name, values in by_frame.items()},
        numbers=numbers,
    )


def _floats(values: NDArray[Any]) -> NDArray[np.float64]:
    return values.astype(np.float64)
