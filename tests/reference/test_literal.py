"""The literal AMC-GAN itself: the shapes of Appendix A, and that it is plain but not slow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from amc.config import configure, with_overrides
from amc.reference.discriminators import LiteralAppearanceDiscriminator, LiteralMotionDiscriminator
from amc.reference.examples import random_batch, small
from amc.reference.generator import LiteralGenerator
from amc.reference.paths import Norm, Path
from amc.reference.step import LiteralStep


def output_shapes(network: nn.Module, run: Callable[[], object]) -> dict[str, tuple[int, ...]]:
    """(C, H, W) of what each layer gives, in channels-first order."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: Any, output: Tensor) -> None:
            shapes[name] = tuple(output.shape[1:])

        return hook

    for name, layer in network.named_modules():
        if not list(layer.children()):
            layer.register_forward_hook(note(name))
    run()
    return shapes


@pytest.mark.parametrize(("dataset", "q", "p"), [("natops", 42, 128), ("mug", 28, 96)])
def test_generator_has_appendix_a1_shapes(dataset: str, q: int, p: int) -> None:
    config = configure(dataset, "paper")
    assert (config.q, config.model.noise) == (q, p)
    into_decoder = []
    with torch.device("meta"):
        network = LiteralGenerator(replace(config, model=replace(config.model, frames=3)))
        network.decoder.conv1.register_forward_pre_hook(lambda _, args: into_decoder.append(tuple(args[0].shape[1:])))
        shapes = output_shapes(
            network, lambda: network(torch.empty(2, 3, 64, 64), torch.empty(2, 2, q), torch.empty(2, p))
        )
    assert into_decoder == [(512 + p, 8, 8)] * 2
    assert {name: shape for name, shape in shapes.items() if ".bn" not in name} == {
        "encoder.conv1": (32, 64, 64),
        "encoder.conv2": (64, 64, 64),
        "encoder.conv3": (128, 32, 32),
        "encoder.conv4": (256, 16, 16),
        "encoder.conv5": (256, 8, 8),
        "motion_gate.gate": (1,),
        "motion_gate.value": (q,),
        "lstm": (4 * 256, 8, 8),
        "decoder.conv1": (256, 8, 8),
        "decoder.gate1": (256, 16, 16),
        "decoder.conv2": (128, 16, 16),
        "decoder.gate2": (128, 32, 32),
        "decoder.conv3": (64, 32, 32),
        "decoder.gate3": (64, 64, 64),
        "decoder.conv4": (64, 64, 64),
        "decoder.conv5": (3, 64, 64),
    }


def test_appearance_discriminator_has_appendix_a2_shapes() -> None:
    with torch.device("meta"):
        network = LiteralAppearanceDiscriminator(configure("natops", "paper"))

        def quadruplet(image: Tensor) -> Path[Tensor]:
            _, second = yield from network.first_blocks(image)
            encoded = yield from network.third_block(second)
            return (yield from network.score([encoded] * 4))

        shapes = output_shapes(network, lambda: Norm().one(quadruplet(torch.empty(2, 3, 64, 64))))
    assert {name: shape for name, shape in shapes.items() if "bn" not in name} == {
        "conv1": (64, 32, 32),
        "conv2": (128, 16, 16),
        "conv3": (256, 8, 8),
        "deconv": (256, 8, 8),
        "conv5": (512, 4, 4),
        "conv6": (1024, 1, 1),
        "fc1": (64,),
        "fc2": (1,),
    }


@pytest.mark.parametrize(("dataset", "c", "k"), [("natops", 24, 9), ("mug", 6, 11)])
def test_motion_discriminator_has_appendix_a3_shapes(dataset: str, c: int, k: int) -> None:
    with torch.device("meta"):
        network = LiteralMotionDiscriminator(configure(dataset, "paper"))

        def video(frame: Tensor) -> Path[Tensor]:
            _, second = yield from network.first_blocks(frame)
            encoded = yield from network.third_block(second)
            (state,) = network.states([encoded], encoded)
            yield from network.velocity(state)
            shared = yield from network.shared(state)
            yield from network.category(shared)
            return (yield from network.score(shared, torch.empty(2, c)))

        shapes = output_shapes(network, lambda: Norm().one(video(torch.empty(2, 3, 64, 64))))
    assert {name: shape for name, shape in shapes.items() if "bn" not in name} == {
        "conv1": (64, 32, 32),
        "conv2": (128, 16, 16),
        "conv3": (256, 8, 8),
        "lstm": (4 * 256, 8, 8),
        "velocity_conv": (64, 4, 4),
        "velocity_fc": (2 * k,),
        "shared_conv": (64, 4, 4),
        "class_fc1": (64,),
        "class_fc2": (c,),
        "score_conv": (64, 1, 1),
        "score_fc": (1,),
    }


