"""CDNA: sizes, what a step computes, recursion on its own output, training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from amc.config import configure, mug, with_overrides
from amc.errors import UserError
from amc.methods import with_method
from amc.methods.cdna.network import CDNA
from amc.methods.cdna.settings import CDNASettings
from amc.methods.cdna.step import CDNAStep
from amc.models.conv_lstm_cell import State
from benchmarks.overfitting import generate
from tests.methods.baselines import baseline, build, gain_by_heart, parameters, random_batch, resumed_equals_whole


def test_parameters_at_paper_size() -> None:
    config = with_method(mug("paper"), "cdna")
    assert config.q == 28
    assert parameters(config)["generator"] == pytest.approx(8.31e6, rel=0.02)


@pytest.mark.parametrize("preset", ["compact", "smoke"])
def test_smaller_presets_scale_channels_only(preset: str) -> None:
    config = with_method(configure("natops", preset), "cdna")
    network = CDNA(config)
    assert network.enc0.out_channels == config.model.channels(32)
    assert network.to_kernels.out_features == 10 * 25
    batch = random_batch(config)
    assert network(batch.appearance, batch.motion).shape == batch.clip[:, 1:].shape


def test_kernels_and_masks_sum_to_one() -> None:
    config = with_overrides(baseline("cdna"), {"method.kernels": 4})
    network = CDNA(config)
    batch = random_batch(config)
    states: list[State] = []
    kernels, scratch, masks = network.parts((batch.appearance + 1) / 2, batch.motion[:, 0], states)
    assert kernels.shape == (2, 4, 5, 5)
    torch.testing.assert_close(kernels.sum(dim=(2, 3)), torch.ones(2, 4))
    assert masks.shape == (2, 6, 16, 16)
    torch.testing.assert_close(masks.sum(dim=1), torch.ones(2, 16, 16))
    assert 0 <= float(scratch.detach().min()) <= float(scratch.detach().max()) <= 1
    assert len(states) == 7


def test_the_last_kernel_is_used() -> None:
    network = CDNA(baseline("cdna"))
    batch = random_batch(baseline("cdna"))
    frame = (batch.appearance + 1) / 2
    before = network.step(frame, batch.motion[:, 0], [])
    with torch.no_grad():
        network.to_kernels.bias[-25:] += torch.arange(25.0)
    assert not torch.equal(network.step(frame, batch.motion[:, 0], []), before)


def test_each_frame_is_predicted_from_the_one_predicted_before_it() -> None:
    config = baseline("cdna")
    network = CDNA(config)
    batch = random_batch(config)
    states: list[State] = []
    frame, frames = (batch.appearance + 1) / 2, []
    for t in range(config.model.frames - 1):
        frame = network.step(frame, batch.motion[:, t], states)
        frames.append(frame * 2 - 1)
    torch.testing.assert_close(network(batch.appearance, batch.motion), torch.stack(frames, dim=1))


def test_predictions_depend_on_the_first_frame_and_past_motion_alone() -> None:
    config = baseline("cdna")
    step, batch = build(config), random_batch(config)
    before = generate(config, step, batch)
    clip = batch.clip.clone()
    clip[:, 1:] = 0
    assert torch.equal(generate(config, step, replace(batch, clip=clip)), before)
    motion = batch.motion.clone()
    motion[:, 4] = 0
    after = generate(config, step, replace(batch, motion=motion))
    assert torch.equal(after[:, :4], before[:, :4])
    assert not torch.equal(after[:, 4], before[:, 4])


def test_the_loss_is_the_squared_error_of_pixels_from_0_to_1() -> None:
    config = baseline("cdna")
    step, batch = CDNAStep(config, torch.device("cpu")), random_batch(config)
    with torch.no_grad():
        predicted = step.network(batch.appearance, batch.motion)
    per_frame = [((predicted[:, t] - batch.clip[:, t + 1]) / 2).square().mean() for t in range(config.model.frames - 1)]
    assert float(step(batch, 0)["loss/mse"]) == pytest.approx(float(torch.stack(per_frame).mean()), rel=1e-5)


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_resumes_to_the_bit(average: float, tmp_path: Path) -> None:
    assert resumed_equals_whole(baseline("cdna", steps=4, average=average), tmp_path)


@pytest.mark.parametrize("change", [{"kernels": 0}, {"learning_rate": -1.0}, {"beta1": 1.5}])
def test_settings_out_of_range(change: dict[str, float]) -> None:
    with pytest.raises(UserError, match=f"setting '{next(iter(change))}' is"):
        CDNASettings(**change)  # type: ignore[arg-type]


@pytest.mark.slow
def test_overfits_four_clips() -> None:
    assert gain_by_heart(baseline("cdna", steps=400)) > 6
