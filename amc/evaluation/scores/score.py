"""The score sheet of a generator: everything that is measured of it on the test split."""

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
from amc.evaluation.judges.judge_cache import threads
from amc.evaluation.judges.motion_classifier import RECIPE, predict
from amc.evaluation.metrics.distances import FEWEST, frechet_distance, kernel_distance
from amc.evaluation.metrics.pixels import difference, motion_energy, psnr, ssim
from amc.evaluation.score_sheet import ScoreSheet
from amc.evaluation.scores.draws import draws
from amc.evaluation.scores.seen import seen
from amc.evaluation.scores.test_judges import Judges

Part = Literal["validation", "test"]
CHUNK = 128  # clips whose four draws are in memory at once
Found = dict[str, NDArray[Any]]
"""What was measured, a row a clip."""


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
    """Generates for the clips of a part of the split, and measures.

    What is measured is frames 2 to T, the first being given; classifiers look at the last T - d (R15). Accuracy,
    Frechet and kernel distance and motion energy are of the first draw, PSNR, SSIM and LPIPS of the one with the
    clips' own velocities, diversities of the first beside one with another z or another training clip's velocities.

    Args:
        part: "validation" for what may be selected by.
        batch: clips generated at once.
        chunk: clips held at once; like `batch` it changes nothing but memory and speed.
        check_pause: called before each batch; what it raises ends the scoring.
    """
    clips, length = part_of(data, part), config.model.frames
    drawn = draws(config, data, clips, VALIDATION_SEED if part == "validation" else TEST_SEED)

    def chunked(rows: slice) -> Found:
        def made(of: Literal["first", "other_noise", "other_velocity", "own"]) -> NDArray[np.uint8]:
            some = drawn.part(rows)
            return generate_clips(
                generator, config, data, getattr(some, of), batch=batch, device=device, check_pause=check_pause
            )

        first = made("first")
        found = judged(first, judges, length)
        found["diversity_noise"] = difference(first, made("other_noise"))
        found["diversity_velocity"] = difference(first, made("other_velocity"))
        return found | compared(made("own"), data.clips.frames[clips[rows], 1:], judges)

    identity: dict[str, NDArray[np.float64]] = {}
    with few_threads(config):
        found = in_chunks(len(clips), chunk, chunked)
        if judges.identity:
            identity["identity"] = identity_by_clip(
                generator, config, data, judges.identity, batch=batch, device=device, check_pause=check_pause
            )
        distances = numbers(found, real_found(config, data, judges, part))
    return sheet(data, clips, found, distances, identity)


def few_threads(config: Config) -> AbstractContextManager[None]:
    """One CPU thread for small clips until the block ends: where cores are shared, a second one costs far more than it
    brings (five times the processor time of scoring, at compact size beside two trials)."""
    small = config.model.frames * config.model.size**2 <= RECIPE.one_thread
    return threads(1 if small else torch.get_num_threads())


def part_of(data: TrainingData, part: Part) -> NDArray[np.int64]:
    """The clips of a part of the split."""
    return data.split.test if part == "test" else data.split.validation


def judged(video: NDArray[np.uint8], judges: Judges, length: int) -> Found:
    """What is measured of a video (n, T - 1, H, W, 3), frames 2 to T, by itself."""
    found = seen(judges.motion.network, video, length)
    measured: Found = {
        "predicted": found.classes,
        "predicted_second": predict(judges.second.network, video, length).argmax(1),
        "features": found.features,
        "motion_energy": motion_energy(video),
    }
    return measured | ({"fvd_features": judges.fvd.features(video)} if judges.fvd else {})


def compared(made: NDArray[np.uint8], real: NDArray[np.uint8], judges: Judges) -> Found:
    """What is measured of a video beside the real one, (n, T - 1, H, W, 3) both; `psnr` and `ssim` are (n, T - 1)."""
    # Clip by clip: SSIM holds ten arrays of doubles.
    found: Found = {
        name: np.stack([measure(a, b) for a, b in zip(made, real, strict=True)])
        for name, measure in (("psnr", psnr), ("ssim", ssim))
    }
    return found | ({"lpips": judges.lpips(made, real)} if judges.lpips else {})


def real_found(config: Config, data: TrainingData, judges: Judges, part: Part) -> Found:
    """What `judged` finds in the real clips of a part; worked out once for these judges."""
    if part not in judges.real:
        clips = part_of(data, part)
        judges.real[part] = in_chunks(
            len(clips),
            CHUNK,
            lambda rows: judged(data.clips.frames[clips[rows], 1:], judges, config.model.frames),
        )
    return judges.real[part]


def in_chunks(count: int, chunk: int, measured: Callable[[slice], Found]) -> Found:
    """What is found in `count` clips, `chunk` at a time."""
    parts = [measured(slice(start, start + chunk)) for start in range(0, count, chunk)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def numbers(found: Found, real: Found) -> dict[str, float]:
    """Distances of the features from real clips'; none where clips are too few for any."""
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


def sheet(
    data: TrainingData,
    clips: NDArray[np.int64],
    found: Found,
    numbers: dict[str, float],
    identity: dict[str, NDArray[np.float64]],
) -> ScoreSheet:
    """What was found of `clips`, as a sheet."""
    by_frame: Found = {name: _floats(found[name]) for name in ("psnr", "ssim") if name in found}
    plain = ("diversity_noise", "diversity_velocity", "motion_energy", "lpips")
    by_clip: Found = {name: values.mean(1) for name, values in by_frame.items()}
    by_clip |= {name: _floats(found[name]) for name in plain if name in found} | identity
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
