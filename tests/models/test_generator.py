"""The generator's parts and what it does with its conditions (section 3.2, appendix A.1)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from amc.config import configure
from amc.models.generator import Generator, MotionGate, Sharing, leaky
from amc.reference import generator as literal_generator
from amc.reference.examples import ARMS, gradients, random_batch, relative_difference, shake, small


def test_motion_gate_by_hand() -> None:
    """t = sigmoid(ln 3) = 3/4; fc(q) = (10, 20); q = (2, 4): 3/4 fc(q) + 1/4 q."""
    gate = MotionGate(2)
    with torch.no_grad():
        gate.gate.weight.zero_()
        gate.gate.bias.fill_(math.log(3))
        gate.value.weight.zero_()
        gate.value.bias.copy_(torch.tensor([10.0, 20.0]))
    assert gate(torch.tensor([[2.0, 4.0]])).tolist() == [[pytest.approx(8.0), pytest.approx(16.0)]]


@pytest.mark.parametrize(("bias", "expected"), [(1e4, [10.0, 20.0]), (-1e4, [2.0, 4.0])])
def test_motion_gate_at_its_extremes(bias: float, expected: list[float]) -> None:
    """t = 1 leaves fc(q), t = 0 the motion condition as it is."""
    gate = MotionGate(2)
    with torch.no_grad():
        gate.gate.weight.zero_()
        gate.gate.bias.fill_(bias)
        gate.value.weight.zero_()
        gate.value.bias.copy_(torch.tensor([10.0, 20.0]))
    assert gate(torch.tensor([[2.0, 4.0]])).tolist() == [expected]


def test_leaky_relu_has_slope_one_fifth() -> None:
    """R24."""
    assert leaky(torch.tensor([-1.0, 0.0, 2.0])).tolist() == pytest.approx([-0.2, 0.0, 2.0])


@pytest.mark.parametrize(("dataset", "q", "p"), [("natops", 42, 128), ("mug", 28, 96)])
def test_sizes_of_appendix_a1(dataset: str, q: int, p: int) -> None:
    config = configure(dataset, "paper")
    network = Generator(replace(config, model=replace(config.model, frames=3)))
    with torch.no_grad():
        video = network(torch.zeros(1, 3, 64, 64), torch.zeros(1, 2, q), torch.zeros(1, p))
    assert video.shape == (1, 2, 3, 64, 64)
    assert network.decoder.conv1.in_channels == 512 + p
    assert tuple(network.lstm.weight.shape) == (4 * 256, q + 256, 3, 3)


@pytest.mark.parametrize("preset", ["compact", "smoke"])
@pytest.mark.parametrize("dataset", ["natops", "mug"])
def test_videos_of_the_presets(dataset: str, preset: str) -> None:
    config = configure(dataset, preset)
    model = config.model
    batch = random_batch(config, clips=2, dtype=torch.float32)
    video = Generator(config)(batch.appearance, batch.motion, batch.noise)
    assert video.shape == (2, model.frames - 1, 3, model.size, model.size)
    assert video.abs().max() <= 1


def shaken(arm: str = "ours", **readings: object) -> Generator:
    torch.manual_seed(0)
    network = Generator(small("natops", arm, **readings)).double()
    shake(network)
    return network


Gating = Callable[[object, Tensor, Tensor, Tensor], Tensor]


def up_alone(conv: object, h: Tensor, u: Tensor, e: Tensor) -> Tensor:
    return u


def skip_alone(conv: object, h: Tensor, u: Tensor, e: Tensor) -> Tensor:
    return e


@pytest.mark.parametrize(("bias", "gating"), [(1e3, up_alone), (-1e4, skip_alone)])
def test_gates_at_their_extremes(bias: float, gating: Gating) -> None:
    """s = 1 leaves the upsampled map, s = 0 the encoder's: the network is then one without gates."""
    config = small("natops")
    production = shaken()
    with torch.no_grad():
        for name, value in production.named_parameters():
            if ".gate" in name and name.startswith("decoder"):
                value.fill_(bias if name.endswith("bias") else 0.0)
    literal = literal_generator.LiteralGenerator(config).double()
    literal.load_state_dict(production.state_dict())
    literal.decoder.gating = gating  # type: ignore[method-assign, assignment]
    batch = random_batch(config, clips=2)
    video = production.eval()(batch.appearance, batch.motion, batch.noise)
    torch.testing.assert_close(
        video, literal.eval()(batch.appearance, batch.motion, batch.noise), rtol=1e-12, atol=1e-12
    )
    if gating is skip_alone:  # nothing that happens in time comes through
        assert (video - video[:, :1]).abs().max() == 0


