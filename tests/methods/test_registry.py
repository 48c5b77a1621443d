"""The registry of methods, and that the loop and generation know the protocol alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amc import methods
from amc.config import Config, MethodSettings, configure, with_overrides
from amc.data.conditions import Batch, test_conditions
from amc.errors import UserError
from amc.evaluation.generation import generate_clips
from amc.machine.capabilities import Machine
from amc.methods import load_config
from amc.methods.protocol import Losses, Method
from amc.training.generator_file import load_generator, save_generator
from amc.training.loop import train
from amc.training.run import Run
from tests.toy import toy_config, toy_data


@pytest.mark.parametrize("name", sorted(methods.BUILT_IN))
def test_entries_are_complete(name: str) -> None:
    method = methods.get(name)
    assert method.name == name
    assert method.predictor in method.networks
    config = methods.with_method(configure("natops", "smoke"), name)
    assert load_config(config.to_dict()) == config
    step = method.build(config, torch.device("cpu"))
    assert step.networks.keys() == method.networks.keys()
    for network, build in method.networks.items():
        shapes = {key: value.shape for key, value in build(config).state_dict().items()}
        assert shapes == {key: value.shape for key, value in step.networks[network].state_dict().items()}


def test_an_unknown_method_is_one_clear_line() -> None:
    with pytest.raises(UserError, match=r"unknown method 'mcgan': choose one of amc_gan.*, or give package"):
        methods.get("mcgan")
    values = configure("natops", "smoke").to_dict()
    with pytest.raises(UserError, match="unknown method 'mcgan'"):
        load_config(values | {"method": {"name": "mcgan"}})


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import absent_package", "ModuleNotFoundError: No module named 'absent_package'"),
        ("METHOD = (", "SyntaxError"),
        ("raise RuntimeError('first line\\nsecond line')", "RuntimeError: first line second line"),
        ("", "AttributeError: module 'broken_method' has no attribute 'METHOD'"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("METHOD = 3", "broken_method:METHOD is a int, not an amc.methods.protocol.Method"),
    ],
)
def test_a_module_that_cannot_be_used_is_one_line_with_its_own_error(
    code: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_method.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_method", raising=False)
    with pytest.raises(UserError, match="method 'broken_method:METHOD'") as caught:
        methods.get("broken_method:METHOD")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@dataclass(frozen=True)
class DriftSettings(MethodSettings):
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


METHOD = Method(
    name="drift",
    title="Drift",
    networks={"drift": Drift},
    predictor="drift",
    frames_seen=2,
    build=DriftStep,
    generate=lambda network, seen, motion, noise: network(seen),
    settings=DriftSettings,
    presets={"smoke": {"training.batch": 4, "method.rate": 0.5}},
)
NAME = "drifting:METHOD"  # what `--method` is given


@pytest.fixture
def drift(monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setitem(sys.modules, "drifting", sys.modules[__name__])
    return replace(toy_config(steps=6, evaluate_every=2, average=0.5), method=DriftSettings(NAME, rate=0.5))


def test_a_method_changes_its_own_settings_and_shared_ones_at_a_preset(drift: Config) -> None:
    smoke, compact = configure("natops", "smoke"), configure("natops", "compact")
    expected = replace(smoke, method=DriftSettings(NAME, 0.5), training=replace(smoke.training, batch=4))
    assert methods.with_method(smoke, NAME) == expected
    assert methods.with_method(compact, NAME) == replace(compact, method=DriftSettings(NAME, 0.1))
    assert load_config(json.loads(json.dumps(expected.to_dict()))) == expected
    assert methods.method_of(expected) is METHOD


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        (5, "sees 5 frames, but all except the first 4 are scored: it may see 1 to 4"),
        (8, "sees 8 frames, but clips of preset 'smoke' have 8: choose a preset with longer clips, or another method"),
    ],
)
def test_a_method_sees_no_scored_frame(drift: Config, seen: int, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "OTHER", replace(METHOD, frames_seen=seen), raising=False)
    with pytest.raises(UserError, match=message):
        methods.with_method(configure("natops", "smoke"), "drifting:OTHER")
    methods.get.cache_clear()


@dataclass(frozen=True)
class TwoRequired(MethodSettings):
    rate: float


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predictor": "generator"}, "its predictor is 'generator', but its networks are drift"),
        ({"settings": TwoRequired}, "its settings TwoRequired cannot be made from the name alone: .*'rate'"),
    ],
)
def test_an_entry_that_does_not_fit_together_is_one_line(
    drift: Config, change: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "OTHER", replace(METHOD, **change), raising=False)
    with pytest.raises(UserError, match=f"method 'drifting:OTHER': {message}"):
        methods.get("drifting:OTHER")


@pytest.mark.parametrize(("name", "multiple"), [("amc_gan", 8), ("cdna", 8), ("adv_gdl", 8), ("mcnet", 16)])
def test_sizes_that_the_networks_cannot_halve_are_refused(name: str, multiple: int) -> None:
    config = methods.with_method(configure("natops", "smoke"), name)
    methods.check_config(with_overrides(config, {"model.size": multiple * 3}))
    for size in (0, multiple * 3 + 4):
        with pytest.raises(UserError, match=f"method '{name}' needs clips of a multiple of {multiple} pixels"):
            methods.check_config(with_overrides(config, {"model.size": size}))


def test_some_frame_is_scored() -> None:
    with pytest.raises(UserError, match="no frame is scored: clips have 8 frames, and the first 8 are left out"):
        methods.check_config(with_overrides(configure("natops", "smoke"), {"model.discarded_frames": 8}))


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
    assert load_config(whole.config.to_dict()) == whole.config  # its own section included

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
