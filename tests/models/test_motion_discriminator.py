"""Dm's parts (appendix A.3), what its heads share (R9), and how it shrinks (R25)."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from amc.config import configure
from amc.models.motion_discriminator import MotionDiscriminator
from amc.reference.examples import random_batch, small


def heads(network: MotionDiscriminator, ya: Tensor | None, video: Tensor, label: Tensor | None) -> dict[str, Tensor]:
    n, steps = video.shape[:2]
    top = network.top(network.tower(video.flatten(0, 1))[1]).unflatten(0, (n, steps))
    states = network.unroll(top, None if ya is None else network.top(network.tower(ya)[1]))
    summary = network.summary(states[-1])
    return {
        "velocities": network.velocities(states),
        "classes": network.classes(summary),
        "scores": network.scores(summary, label),
    }


@pytest.mark.parametrize(("dataset", "c", "k"), [("natops", 24, 9), ("mug", 6, 11)])
def test_shapes_of_appendix_a3(dataset: str, c: int, k: int) -> None:
    with torch.device("meta"):
        network = MotionDiscriminator(configure(dataset, "paper"))
        out = heads(network, torch.empty(2, 3, 64, 64), torch.empty(2, 3, 3, 64, 64), torch.empty(2, c))
    assert {name: tuple(x.shape) for name, x in out.items()} == {
        "velocities": (2, 3, 2 * k),
        "classes": (2, c),
        "scores": (2,),
    }
    assert tuple(network.lstm.weight.shape) == (4 * 256, 512, 3, 3)
    assert network.score_conv is not None
    assert tuple(network.score_conv.weight.shape) == (64, 64 + c, 4, 4)


def example(arm: str = "ours", **changes: Any) -> tuple[MotionDiscriminator, Tensor, Tensor, Tensor]:
    config = small("natops", arm, **changes)
    torch.manual_seed(0)
    batch = random_batch(config, clips=3)
    label = batch.motion[:, 0, : config.dataset.classes]
    return MotionDiscriminator(config).double(), batch.appearance, batch.clip[:, 1:], label


def touched(network: MotionDiscriminator, output: Tensor) -> set[str]:
    """The parts whose parameters an output depends on."""
    network.zero_grad()
    output.square().sum().backward(retain_graph=True)
    return {name.split(".")[0] for name, p in network.named_parameters() if p.grad is not None and p.grad.any()}


def test_which_head_uses_which_layers() -> None:
    """R9: the velocity head's convolution is its own, class head and real/fake head share theirs."""
    network, ya, video, label = example(size=32)
    trunk = {"conv1", "conv2", "bn2", "conv3", "bn3", "lstm"}
    out = heads(network, ya, video, label)
    assert touched(network, out["velocities"]) == trunk | {"velocity_conv", "velocity_bn", "velocity_fc"}
    classes = {"shared_conv", "shared_bn", "class_fc1", "class_bn1", "class_fc2", "class_bn2"}
    assert touched(network, out["classes"]) == trunk | classes
    assert touched(network, out["scores"]) == trunk | {"shared_conv", "shared_bn", "score_conv", "score_bn", "score_fc"}


def test_the_velocity_head_may_share_the_convolution() -> None:
    """R9, the other setting: one convolution for all three heads, so the network has that one less."""
    network, ya, video, label = example(size=32, velocity_head="shared")
    velocities = heads(network, ya, video, label)["velocities"]
    assert velocities.shape == (3, 5, 18)
    trunk = {"conv1", "conv2", "bn2", "conv3", "bn3", "lstm"}
    assert touched(network, velocities) == trunk | {"shared_conv", "shared_bn", "velocity_fc"}
    own, *_ = example(size=32)
    gone = {name for name, _ in own.named_parameters()} - {name for name, _ in network.named_parameters()}
    assert gone == {f"velocity_{part}" for part in ("conv.weight", "conv.bias", "bn.weight", "bn.bias")}


def test_the_label_reaches_the_score_alone() -> None:
    network, ya, video, label = example()
    network.eval()
    first, second = heads(network, ya, video, label), heads(network, ya, video, label.roll(1, 1))
    assert torch.equal(first["velocities"], second["velocities"])
    assert torch.equal(first["classes"], second["classes"])
    assert not torch.equal(first["scores"], second["scores"])


def test_velocities_are_causal_and_bounded() -> None:
    network, ya, video, label = example()
    network.eval()
    other = video.clone()
    other[:, 3:] = -other[:, 3:]
    first, second = (heads(network, ya, x, label)["velocities"] for x in (video, other))
    assert torch.equal(first[:, :3], second[:, :3])
    assert not torch.equal(first[:, 3], second[:, 3])
    assert first.abs().max() <= 1


def test_starts_from_the_encoded_ya() -> None:
    """R24: h_0 = c_0 = the encoding of ya, so ya reaches even the first prediction."""
    network, ya, video, label = example()
    network.eval()
    first, second = (heads(network, image, video, label)["velocities"] for image in (ya, -ya))
    assert (first[:, 0] - second[:, 0]).abs().max() > 1e-9


@pytest.mark.parametrize(
    ("size", "halves", "last"),
    [(64, True, 4), (32, True, 2), (16, True, None), (8, False, None)],
)
def test_strides_shrink_with_the_map(size: int, halves: bool, last: int | None) -> None:
    network, ya, video, label = example(size=size, frames=3)
    assert (network.shared_conv is not None) == (network.velocity_conv is not None) == halves
    assert (network.score_conv is not None) == (last is not None)
    if network.score_conv is not None:
        assert network.score_conv.kernel_size == network.score_conv.stride == (last, last)
    assert heads(network, ya, video, label)["scores"].shape == (3,)


def test_arms() -> None:
    """Without ya the convLSTM starts from zeros; without ym no label goes in; without L_Daux its heads are gone."""
    network, _, video, label = example("no_ya")
    assert heads(network, None, video, label)["scores"].shape == (3,)
    network, _, video, _ = example("no_ldaux")
    assert not {name for name, _ in network.named_parameters() if name.startswith(("velocity", "class"))}
    states = network.unroll(network.top(network.tower(video.flatten(0, 1))[1]).unflatten(0, (3, -1)), None)
    with pytest.raises(ValueError, match="without L_Daux"):
        network.velocities(states)
    with pytest.raises(ValueError, match="without L_Daux"):
        network.classes(network.summary(states[-1]))
    unconditional, _, _, _ = example("no_y", size=32)
    conditional, _, _, _ = example(size=32)
    assert unconditional.score_conv is not None
    assert conditional.score_conv is not None
    assert conditional.score_conv.in_channels - unconditional.score_conv.in_channels == 24