def test_each_condition_matters() -> None:
    config = small("natops")
    network = shaken().eval()
    batch = random_batch(config, clips=2)
    with torch.no_grad():
        video = network(batch.appearance, batch.motion, batch.noise)
        for changed in (
            (batch.other_appearance, batch.motion, batch.noise),
            (batch.appearance, batch.other_motion, batch.noise),
            (batch.appearance, batch.motion, batch.noise.flip(0)),
        ):
            assert (network(*changed) - video).abs().max() > 1e-6


@pytest.mark.parametrize("arm", ARMS)
def test_a_removed_condition_changes_nothing(arm: str) -> None:
    config = small("natops", arm)
    network = shaken(arm)
    batch = random_batch(config, clips=2)
    with torch.no_grad():
        video = network(batch.appearance, batch.motion, batch.noise)
        other_ya = network(batch.other_appearance, batch.motion, batch.noise)
        other_ym = network(batch.appearance, batch.other_motion, batch.noise)
    assert torch.equal(other_ya, video) == ("ya" in ARMS[arm])
    assert torch.equal(other_ym, video) == ("ym" in ARMS[arm])


def test_motion_conditions_are_causal() -> None:
    """Frame t is made from the slices up to t."""
    config = small("natops")
    network = shaken().eval()
    batch = random_batch(config, clips=2)
    motion = batch.motion.clone()
    motion[:, 3:] = batch.other_motion[:, 3:]
    with torch.no_grad():
        first, second = (network(batch.appearance, ym, batch.noise) for ym in (batch.motion, motion))
    torch.testing.assert_close(first[:, :3], second[:, :3], rtol=0, atol=1e-12)
    assert (first[:, 3] - second[:, 3]).abs().max() > 1e-6


@pytest.mark.parametrize("bn_rows", ["mixed", "per_row"])
@pytest.mark.parametrize("training", [True, False])
def test_sharing_gives_what_the_rows_written_out_give(training: bool, bn_rows: str) -> None:
    """Table 1: (ya, ym), (ya', ym), (ya, ym')."""
    config = small("natops", bn_rows=bn_rows)
    b = 3
    batch = random_batch(config, clips=b)
    sharing = Sharing(
        image_of=(0, 1, 0),
        motion_of=(0, 0, 1),
        image_rows=((b, 2), (b, 1)),
        rows=((b, 1),) * 3,
    )
    shared, plain = shaken(bn_rows=bn_rows).train(training), shaken(bn_rows=bn_rows).train(training)
    video = shared(
        torch.cat([batch.appearance, batch.other_appearance]),
        torch.cat([batch.motion, batch.other_motion]),
        batch.noise.repeat(3, 1),
        sharing=sharing,
    )
    rows = [
        (batch.appearance, batch.motion),
        (batch.other_appearance, batch.motion),
        (batch.appearance, batch.other_motion),
    ]
    if bn_rows == "per_row":  # each row has its own statistics, so each may be made by itself
        expected = torch.cat([plain(ya, ym, batch.noise) for ya, ym in rows])
    else:
        ya, ym = (torch.cat(part) for part in zip(*rows, strict=True))
        expected = plain(ya, ym, batch.noise.repeat(3, 1))
    torch.testing.assert_close(video, expected, rtol=1e-11, atol=1e-11)
    slope = torch.randn_like(expected)
    video.backward(slope)
    expected.backward(slope)
    assert relative_difference(gradients(plain), gradients(shared)) < 1e-8


def test_noise_is_the_same_in_all_frames() -> None:
    """z is sampled once per video: with a convLSTM that stays at 0, all frames are equal."""
    config = small("natops", "no_ym")
    network = Generator(config).double().eval()
    with torch.no_grad():
        for value in network.lstm.parameters():
            value.zero_()
        for value in network.encoder.conv5.parameters() if network.encoder else ():
            value.zero_()
        batch = random_batch(config, clips=2)
        video = network(batch.appearance, batch.motion, batch.noise)
    torch.testing.assert_close(video, video[:, :1].expand_as(video), rtol=0, atol=1e-12)
    assert (video[0] - video[1]).abs().max() > 1e-6
