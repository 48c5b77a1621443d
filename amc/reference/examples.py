"""Small configurations, batches and weights for comparing the literal step with production."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from amc.config import DATASETS, Config, configure, with_overrides
from amc.data.conditions import Batch, centre_count, motion_condition
from amc.methods.amc_gan.step import AMCStep
from amc.reference.step import LiteralStep

#: The switches that each arm of Table 4 turns off, by slug.
ARMS: Mapping[str, tuple[str, ...]] = {
    "ours": (),
    "no_ya": ("ya", "da"),
    "no_ym": ("ym", "dm", "ldaux"),
    "no_y": ("ya", "ym", "mismatched", "ldaux", "lrank"),
    "no_yprime": ("mismatched", "lrank"),
    "no_da": ("da",),
    "no_dm": ("dm", "ldaux"),
    "no_ldaux": ("ldaux",),
    "no_lgaux": ("lgaux",),
    "no_lrank": ("lrank",),
}


def small(
    dataset: str, arm: str = "ours", *, size: int = 16, frames: int = 6, width: float = 1 / 16, **readings: object
) -> Config:
    """A tiny network with all classes and keypoints of the data set, so that q is the paper's."""
    config = configure(dataset, "smoke", spec=DATASETS[dataset].spec)
    config = replace(config, model=replace(config.model, size=size, frames=frames, width=width))
    config = with_overrides(config, {f"switches.{name}": False for name in ARMS[arm]})
    return with_overrides(config, {f"readings.{name}": value for name, value in readings.items()})


def random_batch(config: Config, clips: int, *, seed: int = 0, dtype: torch.dtype = torch.float64) -> Batch:
    """Random images, motions and noise; consecutive frames resemble each other."""
    g = torch.Generator().manual_seed(seed)
    model, spec = config.model, config.dataset

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=g, dtype=dtype) * 2 - 1

    def motion() -> Tensor:
        labels = torch.randint(spec.classes, (clips,), generator=g)
        return motion_condition(labels, uniform(clips, model.frames - 1, 2 * spec.keypoints), spec.classes)

    image = (3, model.size, model.size)
    return Batch(
        clip=0.7 * uniform(clips, 1, *image) + 0.3 * uniform(clips, model.frames, *image),
        motion=motion(),
        other_appearance=uniform(clips, *image),
        other_motion=motion(),
        noise=torch.randn(clips, model.noise, generator=g, dtype=dtype),
        centres=torch.randint(1, model.frames - 1, (clips, centre_count(config)), generator=g),
        classes=spec.classes,
    )


def shake(network: nn.Module, seed: int = 0) -> None:
    """Perturbs every parameter and running statistic, so that none is exactly 0 or 1."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                noise = torch.rand(value.shape, generator=g, dtype=torch.float64).to(value) - 0.5
                value.add_(noise, alpha=0.4 if "bn" in name else 0.05)


def relative_difference(expected: Mapping[str, Tensor], actual: Mapping[str, Tensor]) -> float:
    """Largest absolute difference between tensors of one name, in units of the largest expected value."""
    assert expected.keys() == actual.keys()
    with torch.no_grad():
        scale = max(float(a.abs().max()) for a in expected.values())
        return max(float((a - actual[name]).abs().max()) for name, a in expected.items()) / scale


def gradients(network: nn.Module) -> dict[str, Tensor]:
    """The gradient of every parameter; zero where nothing reached it."""
    return {
        name: torch.zeros_like(p) if p.grad is None else p.grad.detach().clone()
        for name, p in network.named_parameters()
    }


def pair(config: Config, *, over_time: bool = True) -> tuple[AMCStep, LiteralStep]:
    """Production and literal step in float64 with the same shaken weights, loaded by name."""
    production, literal = AMCStep(config), LiteralStep(config, over_time=over_time)
    assert production.networks.keys() == literal.networks.keys()
    for i, (name, network) in enumerate(production.networks.items()):
        shake(network.double(), seed=i)
        literal.networks[name].double().load_state_dict(network.state_dict())
    return production, literal