def conv(size: int, inputs: int, outputs: int, kernel: int) -> int:
    """Multiply-accumulates of a convolution with size x size outputs."""
    return size**2 * kernel**2 * inputs * outputs


GATES = conv(16, 256, 256, 3) + conv(32, 256, 128, 3) + conv(64, 256, 64, 3)
FIRST_ENCODER_CONV = conv(64, 3, 32, 3)
ENCODER = FIRST_ENCODER_CONV + conv(64, 32, 64, 3) + conv(32, 64, 128, 3) + conv(16, 128, 256, 3) + conv(8, 256, 256, 3)
MOTION_GATE = 42 * 42 + 42
FRAME = (
    MOTION_GATE
    + conv(8, 42 + 256, 1024, 3)
    + conv(8, 512 + 128, 256, 3)
    + conv(16, 256, 128, 3)
    + conv(32, 128, 64, 3)
    + conv(64, 64, 64, 3)
    + conv(64, 64, 3, 3)
    + GATES
)
FIRST_CONV, SECOND_CONV, THIRD_CONV = conv(32, 3, 64, 4), conv(16, 64, 128, 4), conv(8, 128, 256, 4)
DA_HEAD = conv(8, 1024, 256, 3) + conv(4, 256, 512, 4) + conv(1, 512, 1024, 4) + 1024 * 64 + 64
DM_CELL = conv(8, 512, 1024, 3)
DM_VELOCITY = conv(4, 256, 64, 4) + 1024 * 18
DM_SHARED = conv(4, 256, 64, 4)
DM_CLASS = 1024 * 64 + 64 * 24
DM_SCORE = conv(1, 64 + 24, 64, 4) + 64


def generator_by_hand(steps: int) -> int:
    """Table 1's three rows, T - 1 = `steps`, forward and back; an image and a motion condition need no gradient."""
    return 3 * 3 * (ENCODER + steps * FRAME) - 3 * (FIRST_ENCODER_CONV + steps * MOTION_GATE)


def discriminator_step_by_hand(frames: int, per_frame: int, per_video: int) -> int:
    """Table 2's four rows, forward and back; images need no gradient.

    Args:
        frames: of a row, its conditioning image not counted.
        per_frame: what follows the tower for each frame.
        per_video: what is done once a row.
    """
    tower = (frames + 1) * (FIRST_CONV + SECOND_CONV + THIRD_CONV)
    return 4 * (3 * (tower + frames * per_frame + per_video) - (frames + 1) * FIRST_CONV)


def generator_step_by_hand(frames: int, per_frame: int, per_video: int, idle: int) -> int:
    """Table 2's four rows, forward and back through the discriminator, with its weights' gradients (R23).

    Args:
        frames, per_frame, per_video: as above.
        idle: what a row computes that no loss of this step uses; forward only.
    """
    tower = (frames + 1) * (FIRST_CONV + SECOND_CONV + THIRD_CONV)
    return 4 * (3 * (tower + frames * per_frame + per_video) - FIRST_CONV + idle)


def generated_rows_by_hand(frames: int, per_frame: int, per_video: int, idle: int) -> int:
    """The same with rows 3 and 4 alone, and x through the first two blocks of the tower."""
    tower = frames * (3 * (FIRST_CONV + SECOND_CONV) + 2 * THIRD_CONV)
    condition = 2 * (FIRST_CONV + SECOND_CONV + THIRD_CONV)
    used = tower + condition + 2 * (frames * per_frame + per_video)
    return 3 * used - 2 * FIRST_CONV + 2 * idle


def grams_by_hand(frames: int) -> int:
    """Of x, x^|y and x^|y' at both layers, forward and back: M x N times N x M (Eq. 2)."""
    return 3 * 3 * (1024**2 * frames * 64 + 256**2 * frames * 128)


IN_GENERATORS_STEP = {"mixed": generator_step_by_hand, "generated": generated_rows_by_hand}


def da_by_hand(rows: str = "mixed") -> tuple[int, int]:
    """Da in its own and in the generator's step: one triplet a clip."""
    return discriminator_step_by_hand(3, 0, DA_HEAD), IN_GENERATORS_STEP[rows](3, 0, DA_HEAD, idle=0)


