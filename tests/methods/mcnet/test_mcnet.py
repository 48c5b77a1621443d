"""MCnet: sizes, recursion on its own output, losses, which player skips its update, training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from amc.config import configure, mug, with_overrides
from amc.errors import UserError
from amc.methods import with_method
from amc.methods.mcnet.discriminator import Discriminator, training_horizon, updated
from amc.methods.mcnet.generator import MCnet, grey, unpooled
from amc.methods.mcnet.settings import MCnetSettings
from amc.methods.mcnet.step import MCnetStep
from tests.methods.baselines import (
    baseline,
    check_no_look_ahead,
    check_recursion,
    gain_by_heart,
    parameters,
    random_batch,
    resumed_equals_whole,
    state,
)


def test_parameters_at_paper_size() -> None:
    config = with_overrides(with_method(mug("paper"), "mcnet"), {"method.horizon": 28})
    assert parameters(config)["generator"] == pytest.approx(14.10e6, rel=0.02)
    assert parameters(config)["discriminator"] == pytest.approx(4.47e6, rel=0.02)  # of 4 + 28 frames


@pytest.mark.parametrize("preset", ["compact", "smoke"])
def test_smaller_presets_scale_channels_only(preset: str) -> None:
    config = with_method(configure("natops", preset), "mcnet")
    network, batch = MCnet(config), random_batch(config)
    assert network.motion.conv1.out_channels == config.model.channels(64)
    assert network(batch.clip[:, :4]).shape == batch.clip[:, 4:].shape
    whole = batch.clip[:, : 4 + training_horizon(config)]
    assert Discriminator(config)(whole).shape == (2,)


def test_the_training_horizon_is_at_most_the_frames_left() -> None:
    assert training_horizon(with_method(mug("paper"), "mcnet")) == 10
    assert training_horizon(baseline("mcnet")) == 4


def test_grey_and_unpooling_by_hand() -> None:
    colours = torch.eye(3).view(1, 3, 3, 1) * 2 - 1  # rows red, green and blue
    torch.testing.assert_close(grey(colours).flatten(), torch.tensor([0.299, 0.587, 0.114]))
    pixels = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert unpooled(pixels)[0, 0].tolist() == [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]


def test_each_frame_is_predicted_from_the_ones_predicted_before_it() -> None:
    check_recursion(baseline("mcnet"))


def test_the_second_prediction_is_from_the_first_one() -> None:
    """Appending the first prediction to the frames seen gives the second: both encoders see it as they see frames."""
    network, batch = MCnet(baseline("mcnet")).eval(), random_batch(baseline("mcnet"))
    seen = batch.clip[:, :4]
    with torch.no_grad():
        two = network(seen, horizon=2)
        again = network(torch.cat([seen, two[:, :1]], dim=1), horizon=1)
    torch.testing.assert_close(again[:, 0], two[:, 1])


@pytest.mark.parametrize(
    ("real", "generated", "discriminator", "generator"),
    [
        (0.5, 0.5, True, True),
        (0.29, 0.5, False, True),
        (0.5, 0.29, False, True),
        (0.71, 0.5, True, False),
        (0.5, 0.71, True, False),
        (0.29, 0.71, True, True),  # both would skip
        (0.3, 0.7, True, True),
    ],
)
def test_who_is_updated(real: float, generated: float, discriminator: bool, generator: bool) -> None:
    assert updated(real, generated) == (discriminator, generator)


@pytest.mark.parametrize("skipped", ["discriminator", "generator"])
def test_a_skipped_player_keeps_its_weights_and_the_rule_survives_a_checkpoint(skipped: str) -> None:
    config = baseline("mcnet")
    step, batch = MCnetStep(config, torch.device("cpu")), random_batch(config)
    stored = step.discriminator.state_dict()
    losses = (0.2, 0.5) if skipped == "discriminator" else (0.5, 0.9)
    stored["last_losses"] = torch.tensor(losses)
    step.discriminator.load_state_dict(stored)
    before = {name: state(network) for name, network in step.networks.items()}
    result = step(batch, 0)
    for name, network in step.networks.items():
        changed = [key for key, value in state(network).items() if not torch.equal(value, before[name][key])]
        assert (set(changed) <= {"last_losses"}) == (name == skipped)
    measured = torch.stack([result["loss/d_real"], result["loss/d_generated"]])
    assert torch.equal(step.discriminator.last_losses, measured)


def test_the_generator_minimizes_the_weighted_losses() -> None:
    config = with_overrides(baseline("mcnet"), {"method.gdl_weight": 0.0, "method.adversarial_weight": 0.0})
    step, batch = MCnetStep(config, torch.device("cpu")), random_batch(config)
    with torch.random.fork_rng():
        expected = step.generator(batch.clip[:, :4])
    loss = (expected - batch.clip[:, 4:]).square().mean()
    (gradient,) = torch.autograd.grad(loss, [step.generator.residuals[0].conv2.bias])
    result = step(batch, 0)
    assert float(result["loss/mse"]) == pytest.approx(float(loss.detach()), rel=1e-5)
    torch.testing.assert_close(step.generator.residuals[0].conv2.bias.grad, gradient)


def test_changing_a_future_frame_changes_no_prediction() -> None:
    check_no_look_ahead(baseline("mcnet"))


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_resumes_to_the_bit(average: float, tmp_path: Path) -> None:
    assert resumed_equals_whole(baseline("mcnet", steps=4, average=average), tmp_path)


@pytest.mark.parametrize("change", [{"horizon": 0}, {"learning_rate": -1.0}, {"beta1": 1.5}, {"gdl_weight": -1.0}])
def test_settings_out_of_range(change: dict[str, float]) -> None:
    with pytest.raises(UserError, match=f"setting '{next(iter(change))}' is"):
        MCnetSettings(**change)  # type: ignore[arg-type]


@pytest.mark.slow
def test_overfits_four_clips() -> None:
    faster = {"method.learning_rate": 1.5e-3, "model.width": 0.125}
    assert gain_by_heart(with_overrides(baseline("mcnet", steps=400), faster)) > 6
