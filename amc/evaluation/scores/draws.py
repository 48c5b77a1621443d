"""Conditions under which a generator is scored: the same for every arm and run of a study.

Each clip has four draws; the last three differ from the first in one condition each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from amc.config import Config
from amc.data.conditions import TestConditions, test_conditions
from amc.data.training_data import TrainingData
from amc.methods import method_of

_OTHER = 5  # stream of random numbers, beside those of amc.data.conditions and amc.evaluation.pictures.mismatched


def versions(config: Config) -> int:
    """How many versions of each scored clip are generated; identity needs further clips.

    Draws that differ in velocities alone give the same clips if the method sees frames alone.
    """
    return 4 if method_of(config).needs_keypoints else 2


@dataclass(frozen=True)
class Draws:
    """Conditions of n clips.

    Attributes:
        first: the conditions for accuracy (R13).
        other_noise: `first` with another z.
        other_velocity: `first` with the velocities of another training clip of the class, if the class has another.
        own: `first` with each clip's own, true velocities, for PSNR, SSIM and LPIPS.
    """

    first: TestConditions
    other_noise: TestConditions
    other_velocity: TestConditions
    own: TestConditions

    def part(self, rows: slice) -> Draws:
        """The draws of some of the clips."""
        first, noise, velocity, own = (
            TestConditions(drawn.clips[rows], drawn.velocity_of[rows], drawn.noise[rows])
            for drawn in (self.first, self.other_noise, self.other_velocity, self.own)
        )
        return Draws(first, noise, velocity, own)


def draws(config: Config, data: TrainingData, clips: NDArray[np.int64], seed: int) -> Draws:
    """The draws for `clips`, each from its own random generator: order and number of clips do not matter.

    Args:
        seed: of the first draw, as for `test_conditions`; the other draws depend on it.
    """
    first = test_conditions(config, data, clips, seed)
    train, label = data.split.train, data.clips.label
    noise, velocity_of = np.empty_like(first.noise), first.velocity_of.copy()
    for row, clip in enumerate(clips):
        rng = np.random.default_rng([seed, _OTHER, int(clip)])
        noise[row] = rng.standard_normal(config.model.noise, dtype=np.float32)
        lenders = train[(label[train] == label[clip]) & (train != first.velocity_of[row])]
        if len(lenders):
            velocity_of[row] = rng.choice(lenders)
    return Draws(
        first=first,
        other_noise=replace(first, noise=noise),
        other_velocity=replace(first, velocity_of=velocity_of),
        own=replace(first, velocity_of=first.clips),
    )