def dm_by_hand(steps: int, rows: str = "mixed") -> tuple[int, int]:
    """Dm in its own and in the generator's step: T - 1 frames a clip."""
    own = discriminator_step_by_hand(steps, DM_CELL + DM_VELOCITY, DM_SHARED + DM_SCORE + DM_CLASS)
    idle = steps * DM_VELOCITY + DM_CLASS
    return own, IN_GENERATORS_STEP[rows](steps, DM_CELL, DM_SHARED + DM_SCORE, idle=idle)


def counted(run: Callable[[], object]) -> int:
    """Multiply-accumulates of convolutions and matrix products, backward passes included."""
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops()) // 2


@pytest.mark.parametrize("rows", ["mixed", "generated"])
def test_multiply_accumulates_by_hand(rows: str) -> None:
    """A sample and step of NATOPS at paper size but for T, with one triplet a clip: plain, not slow."""
    config = with_overrides(configure("natops", "paper"), {"readings.generator_rows": rows})
    config = replace(config, model=replace(config.model, frames=4))
    batch = random_batch(config, clips=1, dtype=torch.float32)
    names = ("clip", "motion", "other_appearance", "other_motion", "noise")
    batch = replace(batch, **{name: getattr(batch, name).to("meta") for name in names})  # shapes alone are computed
    steps = config.model.frames - 1
    with torch.device("meta"):
        literal = LiteralStep(config)
        videos = literal.generate(batch)
        forward = counted(lambda: literal.generate(batch))
        loss, _ = literal.discriminator_loss(batch, videos, 0)
        discriminators = counted(lambda: literal.discriminator_loss(batch, videos, 0)) + counted(loss.backward)
        loss, _ = literal.generator_loss(batch, videos)
        scores = counted(lambda: literal.generator_loss(batch, videos))
        back = counted(loss.backward)
    da, dm = da_by_hand(rows), dm_by_hand(steps, rows)
    assert forward == 3 * (ENCODER + steps * FRAME)
    assert discriminators == da[0] + dm[0]
    assert forward + scores + back == generator_by_hand(steps) + da[1] + dm[1] + grams_by_hand(3) + grams_by_hand(steps)


def test_multiply_accumulates_at_paper_size() -> None:
    """In 10^9, for T = 32: the generator, its gates, Dm, Da, and the Gram matrices of both."""
    grams = grams_by_hand(31) + grams_by_hand(3)
    counts = (generator_by_hand(31), 3 * 3 * 31 * GATES, sum(dm_by_hand(31)), sum(da_by_hand()), grams)
    assert [round(count / 1e9) for count in counts] == [459, 295, 280, 11, 23]


def test_statistics_frame_by_frame_and_over_time_agree_in_evaluation_mode_alone() -> None:
    """R10."""
    config = small("natops")
    batch = random_batch(config, clips=3)
    network = LiteralGenerator(config).double()
    videos = {}
    for training in (True, False):
        network.train(training)
        for over_time in (True, False):
            with torch.no_grad():
                videos[training, over_time] = network(batch.appearance, batch.motion, batch.noise, Norm(over_time))
    torch.testing.assert_close(videos[False, True], videos[False, False], rtol=1e-12, atol=1e-12)
    assert (videos[True, True] - videos[True, False]).abs().max() > 1e-3


def test_statistics_of_frames_by_hand() -> None:
    """Two frames of a batch of two in two rows: {0, 2} and {4, 6}."""
    frames = [torch.tensor([[0.0], [2.0]], dtype=torch.float64), torch.tensor([[4.0], [6.0]], dtype=torch.float64)]

    def normalised(norm: Norm) -> list[list[float]]:
        layer = nn.BatchNorm1d(1, eps=1e-12, affine=False).double()

        def path(x: Tensor) -> Path[Tensor]:
            return (yield layer, x)

        return [[round(v, 6) for v in y.flatten().tolist()] for y in norm.run([path(x) for x in frames])]

    assert normalised(Norm(over_time=False)) == [[-1, 1], [-1, 1]]  # means 1 and 5, deviation 1
    assert normalised(Norm(over_time=True)) == [[-1.341641, -0.447214], [0.447214, 1.341641]]  # mean 3, variance 5
    # Row by row over time: {0, 4} and {2, 6}.
    assert normalised(Norm(over_time=True, rows=2)) == [[-1, -1], [1, 1]]
