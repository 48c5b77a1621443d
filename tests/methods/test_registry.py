"""The registry of methods, and that the loop and generation know the protocol alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amc import config as configuration
from amc import methods
from amc.config import Config, MethodSettings, configure, from_dict
from amc.data.conditions import Batch, test_conditions
from amc.errors import UserError
from amc.evaluation.generation import generate_clips
from amc.machine.capabilities import Machine
from amc.methods.protocol import Losses, Method
from amc.training.generator_file import load_generator, save_generator
from amc.training.loop import train
from amc.training.run import Run
from tests.toy import toy_config, toy_data


@pytest.mark.parametrize("name", sorted(methods.BUILT_IN))
def test_entries_are_complete(name: str) -> None:
    method = methods.get(name)
    assert method.name == name
    assert configuration.METHOD_SETTINGS[name] is method.settings
    assert method.predictor in method.networks
    config = replace(configure("natops", "smoke"), method=method.settings())  # type: ignore[call-arg]
    step = method.build(config, torch.device("cpu"))
    assert step.networks.keys() == method.networks.keys()
    for network, build in method.networks.items():
        shapes = {key: value.shape for key, value in build(config).state_dict().items()}
        assert shapes == {key: value.shape for key, value in step.networks[network].state_dict().items()}


def test_an_unknown_method_is_one_clear_line() -> None:
    with pytest.raises(UserError, match="unknown method 'mcgan': choose one of amc_gan"):
        methods.get("mcgan")
    values = configure("natops", "smoke").to_dict()
    with pytest.raises(UserError, match="not a configuration of a training run"):
        from_dict(values | {"method": {"name": "mcgan"}})


@dataclass(frozen=True)
class DriftSettings(MethodSettings):
    name: str = "drift"
    rate: float = 0.1


class Drift(nn.Module):
    """Sees two frames and adds a learned constant to the last one, frame after frame: it rolls out its own output."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.drift = nn.Parameter(torch.zeros(3, 1, 1))
        self.frames = config.model.frames

    def forward(self, seen: Tensor) -> Tensor:
        frames = [seen[:, -1]]
        for _ in range(self.frames - seen.shape[1]):
            frames.append(frames[-1] + self.drift)
        return torch.stack(frames[1:], dim=1)


class DriftStep:
    """One player, no adversary."""

    def __init__(self, config: Config, device: torch.device) -> None:
        assert isinstance(config.method, DriftSettings)
        self.machine = Machine(device)
        self.networks: dict[str, nn.Module] = {"drift": Drift(config).to(device)}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "drift": torch.optim.SGD(self.networks["drift"].parameters(), lr=config.method.rate)
        }

    def __call__(self, batch: Batch, step: int) -> Losses:
        loss = (self.networks["drift"](batch.clip[:, :2]) - batch.clip[:, 2:]).square().mean()
        self.optimizers["drift"].zero_grad()
        loss.backward()
        self.optimizers["drift"].step()
        return {"loss/l2": loss.detach()}


@pytest.fixture
def drift(monkeypatch: pytest.MonkeyPatch) -> Config:
    method = Method(
        name="drift",
        title="Drift",
        settings=DriftSettings,
        networks={"drift": Drift},
        predictor="drift",
        frames_seen=2,
        build=DriftStep,
        generate=lambda network, seen, motion, noise: network(seen),
    )
    known = methods.get
    monkeypatch.setattr(methods, "get", lambda name: method if name == "drift" else known(name))
    monkeypatch.setitem(configuration.METHOD_SETTINGS, "drift", DriftSettings)
    return replace(toy_config(steps=6, evaluate_every=2, average=0.5), method=DriftSettings(rate=0.5))


def test_a_method_without_adversary_trains_resumes_and_generates(drift: Config, tmp_path: Path) -> None:
    data = toy_data(drift)

    def energy(run: Run, check_pause: Callable[[], None]) -> dict[str, float]:
        return {"val/seen": float(run.method.frames_seen)}

    def run_to(steps: int, folder: str) -> Run:
        config = replace(drift, training=replace(drift.training, steps=steps))
        return train(
            config, data, directory=tmp_path / folder, report=lambda step, metrics: True, evaluations=[energy]
        ).run

    whole = run_to(6, "whole")
    run_to(2, "parts")
    parts = run_to(6, "parts")
    assert torch.equal(whole.generator.drift, parts.generator.drift)  # type: ignore[arg-type]
    assert float(whole.generator.drift.abs().max()) > 0  # type: ignore[operator, union-attr]
    assert from_dict(whole.config.to_dict()) == whole.config  # its own section included

    save_generator(tmp_path / "generator.safetensors", whole)
    generator, config = load_generator(tmp_path / "generator.safetensors")
    conditions = test_conditions(config, data, data.split.test[:3], 0)
    videos = generate_clips(generator, config, data, conditions, batch=2)
    real = data.clips.frames[data.split.test[:3]]
    assert videos.shape == real[:, 1:].shape
    assert np.array_equal(videos[:, 0], real[:, 1])  # the second frame was seen
    assert not np.array_equal(videos[:, -1], real[:, -1])


def test_a_checkpoint_of_another_method_is_refused(drift: Config, tmp_path: Path) -> None:
    data = toy_data(drift)
    Run(drift, data).save(tmp_path / "checkpoint.safetensors")
    with pytest.raises(UserError, match="another configuration"):
        Run(toy_config(steps=6, evaluate_every=2, average=0.5), data).load(tmp_path / "checkpoint.safetensors")
