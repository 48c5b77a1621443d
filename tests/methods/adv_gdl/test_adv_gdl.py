"""Adv+GDL: sizes, scales, patches, recursion on its own output, losses, training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from amc.config import configure, mug, with_overrides
from amc.errors import UserError
from amc.methods import with_method
from amc.methods.adv_gdl.discriminator import Discriminators, patch_size
from amc.methods.adv_gdl.generator import AdvGDL, pyramid
from amc.methods.adv_gdl.settings import AdvGDLSettings
from amc.methods.adv_gdl.step import AdvGDLStep
from benchmarks.overfitting import generate
from tests.methods.baselines import (
    baseline,
    check_no_look_ahead,
    check_recursion,
    gain_by_heart,
    parameters,
    random_batch,
    resumed_equals_whole,
)


def test_parameters_at_paper_size() -> None:
    config = with_method(mug("paper"), "adv_gdl")
    assert parameters(config)["generator"] == pytest.approx(12.6e6, rel=0.02)
    with torch.device("meta"):
        whole = Discriminators(config, patch=64)
    assert sum(p.numel() for p in whole.parameters()) == pytest.approx(193.7e6, rel=0.001)


@pytest.mark.parametrize(("preset", "scales"), [("compact", [4, 8, 16, 32]), ("smoke", [2, 4, 8, 16])])
def test_smaller_presets_scale_channels_and_sizes(preset: str, scales: list[int]) -> None:
    config = with_method(configure("natops", preset), "adv_gdl")
    network, batch = AdvGDL(config), random_batch(config)
    windows = pyramid(batch.clip[:, :4].flatten(1, 2))
    assert [window.shape[-1] for window in windows] == scales
    predictions = network.predict(windows)
    assert [prediction.shape[-1] for prediction in predictions] == scales
    assert network.networks[0][0].out_channels == config.model.channels(128)  # type: ignore[index]
    assert network(batch.clip[:, :4]).shape == batch.clip[:, 4:].shape
    scores = Discriminators(config)(windows, predictions)
    assert [score.shape for score in scores] == [(2,)] * 4


def test_patches_are_32_pixels_or_the_whole_frame() -> None:
    assert [patch_size(mug(preset)) for preset in ("paper", "compact", "smoke")] == [32, 32, 16]


def test_a_step_trains_on_patches_and_generates_whole_frames() -> None:
    config = with_overrides(with_method(mug("smoke"), "adv_gdl"), {"model.size": 64})
    step, batch = AdvGDLStep(config, torch.device("cpu")), random_batch(config)
    shown: list[torch.Size] = []
    step.generator.networks[-1].register_forward_hook(lambda module, args, output: shown.append(args[0].shape))
    step(batch, 0)
    assert shown == [(2, 15, 32, 32)]
    assert generate(config, step, batch).shape == batch.clip[:, 4:].shape


def test_a_prediction_corrects_the_coarser_one() -> None:
    network, batch = AdvGDL(baseline("adv_gdl")), random_batch(baseline("adv_gdl"))
    with torch.no_grad():
        for scale in (1, 2, 3):  # finer networks that correct nothing
            network.networks[scale][-1].weight.zero_()  # type: ignore[index, operator, union-attr]
            network.networks[scale][-1].bias.zero_()  # type: ignore[index, operator, union-attr]
        first, second, *_ = network.predict(pyramid(batch.clip[:, :4].flatten(1, 2)))
    torch.testing.assert_close(second, torch.tanh(first.repeat_interleave(2, -1).repeat_interleave(2, -2)))


def test_each_frame_is_predicted_from_the_ones_predicted_before_it() -> None:
    check_recursion(baseline("adv_gdl"))


def test_every_scale_appends_its_own_prediction() -> None:
    network, batch = AdvGDL(baseline("adv_gdl")), random_batch(baseline("adv_gdl"))
    seen = batch.clip[:, :4]
    with torch.no_grad():
        first = network.predict(pyramid(seen.flatten(1, 2)))
        windows = [
            torch.cat([window, prediction], dim=1)
            for window, prediction in zip(pyramid(seen[:, 1:].flatten(1, 2)), first, strict=True)
        ]
        second = network.predict(windows)
        frames = network(seen)
    torch.testing.assert_close(frames[:, 0], first[-1])
    torch.testing.assert_close(frames[:, 1], second[-1])


def test_changing_a_future_frame_changes_no_prediction() -> None:
    check_no_look_ahead(baseline("adv_gdl"))


def test_without_other_weights_the_generator_minimizes_l1() -> None:
    config = with_overrides(baseline("adv_gdl"), {"method.gdl_weight": 0.0, "method.adversarial_weight": 0.0})
    step, batch = AdvGDLStep(config, torch.device("cpu")), random_batch(config)
    batch = replace(batch, clip=batch.clip[:, :5])  # one place to crop
    real = pyramid(batch.clip[:, 4])
    predictions = step.generator.predict(pyramid(batch.clip[:, :4].flatten(1, 2)))
    loss = torch.stack([(mine - other).abs().mean() for mine, other in zip(predictions, real, strict=True)]).sum()
    bias = step.generator.networks[-1][-1].bias  # type: ignore[index]
    (gradient,) = torch.autograd.grad(loss, [bias])  # type: ignore[list-item]
    assert float(step(batch, 0)["loss/l1"]) == pytest.approx(float(loss.detach()), rel=1e-5)
    torch.testing.assert_close(bias.grad, gradient)  # type: ignore[union-attr]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_resumes_to_the_bit(optimizer: str, tmp_path: Path) -> None:
    rates = {"method.learning_rate": 0.04, "method.discriminator_learning_rate": 0.02} if optimizer == "sgd" else {}
    config = with_overrides(baseline("adv_gdl", steps=4, average=0.9), {"method.optimizer": optimizer, **rates})
    assert resumed_equals_whole(config, tmp_path)


@pytest.mark.parametrize("change", [{"optimizer": "lion"}, {"learning_rate": -1.0}, {"adversarial_weight": -1.0}])
def test_settings_out_of_range(change: dict[str, float]) -> None:
    with pytest.raises(UserError, match=f"setting '{next(iter(change))}' is"):
        AdvGDLSettings(**change)  # type: ignore[arg-type]


@pytest.mark.slow
def test_overfits_four_clips() -> None:
    assert gain_by_heart(baseline("adv_gdl", steps=300)) > 6
