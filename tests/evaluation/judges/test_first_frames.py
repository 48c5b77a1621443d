"""A first frame of a stand-in tells no class, so a generator that sees no motion condition has nothing to go by.

A classifier of the judge's own kind is trained on first frames of training clips, held still, and asked about those of
test clips. Beside it stands the same with a class painted into its first frames, which must be told apart: else the
check could see no leak.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from amc.cli.data_options import ConfiguredData, configure_data
from amc.cli.data_source import STAND_IN_SEED, stand_in_sizes
from amc.config import mug
from amc.data.clips import Clips, load_clips
from amc.data.training_data import split_clips
from amc.evaluation.judges.motion_classifier import ClassifierRecipe, cached_classifier
from amc.standins.registry import MUG

SURE = 0.999  # of the interval about chance


def chance_interval(clips: int, classes: int) -> tuple[float, float]:
    """Accuracies of guessing: clips of one subject have every class as often, so its true spread is less."""
    low, high = binom.interval(SURE, clips, 1 / classes)
    return low / clips, high / clips


def still_accuracy(chosen: ConfiguredData, clips: Clips, recipe: ClassifierRecipe) -> float:
    return cached_classifier(
        clips, chosen.data.split, chosen.config, seed=3, shown="first frames", recipe=recipe
    ).test_accuracy


def check(dataset: str, preset: str, recipe: ClassifierRecipe) -> None:
    chosen = configure_data(dataset, None, preset)
    clips, test = chosen.data.clips, chosen.data.split.test
    classes = chosen.config.dataset.classes
    shares = np.bincount(clips.label[test], minlength=classes) / len(test)
    assert shares.max() == pytest.approx(1 / classes, abs=0.02)  # else chance would be another number
    low, high = chance_interval(len(test), classes)
    assert low <= still_accuracy(chosen, clips, recipe) <= high
    info = replace(clips.info, fingerprint="0" * 64)  # other clips, so another classifier in the cache
    painted = clips.frames.copy()
    painted[:, :, : painted.shape[2] // 2] = (clips.label * 255 // (classes - 1)).reshape(-1, 1, 1, 1, 1)
    assert still_accuracy(chosen, replace(clips, frames=painted, info=info), recipe) > high + 0.15


def test_no_class_can_be_told_from_first_frames() -> None:
    check("natops", "smoke", ClassifierRecipe(steps=300, patience=6))


@pytest.mark.slow
def test_nor_from_those_of_the_compact_stand_in() -> None:
    check("natops", "compact", ClassifierRecipe())


@pytest.mark.slow
def test_first_frames_of_compact_faces_are_within_three_points_of_chance(tmp_path: Path) -> None:
    config = mug("compact")
    sizes = stand_in_sizes("mug", "compact")
    path = tmp_path / "first.h5"
    # The first frame is neutral however few follow it, and those are not looked at.
    MUG.synthesize(path, **(sizes | {"frames": MUG.min_frames}), seed=STAND_IN_SEED)
    clips = load_clips(path, size=config.model.size, frames=MUG.min_frames)
    still = replace(clips, frames=np.repeat(clips.frames[:, :1], config.model.frames, axis=1))
    split = split_clips(config, still).split
    recipe = ClassifierRecipe(steps=400)
    trained = cached_classifier(still, split, config, seed=3, shown="first frames", recipe=recipe)
    found = [trained.validation_accuracy, trained.test_accuracy]
    parts = np.array([len(split.validation), len(split.test)])
    assert np.average(found, weights=parts) == pytest.approx(1 / 6, abs=0.03)
    assert trained.test_accuracy == pytest.approx(1 / 6, abs=0.03)


def test_the_interval_by_hand() -> None:
    # 8 clips, 2 classes: 0 and 8 hits have probability 1/256 each, more than 0.0005.
    assert chance_interval(8, 2) == (0, 1)
    low, high = chance_interval(48, 3)
    outside = binom.cdf(round(low * 48) - 1, 48, 1 / 3) + binom.sf(round(high * 48), 48, 1 / 3)
    assert outside <= 1 - SURE
