"""AMC-GAN (Jang, Kim and Song, ICML 2018): `METHOD`, its entry in the registry.

    objective.py    Tables 1 and 2 as data, the loss terms (Eqs. 3 to 8)
    critics.py      how the two discriminators score the rows of Table 2
    step.py         Algorithm 1
    search_space.py what a search varies

The same in plain PyTorch, easier to read and slower, is `amc/reference`.
"""

from __future__ import annotations

from torch import Tensor, nn

from amc.methods.amc_gan.search_space import SEARCH_SPACE
from amc.methods.amc_gan.step import AMCStep
from amc.methods.networks import multiple_of
from amc.methods.protocol import Method
from amc.models.appearance_discriminator import AppearanceDiscriminator
from amc.models.generator import Generator
from amc.models.motion_discriminator import MotionDiscriminator


def _generate(generator: nn.Module, seen: Tensor, motion: Tensor, noise: Tensor) -> Tensor:
    video: Tensor = generator(seen[:, 0], motion, noise)
    return video


METHOD = Method(
    name="amc_gan",
    title="AMC-GAN",
    networks={
        "generator": Generator,
        "appearance_discriminator": AppearanceDiscriminator,
        "motion_discriminator": MotionDiscriminator,
    },
    predictor="generator",
    frames_seen=1,
    build=AMCStep,
    generate=_generate,
    search_space=SEARCH_SPACE,
    check=multiple_of(8),
)
