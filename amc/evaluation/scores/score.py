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
from amc.evaluation.generation import TEST_SEED, VALIDATION_SEED, generate_clips
from amc.evaluation.judges.identity import identity_by_clip
from amc.evaluation.judges.judge_cache import cpu_threads
from amc.evaluation.judges.motion_classifier import RECIPE, predict
from amc.evaluation.keypoints.summary import ACCURACY, MISSING
from amc.evaluation.metrics.distances import FEWEST, frechet_distance, kernel_distance
from amc.evaluation.metrics.pixels import difference, motion_energy, psnr, ssim
from amc.evaluation.score_sheet import ScoreSheet
from amc.evaluation.scores.classifier_output import classify
from amc.evaluation.scores.draws import draws
from amc.evaluation.scores.test_judges import Judges

Part = Literal["validation", "test"]
CHUNK = 128  # clips whose four generated versions are in memory at once
Measurements = dict[str, NDArray[Any]]
"""By metric name, one row per clip."""


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

    Metrics are computed on frames 2 to T, since frame 1 is given; classifiers see the last T - d frames (R15).
    Accuracy, Frechet and kernel distance and motion energy use the first draw of `amc.evaluation.scores.draws`. PSNR,
    SSIM and LPIPS use the draw with the clips' own velocities. Diversity compares the first draw with one that has
    another z, and with one that has other velocities.

    Args:
        part: "test", or "validation" if something is selected by the scores.
        batch: clips per forward pass.
        chunk: clips in memory at once; like `batch` it affects memory and speed only.
        check_pause: called before each batch; an exception that it raises ends the scoring.
    """
    clips, length = clips_of(data, part), config.model.frames
    drawn = draws(config, data, clips, VALIDATION_SEED if part == "validation" else TEST_SEED)

    def chunked(rows: slice) -> Measurements:
        def made(of: Literal["first", "other_noise", "other_velocity", "own"]) -> NDArray[np.uint8]:
            some = drawn.part(rows)
            return generate_clips(
                generator, config, data, getattr(some, of), batch=batch, device=device, check_pause=check_pause
            )

        first = made("first")
        found = measure_video(first, judges, length)
        found["diversity_noise"] = difference(first, made("other_noise"))
        found["diversity_velocity"] = difference(first, made("other_velocity"))
        return found | compare_with_real(made("own"), data.clips.frames[clips[rows], 1:], judges)

    identity: dict[str, NDArray[np.float64]] = {}
    with limited_threads(config):
        found = in_chunks(len(clips), chunk, chunked)
        if judges.identity:
            identity["identity"] = identity_by_clip(
                generator, config, data, judges.identity, batch=batch, device=device, check_pause=check_pause
            )
        distances = feature_distances(found, measured_real(config, data, judges, part))
    return score_sheet(data, clips, found, distances, identity)


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
    """Metrics of videos (n, T - 1, H, W, 3), frames 2 to T, that need no real video."""
    found = classify(judges.motion.network, video, length)
    measured: Measurements = {
        "predicted": found.classes,
        "predicted_second": predict(judges.second.network, video, length).argmax(1),
        "features": found.features,
        "motion_energy": motion_energy(video),
    }
    measured |= judges.keypoints.measure(video) if judges.keypoints else {}
    return measured | ({"fvd_features": judges.fvd.features(video)} if judges.fvd else {})


def compare_with_real(made: NDArray[np.uint8], real: NDArray[np.uint8], judges: Judges) -> Measurements:
    """Metrics of videos against the real ones, (n, T - 1, H, W, 3) both; `psnr` and `ssim` are (n, T - 1)."""
    # Clip by clip, because SSIM needs ten arrays of doubles.
    found: Measurements = {
        name: np.stack([measure(a, b) for a, b in zip(made, real, strict=True)])
        for name, measure in (("psnr", psnr), ("ssim", ssim))
    }
    return found | ({"lpips": judges.lpips(made, real)} if judges.lpips else {})


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
) -> ScoreSheet:
    """The score sheet of `clips`: per-clip values, means over clips per frame, distances."""
    by_frame: Measurements = {name: _floats(found[name]) for name in ("psnr", "ssim") if name in found}
    plain = ("diversity_noise", "diversity_velocity", "motion_energy", "lpips", MISSING)
    by_clip: Measurements = {name: values.mean(1) for name, values in by_frame.items()}
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
