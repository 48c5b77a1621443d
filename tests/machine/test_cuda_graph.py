from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from amc.config import Config, MachineConfig, with_overrides
from amc.data.conditions import Batch
from amc.machine.cuda_graph import WARM_UP, GraphedStep
from amc.methods.amc_gan.step import AMCStep
from amc.reference.examples import random_batch, small
from amc.selftest.rerun import RerunRecorder

STEPS = 6


def smoothed(decrement: float = 0.01) -> Config:
    """Labels whose smoothing changes with every step, so that a step's number matters."""
    return with_overrides(
        small("natops", frames=4),
        {"readings.smoothing_start": 0.1, "readings.smoothing_decrement": decrement},
    )


def batch_of(config: Config, seed: int, clips: int = 3) -> Batch:
    return random_batch(config, clips, seed=seed, dtype=torch.float32)


def graphed(config: Config) -> tuple[GraphedStep, AMCStep, RerunRecorder]:
    step, recorder = AMCStep(config), RerunRecorder()
    return GraphedStep(step._update, recorder), step, recorder


def test_graphed_steps_are_eager_steps() -> None:
    config = smoothed()
    eager = AMCStep(config)
    recorded, step, recorder = graphed(config)
    for at in range(STEPS):
        batch = batch_of(config, at)
        expected, actual = eager(batch, at), recorded(batch, at)
        assert expected.keys() == actual.keys()
        for name, value in expected.items():
            # The smoothing is a tensor here, a number there.
            torch.testing.assert_close(actual[name], value, rtol=1e-6, atol=1e-7, msg=name)
    for name, network in eager.networks.items():
        found = dict(step.networks[name].named_parameters())
        for key, value in network.named_parameters():
            torch.testing.assert_close(found[key], value, rtol=1e-6, atol=1e-7, msg=key)
    assert (recorder.warm_ups, recorder.recordings, recorder.replays) == (WARM_UP, 1, STEPS - WARM_UP)


def test_a_replay_reads_the_steps_number() -> None:
    """Once the smoothing is over, the real label is 1: the discriminators' losses say so, for the same weights."""
    found = []
    for late in (False, True):
        config = smoothed(decrement=1e-3)
        recorded, _, _ = graphed(config)
        for at in range(WARM_UP + 1):
            recorded(batch_of(config, at), at)
        found.append(recorded(batch_of(config, 9), 100 if late else WARM_UP + 1))
    soft, hard = found
    assert float(soft["loss/d_motion"]) != pytest.approx(float(hard["loss/d_motion"]), rel=1e-3)
    assert float(soft["loss/l1"]) == pytest.approx(float(hard["loss/l1"]), rel=1e-6)


def test_a_replay_reads_the_batch() -> None:
    config = smoothed()
    recorded, _, _ = graphed(config)
    first = batch_of(config, 0)
    kept = first.clip.clone()
    for at in range(WARM_UP + 1):
        recorded(first, at)
    other = batch_of(config, 1)
    eager_view = recorded(other, 0)
    assert float(eager_view["loss/l1"]) != pytest.approx(float(recorded(first, 0)["loss/l1"]), rel=1e-3)
    # Copied from, never into.
    assert torch.equal(first.clip, kept)
    assert torch.equal(other.clip, batch_of(config, 1).clip)
    assert recorded.batch is not None
    assert recorded.batch.clip is not first.clip


@pytest.mark.parametrize("field", ["clip", "centres", "noise"])
def test_every_part_of_the_batch_is_held(field: str) -> None:
    config = smoothed()
    recorded, _, _ = graphed(config)
    recorded(batch_of(config, 0), 0)
    other = batch_of(config, 1)
    recorded(other, 1)
    assert torch.equal(getattr(recorded.batch, field), getattr(other, field))


@pytest.mark.parametrize("calls", [1, WARM_UP + 1])
def test_a_batch_of_another_shape_is_refused(calls: int) -> None:
    config = smoothed()
    recorded, _, _ = graphed(config)
    for at in range(calls):
        recorded(batch_of(config, at), at)
    with pytest.raises(ValueError, match=r"batches of one shape: clip was \(3, 4, 3, 16, 16\)"):
        recorded(batch_of(config, 0, clips=2), calls)


def test_losses_are_the_callers_to_keep() -> None:
    config = smoothed()
    recorded, _, _ = graphed(config)
    found = [recorded(batch_of(config, at), at) for at in range(STEPS)]
    values = [{name: float(value) for name, value in losses.items()} for losses in found]
    for at in range(STEPS):
        recorded(batch_of(config, 100 + at), STEPS + at)
    assert [{name: float(value) for name, value in losses.items()} for losses in found] == values
    assert len({v["loss/l1"] for v in values}) == STEPS


def test_a_step_on_a_cpu_is_not_graphed() -> None:
    config = replace(smoothed(), machine=MachineConfig(graph="on"))
    assert AMCStep(config)._graphed is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="only a CUDA device captures graphs")
def test_captured_steps_are_eager_steps() -> None:
    config, device = smoothed(), torch.device("cuda")
    eager, captured = AMCStep(config, device), AMCStep(replace(config, machine=MachineConfig(graph="on")), device)
    for at in range(STEPS):
        made = batch_of(config, at)
        names = ("clip", "motion", "other_appearance", "other_motion", "noise", "centres")
        batch = replace(made, **{name: getattr(made, name).to(device) for name in names})
        expected, actual = eager(batch, at), captured(batch, at)
        for name, value in expected.items():
            torch.testing.assert_close(actual[name], value, rtol=1e-2, atol=1e-4, msg=name)
