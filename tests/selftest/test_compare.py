from __future__ import annotations

import math

import pytest
import torch

from amc.methods.amc_gan.step import AMCStep
from amc.reference.examples import gradients, random_batch, small
from amc.selftest.compare import apart, exact_products, losses_and_gradients, step_seconds, terms_apart, turned


def test_apart_is_in_units_of_the_largest_value() -> None:
    expected = {"a": torch.tensor([1.0, -4.0]), "b": torch.tensor([0.0])}
    assert apart(expected, {"b": torch.tensor([0.0]), "a": torch.tensor([1.0, -4.0])}) == 0
    assert apart(expected, {"a": torch.tensor([1.0, -4.0]), "b": torch.tensor([0.5])}) == pytest.approx(0.125)
    for bad in (math.nan, math.inf):
        assert apart(expected, {"a": torch.tensor([bad, 0.0]), "b": torch.tensor([0.0])}) == math.inf


def test_terms_apart_is_relative_and_names_the_worst() -> None:
    expected = {"loss/l1": 2.0, "loss/d_ce": 10.0}
    assert terms_apart(expected, {"loss/l1": 2.0, "loss/d_ce": 11.0, "score/x": 5.0}) == (
        pytest.approx(0.1),
        "loss/d_ce",
    )
    assert terms_apart(expected, {"loss/l1": math.nan, "loss/d_ce": 10.0}) == (math.inf, "loss/l1")
    with pytest.raises(KeyError):
        terms_apart(expected, {"loss/l1": 2.0})


def test_a_ranking_hinge_is_measured_by_the_distances_it_compares() -> None:
    expected = {"distance/motion_1": 0.5, "loss/rank_motion_1": 0.001}
    found, name = terms_apart(expected, {"distance/motion_1": 0.5, "loss/rank_motion_1": 0.002})
    assert (found, name) == (pytest.approx(0.002), "loss/rank_motion_1")
    # An open hinge is as large as itself.
    found, _ = terms_apart(expected | {"loss/rank_motion_1": 10.0}, {**expected, "loss/rank_motion_1": 11.0})
    assert found == pytest.approx(0.1)


def test_turned_goes_by_name() -> None:
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([0.0])
    assert turned({"a": a, "b": b}, {"b": b, "a": 3 * a}) == pytest.approx(0)
    assert turned({"a": a, "b": b}, {"b": b + 1, "a": 0 * a}) == pytest.approx(1)
    assert turned({"a": a, "b": b}, {"b": b, "a": -a}) == pytest.approx(2)
    assert turned({"a": a, "b": b}, {"b": b, "a": a * math.nan}) == math.inf


@pytest.mark.parametrize("arm", ["ours", "no_da"])
def test_each_network_has_the_gradients_of_its_own_players_loss(arm: str) -> None:
    step = AMCStep(small("natops", arm))
    batch = random_batch(step.config, clips=2, dtype=torch.float32)
    before = {name: value.clone() for name, value in step.generator.named_parameters()}
    found = losses_and_gradients(step, batch)
    assert found.gradients.keys() == step.networks.keys()
    assert all(torch.equal(value, before[name]) for name, value in step.generator.named_parameters())
    again = AMCStep(step.config)
    videos = again.generate(batch)
    again.discriminator_loss(batch, videos, 7)[0].backward()
    assert apart(gradients(again.networks["motion_discriminator"]), found.gradients["motion_discriminator"]) < 1e-5
    again.generator.zero_grad()
    total, terms = again.generator_loss(batch, videos)
    total.backward()
    assert apart(gradients(again.generator), found.gradients["generator"]) < 1e-5
    assert found.terms["total/generator"] == pytest.approx(float(total.detach()), rel=1e-5)
    assert found.terms["loss/l1"] == pytest.approx(float(terms["loss/l1"]), rel=1e-5)


def test_exact_products_leave_tf32_as_it_was() -> None:
    before = torch.backends.cudnn.allow_tf32
    with exact_products():
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32 == before


def test_step_seconds_counts_steps_on() -> None:
    steps: list[int] = []
    batch = random_batch(small("natops"), clips=2, dtype=torch.float32)
    assert step_seconds(lambda _, at: steps.append(at), batch, warm=2, most=3) >= 0
    assert steps == [0, 1, 2, 3, 4]
