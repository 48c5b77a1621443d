"""The production networks against the literal ones: names and sizes of parameters, and the generator by itself.

The discriminators are compared within the training step (tests/methods/amc_gan/test_equality.py), where their rows
meet.
"""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from amc.config import Config, configure
from amc.models.appearance_discriminator import AppearanceDiscriminator
from amc.models.generator import Generator
from amc.models.motion_discriminator import MotionDiscriminator
from amc.reference import discriminators, generator
from amc.reference.examples import ARMS, gradients, random_batch, relative_difference, shake, small
from amc.reference.paths import Norm

PAIRS = (
    (Generator, generator.LiteralGenerator),
    (AppearanceDiscriminator, discriminators.LiteralAppearanceDiscriminator),
    (MotionDiscriminator, discriminators.LiteralMotionDiscriminator),
)
COUNTS = {
    "natops": (6_645_116, 13_576_001, 6_080_091),
    "mug": (6_441_356, 13_576_001, 6_064_553),
}


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


@pytest.mark.parametrize("dataset", ["natops", "mug"])
def test_parameters_of_the_notes(dataset: str) -> None:
    config = configure(dataset, "paper")
    with torch.device("meta"):
        assert tuple(parameters(production(config)) for production, _ in PAIRS) == COUNTS[dataset]
        assert tuple(parameters(literal(config)) for _, literal in PAIRS) == COUNTS[dataset]


@pytest.mark.parametrize("size", [8, 16, 32, 64])
@pytest.mark.parametrize("arm", ARMS)
def test_parameters_have_the_literal_names_and_shapes(arm: str, size: int) -> None:
    config = small("natops", arm, size=size)
    with torch.device("meta"):
        for production, literal in PAIRS:
            assert shapes(production(config)) == shapes(literal(config))


def generators(config: Config) -> tuple[Generator, generator.LiteralGenerator]:
    torch.manual_seed(0)
    production = Generator(config).double()
    shake(production)
    literal = generator.LiteralGenerator(config).double()
    literal.load_state_dict(production.state_dict())
    return production, literal


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("dataset", "arm"), [("natops", "ours"), ("mug", "ours"), ("natops", "no_ya"), ("natops", "no_ym")]
)
def test_generator(dataset: str, arm: str, training: bool) -> None:
    """Videos, and gradients of parameters and of all that goes in."""
    config = small(dataset, arm)
    batch = random_batch(config, clips=3)
    slope = torch.randn(3, config.model.frames - 1, 3, 16, 16, dtype=torch.float64)
    videos, slopes = [], []
    for network in generators(config):
        network.train(training)
        inputs = {"ya": batch.appearance, "ym": batch.motion, "z": batch.noise}
        inputs = {name: value.clone().requires_grad_() for name, value in inputs.items()}
        video = network(inputs["ya"], inputs["ym"], inputs["z"])
        video.backward(slope)
        videos.append({"video": video.detach()})
        of_inputs = {name: torch.zeros(()) if x.grad is None else x.grad for name, x in inputs.items()}
        slopes.append(gradients(network) | of_inputs)
    assert relative_difference(videos[1], videos[0]) < 1e-12
    assert relative_difference(slopes[1], slopes[0]) < 1e-8


def test_generator_frame_by_frame_in_evaluation_mode() -> None:
    config = small("natops", size=32, frames=8, width=1 / 8)
    production, literal = generators(config)
    batch = random_batch(config, clips=2)
    with torch.no_grad():
        frames = literal.eval()(batch.appearance, batch.motion, batch.noise, Norm(over_time=False))
        torch.testing.assert_close(
            production.eval()(batch.appearance, batch.motion, batch.noise), frames, rtol=1e-11, atol=1e-11
        )


def test_a_video_does_not_depend_on_the_batch_in_evaluation_mode() -> None:
    config = small("natops")
    production, _ = generators(config)
    batch = random_batch(config, clips=4)
    with torch.no_grad():
        together = production.eval()(batch.appearance, batch.motion, batch.noise)
        for i, j in itertools.combinations(range(4), 2):
            part = [i, j]
            alone = production(batch.appearance[part], batch.motion[part], batch.noise[part])
            torch.testing.assert_close(alone, together[part], rtol=1e-12, atol=1e-12)


def test_float32_stays_close_to_float64() -> None:
    config = small("natops", size=32, frames=8, width=1 / 8)
    production, _ = generators(config)
    batch = random_batch(config, clips=2)
    inputs = (batch.appearance, batch.motion, batch.noise)
    with torch.no_grad():
        production.eval()
        expected: Tensor = production(*inputs)
        actual = production.float()(*(x.float() for x in inputs))
    assert (actual.double() - expected).abs().max() < 1e-4
